"""The result of a method: its metrics on held-out rows, its map, and some reconstructions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from enfold.data.dataset import Dataset
from enfold.inference import chunks, in_one
from enfold.metrics import maps
from enfold.metrics.intervals import NOTHING, Measurement
from enfold.metrics.reconstruction import squared_error
from enfold.metrics.registry import METRICS
from enfold.reductions.methods import Job, Reduction
from enfold.rows import Examples, selected
from enfold.spec import Spec

SHOWN_IMAGES, SHOWN_ROWS = 12, 500  # at most, whose reconstructions are kept
APART = 2.0  # standard errors of a difference; smaller differences do not count
COMPARED = ("knn_accuracy", "trustworthiness", "reconstruction_mse", "train_seconds")  # the most important first


@dataclass(frozen=True)
class Result:
    """The result of a method.

    Attributes:
        metrics: Each of `COMPARED` with its standard error; those that are unknown are None.
        fitted: How many training rows it was fitted to.
        reconstructed_rows: How many held-out rows, the first ones, the reconstruction MSE is of; 0: it cannot decode.
        z: Where it places the held-out rows, (n, latent_dim).
        reconstructed: The reconstructions of the first of them, raw, (at most 12 images or 500 rows, *shape).
    """

    metrics: Mapping[str, Measurement]
    fitted: int
    reconstructed_rows: int
    z: np.ndarray
    reconstructed: np.ndarray


def measured(reduction: Reduction, job: Job, held_out: Dataset) -> Result:
    """Return the result of a method on rows that it was not fitted to."""
    z = np.asarray(reduction.place(held_out.x), np.float32)
    errors, reconstructed = _reconstructed(reduction, held_out.x, z, job.spec)
    metrics = {
        "reconstruction_mse": maps.mean_of(errors) if len(errors) else NOTHING,
        "knn_accuracy": _knn_accuracy(reduction, job, held_out, z),
        "trustworthiness": maps.trustworthiness(held_out, z, job.spec),
        "train_seconds": Measurement(reduction.seconds),
    }
    return Result(metrics, len(reduction.fitted), len(errors), z, reconstructed)


def best(metrics: Mapping[str, Mapping[str, Measurement]]) -> dict[str, list[str]]:
    """Return for each metric the methods that are best, the best first, then those within two standard errors of it.

    The error of a difference is that of independent rows. As the methods share their rows, the true one is smaller.

    Args:
        metrics: Those of each method, by name.
    """
    return {name: _best({method: found[name] for method, found in metrics.items()}, name) for name in COMPARED}


def listed(words: Sequence[str]) -> str:
    """Return the words as in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _best(measured: Mapping[str, Measurement], name: str) -> list[str]:
    sign = -1 if METRICS[name].better == "higher" else 1
    known = sorted(
        (sign * value, error or 0, method) for method, (value, error) in measured.items() if value is not None
    )
    if not known:
        return []
    least, its_error, _ = known[0]
    return [method for value, error, method in known if value - least <= APART * math.hypot(error, its_error)]


def _reconstructed(reduction: Reduction, x: Examples, z: np.ndarray, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared errors of the first rows, and the reconstructions of some of them."""
    reconstruct = reduction.reconstruct
    if reconstruct is None:
        return np.empty(0), np.empty((0, *spec.shape), np.float32)
    first = slice(reduction.reconstructed_rows)
    z, x = z[first], selected(x, first)
    pairs = ((spec.vectors(a), spec.vectors(reconstruct(b))) for a, b in zip(chunks(x), chunks(z), strict=True))
    errors = in_one(z, (squared_error(a.astype(np.float64), b) for a, b in pairs))
    return errors, reconstruct(z[: SHOWN_IMAGES if spec.is_image else SHOWN_ROWS]).astype(np.float32)


def _knn_accuracy(reduction: Reduction, job: Job, held_out: Dataset, z: np.ndarray) -> Measurement:
    used = job.training[reduction.fitted]
    some = maps.reference_rows(used, held_out)
    if some is None:
        return NOTHING
    points = reduction.place(used[some].x) if reduction.known is None else reduction.known[some]
    return maps.knn_accuracy(points, used.labels[some], held_out, z)
