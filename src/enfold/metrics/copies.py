"""Whether new examples are copies of those that a model was fitted to."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from enfold.rows import Examples, pieces
from enfold.spec import Spec

COPY_QUANTILE = 0.01  # of the held-out rows' distances: as near as that is a near copy
POINTS, ROWS = 2_000, 500  # between which distances are taken at once


@dataclass(frozen=True)
class Copies:
    """How near new examples are to the rows that a model was fitted to.

    Attributes:
        distances: Of each new example to its nearest training row, (n,), in units of the columns' scale.
        nearest: The number of that row, (n,).
        held_out: The same distances of rows that the model has not seen, (m,).
        threshold: The distance that the nearest 1 % of the held-out rows, at least one of them, do not exceed.
    """

    distances: np.ndarray
    nearest: np.ndarray
    held_out: np.ndarray

    @property
    def threshold(self) -> float:
        """The distance up to which a new example is called a near copy."""
        return float(np.quantile(self.held_out, COPY_QUANTILE, method="inverted_cdf"))

    @property
    def share(self) -> float:
        """The share of new examples that are near copies."""
        return float((self.distances <= self.threshold).mean())

    @property
    def near(self) -> int:
        """How many held-out rows are as near; if more than 1 % repeat training rows, all of these."""
        return int((self.held_out <= self.threshold).sum())

    @property
    def expected_share(self) -> float:
        """The share that new rows of the data would have: about 0.01, more if few rows are held out, or repeated."""
        return self.near / (len(self.held_out) + 1)

    @property
    def expected_share_error(self) -> float:
        """One standard error of the expected share, since other held-out rows would give another threshold.

        The chance of being nearer than the k-th nearest of m rows follows a Beta(k, m + 1 − k) distribution.
        """
        return math.sqrt(self.expected_share * (1 - self.expected_share) / (len(self.held_out) + 2))


def copies(x: np.ndarray, training: Examples, held_out: Examples, spec: Spec) -> Copies:
    """Compare the distances of new examples to their nearest training rows with those of held-out rows.

    A model that had learned its training rows by heart would make examples nearer to them than unseen rows are
    (Meehan, Chaudhuri & Dasgupta 2020, "A non-parametric test to detect data-copying in generative models"). Means
    of p(x|z) lack the noise of data, so that some nearness is no copying.

    Args:
        x: New examples, (n, *shape), raw.
        training: The rows that the model was fitted to, (N, *shape), raw; read once, a bounded number at once.
        held_out: Rows that it has not seen, (m, *shape), raw.
        spec: What they are.
    """
    asked = np.concatenate([spec.vectors(each) for each in (x, *(part for _, part in pieces(held_out)))])
    distances, nearest = nearest_rows(asked, training, spec)
    return Copies(distances[: len(x)], nearest[: len(x)], distances[len(x) :])


def nearest_rows(points: np.ndarray, x: Examples, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's Euclidean distance to its nearest row, (n,), and the number of that row, (n,).

    Args:
        points: (n, values), in units of the columns' scale.
        x: Rows, (N, *shape), raw.
        spec: What they are.
    """
    asked = torch.from_numpy(points)
    best, number = torch.full((len(asked),), torch.inf), torch.zeros(len(asked), dtype=torch.int64)
    blocks = [each.split(POINTS) for each in (asked, best, number)]
    for start, part in pieces(x, ROWS):
        rows = torch.from_numpy(spec.vectors(part))
        norms = rows.square().sum(1)
        for some, least, which in zip(*blocks, strict=True):
            less, place = torch.addmm(norms, some, rows.T, alpha=-2).min(1)  # less the points' own squares
            nearer = less < least
            least[nearer], which[nearer] = less[nearer], start + place[nearer]
    rows = spec.vectors(np.asarray(x[number.numpy()]))
    return np.linalg.norm(points - rows, axis=1), number.numpy()  # anew: differences of large squares are not exact
