"""How good a model is, on rows that it has not seen."""

from functools import partial
from typing import Any

import numpy as np

from enfold import build
from enfold.config import Config
from enfold.data.dataset import Dataset, class_labels
from enfold.errors import InputError
from enfold.metrics.embedding import knn_accuracy
from enfold.metrics.likelihood import active_units, negative_elbo, reconstruction_mse
from enfold.model import Autoencoder, encode_means
from enfold.objectives import mean_losses
from enfold.rows import Examples

KNN_ROWS = 20_000  # at most, of the labelled training rows


def evaluate(model: Autoencoder, config: Config, data: Dataset, known: Dataset | None = None) -> dict[str, Any]:
    """Return the figures of a model on rows that it has not seen.

    Args:
        model: The model.
        config: The settings with which it was fitted.
        data: The rows, raw; their pixels are binarised if the settings binarise them in training.
        known: Training rows, for the nearest neighbours; the first 20,000 labelled ones are used.

    Returns:
        `rows`; `negative_elbo`, `distortion` and `rate` in nats per example, of which a plain autoencoder has only
        the distortion; `active_units`; `reconstruction_mse`; `knn_accuracy`, None without classes; and for the
        notebook's objective `notebook_loss`.

    Raises:
        InputError: The bound is not finite on these rows.
    """
    as_evaluated = partial(build.rows_to_evaluate, config, model.spec)
    data, known = data.changed(as_evaluated), known and known.changed(as_evaluated)
    means = encode_means(model, data.x)
    figures: dict[str, Any] = {"rows": len(data), **_bound(model, config, data.x)}
    figures["active_units"] = active_units(means)
    figures["reconstruction_mse"] = reconstruction_mse(model, data.x, means)
    figures["knn_accuracy"] = _knn_accuracy(model, means, data, known) if known is not None else None
    if config.objective == "notebook":
        figures["notebook_loss"] = mean_losses(model, build.objective(config), data.x).loss
    return figures


def _bound(model: Autoencoder, config: Config, x: Examples) -> dict[str, float | None]:
    if config.objective == "autoencoder":  # its posterior has no width that means anything
        distortion = mean_losses(model, build.objective(config), x).distortion
        return {"negative_elbo": None, "distortion": distortion, "rate": None}
    bound = negative_elbo(model, x)
    if not np.isfinite(list(bound.values())).all():
        raise InputError(
            "The model gives NaN or infinity on these rows, though not on those that it was trained on. Check them "
            "for values far out of range, or fit again with a lower learning rate."
        )
    return {**bound}


def _knn_accuracy(model: Autoencoder, means: np.ndarray, data: Dataset, known: Dataset) -> float | None:
    reference, test = known[np.flatnonzero(known.labelled)[:KNN_ROWS]], data.labelled
    are_classes = class_labels(reference.labels) is not None and class_labels(data.labels) is not None
    if not are_classes or bool(known.spec.classes) != bool(data.spec.classes):
        return None
    return knn_accuracy(encode_means(model, reference.x), reference.labels, means[test], data.labels[test])
