"""What a map of points knows about their classes."""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

NEIGHBOURS = 5


def knn_accuracy(points: np.ndarray, labels: np.ndarray, new_points: np.ndarray, new_labels: np.ndarray) -> float:
    """Return the share of new points whose class the majority of their 5 nearest neighbours has.

    Args:
        points: Latent vectors with known classes, (n, d).
        labels: Their classes, (n,).
        new_points: Latent vectors to classify, (m, d).
        new_labels: Their true classes, (m,).
    """
    classifier = KNeighborsClassifier(min(NEIGHBOURS, len(points))).fit(points, labels)
    return float(classifier.score(new_points, new_labels))
