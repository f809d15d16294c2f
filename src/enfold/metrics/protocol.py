"""What was done to get the figures, in words."""

import math

from enfold.config import Config
from enfold.metrics.embedding import NEIGHBORS
from enfold.metrics.intervals import RESAMPLES
from enfold.metrics.likelihood import DRAWS
from enfold.spec import Spec

NO_BITS = {
    "intensity": "No bits/dim: they have a meaning for whole intensities under the logistic or a normal likelihood, "
    "and for binary pixels under the bernoulli one, which gives gray pixels the expected log-probability of binary "
    "ones.",
    "real": "No bits/dim: a density of real numbers depends on their unit.",
}
GRAY_LIKELIHOOD = (
    " Of gray pixels under the bernoulli likelihood it stays below the expected log p of binary ones, which "
    "--binarize measures."
)
CLASS_FIGURES = ("knn_accuracy", "linear_probe_accuracy", "clustering_accuracy")


def protocol(
    config: Config, spec: Spec, counts: dict[str, int], known: set[str], meaning: str | None
) -> dict[str, str]:
    """Return what each group of figures is measured on and how, a sentence or two for each.

    Args:
        config: The settings of the evaluation.
        spec: The model's.
        counts: How many `rows` were evaluated, how many `training` rows were reference; how many `samples` were
            drawn; the `pairs`, `map` and `clustered` rows of the figures that are measured on some of the rows.
        known: The names of the figures that there are.
        meaning: What bits mean; see `bits_meaning`.
    """
    words = {
        "rows": f"{counts['rows']:,} rows, none of which the model was fitted to.{_chosen(config)}",
        "binarization": _binarization(config),
        "errors": "± is one standard error: how far the figure may be from that of endlessly many such rows. The "
        "model is taken as it is; that another seed fits another one is not part of it.",
        "bound": _bound(known),
        "log_likelihood": _log_likelihood(counts["samples"], known, spec, meaning),
        "bits_per_dim": _bits(meaning, spec, known),
        "information": _information(counts["pairs"]) if "mutual_information" in known else "",
        "reconstruction": _reconstruction(spec, known),
        "map": f"Trustworthiness: {NEIGHBORS} neighbors among {counts['map']:,} rows; its error takes their terms "
        "for independent, which is only nearly so."
        if "trustworthiness" in known
        else "",
        "classes": _classes(counts, known),
        "condition": "Encoder and decoder were told each row's class: what the latent means know of classes may be "
        "that."
        if spec.conditions
        else "",
    }
    return {name: text for name, text in words.items() if text}


def _chosen(config: Config) -> str:
    if not config.chooses_epoch:
        return ""
    return " The run's own held-out rows have chosen its epoch, so that figures on them are a little too good."


def _binarization(config: Config) -> str:
    if config.binarize == "none":
        return "Binarization none: values as they are in the data."
    return (
        f"Binarization {config.binarize}: for these figures each pixel was drawn once, on with the chance that its "
        "intensity says, from a fixed seed."
    )


def _bound(known: set[str]) -> str:
    if "negative_elbo" not in known:
        return "A plain autoencoder has no bound: the distortion is that at the latent mean."
    return f"Negative ELBO = distortion + rate, with {DRAWS} draws of z a row; the draws' noise is part of the error."


def _log_likelihood(samples: int, known: set[str], spec: Spec, meaning: str | None) -> str:
    if "log_likelihood" not in known:
        return "" if "negative_elbo" not in known else "Log-likelihood: not asked for (samples = 0)."
    words = (
        f"Log-likelihood: importance-weighted, {samples:,} draw{'s' if samples > 1 else ''} of z a row. It is a "
        "lower bound in expectation, which rises to log p(x) with more."
    )
    gray = spec.kind == "intensity" and meaning is None
    return words + (GRAY_LIKELIHOOD if gray else "")


def _bits(meaning: str | None, spec: Spec, known: set[str]) -> str:
    if "negative_elbo" not in known:
        return ""
    what = {
        "mass": "the probability of the values themselves.",
        "cells": "each value spread evenly over a cell of width 1, which bounds the probability of whole numbers.",
    }
    if meaning is None:
        return NO_BITS[spec.kind]
    return f"Bits/dim: the negative ELBO over the number of values and ln 2; {what[meaning]}"


def _information(pairs: int) -> str:
    return (
        f"Mutual information and marginal KL: with the aggregate posterior of {pairs:,} rows. So the information is "
        f"at most ln {pairs:,} = {math.log(pairs):.2f} nats; with the marginal KL it is these rows' rate."
    )


def _reconstruction(spec: Spec, known: set[str]) -> str:
    unit = "the full scale squared" if spec.kind == "intensity" else "each column's variance in training"
    words = f"Reconstruction: decoded latent means; MSE in units of {unit}"
    words += ", PSNR of that MSE" if "psnr" in known else ""
    words += ", SSIM in windows of 11 × 11 pixels" if "ssim" in known else ""
    small = spec.is_image and spec.kind == "intensity" and "ssim" not in known
    return words + ("; no SSIM, as the images are smaller than its window." if small else ".")


def _classes(counts: dict[str, int], known: set[str]) -> str:
    if not known.intersection(CLASS_FIGURES):
        return ""
    words = []
    if "knn_accuracy" in known:
        words.append(
            f"{NEIGHBORS}-nn and linear probe: learned from latent means of {counts['training']:,} training rows."
        )
    if "clustering_accuracy" in known:
        words.append(
            f"Clustering: k-means on the latent means of {counts['clustered']:,} rows, as many clusters as classes; "
            f"errors by {RESAMPLES} bootstrap resamples of rows with the clusters held."
        )
    return " ".join(words)
