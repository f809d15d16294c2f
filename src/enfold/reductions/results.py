"""What came of a method: its figures on held-out rows, its map, and some rows rebuilt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from enfold.data.dataset import Dataset
from enfold.inference import chunks, in_one
from enfold.metrics import maps
from enfold.metrics.intervals import NOTHING, Figure, with_error
from enfold.metrics.reconstruction import squared_error
from enfold.reductions.methods import Job, Reduction
from enfold.rows import Examples, selected
from enfold.spec import Spec

SHOWN_IMAGES, SHOWN_ROWS = 12, 500  # whose reconstructions are kept
APART = 2.0  # standard errors of a difference, from which on it is told


class Kind(NamedTuple):
    """A figure that is compared: what to call it, whether more is better, decimals where no error says how many."""

    label: str
    more: bool
    places: int


FIGURES = {
    "reconstruction_mse": Kind("reconstruction MSE", False, 4),
    "knn_accuracy": Kind("5-nn accuracy", True, 3),
    "trustworthiness": Kind("trustworthiness", True, 3),
    "seconds": Kind("seconds", False, 1),
}


@dataclass(frozen=True)
class Result:
    """What came of a method.

    Attributes:
        figures: Each with its standard error; those that are not known are None.
        fitted: How many training rows it was fitted to.
        rebuilt_rows: Of how many held-out rows, the first, the reconstruction error is; 0: it does not decode.
        z: Where it places the held-out rows, (n, latent_dim).
        rebuilt: The first of them rebuilt, raw, (at most 12 images or 500 rows, *shape).
    """

    figures: Mapping[str, Figure]
    fitted: int
    rebuilt_rows: int
    z: np.ndarray
    rebuilt: np.ndarray


def measured(reduction: Reduction, job: Job, held_out: Dataset) -> Result:
    """Return what came of a method, on rows that it was not fitted to."""
    z = np.asarray(reduction.place(held_out.x), np.float32)
    errors, rebuilt = _rebuilt(reduction, held_out.x, z, job.spec)
    figures = {
        "reconstruction_mse": maps.mean_of(errors) if len(errors) else NOTHING,
        "knn_accuracy": _knn_accuracy(reduction, job, held_out, z),
        "trustworthiness": maps.trustworthiness(held_out, z, job.spec),
        "seconds": Figure(reduction.seconds),
    }
    return Result(figures, len(reduction.fitted), len(errors), z, rebuilt)


def best(figures: Mapping[str, Mapping[str, Figure]]) -> dict[str, list[str]]:
    """Return for each figure the methods that are best, the best first, then those within two standard errors of it.

    The error is of the difference as if each method had rows of its own; it is smaller, as they share them.

    Args:
        figures: Of each method, by their names.
    """
    return {name: _best({method: found[name] for method, found in figures.items()}, name) for name in FIGURES}


def shown(name: str, figure: Figure) -> str:
    """Return a figure with ± its standard error, or a dash."""
    if figure.value is None:
        return "–"
    if not figure.error and figure.value < 1:
        return f"{figure.value:.2g}"
    return with_error(figure.value, figure.error, FIGURES[name].places)


def listed(words: Sequence[str]) -> str:
    """Return the words as a sentence has them: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _best(figures: Mapping[str, Figure], name: str) -> list[str]:
    sign = -1 if FIGURES[name].more else 1
    known = sorted(
        (sign * value, error or 0, method) for method, (value, error) in figures.items() if value is not None
    )
    if not known:
        return []
    least, its_error, _ = known[0]
    return [method for value, error, method in known if value - least <= APART * math.hypot(error, its_error)]


def _rebuilt(reduction: Reduction, x: Examples, z: np.ndarray, spec: Spec) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared errors of the first rows, and some of these rows rebuilt."""
    rebuild = reduction.rebuild
    if rebuild is None:
        return np.empty(0), np.empty((0, *spec.shape), np.float32)
    first = slice(reduction.rebuilds)
    z, x = z[first], selected(x, first)
    pairs = ((spec.vectors(a), spec.vectors(rebuild(b))) for a, b in zip(chunks(x), chunks(z), strict=True))
    errors = in_one(z, (squared_error(a.astype(np.float64), b) for a, b in pairs))
    return errors, rebuild(z[: SHOWN_IMAGES if spec.is_image else SHOWN_ROWS]).astype(np.float32)


def _knn_accuracy(reduction: Reduction, job: Job, held_out: Dataset, z: np.ndarray) -> Figure:
    used = job.training[reduction.fitted]
    some = maps.reference_rows(used, held_out)
    if some is None:
        return NOTHING
    points = reduction.place(used[some].x) if reduction.known is None else reduction.known[some]
    return maps.knn_accuracy(points, used.labels[some], held_out, z)
