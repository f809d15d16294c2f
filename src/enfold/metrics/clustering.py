"""How well k-means clusters of points agree with classes.

The scores take a table of counts, (clusters, classes): how many points of each class each cluster has.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics.cluster import contingency_matrix

from enfold.data.dataset import class_labels
from enfold.metrics.intervals import Measurement, bootstrap_error

KMEANS_STARTS = 10
KMEANS_SEED = 0  # the same clusters at every call


def clusters(points: np.ndarray, k: int) -> np.ndarray:
    """Return the cluster of each point, (n,), by k-means, the best of 10 starts.

    Args:
        points: (n, d).
        k: How many clusters; fewer if there are fewer distinct points.
    """
    distinct = len(np.unique(points, axis=0))
    means = KMeans(min(k, distinct), n_init=KMEANS_STARTS, random_state=KMEANS_SEED)  # pyright: ignore
    return means.fit_predict(points.astype(np.float64))


def counts_of(found: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how many points of each class each cluster has, (clusters, classes) integers.

    Args:
        found: The cluster of each point, (n,).
        labels: Its class, (n,).
    """
    return np.asarray(contingency_matrix(found, labels))


def label_scores(found: np.ndarray, labels: np.ndarray) -> dict[str, Measurement]:
    """Return each of `SCORES` of clusters, with its standard error, on the points that have a class.

    Args:
        found: The cluster of each point, (n,).
        labels: Its class, (n,), or NaN. If they are not classes, or all of one class, nothing is returned.
    """
    known, classes = ~np.isnan(labels), class_labels(labels)
    if classes is None or len(classes) < 2:
        return {}
    counts = counts_of(found[known], labels[known])
    return {name: Measurement(score(counts), bootstrap_error(score, counts)) for name, score in SCORES.items()}


def clustering_accuracy(counts: np.ndarray) -> float:
    """Return the share of points in the cluster of their class, under the best matching of the two, in 0…1.

    (Kuhn 1955, "The Hungarian method for the assignment problem"; Xie, Girshick & Farhadi 2016, "Unsupervised deep
    embedding for clustering analysis", equation 10.)
    """
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / counts.sum())


def normalized_mutual_information(counts: np.ndarray) -> float:
    """Return 2 I(cluster; class) / (H(cluster) + H(class)), in 0…1.

    (Strehl & Ghosh 2002, "Cluster ensembles", with the arithmetic mean of the entropies for their geometric one.)
    """
    both = counts / counts.sum()
    parts = _entropy(both.sum(1)) + _entropy(both.sum(0))
    return 2 * max(parts - _entropy(both.ravel()), 0.0) / parts if parts > 0 else 1.0


def adjusted_rand_index(counts: np.ndarray) -> float:
    """Return how well clusters and classes agree on pairs: 1 fully, 0 as by chance (Hubert & Arabie 1985, eq. 5)."""
    together, by_cluster, by_class, pairs = (
        float((each * (each - 1) / 2).sum()) for each in (counts, counts.sum(1), counts.sum(0), counts.sum())
    )
    expected = by_cluster * by_class / max(pairs, 1.0)
    most = (by_cluster + by_class) / 2
    return (together - expected) / (most - expected) if most > expected else 1.0


SCORES = {  # by their names in the registry of metrics
    "clustering_accuracy": clustering_accuracy,
    "nmi": normalized_mutual_information,
    "ari": adjusted_rand_index,
}


def _entropy(shares: np.ndarray) -> float:
    seen = shares[shares > 0]
    return float(-(seen * np.log(seen)).sum())
