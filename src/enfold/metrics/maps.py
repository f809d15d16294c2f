"""How well a map of rows keeps the data's structure, for maps of any method."""

import numpy as np

from enfold.data.dataset import Dataset, class_labels
from enfold.metrics import embedding
from enfold.metrics.intervals import NOTHING, Measurement, mean_of, share_error
from enfold.rows import affordable, drawn
from enfold.spec import Spec

KNN_ROWS = 20_000  # at most, of the labeled training rows
PAIR_ROWS = 2_000  # at most, where every row is compared with every other


def labeled_rows(data: Dataset, at_most: int) -> np.ndarray:
    """Return the numbers of some of the rows that have a label."""
    rows = np.flatnonzero(data.labeled)
    return rows[drawn(len(rows), at_most)]


def reference_rows(known: Dataset, rows: Dataset) -> np.ndarray | None:
    """Return the numbers of the rows to learn classes from; None unless both data sets have the same kind of classes.

    Args:
        known: Rows that may be learned from.
        rows: Those to classify.
    """
    numbers = labeled_rows(known, KNN_ROWS)
    are_classes = class_labels(known.labels[numbers]) is not None and class_labels(rows.labels) is not None
    return numbers if are_classes and bool(known.spec.classes) == bool(rows.spec.classes) else None


def compared_rows(data: Dataset, spec: Spec) -> np.ndarray:
    """Return the numbers of the rows that trustworthiness is measured on, at most 2,000."""
    return drawn(len(data), affordable(spec.size, PAIR_ROWS))


def trustworthiness(data: Dataset, points: np.ndarray, spec: Spec) -> Measurement:
    """Return the trustworthiness of a map, on at most 2,000 of the rows.

    Args:
        points: Their places on the map, (n, d).
        spec: The units in which distances of rows are taken.
    """
    some = compared_rows(data, spec)
    found = embedding.trustworthiness_of_rows(spec.vectors(np.asarray(data.x[some])), points[some])
    return NOTHING if found is None else mean_of(found)


def knn_accuracy(points: np.ndarray, labels: np.ndarray, rows: Dataset, new_points: np.ndarray) -> Measurement:
    """Return the accuracy of classifying the labeled rows by their 5 nearest known points.

    Args:
        points: Places of rows with known classes, (n, d).
        labels: Their classes, (n,).
        rows: Those to classify, (m, …).
        new_points: Their places, (m, d).
    """
    test = rows.labeled
    share = embedding.knn_accuracy(points, labels, new_points[test], rows.labels[test])
    return Measurement(share, share_error(share, int(test.sum())))
