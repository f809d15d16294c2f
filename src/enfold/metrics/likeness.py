"""Whether made examples look like data as much as rebuilt ones do."""

import numpy as np

from enfold.data.dataset import Dataset
from enfold.inference import conditions, reconstructed_means
from enfold.metrics.copies import nearest_rows
from enfold.model import Autoencoder
from enfold.rows import affordable, drawn, selected

UNLIKE_QUANTILE = 0.95  # of the reconstructions' distances: further than that is unlike data
TRAINING_ROWS, HELD_OUT_ROWS = 10_000, 500  # at most, to compare with


def unlike(model: Autoencoder, x: np.ndarray, held_out: Dataset, training: Dataset) -> np.ndarray:
    """Return whether examples lie further from all training rows than 95 % of reconstructions of unseen rows do.

    Reconstructions lack the noise of data just as decoded examples do, so that the two can be compared.

    Args:
        model: The model.
        x: Decoded examples, (…, *shape), raw.
        held_out: Rows that the model has not seen, as it takes them; 500 of them are used.
        training: Rows that it was fitted to, as it takes them; 10,000 of them are used.
    """
    spec = model.spec
    some = held_out[drawn(len(held_out), affordable(spec.size, HELD_OUT_ROWS))]
    classes = conditions(some.labels, spec)
    rebuilt = reconstructed_means(model, some.x, classes)
    asked = np.concatenate([spec.vectors(each) for each in (rebuilt, x.reshape(-1, *spec.shape))])
    known = selected(training.x, drawn(len(training), TRAINING_ROWS))
    distances, _ = nearest_rows(asked, known, spec)
    limit = np.quantile(distances[: len(some)], UNLIKE_QUANTILE)
    return (distances[len(some) :] > limit).reshape(x.shape[: x.ndim - len(spec.shape)])
