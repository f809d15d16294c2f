"""Where the examples lie in the latent space."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from enfold.data.dataset import class_labels, class_name
from enfold.plots.style import ACCENT, INK, PAPER, QUALITATIVE, SEQUENTIAL, UNLABELED, figure, short, styled
from enfold.rows import drawn
from enfold.spec import Spec

MARKERS = ("o", "^", "s", "D", "P")  # ten classes each, in the same colors
JITTER = 0.36  # half the height of a class's strip, whose distance to the next is 1
BINS = 60
SAME_PLACE = 1e-5  # of the map's extent: codes are equal up to rounding
DISC = 0.45  # the radius of the fullest place, of the distance between places
GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
NAMES_APART = 0.04  # of the map's extent
OF_A_CLASS = 1_000  # points, at most, among which its name's place is sought


@styled()
def latent_map(means: np.ndarray, labels: np.ndarray, spec: Spec, axes: tuple[int, ...]) -> Figure:
    """Return the posterior means of held-out examples in the plane of two latent axes, colored by label.

    Classes have a legend and their names where they are densest, numbers a color bar; examples without a label are
    gray and beneath. Along a single latent axis, each class has its own strip, and numbers are the height. Where many
    examples share a place, as those with one code do, they are drawn side by side around it.

    Args:
        means: Posterior means, (n, latent_dim).
        labels: (n,), NaN where missing.
        spec: What the examples are; it has the names of the classes.
        axes: The one or two latent dimensions to show.
    """
    if len(axes) == 1:
        return _line(means[:, axes[0]], labels, spec, axes[0])
    drawing = figure(10, 10)
    plane = drawing.subplots()
    plane.set_title(_title(means, axes))
    plane.set(xlabel=f"z{axes[0]}", ylabel=f"z{axes[1]}")
    points = _side_by_side(means[:, list(axes)], labels)
    scatter(plane, points, labels)
    plane.set_aspect("equal", adjustable="datalim")
    name_classes(plane, points, labels, spec)
    legend(drawing, labels, spec)
    color_bar(drawing, plane, labels, spec)
    return drawing


def _line(means: np.ndarray, labels: np.ndarray, spec: Spec, axis: int) -> Figure:
    """Return the only latent axis, with a strip for each class or numbers above it, or as a histogram."""
    classes = class_labels(labels)
    strips = 0 if classes is None else len(classes) + int(np.isnan(labels).any())
    drawing = figure(10, 1.2 + 0.5 * strips if strips else 5)
    plane = drawing.subplots()
    plane.set_title(_title(means[:, None], (axis,)))
    plane.set_xlabel(f"z{axis}")
    if np.isnan(labels).all():
        plane.hist(means, BINS, color=ACCENT)
        plane.set_ylabel("examples")
        return drawing
    scatter(plane, np.stack([means, heights(labels)], 1), labels)
    if classes is None:
        plane.set_ylabel(spec.label or "label")
    else:
        names = [short(class_name(label, spec), 16) for label in classes]
        plane.set_yticks(range(strips), [*names, "unlabeled"][:strips], size=10, color=INK)
        plane.set_ylim(strips - 0.4, -0.6)
        plane.tick_params(axis="y", length=0)
    return drawing


def _title(means: np.ndarray, axes: tuple[int, ...]) -> str:
    n, dim = means.shape
    title = f"Posterior means of {n:,} held-out examples"
    if dim <= len(axes):
        return title
    return f"{title}\ndimensions z{axes[0]} and z{axes[1]} of z0…z{dim - 1}, those with the most variance"


def scatter(axes: Axes, points: np.ndarray, labels: np.ndarray, scale: float = 1.0) -> None:
    """Draw (n, 2) points, all of a marker at once, so that no class lies above all others."""
    known, classes = ~np.isnan(labels), class_labels(labels)
    size, alpha = np.clip(700 / np.sqrt(len(points)), 2, 60), np.clip(40 / np.sqrt(len(points)), 0.3, 0.85)
    look = {"s": scale * size, "alpha": alpha, "linewidths": 0}
    if not known.all():
        axes.scatter(*points[~known].T, color=UNLABELED if known.any() else ACCENT, **look)
    if classes is None and known.any():
        axes.scatter(*points[known].T, c=labels[known], cmap=SEQUENTIAL, **look)
    elif classes is not None:
        palette, position = colors.to_rgba_array(QUALITATIVE), np.searchsorted(classes, labels)
        for turn, marker in enumerate(MARKERS):
            rows = known & (position // len(palette) == turn)
            axes.scatter(*points[rows].T, c=palette[position[rows] % len(palette)], marker=marker, **look)


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
    """Return how high to draw examples on a line, (n,): in their class's strip, jittered, or at their number."""
    classes = class_labels(labels)
    if classes is None and not np.isnan(labels).all():
        return np.nan_to_num(labels, nan=np.nanmin(labels))
    classes = np.empty(0) if classes is None else classes
    position = np.where(np.isnan(labels), len(classes), np.searchsorted(classes, labels))
    return position + np.random.default_rng(0).uniform(-JITTER, JITTER, len(labels))


