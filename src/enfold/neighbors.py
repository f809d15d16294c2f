"""Which rows of a data set are near each other: a fuzzy graph, as UMAP's."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from enfold.errors import InputError
from enfold.rows import Examples
from enfold.spec import Spec

MOST_ROWS = 200_000  # the cost of exact neighbors grows with the square of the rows
COMPONENTS = 50  # principal components in which distances are measured, at most
BISECTIONS = 64  # of each row's scale


@dataclass(frozen=True)
class NeighborGraph:
    """A weighted graph on the rows of a data set.

    Attributes:
        starts: Where each row's edges begin, (n + 1,).
        ends: The other row of each edge, (edges,).
        sums: The running sum of the edges' weights, (edges,).
    """

    starts: np.ndarray
    ends: np.ndarray
    sums: np.ndarray

    def partners(self, rows: Tensor, seed: int) -> Tensor:
        """Return a neighbor of each row, (m,) → (m,), drawn with the weights of its edges."""
        first, last = self.starts[rows.numpy()], self.starts[rows.numpy() + 1]
        below = np.where(first > 0, self.sums[first - 1], 0.0)
        share = np.random.default_rng(seed).random(len(first))
        edge = np.searchsorted(self.sums, below + share * (self.sums[last - 1] - below), side="right")
        return torch.from_numpy(self.ends[edge.clip(first, last - 1)].astype(np.int64))


def neighbor_graph(x: Examples, spec: Spec, n_neighbors: int, seed: int = 0) -> NeighborGraph:
    """Return the fuzzy graph of each row's nearest rows (McInnes, Healy & Melville 2018, "UMAP", algorithms 2 and 3).

    A neighbor at distance d has the weight exp(−(d − ρ) / σ), where ρ is the nearest one's distance and σ makes the
    weights of a row sum to log₂ k; two rows are joined if either says so. Distances are Euclidean, between the rows
    as the spec scales them, in their first 50 principal components.

    Args:
        x: Raw rows, (n, *shape).
        spec: Their shape, kind and range.
        n_neighbors: k, the row itself not counted.
        seed: Of the principal components.

    Raises:
        InputError: There are too few rows, or too many to compare each with each.
    """
    from scipy.sparse import csr_matrix  # these take long to import, and few trainings need them
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    if not n_neighbors < len(x) <= MOST_ROWS:
        raise InputError(
            f"A graph of {n_neighbors} neighbors needs more than {n_neighbors} and at most {MOST_ROWS:,} training "
            f"rows, but there are {len(x):,}. Set n_neighbors=0, or fit to fewer rows."
        )
    points = spec.vectors(np.asarray(x))
    if points.shape[1] > COMPONENTS:
        with np.errstate(invalid="ignore"):  # of equal rows no component has a share of the variance
            points = PCA(min(COMPONENTS, len(points)), random_state=seed).fit_transform(points)
    distances, ends = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(points).kneighbors()
    weights = _weights(distances)
    begins = np.arange(0, ends.size + 1, n_neighbors)
    graph = csr_matrix((weights.ravel(), ends.ravel(), begins), shape=(len(x), len(x)))
    either = graph + graph.T - graph.multiply(graph.T)
    return NeighborGraph(either.indptr, either.indices, np.cumsum(either.data))


def _weights(distances: np.ndarray) -> np.ndarray:
    """Return the weights of each row's neighbors, (n, k), from their distances, (n, k) in order."""
    beyond = distances - distances[:, :1]
    low, high = np.zeros(len(distances)), np.full(len(distances), np.inf)
    sigma = np.ones(len(distances))
    for _ in range(BISECTIONS):
        is_low = np.exp(-beyond / sigma[:, None]).sum(1) < np.log2(distances.shape[1])
        low, high = np.where(is_low, sigma, low), np.where(is_low, high, sigma)
        sigma = np.where(np.isinf(high), sigma * 2, (low + high) / 2)
    return np.exp(-beyond / sigma[:, None])
