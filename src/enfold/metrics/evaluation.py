"""All figures of a model on rows that it has not seen, with their errors and how they were got."""

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from torch import Tensor

from enfold import build
from enfold.config import Config
from enfold.data.dataset import Dataset, class_labels
from enfold.errors import InputError
from enfold.inference import conditions, encode_means
from enfold.metrics import clustering, embedding, information, likelihood, maps, reconstruction
from enfold.metrics.intervals import NOTHING, Figure, bootstrap_error, mean_of, share_error
from enfold.metrics.maps import drawn, labeled_rows
from enfold.metrics.protocol import protocol
from enfold.model import Autoencoder
from enfold.objectives import terms_of_rows
from enfold.spec import Spec

CLUSTERED_ROWS = 5_000  # at most


@dataclass(frozen=True)
class Evaluation:
    """A model and the rows on which it is evaluated.

    Attributes:
        model: The model.
        config: The settings of the evaluation.
        data: The rows, binarized if they are to be.
    """

    model: Autoencoder
    config: Config
    data: Dataset

    @cached_property
    def condition(self) -> Tensor | None:
        """Each row's class, for a conditional model."""
        return conditions(self.data.labels, self.model.spec)

    @cached_property
    def means(self) -> np.ndarray:
        """The latent means, (n, latent_dim)."""
        return encode_means(self.model, self.data.x, self.condition)

    @cached_property
    def bound(self) -> dict[str, np.ndarray]:
        """The negative ELBO, the distortion and the rate of each row, (n,) in nats each."""
        return likelihood.bound_of_rows(self.model, self.data.x, self.condition)

    @cached_property
    def bits_meaning(self) -> str | None:
        """What a likelihood in bits means here."""
        return likelihood.bits_meaning(self.model, self.data.x)


def evaluate(
    model: Autoencoder, config: Config, data: Dataset, known: Dataset | None = None, *, samples: int = 0
) -> dict[str, Any]:
    """Return the figures of a model on rows that it has not seen, with their standard errors and the protocol.

    Args:
        model: The model.
        config: The settings with which it was fitted; `binarize` says whether the rows are binarized.
        data: The rows.
        known: Training rows, to learn classes from; at most 20,000 labeled ones are used, drawn from a fixed seed.
        samples: Draws of z for each row in the importance-weighted log-likelihood; 0: it is not estimated.

    Returns:
        `rows`; `negative_elbo`, `distortion` and `rate` in nats per example, of which a plain autoencoder has only
        the distortion; `log_likelihood` and `bits_per_dim`; `active_units`, `mutual_information` and `marginal_kl`;
        `reconstruction_mse`, `psnr` and `ssim`; `trustworthiness`; with classes `knn_accuracy`,
        `linear_probe_accuracy`, `clustering_accuracy`, `nmi` and `ari`; for the notebook's objective
        `notebook_loss`. What has no meaning here is None. `standard_errors` has that of each figure where it is
        known, `protocol` says in words how the figures were got.

    Raises:
        InputError: The bound is not finite on these rows, or a setting does not fit them.
    """
    if samples < 0:
        raise InputError(f"Expected at least 1 draw for the log-likelihood, or 0 for none, got {samples}.")
    rows = Evaluation(model, config, as_evaluated(data, config, model.spec))
    reference = None if known is None else _reference(rows, known)
    figures = {
        **_bound(rows),
        **_likelihood(rows, samples),
        **_information(rows),
        **_reconstruction(rows),
        "trustworthiness": maps.trustworthiness(rows.data, rows.means, rows.model.spec),
        **_accuracies(rows, reference),
        **_clustering(rows),
    }
    counts = {"rows": len(data), "samples": samples, "training": len(reference.data) if reference else 0}
    counts |= {"pairs": min(len(data), maps.PAIR_ROWS), "map": len(maps.compared_rows(rows.data, model.spec))}
    counts["clustered"] = min(int(data.labeled.sum()), CLUSTERED_ROWS)
    found = {name for name, figure in figures.items() if figure.value is not None}
    return {
        "rows": len(data),
        **{name: figure.value for name, figure in figures.items()},
        "standard_errors": {name: each.error for name, each in figures.items() if each.error is not None},
        "protocol": protocol(config, model.spec, counts, found, rows.bits_meaning),
    }


def as_evaluated(data: Dataset, config: Config, spec: Spec) -> Dataset:
    """Return the data as evaluations take it: binary, the same each time, if training is on such."""
    return data.changed(partial(build.rows_to_evaluate, config, spec))