def name_classes(axes: Axes, points: np.ndarray, labels: np.ndarray, spec: Spec, size: int = 12) -> None:
    """Write each class's name at the one of its (n, 2) points about which they are densest."""
    placed: list[np.ndarray] = []
    for i, label in enumerate(_listed(class_labels(labels))):
        placed.append(_free_place(points[labels == label], placed, NAMES_APART * np.ptp(points, axis=0).max()))
        x, y = placed[-1]
        badge = {"boxstyle": "round,pad=0.25", "fc": PAPER, "ec": QUALITATIVE[i % 10], "lw": 1.5}
        name = short(class_name(label, spec), 16)
        axes.text(x, y, name, ha="center", va="center", size=size, weight="bold", color=INK, bbox=badge)


def _free_place(points: np.ndarray, taken: Sequence[np.ndarray], apart: float) -> np.ndarray:
    """Return the point about which they are densest, off the places taken; a middle may lie outside of a class.

    The density is a sum of normal kernels, by Scott's rule as wide as they are for a normal one (Scott 1992,
    "Multivariate density estimation").
    """
    some = points[drawn(len(points), OF_A_CLASS)]
    width = max(float(some.std(0).mean()), 1e-12) * len(some) ** (-1 / 6)
    some = some[np.argsort(-np.exp(-cdist(some, some, "sqeuclidean") / (2 * width**2)).sum(1), kind="stable")]
    free = np.all([np.linalg.norm(some - place, axis=1) >= apart for place in taken], axis=0) if taken else [True]
    return some[np.argmax(free)]


def legend(drawing: Figure, labels: np.ndarray, spec: Spec) -> None:
    """Say which class has which color."""
    classes, unlabeled = _listed(class_labels(labels)), np.isnan(labels)
    names = [short(class_name(label, spec)) for label in classes]
    handles = [_dot(QUALITATIVE[i % 10], MARKERS[i // 10]) for i in range(len(classes))]
    if unlabeled.any() and not unlabeled.all():
        names, handles = [*names, "unlabeled"], [*handles, _dot(UNLABELED, "o")]
    if names:
        drawing.legend(handles, names, loc="outside right upper", handletextpad=0.1, fontsize=10)


def _dot(color: str, marker: str) -> Line2D:
    return Line2D([], [], color=color, marker=marker, markersize=8, linestyle="", markeredgewidth=0)


def color_bar(drawing: Figure, axes: Axes | Sequence[Axes], labels: np.ndarray, spec: Spec) -> None:
    """Say which number has which color."""
    known = labels[~np.isnan(labels)]
    if len(known) and class_labels(labels) is None:
        scale = ScalarMappable(colors.Normalize(known.min(), known.max()), SEQUENTIAL)
        bar = drawing.colorbar(scale, ax=axes, shrink=0.5, aspect=30, label=spec.label or "label")
        bar.outline.set_visible(False)


def _listed(classes: np.ndarray | None) -> Sequence[float]:
    return [] if classes is None else classes.tolist()
