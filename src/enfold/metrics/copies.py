"""Whether generated rows are copies of training rows."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from enfold.rows import Examples, pieces
from enfold.spec import Spec

COPY_QUANTILE = 0.01  # of the held-out rows' distances: what is as close as that is called a near copy
POINTS, ROWS = 2_000, 500  # whose distances are computed at once


@dataclass(frozen=True)
class Copies:
    """How close generated rows are to training rows.

    Attributes:
        distances: From each generated row to its nearest training row, (n,), in units of the columns' scale.
        nearest: The number of that row, (n,).
        held_out: The same distances of rows that the model has not seen, (m,).
    """

    distances: np.ndarray
    nearest: np.ndarray
    held_out: np.ndarray

    @property
    def threshold(self) -> float:
        """The distance up to which a row is called a near copy: the closest 1% of held-out rows are within it."""
        return float(np.quantile(self.held_out, COPY_QUANTILE, method="inverted_cdf"))

    @property
    def share(self) -> float:
        """The share of generated rows that are near copies."""
        return float((self.distances <= self.threshold).mean())

    @property
    def near(self) -> int:
        """How many held-out rows are as close; if more than 1% repeat training rows, all of these."""
        return int((self.held_out <= self.threshold).sum())

    @property
    def expected_share(self) -> float:
        """The share of unseen rows that are as close: about 0.01, more if few rows are held out or many repeat."""
        return self.near / (len(self.held_out) + 1)

    @property
    def expected_share_error(self) -> float:
        """One standard error of the expected share: other held-out rows would give another threshold.

        The chance of being closer than the k-th nearest of m rows follows a Beta(k, m + 1 − k) distribution.
        """
        return math.sqrt(self.expected_share * (1 - self.expected_share) / (len(self.held_out) + 2))


def copies(x: np.ndarray, training: Examples, held_out: Examples, spec: Spec) -> Copies:
    """Compare the distances from generated rows to their nearest training rows with those of held-out rows.

    A model that has memorized training rows generates rows closer to them than unseen rows are (Meehan, Chaudhuri &
    Dasgupta 2020, "A non-parametric test to detect data-copying in generative models"). Means of p(x|z) lack the
    noise of data, so they are somewhat closer without any copying.

    Args:
        x: Generated rows, (n, *shape), raw.
        training: The training rows, (N, *shape), raw; read once, a bounded number at a time.
        held_out: Rows that it has not seen, (m, *shape), raw.
        spec: Their shape, kind and range.
    """
    asked = np.concatenate([spec.vectors(each) for each in (x, *(part for _, part in pieces(held_out)))])
    distances, nearest = nearest_rows(asked, training, spec)
    return Copies(distances[: len(x)], nearest[: len(x)], distances[len(x) :])


def nearest_rows(points: np.ndarray, x: Examples, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's Euclidean distance to its nearest row, (n,), and the number of that row, (n,).

    Args:
        points: (n, values), in units of the columns' scale.
        x: Rows, (N, *shape), raw.
        spec: Their shape, kind and range.
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
