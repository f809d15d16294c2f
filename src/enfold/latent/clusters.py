"""Groups of latent vectors: a mixture of normals, of which those that overlap are one cluster.

The Bayesian information criterion says how many normals describe the vectors. A group that is no normal takes several
of them, as the islands of a map do; so normals that share vectors are merged (as do Baudry et al. 2010, "Combining
mixture components for clustering", and Hennig 2010, "Methods for merging Gaussian mixture components").
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch.distributions import MixtureSameFamily

from enfold.errors import InputError
from enfold.latent.mixtures import as_distribution, normal_mixture, responsibilities
from enfold.latent.samplers import AGGREGATED
from enfold.metrics.clustering import adjusted_rand_index, counts_of
from enfold.rows import drawn

MOST_VALUES, FEWEST_ROWS = 160_000, 1_000  # time grows with the square of the dimensions: then fewer rows
TRIED = (*range(1, 11), 13, 16, 20, 25, 32, 40)  # normals, of which the criterion chooses
PATIENCE = 3  # numbers without a lower criterion, after which no larger ones are tried
ROWS_FOR_A_NORMAL = 10  # for each latent dimension: fewer would leave its covariance to chance
ALIKE = 0.05  # a convention, as that of tests: from such a cosine on, two clusters are one


@dataclass(frozen=True)
class Clustering:
    """A mixture of normals over latent vectors, and which of the normals make up each cluster.

    Attributes:
        distribution: The mixture, over (latent_dim,).
        groups: The cluster of each normal, (components,) integers from 0; cluster 0 is the largest.
        criterion: The Bayesian information criterion of each number of normals that was tried; the lowest was chosen.
            Empty where the mixture was given.
        rows: How many latent vectors this was found in.
    """

    distribution: MixtureSameFamily
    groups: np.ndarray
    criterion: dict[int, float] = field(default_factory=dict)
    rows: int = 0

    @property
    def k(self) -> int:
        """How many clusters there are."""
        return int(self.groups.max()) + 1

    @property
    def centers(self) -> np.ndarray:
        """The mean of each cluster, (k, latent_dim)."""
        with torch.inference_mode():
            weights = self.distribution.mixture_distribution.probs.cpu().double().numpy()
            means = self.distribution.component_distribution.mean.cpu().double().numpy()
        each = np.eye(self.k)[self.groups] * weights[:, None]  # (components, k)
        return each.T @ means / each.sum(0)[:, None]

    def memberships(self, z: np.ndarray) -> np.ndarray:
        """Return how likely each latent vector is of each cluster, (n, latent_dim) → (n, k); the rows sum to 1."""
        return _merged(responsibilities(self.distribution, z), self.groups)


def cluster(
    z: np.ndarray, k: int | Literal["auto"] = "auto", *, mixture: MixtureSameFamily | None = None, seed: int = 0
) -> Clustering:
    """Return clusters of latent vectors.

    A mixture of normals with full covariances is fitted by expectation maximization, with as many normals as have the
    lowest Bayesian information criterion (Schwarz 1978). Then the two clusters whose shares of the rows t are most
    alike, by the cosine Σ tᵢ tⱼ / √(Σ tᵢ² Σ tⱼ²), become one, again and again: until `k` are left, or for "auto",
    until all are below 0.05.

    Args:
        z: Latent vectors, (n, latent_dim); of more than 20,000, as many at random, of more than 8 dimensions fewer.
        k: How many clusters, at least 1.
        mixture: The mixture to take instead of fitting one, such as a mixture prior.
        seed: Of the rows and of the fit.

    Raises:
        InputError: There are fewer different rows, or fewer normals in the given mixture, than clusters to be found.
    """
    most = min(AGGREGATED, max(MOST_VALUES // z.shape[1], FEWEST_ROWS))
    rows = drawn(len(z), most, seed)
    some = np.asarray(z, np.float64)[rows]
    least = _least(some, k)
    chosen, criterion = _chosen(some, least, seed) if mixture is None else (mixture, {})
    shares = responsibilities(chosen, some)
    if shares.shape[1] < least:
        raise InputError(f"The mixture has {shares.shape[1]} normals, too few for {k} clusters. Ask for fewer.")
    return Clustering(chosen, _groups(shares, least, ALIKE if k == "auto" else 0.0), criterion, len(some))


def agreement(z: np.ndarray, found: Clustering, seed: int = 0) -> float | None:
    """Return how far clusters of the one half of the rows are those of the other: the adjusted Rand index, at most 1.

    Each half is given a mixture of as many normals, merged into as many clusters, which then sort all rows. None
    where a half has fewer rows than that, and of one cluster, which could not be another.

    Args:
        z: Latent vectors, (n, latent_dim).
        found: How many normals and clusters.
        seed: Of the halves and of the fits.
    """
    rows, components, sorted_by = np.asarray(z, np.float64), len(found.groups), []
    if found.k == 1 or len(rows) // 2 < components:
        return None
    order = np.random.default_rng(seed).permutation(len(rows))
    for half in np.array_split(order, 2):
        mixture = as_distribution(normal_mixture(rows[half], components, seed))
        groups = _groups(responsibilities(mixture, rows[half]), found.k, 0.0)
        sorted_by.append(Clustering(mixture, groups).memberships(rows).argmax(1))
    return adjusted_rand_index(counts_of(*sorted_by))


def _least(z: np.ndarray, k: int | str) -> int:
    """Return how many clusters there are to be at least.

    Raises:
        InputError: It is no number of clusters that the rows may have.
    """
    if k == "auto":
        k = 1
    if not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"Expected a number of clusters of at least 1, such as 10, or auto, got {k!r}.")
    distinct = len(np.unique(z, axis=0))
    if distinct < max(k, 2):
        raise InputError(f"{k} clusters need at least {max(k, 2)} different rows, and there are {distinct}.")
    return int(k)


def _chosen(z: np.ndarray, least: int, seed: int) -> tuple[MixtureSameFamily, dict[int, float]]:
    """Return the mixture with the lowest criterion of at least so many normals, and the criteria."""
    most = max(len(z) // (ROWS_FOR_A_NORMAL * z.shape[1]), least)
    criterion: dict[int, float] = {}
    best = None
    for components in sorted({least, *(n for n in TRIED if least < n <= most)}):
        fitted = normal_mixture(z, components, seed)
        criterion[components] = float(fitted.bic(z))
        if criterion[components] == min(criterion.values()):
            best = fitted
        if min([*criterion.values()][-PATIENCE:]) > min(criterion.values()):
            break
    assert best is not None
    return as_distribution(best), criterion


def _groups(shares: np.ndarray, least: int, alike: float) -> np.ndarray:
    """Return the cluster of each normal: the two most alike are merged, until `least` are left or none is."""
    groups = np.arange(shares.shape[1])
    while groups.max() + 1 > least:
        likeness = _likeness(_merged(shares, groups))
        one, other = divmod(int(likeness.argmax()), len(likeness))
        if likeness[one, other] < alike:
            break
        groups[groups == max(one, other)] = min(one, other)
        groups[groups > max(one, other)] -= 1
    order = np.argsort(-_merged(shares, groups).sum(0), kind="stable")
    return np.argsort(order)[groups]


def _likeness(shares: np.ndarray) -> np.ndarray:
    """Return the cosine between each two clusters' shares of the rows, (k, k), and −1 for a cluster and itself.

    A cluster without rows is like any other. A measure that grew with the other's size would let one swallow all.
    """
    products, nothing = shares.T @ shares, np.finfo(float).tiny
    norms = np.sqrt(products.diagonal())
    cosines = (products + nothing) / (norms[:, None] * norms + nothing)
    np.fill_diagonal(cosines, -1)
    return cosines


def _merged(shares: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the sums of shares, (n, components) → (n, k)."""
    return shares @ np.eye(groups.max() + 1)[groups]
