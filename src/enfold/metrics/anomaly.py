"""Anomaly scores: how unusual a row is for a model, how rare such a score is, and which values cause it."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from enfold.config import Config
from enfold.data.dataset import Dataset
from enfold.errors import unknown
from enfold.inference import chunks, conditions, decode_means, encode_means, evaluating, in_one
from enfold.metrics.likelihood import weights_by_shared_noise
from enfold.metrics.reconstruction import reconstruction_measures, squared_error
from enfold.model import Autoencoder
from enfold.rows import Examples, drawn, selected
from enfold.spec import Spec

DRAWS = 8  # of z, in the likelihood of each row; a power of two, for Sobol's balance
NEIGHBORS = 5  # in the latent space
REFERENCE_ROWS = 2_000  # of the training rows, at most
LEAST_CONTRAST = 0.3  # of the training images' mean contrast: added, so that an empty image does not divide by 0
SCORES = ("combined", "reconstruction", "distance", "likelihood", "typicality")
NEED_A_PRIOR = ("likelihood", "typicality")  # a plain autoencoder has none


@dataclass(frozen=True)
class Reference:
    """What the scores use of the training rows.

    Attributes:
        means: Posterior means of some of them, (m, latent_dim) float32.
        contrast: The mean over rows of the variance of a row's values, in squared units of the scale.
        negative_log_likelihood: Its mean over rows, in nats; NaN for a plain autoencoder.
    """

    means: np.ndarray
    contrast: float
    negative_log_likelihood: float

    @property
    def scores(self) -> tuple[str, ...]:
        """The names of the scores that this model has, the default first."""
        return tuple(
            name for name in SCORES if name not in NEED_A_PRIOR or math.isfinite(self.negative_log_likelihood)
        )


@dataclass(frozen=True, eq=False)
class Anomalies:
    """Anomaly scores of rows, (n,) each; the higher, the more unusual a row is for the model.

    Attributes:
        model: The model.
        reference: What the scores use of its training rows.
        x: Raw rows, (n, *shape), as evaluations take them.
        condition: The class of each, (n,) integers, for a conditional model.
    """

    model: Autoencoder
    reference: Reference
    x: Examples
    condition: Tensor | None = None

    def scores(self, name: str = SCORES[0]) -> np.ndarray:
        """Return the scores of that name, (n,) float64, the same at every call; infinite where they would be NaN.

        Raises:
            InputError: There is no such score, or the model is a plain autoencoder and does not have it.
        """
        if name not in self.reference.scores:
            raise unknown("score of this model", name, self.reference.scores)
        found = getattr(self, name)
        return np.where(np.isnan(found), np.inf, found)

    def of(self, rows: np.ndarray) -> "Anomalies":
        """Return the scores of some of the rows, by their numbers, (m,)."""
        condition = None if self.condition is None else self.condition[rows]
        return Anomalies(self.model, self.reference, selected(self.x, rows), condition)

    @cached_property
    def means(self) -> np.ndarray:
        """The posterior means, (n, latent_dim)."""
        return encode_means(self.model, self.x, self.condition)

    @cached_property
    def reconstruction(self) -> np.ndarray:
        """The mean squared error of the reconstruction; for images, divided by their contrast.

        Otherwise nearly empty images would always score low: they are easy to reconstruct and likely under any model
        (Serrà et al. 2020, "Input complexity and out-of-distribution detection with likelihood-based generative
        models").
        """
        error = reconstruction_measures(self.model, self.x, self.means, [squared_error], self.condition)[0]
        return error / self._contrast

    @cached_property
    def distance(self) -> np.ndarray:
        """The mean Euclidean distance from the posterior mean to those of the 5 nearest training rows."""
        known, found = self.reference.means, np.full(len(self.means), np.inf)
        finite = np.isfinite(self.means).all(1)
        if finite.any():
            nearest = NearestNeighbors(n_neighbors=min(NEIGHBORS, len(known))).fit(known)
            found[finite] = nearest.kneighbors(self.means[finite])[0].mean(1)
        return found

    @property
    def combined(self) -> np.ndarray:
        """Reconstruction × (1 + distance): badly reconstructed, and more so far from the training rows.

        1 is the prior's standard deviation: being closer than that does not make up for an error.
        """
        return self.reconstruction * (1 + self.distance)

    @cached_property
    def likelihood(self) -> np.ndarray:
        """The negative log-likelihood, in nats; see `negative_log_likelihoods`."""
        return negative_log_likelihoods(self.model, self.x, self.condition)

    @property
    def typicality(self) -> np.ndarray:
        """How far −log p(x) is from the training rows' mean, above or below, in nats.

        (Nalisnick, Matsukawa, Teh & Lakshminarayanan 2019, "Detecting out-of-distribution inputs to deep generative
        models using typicality", for single rows.)
        """
        return np.abs(self.likelihood - self.reference.negative_log_likelihood)

    @cached_property
    def reconstructed(self) -> np.ndarray:
        """The reconstructions at the posterior means, (n, *shape) float32 in raw units."""
        return decode_means(self.model, self.means, self.condition)

    @cached_property
    def contributions(self) -> np.ndarray:
        """What each value of a row adds to the score `reconstruction`, (n, *shape) float64.

        The sign is that of x − reconstruction: positive where a value is higher than the model reconstructs it. The
        absolute values of a row sum to its score.
        """
        spec = self.model.spec
        difference = (np.asarray(self.x).astype(np.float64) - self.reconstructed) / spec.scale
        shares = np.sign(difference) * difference**2 / spec.size
        return shares / np.reshape(self._contrast, (-1, *[1] * len(spec.shape)))

    @cached_property
    def _contrast(self) -> np.ndarray:
        """What squared errors are divided by, (n,): the contrast of images, 1 for other rows."""
        spec, usual = self.model.spec, self.reference.contrast
        if spec.kind != "intensity" or usual == 0:
            return np.ones(len(self.x))
        return in_one(self.x, (contrast(part, spec) for part in chunks(self.x))) + LEAST_CONTRAST * usual


def reference(model: Autoencoder, config: Config, training: Dataset) -> Reference:
    """Return what scores use of the training rows, from at most 2,000 of them.

    Args:
        config: Its settings.
        training: The training rows, as evaluations take them.
    """
    some = training[drawn(len(training), REFERENCE_ROWS)]
    known = conditions(some.labels, model.spec)
    likelihood = math.nan if config.is_plain else float(negative_log_likelihoods(model, some.x, known).mean())
    contrasts = in_one(some.x, (contrast(part, model.spec) for part in chunks(some.x)))
    return Reference(encode_means(model, some.x, known), float(contrasts.mean()), likelihood)


def negative_log_likelihoods(model: Autoencoder, x: Examples, condition: Tensor | None = None) -> np.ndarray:
    """Return the importance-weighted negative log-likelihood of each row, (n,) float64, in nats:

        −log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x),   z_k = μ(x) + σ(x) ε_k,   K = 8,

    with the same noise ε for all rows, so that a row's score does not depend on the others.

    Args:
        x: Raw rows, (n, *shape).
        condition: The class of each, (n,) integers, for a conditional model.
    """  # noqa: D400, D415 - the sentence ends in its formula
    with evaluating(model):
        weights = weights_by_shared_noise(model, x, DRAWS, condition=condition)
        return in_one(x, ((math.log(len(log_w)) - log_w.logsumexp(0)).numpy() for log_w in weights))


def contrast(x: np.ndarray, spec: Spec) -> np.ndarray:
    """Return the variance of each raw row's values, (n, *shape) → (n,), in squared units of the scale."""
    return spec.vectors(x, np.float64).var(1)


def p_values(scores: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return the conformal p-value of each score, (n,): the share of ordinary rows that score at least as high,

        p = (1 + #{held-out scores ≥ score}) / (m + 1).

    For a row drawn as the held-out rows were, P(p ≤ α) ≤ α for every α, however good or bad the score is (Vovk,
    Gammerman & Shafer 2005, "Algorithmic learning in a random world", chapter 2; Bates, Candès, Lei, Romano & Sesia
    2023, "Testing for outliers with conformal p-values").

    Args:
        scores: Those of the rows in question, (n,).
        held_out: Those of ordinary rows that the model has not seen, (m,).
    """  # noqa: D400, D415 - the sentence ends in its formula
    lower = np.searchsorted(np.sort(held_out), scores, "left")
    return (1 + len(held_out) - lower) / (1 + len(held_out))


def least_p_value(rows: int) -> float:
    """Return the smallest p-value that this many held-out rows can give."""
    return 1 / (1 + rows)


def limit(held_out: np.ndarray, level: float) -> float:
    """Return the score above which the p-value is at most `level`.

    Args:
        held_out: The scores of held-out rows, (m,).
        level: At least the smallest p-value that they can give.
    """
    higher = math.floor(level / least_p_value(len(held_out)) + 1e-9)  # 0.07 × 100 is a little above 7
    return float(np.sort(held_out)[-higher])
