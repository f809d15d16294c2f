"""Several methods side by side: their maps and their reconstructions of the same rows."""

import math
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enfold.latent import shown_axes
from enfold.plots.images import CLEAR, tiled, tiles
from enfold.plots.latent import are_few, color_bar, heights, legend, name_classes, scatter
from enfold.plots.style import LINE, QUALITATIVE, bare, figure, short, styled
from enfold.spec import Spec

MOST_ACROSS = 4
MOST_COLUMNS = 12  # of a table
PANEL = 3.6  # inches
GAPS = 12  # between the rows of images, of their height
LABELED = 10.4  # inches of twelve that images have beside their names
SMALL = 0.35  # of a large map's points
EDGE = 0.3  # of a row's height, above and below its dots


@dataclass(frozen=True)
class Panel:
    """A method's map and reconstructions.

    Attributes:
        title: The method.
        note: Its metrics, in a few words.
        points: Where it places the rows, (n, d).
        reconstructed: Its reconstructions of the first of them, raw, (m, *shape); or none.
    """

    title: str
    note: str = ""
    points: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    reconstructed: np.ndarray = field(default_factory=lambda: np.empty(0))


@styled()
def maps(panels: list[Panel], labels: np.ndarray, spec: Spec, faded: np.ndarray | None = None) -> Figure:
    """Return the maps of several methods, colored by label; each has a scale of its own.

    Of more than two dimensions the two with the most variance are shown; a single one has the label as its height.

    Args:
        panels: The methods.
        labels: (n,), NaN where missing.
        spec: The shape, kind and range of the data.
        faded: Which rows to draw smaller and lighter, (n,) bool.
    """
    n = len(panels)
    across = n if n <= MOST_ACROSS else math.ceil(n / 2)
    down = math.ceil(n / across)
    drawing = figure(across * PANEL + 1, down * (PANEL + 0.5))
    axes = drawing.subplots(down, across, squeeze=False).ravel().tolist()
    for spare in axes[n:]:
        spare.remove()
    for plane, panel in zip(axes, panels, strict=False):
        _map(plane, panel, labels, spec, faded)
    if not are_few(labels):
        legend(drawing, labels, spec)
    color_bar(drawing, axes[:n], labels, spec)
    return drawing


@styled()
def reconstructed_by(panels: list[Panel], x: np.ndarray, spec: Spec) -> Figure | None:
    """Return the reconstructions of several methods: images beneath the originals; of a table, each column's error.

    Args:
        panels: The methods; those without reconstructions are left out.
        x: The originals, raw, (m, *shape).
        spec: Their shape, kind and range.
    """
    decoding = [panel for panel in panels if len(panel.reconstructed)]
    if not decoding:
        return None
    return _images(decoding, x, spec) if spec.is_image else _losses(decoding, x, spec)


def _map(plane: Axes, panel: Panel, labels: np.ndarray, spec: Spec, faded: np.ndarray | None) -> None:
    chosen = panel.points[:, list(shown_axes(panel.points))]
    is_line = chosen.shape[1] == 1
    points = np.column_stack([chosen, heights(labels)]) if is_line else chosen
    scatter(plane, points, labels, SMALL, faded)
    if not is_line:
        plane.set_aspect("equal", adjustable="datalim")
        if are_few(labels):
            name_classes(plane, points, labels, spec, size=8)
    plane.set_title(short(panel.title), weight="bold")
    plane.set_xlabel(panel.note)
    plane.set(xticks=[], yticks=[])
    plane.spines[:].set(visible=True, color=LINE)


def _images(panels: list[Panel], x: np.ndarray, spec: Spec) -> Figure:
    rows = {"original": x, **{f"{panel.title}\n{panel.note}".strip(): panel.reconstructed for panel in panels}}
    strips = [tiled(tiles(images[: len(x)], spec), len(x)) for images in rows.values()]
    gap = max(strips[0].shape[0] // GAPS, 1)
    clear = np.broadcast_to(CLEAR, (gap, *strips[0].shape[1:]))
    canvas = np.concatenate([part for strip in strips for part in (strip, clear)])[:-gap]
    drawing = figure(12, LABELED * canvas.shape[0] / canvas.shape[1] + 0.1)
    drawing.set_layout_engine("compressed")  # the other leaves no room for names beside what has an aspect
    axes = drawing.subplots()
    axes.imshow(canvas)
    bare(axes)
    pitch = strips[0].shape[0] + gap
    axes.set_yticks((np.arange(len(rows)) + 0.5) * pitch - gap / 2, list(rows), size=10)
    axes.tick_params(length=0)
    return drawing


def _losses(panels: list[Panel], x: np.ndarray, spec: Spec) -> Figure:
    """Return for each of a table's columns the error of each method, as dots on a line."""
    n = min(len(spec.columns), MOST_COLUMNS)
    drawing = figure(10, 1.2 + 0.42 * n)
    axes = drawing.subplots()
    places = np.linspace(-EDGE, EDGE, len(panels)) if len(panels) > 1 else np.zeros(1)
    for i, panel in enumerate(panels):
        scaled = (panel.reconstructed - x[: len(panel.reconstructed)]) / spec.scale
        axes.scatter(
            np.square(scaled).mean(0)[:n],
            np.arange(n) + places[i],
            s=42,
            color=QUALITATIVE[i % 10],
            label=panel.title,
        )
    axes.axvline(1, color=LINE, lw=1)
    axes.set_yticks(range(n), [short(column.name) for column in spec.columns[:n]])
    axes.set(
        ylim=(n - 0.4, -0.6), xlabel="squared error, in variances of the column: 0 is perfect, 1 is that of its mean"
    )
    axes.set_xlim(left=0)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)
    if n < len(spec.columns):
        axes.set_title(f"the first {n} of {len(spec.columns)} columns")
    drawing.legend(loc="outside right upper")
    return drawing