def _reference(rows: Evaluation, known: Dataset) -> Evaluation | None:
    """Return the training rows to learn classes from, if both they and the rows have classes of one kind."""
    numbers = maps.reference_rows(known, rows.data)
    if numbers is None:
        return None
    return replace(rows, data=as_evaluated(known[numbers], rows.config, rows.model.spec))


def _bound(rows: Evaluation) -> dict[str, Figure]:
    model, x, config = rows.model, rows.data.x, rows.config
    if config.is_plain:  # its posterior has no width that means anything
        distortion = terms_of_rows(model, config.objective.build(), x, rows.condition)["distortion"]
        found = {"negative_elbo": NOTHING, "distortion": mean_of(distortion), "rate": NOTHING}
    else:
        found = {name: mean_of(each) for name, each in rows.bound.items()}
    if config.objective.name == "notebook":
        found["notebook_loss"] = mean_of(terms_of_rows(model, config.objective.build(), x, rows.condition)["loss"])
    _check_finite(found)
    return found


def _check_finite(found: dict[str, Figure]) -> None:
    if not all(each.value is None or math.isfinite(each.value) for each in found.values()):
        raise InputError(
            "The model gives NaN or infinity on these rows, though not on those that it was trained on. Check them "
            "for values far out of range, or fit again with a lower learning rate."
        )


def _likelihood(rows: Evaluation, samples: int) -> dict[str, Figure]:
    if rows.config.is_plain:
        return {"log_likelihood": NOTHING, "bits_per_dim": NOTHING}
    model, x, condition = rows.model, rows.data.x, rows.condition
    bits = None
    if rows.bits_meaning == "mass":  # then it is the bound in another unit
        bits = likelihood.in_bits(model, rows.bound["negative_elbo"])
    elif rows.bits_meaning == "cells":
        bits = likelihood.bits_of_rows(model, x, condition)
    weighted = likelihood.log_likelihood(model, x, samples, condition) if samples else None
    found = {"log_likelihood": weighted, "bits_per_dim": bits}
    figures = {name: NOTHING if each is None else mean_of(each) for name, each in found.items()}
    _check_finite(figures)
    return figures


def _information(rows: Evaluation) -> dict[str, Figure]:
    active = Figure(information.active_units(rows.means), information.active_units_error(rows.means))
    if rows.config.is_plain:
        return {"active_units": active, "mutual_information": NOTHING, "marginal_kl": NOTHING}
    some = replace(rows, data=rows.data[drawn(len(rows.data), maps.PAIR_ROWS)])
    found = information.information_of_rows(some.model, some.data.x, some.condition)
    return {
        "active_units": active,
        "mutual_information": mean_of(found["information"]),
        "marginal_kl": mean_of(found["marginal"]),
    }


def _reconstruction(rows: Evaluation) -> dict[str, Figure]:
    model, spec = rows.model, rows.model.spec
    measures = [reconstruction.squared_error]
    measures += [reconstruction.structural_similarity] if reconstruction.has_windows(spec) else []
    found = reconstruction.reconstruction_measures(model, rows.data.x, rows.means, measures, rows.condition)
    mse, psnr = mean_of(found[0]), NOTHING
    if spec.is_image and spec.kind == "intensity":
        psnr = Figure(*reconstruction.peak_signal_to_noise_of_rows(found[0]))
    return {"reconstruction_mse": mse, "psnr": psnr, "ssim": mean_of(found[1]) if len(found) > 1 else NOTHING}


def _accuracies(rows: Evaluation, reference: Evaluation | None) -> dict[str, Figure]:
    measures = {"knn_accuracy": embedding.knn_accuracy, "linear_probe_accuracy": embedding.linear_probe_accuracy}
    if reference is None:
        return dict.fromkeys(measures, NOTHING)
    test = rows.data.labeled
    points, labels, n = rows.means[test], rows.data.labels[test], int(test.sum())
    shares = {name: f(reference.means, reference.data.labels, points, labels) for name, f in measures.items()}
    return {name: NOTHING if p is None else Figure(p, share_error(p, n)) for name, p in shares.items()}


def _clustering(rows: Evaluation) -> dict[str, Figure]:
    scores = {
        "clustering_accuracy": clustering.clustering_accuracy,
        "nmi": clustering.normalized_mutual_information,
        "ari": clustering.adjusted_rand_index,
    }
    classes = class_labels(rows.data.labels)
    if classes is None or len(classes) < 2:
        return dict.fromkeys(scores, NOTHING)
    some = labeled_rows(rows.data, CLUSTERED_ROWS)
    counts = clustering.counts_of(clustering.clusters(rows.means[some], len(classes)), rows.data.labels[some])
    return {name: Figure(score(counts), bootstrap_error(score, counts)) for name, score in scores.items()}
