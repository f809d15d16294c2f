"""How the metrics were measured, in words."""

import math

from enfold.config import Config
from enfold.metrics.embedding import NEIGHBORS
from enfold.metrics.intervals import RESAMPLES
from enfold.metrics.likelihood import DRAWS
from enfold.metrics.reconstruction import WINDOW
from enfold.spec import Spec

ERRORS = (
    "± is one standard error: how far a metric may be from what it would be if it were measured on much more data. "
    "It does not include the variation between training runs."
)
NO_BITS = {
    "intensity": "No bits/dim: it needs whole intensities under the logistic or a normal likelihood, or binary "
    "pixels under the bernoulli likelihood.",
    "real": "No bits/dim: the density of real numbers depends on their unit.",
}
BITS = {
    "mass": "Bits/dim: the negative ELBO in bits, divided by the number of values.",
    "cells": "Bits/dim: the negative ELBO in bits, divided by the number of values. Each whole number counts as an "
    "interval of width 1, which makes it an upper bound.",
}
GRAY_LIKELIHOOD = (
    " For gray pixels under the bernoulli likelihood it is lower than for binary ones, which --binarize measures."
)
CONDITION = (
    "The encoder and the decoder get the class of each row. Accuracies and clusters may show the class that the "
    "model was given, not one that it found."
)


def protocol(
    config: Config, spec: Spec, counts: dict[str, int], known: set[str], meaning: str | None
) -> dict[str, str]:
    """Return how each group of metrics was measured, in a sentence or two.

    Args:
        config: The settings of the evaluation.
        spec: The model's.
        counts: How many `rows` were evaluated and how many `training` rows classes were learned from; how many
            `samples` were drawn; how many rows the metrics of `pairs`, of the `map` and of `clustered` rows are of.
        known: The names of the metrics that have a value.
        meaning: What bits mean; see `bits_meaning`.
    """
    has_bound = "negative_elbo" in known
    words = {
        "rows": f"{counts['rows']:,} rows, none of them used in training.{_chosen(config)}",
        "binarization": _binarization(config) if spec.kind == "intensity" else "",
        "errors": ERRORS,
        "bound": _bound(has_bound),
        "log_likelihood": _log_likelihood(counts["samples"], spec, meaning) if has_bound else "",
        "bits_per_dim": (BITS[meaning] if meaning else NO_BITS[spec.kind]) if has_bound else "",
        "information": _information(counts["pairs"]) if "mutual_information" in known else "",
        "reconstruction": _reconstruction(spec, known),
        "map": _map(counts["map"]) if "trustworthiness" in known else "",
        "classes": _classes(counts, known),
        "condition": CONDITION if spec.conditions else "",
    }
    return {name: text for name, text in words.items() if text}


def _chosen(config: Config) -> str:
    if not config.chooses_epoch:
        return ""
    return " The run's held-out rows chose the epoch, so metrics on them are slightly too good."


def _binarization(config: Config) -> str:
    if config.binarize == "none":
        return "Pixels are as they are in the data, not binarized."
    return (
        f"Binarization {config.binarize}: each pixel was drawn once, black or white, with its intensity as the "
        "probability of white and a fixed seed."
    )


def _bound(has_bound: bool) -> str:
    if not has_bound:
        return "A plain autoencoder has no negative ELBO; its distortion is that at the latent mean."
    return f"Negative ELBO = distortion + rate, the mean over {DRAWS} draws of z for each row."


def _log_likelihood(samples: int, spec: Spec, meaning: str | None) -> str:
    if not samples:
        return "Log-likelihood: not estimated (samples = 0)."
    words = (
        f"Log-likelihood: importance-weighted, with {samples:,} draw{'s' if samples > 1 else ''} of z for each row. "
        "On average it is below log p(x), and gets closer with more draws."
    )
    is_gray = spec.kind == "intensity" and meaning is None
    return words + (GRAY_LIKELIHOOD if is_gray else "")


def _information(pairs: int) -> str:
    return (
        f"Mutual information and marginal KL: of {pairs:,} rows, whose rate they add up to. The mutual information "
        f"is at most ln {pairs:,} = {math.log(pairs):.2f} nats."
    )


def _reconstruction(spec: Spec, known: set[str]) -> str:
    is_intensity = spec.kind == "intensity"
    words = "Reconstruction: from the latent mean of each row. "
    words += (
        f"The MSE is in units of {'the full range' if is_intensity else 'each training standard deviation'}, squared"
    )
    words += ", the PSNR is of that MSE" if "psnr" in known else ""
    words += f", the SSIM has windows of {WINDOW} × {WINDOW} pixels" if "ssim" in known else ""
    is_small = spec.is_image and is_intensity and "ssim" not in known
    return words + (f". No SSIM: the images are smaller than {WINDOW} × {WINDOW} pixels." if is_small else ".")


def _map(rows: int) -> str:
    return (
        f"Trustworthiness: {NEIGHBORS} neighbors among {rows:,} rows. Its error treats rows as independent, which is "
        "not quite true."
    )


def _classes(counts: dict[str, int], known: set[str]) -> str:
    words: list[str] = []
    if "knn_accuracy" in known:
        words.append(
            f"{NEIGHBORS}-NN and linear probe: learned from the latent means of {counts['training']:,} training rows."
        )
    if "clustering_accuracy" in known:
        words.append(
            f"Clustering accuracy, NMI and ARI: k-means on the latent means of {counts['clustered']:,} rows, with as "
            f"many clusters as classes. Their errors are from {RESAMPLES} bootstrap resamples of the same clusters."
        )
    return " ".join(words)
