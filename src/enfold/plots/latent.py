"""Where the rows lie in the latent space."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from enfold.data.dataset import class_labels, class_name
from enfold.plots.style import ACCENT, QUALITATIVE, SEQUENTIAL, UNLABELED, figure, short, styled
from enfold.rows import drawn
from enfold.spec import Spec

SIDE = 6.6  # inches
MOST_NAMED = 12  # classes whose names are on the map; more would hide it, and have a legend
MARKERS = ("o", "^", "s", "D", "P")  # ten classes each, in the same colors
JITTER = 0.36  # half the height of a class's strip, whose distance to the next is 1
FADED = 0.5  # the opacity and the size of training rows, of those of held-out ones
BINS = 60
SAME_PLACE = 1e-5  # of the map's extent: codes are equal up to rounding
DISC = 0.45  # the radius of the fullest place, of the distance between places
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
NAMES_APART = 0.05  # of the map's extent
OF_A_CLASS = 1_000  # points, at most, among which its name's place is sought


@styled()
def latent_map(
    means: np.ndarray, labels: np.ndarray, spec: Spec, axes: tuple[int, ...], faded: np.ndarray | None = None
) -> Figure:
    """Return the posterior means of rows in the plane of two latent dimensions, colored by label.

    Up to 12 classes have their names where they are densest, more have a legend, numbers a color bar; rows without a
    label are gray and beneath. Along a single latent dimension, each class has its own strip, and numbers are the
    height. Rows that share a place, as those with one code do, are drawn side by side around it.

    Args:
        means: Posterior means, (n, latent_dim).
        labels: (n,), NaN where missing.
        spec: What the rows are; it has the names of the classes.
        axes: The one or two latent dimensions to show.
        faded: Which rows to draw smaller and lighter, (n,) bool.
    """
    if len(axes) == 1:
        return _line(means[:, axes[0]], labels, spec, axes[0], faded)
    drawing = figure(SIDE, SIDE)
    plane = drawing.subplots()
    plane.set(xlabel=f"z{axes[0]}", ylabel=f"z{axes[1]}")
    points = _side_by_side(means[:, list(axes)], labels)
    scatter(plane, points, labels, faded=faded)
    plane.set_aspect("equal", adjustable="datalim")
    if are_few(labels):
        name_classes(plane, points, labels, spec)
    else:
        legend(drawing, labels, spec)
    color_bar(drawing, plane, labels, spec)
    return drawing


def _line(means: np.ndarray, labels: np.ndarray, spec: Spec, axis: int, faded: np.ndarray | None) -> Figure:
    """Return the only latent dimension, with a strip for each class or numbers above it, or as a histogram."""
    classes = class_labels(labels)
    strips = 0 if classes is None else len(classes) + int(np.isnan(labels).any())
    drawing = figure(SIDE, 1.2 + 0.5 * strips if strips else 4)
    plane = drawing.subplots()
    plane.set_xlabel(f"z{axis}")
    if np.isnan(labels).all():
        plane.hist(means, BINS, color=ACCENT)
        plane.set_ylabel("rows")
        return drawing
    scatter(plane, np.stack([means, heights(labels)], 1), labels, faded=faded)
    if classes is None:
        plane.set_ylabel(spec.label or "label")
    else:
        names = [short(class_name(label, spec), 16) for label in classes]
        plane.set_yticks(range(strips), [*names, "no label"][:strips], size=10)
        plane.set_ylim(strips - 0.4, -0.6)
        plane.tick_params(axis="y", length=0)
    return drawing


def scatter(
    axes: Axes, points: np.ndarray, labels: np.ndarray, scale: float = 1.0, faded: np.ndarray | None = None
) -> None:
    """Draw (n, 2) points, all of a marker at once, so that no class lies above all others."""
    known, classes = ~np.isnan(labels), class_labels(labels)
    strength = np.ones(len(points)) if faded is None else np.where(faded, FADED, 1.0)
    root = np.sqrt(strength.sum())
    size, alpha = scale * np.clip(400 / root, 2, 36) * strength, np.clip(40 / root, 0.3, 0.85) * strength

    def draw(rows: np.ndarray, **look: Any) -> None:
        axes.scatter(*points[rows].T, s=size[rows], alpha=alpha[rows], linewidths=0, **look)

    if not known.all():
        draw(~known, color=UNLABELED if known.any() else ACCENT)
    if classes is None and known.any():
        draw(known, c=labels[known], cmap=SEQUENTIAL)
    elif classes is not None:
        palette, position = colors.to_rgba_array(QUALITATIVE), np.searchsorted(classes, labels)
        for turn, marker in enumerate(MARKERS):
            rows = known & (position // len(palette) == turn)
            if rows.any():
                draw(rows, c=palette[position[rows] % len(palette)], marker=marker)


def _side_by_side(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (n, 2) points of which most share their places, spread over a disc around each, class by class."""
    same = SAME_PLACE * max(float(np.ptp(points)), 1e-12)
    steps, which, counts = np.unique(np.rint(points / same), axis=0, return_inverse=True, return_counts=True)
    places = steps * same
    if not 1 < len(places) <= len(points) / 2:
        return points
    distances, _ = NearestNeighbors(n_neighbors=2).fit(places).kneighbors(places)
    order = np.lexsort((labels, which))
    rank = np.empty(len(points))
    rank[order] = np.arange(len(points)) - np.repeat(np.cumsum(counts) - counts, counts)
    radius = DISC * np.median(distances[:, 1]) * np.sqrt((rank + 0.5) / counts.max())
    angle = GOLDEN_ANGLE * rank  # as in a sunflower (Vogel 1979, "A better way to construct the sunflower head")
    return points + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def heights(labels: np.ndarray) -> np.ndarray:
    """Return how high to draw rows on a line, (n,): in their class's strip, jittered, or at their number."""
    classes = class_labels(labels)
    if classes is None and not np.isnan(labels).all():
        return np.nan_to_num(labels, nan=np.nanmin(labels))
    classes = np.empty(0) if classes is None else classes
    position = np.where(np.isnan(labels), len(classes), np.searchsorted(classes, labels))
    return position + np.random.default_rng(0).uniform(-JITTER, JITTER, len(labels))


