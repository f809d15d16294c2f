"""Whether decoded rows look as realistic as reconstructions of real rows do."""

import numpy as np

from enfold.data.dataset import Dataset
from enfold.inference import conditions, reconstructed_means
from enfold.metrics.copies import nearest_rows
from enfold.model import Autoencoder
from enfold.rows import affordable, drawn, selected

QUANTILE = 0.95  # of the reconstructions' distances to the data: what lies further away is called unrealistic
TRAINING_ROWS, HELD_OUT_ROWS = 10_000, 500  # at most, to compare with


def unrealistic(model: Autoencoder, x: np.ndarray, held_out: Dataset, training: Dataset) -> np.ndarray:
    """Return which rows are further from every training row than 95% of reconstructions of unseen rows, (…,) bool.

    Decoded rows are compared with reconstructions because both lack the noise of data.

    Args:
        x: Decoded rows, (…, *shape), raw.
        held_out: Rows that the model has not seen, as it takes them; 500 of them are used.
        training: Rows that it was fitted to, as it takes them; 10,000 of them are used.
    """
    spec = model.spec
    some = held_out[drawn(len(held_out), affordable(spec.size, HELD_OUT_ROWS))]
    reconstructed = reconstructed_means(model, some.x, conditions(some.labels, spec))
    asked = np.concatenate([spec.vectors(each) for each in (reconstructed, x.reshape(-1, *spec.shape))])
    known = selected(training.x, drawn(len(training), TRAINING_ROWS))
    distances, _ = nearest_rows(asked, known, spec)
    limit = np.quantile(distances[: len(some)], QUANTILE)
    return (distances[len(some) :] > limit).reshape(x.shape[: x.ndim - len(spec.shape)])
