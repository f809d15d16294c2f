"""How well latent vectors tell classes apart and keep neighbors."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NEIGHBORS = 5
PROBE_STEPS = 1000  # of the solver, at most
BLOCK = 4  # MiB of distances at a time


def knn_accuracy(points: np.ndarray, labels: np.ndarray, new_points: np.ndarray, new_labels: np.ndarray) -> float:
    """Return the accuracy of a 5-nearest-neighbor classifier.

    Args:
        points: Latent vectors to learn from, (n, d).
        labels: Their classes, (n,).
        new_points: Latent vectors to classify, (m, d).
        new_labels: Their classes, (m,).
    """
    classifier = KNeighborsClassifier(min(NEIGHBORS, len(points))).fit(points, labels)
    return float(classifier.score(new_points, new_labels))


def linear_probe_accuracy(
    points: np.ndarray, labels: np.ndarray, new_points: np.ndarray, new_labels: np.ndarray
) -> float | None:
    """Return the accuracy of a logistic regression on standardized points.

    (Alain & Bengio 2017, "Understanding intermediate layers using linear classifier probes"; scikit-learn's
    `LogisticRegression` with its default penalty.) None if there is only one class to learn.

    Args:
        points: Latent vectors to learn from, (n, d).
        labels: Their classes, (n,).
        new_points: Latent vectors to classify, (m, d).
        new_labels: Their classes, (m,).
    """
    if len(np.unique(labels)) < 2:
        return None
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=PROBE_STEPS))
    return float(probe.fit(points.astype(np.float64), labels).score(new_points.astype(np.float64), new_labels))


def trustworthiness_of_rows(x: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """Return how far each point's neighbors in the latent space are its neighbors in the data, (n,), in 0…1:

        1 − 2 / (k (2 n − 3 k − 1)) Σ_j max(0, r(i, j) − k),

    summed over its k = 5 neighbors j in the latent space; r(i, j) is the rank of j's distance in the data. The mean
    is scikit-learn's `trustworthiness` (Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection
    methods", equation 1). None for fewer than 11 rows.

    Args:
        x: The data, (n, values); the time grows with n².
        points: The latent vectors, (n, d).
    """  # noqa: D400, D415 - the sentence ends in its formula
    n, k = len(x), NEIGHBORS
    if n <= 2 * k:
        return None
    near = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)

    def intrusions(distances: np.ndarray, first: int) -> np.ndarray:
        """Return the inner sum of each row of a block, (m,), from its distances to all rows, (m, n)."""
        rows = first + np.arange(len(distances))
        distances[rows - first, rows] = np.inf  # nothing is its own neighbor
        ranks = np.empty(distances.shape, np.int64)
        np.put_along_axis(ranks, distances.argsort(1), np.arange(1, n + 1)[None], 1)
        return np.maximum(np.take_along_axis(ranks, near[rows], 1) - k, 0).sum(1)

    blocks = pairwise_distances_chunked(x, reduce_func=intrusions, working_memory=BLOCK)
    intruders = np.concatenate(list(blocks))
    return 1 - 2 * intruders / (k * (2 * n - 3 * k - 1))