def name_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, spec: Spec, size: int = 10) -> None:
    """Write the name of each class at the one of its (n, 2) points about which they are densest."""
    placed: list[np.ndarray] = []
    for i, label in enumerate(_listed(labels)):
        placed.append(_free_place(points[labels == label], placed, NAMES_APART * np.ptp(points, axis=0).max()))
        x, y = placed[-1]
        name, color = short(class_name(label, spec), 16), QUALITATIVE[i % 10]
        badge = {"boxstyle": "round,pad=0.25", "fc": color, "lw": 0}
        axes.text(x, y, name, ha="center", va="center", size=size, weight="bold", color=_on(color), bbox=badge)


def _on(color: str) -> str:
    """Return black or white, whichever can be read on a color."""
    red, green, blue = colors.to_rgb(color)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.53 else "white"


def _free_place(points: np.ndarray, taken: Sequence[np.ndarray], apart: float) -> np.ndarray:
    """Return the point about which they are densest, off the places taken; a middle may lie outside of a class.

    The density is a sum of Gaussian kernels whose width is that of Scott's rule (Scott 1992, "Multivariate density
    estimation").
    """
    some = points[drawn(len(points), OF_A_CLASS)]
    width = max(float(some.std(0).mean()), 1e-12) * len(some) ** (-1 / 6)
    some = some[np.argsort(-np.exp(-cdist(some, some, "sqeuclidean") / (2 * width**2)).sum(1), kind="stable")]
    free = np.all([np.linalg.norm(some - place, axis=1) >= apart for place in taken], axis=0) if taken else [True]
    return some[np.argmax(free)]


def legend(drawing: Figure, labels: np.ndarray, spec: Spec) -> None:
    """Say which class has which color."""
    classes = _listed(labels)
    names = [short(class_name(label, spec), 16) for label in classes]
    looks = [(QUALITATIVE[i % 10], MARKERS[i // 10]) for i in range(len(classes))]
    if np.isnan(labels).any():
        names, looks = [*names, "no label"], [*looks, (UNLABELED, "o")]
    handles = [Line2D([], [], color=c, marker=m, markersize=7, linestyle="", markeredgewidth=0) for c, m in looks]
    columns = {"ncols": 1 + len(names) // 30, "columnspacing": 1, "handletextpad": 0.1}
    drawing.legend(handles, names, loc="outside right upper", fontsize=9, **columns)


def color_bar(drawing: Figure, axes: Axes | Sequence[Axes], labels: np.ndarray, spec: Spec) -> None:
    """Say which number has which color."""
    known = labels[~np.isnan(labels)]
    if len(known) and class_labels(labels) is None:
        scale = ScalarMappable(colors.Normalize(known.min(), known.max()), SEQUENTIAL)
        bar = drawing.colorbar(scale, ax=axes, shrink=0.5, aspect=30, label=spec.label or "label")
        bar.outline.set_visible(False)


def are_few(labels: np.ndarray) -> bool:
    """Return whether the names of all classes have room on a map."""
    return len(_listed(labels)) <= MOST_NAMED


def _listed(labels: np.ndarray) -> Sequence[float]:
    classes = class_labels(labels)
    return [] if classes is None else classes.tolist()
