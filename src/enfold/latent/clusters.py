"""Clusters of latent vectors: a Gaussian mixture whose overlapping components are merged.

The Bayesian information criterion says how many Gaussians describe the vectors. A cluster that is not Gaussian needs
several of them, so components that share vectors are merged (Baudry et al. 2010, "Combining mixture components for
clustering"; Hennig 2010, "Methods for merging Gaussian mixture components").
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch.distributions import MixtureSameFamily

from enfold.errors import InputError
from enfold.latent.mixtures import as_distribution, gaussian_mixture, responsibilities
from enfold.latent.samplers import AGGREGATED
from enfold.metrics.clustering import adjusted_rand_index, counts_of
from enfold.rows import drawn

MOST_VALUES, FEWEST_ROWS = 160_000, 1_000  # time grows with the square of the dimensions: then fewer rows
TRIED = (*range(1, 11), 13, 16, 20, 25, 32, 40)  # components, of which the criterion chooses
PATIENCE = 3  # numbers without a lower criterion, after which no larger ones are tried
ROWS_FOR_A_COMPONENT = 10  # for each latent dimension; with fewer its covariance is noisy
SIMILAR = 0.05  # a convention, like the 5% of tests: from this cosine on, two clusters are one


@dataclass(frozen=True)
class Clustering:
    """A Gaussian mixture over latent vectors, and which of its components make up each cluster.

    Attributes:
        distribution: The mixture, over (latent_dim,).
        groups: The cluster of each component, (components,) integers from 0; cluster 0 is the largest.
        criterion: The Bayesian information criterion of each number of components tried; the lowest was chosen.
            Empty where the mixture was given.
        rows: The number of latent vectors that the clusters were found in.
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
        """Return the probability that each vector is in each cluster, (n, latent_dim) → (n, k); rows sum to 1."""
        return _merged(responsibilities(self.distribution, z), self.groups)


def cluster(
    z: np.ndarray, k: int | Literal["auto"] = "auto", *, mixture: MixtureSameFamily | None = None, seed: int = 0
) -> Clustering:
    """Return clusters of latent vectors.

    A mixture of Gaussians with full covariances is fitted by expectation maximization. Its number of components is
    the one with the lowest Bayesian information criterion (Schwarz 1978). Then the two most similar clusters are
    merged, again and again, until `k` are left; for "auto", until no similarity is above 0.05. The similarity of two
    clusters is the cosine of their memberships t: Σ tᵢ tⱼ / √(Σ tᵢ² Σ tⱼ²).

    Args:
        z: Latent vectors, (n, latent_dim). At most 20,000 are used, drawn at random; fewer beyond 8 dimensions.
        k: How many clusters, at least 1.
        mixture: The mixture to use instead of fitting one, such as a mixture prior.
        seed: Of the rows and of the fit.

    Raises:
        InputError: There are fewer distinct rows, or fewer components in the given mixture, than clusters asked for.
    """
    most = min(AGGREGATED, max(MOST_VALUES // z.shape[1], FEWEST_ROWS))
    rows = drawn(len(z), most, seed)
    some = np.asarray(z, np.float64)[rows]
    least = _least(some, k)
    chosen, criterion = _chosen(some, least, seed) if mixture is None else (mixture, {})
    shares = responsibilities(chosen, some)
    if shares.shape[1] < least:
        raise InputError(f"The mixture has {shares.shape[1]} components, too few for {k} clusters. Ask for fewer.")
    return Clustering(chosen, _groups(shares, least, SIMILAR if k == "auto" else 0.0), criterion, len(some))


def agreement(z: np.ndarray, found: Clustering, seed: int = 0) -> float | None:
    """Return how well clusters found in one half of the rows agree with those found in the other half.

    Each half gets a mixture of as many components, merged into as many clusters, and both assign all rows. The result
    is the adjusted Rand index of the two, at most 1. None if a half has fewer rows than components, or if there is
    one cluster only.

    Args:
        z: Latent vectors, (n, latent_dim).
        found: The clusters; only their number and that of the components is used.
        seed: Of the halves and of the fits.
    """
    rows, components, sorted_by = np.asarray(z, np.float64), len(found.groups), []
    if found.k == 1 or len(rows) // 2 < components:
        return None
    order = np.random.default_rng(seed).permutation(len(rows))
    for half in np.array_split(order, 2):
        mixture = as_distribution(gaussian_mixture(rows[half], components, seed))
        groups = _groups(responsibilities(mixture, rows[half]), found.k, 0.0)
        sorted_by.append(Clustering(mixture, groups).memberships(rows).argmax(1))
    return adjusted_rand_index(counts_of(*sorted_by))


def _least(z: np.ndarray, k: int | str) -> int:
    """Return the smallest number of clusters allowed.

    Raises:
        InputError: It is not a number, is below 1, or is above the number of distinct rows.
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
    """Return the mixture with the lowest criterion among those of at least `least` components, and the criteria."""
    most = max(len(z) // (ROWS_FOR_A_COMPONENT * z.shape[1]), least)
    criterion: dict[int, float] = {}
    best = None
    for components in sorted({least, *(n for n in TRIED if least < n <= most)}):
        fitted = gaussian_mixture(z, components, seed)
        criterion[components] = float(fitted.bic(z))
        if criterion[components] == min(criterion.values()):
            best = fitted
        if min([*criterion.values()][-PATIENCE:]) > min(criterion.values()):
            break
    assert best is not None
    return as_distribution(best), criterion


def _groups(shares: np.ndarray, least: int, similar: float) -> np.ndarray:
    """Return the cluster of each component: the two most similar are merged until `least` are left or none is."""
    groups = np.arange(shares.shape[1])
    while groups.max() + 1 > least:
        similarity = _similarity(_merged(shares, groups))
        one, other = divmod(int(similarity.argmax()), len(similarity))
        if similarity[one, other] < similar:
            break
        groups[groups == max(one, other)] = min(one, other)
        groups[groups > max(one, other)] -= 1
    order = np.argsort(-_merged(shares, groups).sum(0), kind="stable")
    return np.argsort(order)[groups]


def _similarity(shares: np.ndarray) -> np.ndarray:
    """Return the cosine between the memberships of each two clusters, (k, k), and −1 on the diagonal.

    A cluster without rows is similar to every other. A measure that grows with a cluster's size would let the largest
    one swallow all others.
    """
    products, nothing = shares.T @ shares, np.finfo(float).tiny
    norms = np.sqrt(products.diagonal())
    cosines = (products + nothing) / (norms[:, None] * norms + nothing)
    np.fill_diagonal(cosines, -1)
    return cosines


def _merged(shares: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the sums of shares, (n, components) → (n, k)."""
    return shares @ np.eye(groups.max() + 1)[groups]
