"""What a map keeps of the data, whoever drew it: the same metrics for a model and for its rivals."""

import numpy as np

from enfold.data.dataset import Dataset, class_labels
from enfold.metrics import embedding
from enfold.metrics.intervals import NOTHING, Measurement, mean_of, share_error
from enfold.rows import affordable, drawn
from enfold.spec import Spec

KNN_ROWS = 20_000  # at most, of the labeled training rows
PAIR_ROWS = 2_000  # at most, for what compares each row with each other one


def labeled_rows(data: Dataset, at_most: int) -> np.ndarray:
    """Return the numbers of some of the rows that have a label."""
    rows = np.flatnonzero(data.labeled)
    return rows[drawn(len(rows), at_most)]


def reference_rows(known: Dataset, rows: Dataset) -> np.ndarray | None:
    """Return the numbers of the rows to learn classes from; None where both do not have classes of one kind.

    Args:
        known: Rows that may be learned from.
        rows: Those whose classes are to be told.
    """
    numbers = labeled_rows(known, KNN_ROWS)
    are_classes = class_labels(known.labels[numbers]) is not None and class_labels(rows.labels) is not None
    return numbers if are_classes and bool(known.spec.classes) == bool(rows.spec.classes) else None


def compared_rows(data: Dataset, spec: Spec) -> np.ndarray:
    """Return the numbers of the rows that trustworthiness is measured on, at most 2,000."""
    return drawn(len(data), affordable(spec.size, PAIR_ROWS))


def trustworthiness(data: Dataset, points: np.ndarray, spec: Spec) -> Measurement:
    """Return the trustworthiness of a map, of at most 2,000 of the rows.

    Args:
        data: The rows.
        points: Where the map has each, (n, d).
        spec: The units in which distances of rows are taken.
    """
    some = compared_rows(data, spec)
    found = embedding.trustworthiness_of_rows(spec.vectors(np.asarray(data.x[some])), points[some])
    return NOTHING if found is None else mean_of(found)


def knn_accuracy(points: np.ndarray, labels: np.ndarray, rows: Dataset, new_points: np.ndarray) -> Measurement:
    """Return the share of the labeled rows that their 5 nearest known points classify rightly.

    Args:
        points: Of rows with known classes, (n, d).
        labels: Their classes, (n,).
        rows: Those to classify, (m, …).
        new_points: Where they are, (m, d).
    """
    test = rows.labeled
    share = embedding.knn_accuracy(points, labels, new_points[test], rows.labels[test])
    return Measurement(share, share_error(share, int(test.sum())))
