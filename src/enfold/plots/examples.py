"""Examples as they are, as they are rebuilt, and as the model makes them up."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enfold.data.dataset import class_name
from enfold.plots.images import GRAY, pixels, sheet
from enfold.plots.style import DIVERGING, INK, bare, figure, short, styled
from enfold.plots.tables import agreement, heat_map
from enfold.spec import Spec

COLUMNS = 8
MOST_PAIRS = 12
MOST_ROWS = 32
PITCH = 1.1  # from one tile to the next, in tiles' widths
CAPTION = 0.32  # inches


@styled()
def samples(x: np.ndarray, labels: np.ndarray, spec: Spec) -> Figure:
    """Return examples with their labels, if any has one: four 2 × 2, more in eight columns; a table as a heat map.

    Args:
        x: Raw examples, (n, *shape).
        labels: (n,), NaN where missing.
        spec: What they are.
    """
    missing = "" if np.isnan(labels).all() else "unlabeled"
    names = [missing if np.isnan(label) else short(class_name(label, spec), 14) for label in labels]
    if not spec.is_image:
        return heat_map(x[:MOST_ROWS], spec, names[:MOST_ROWS])
    side, columns = (5, 2) if len(x) <= 4 else (8, COLUMNS)
    tile = side / (columns * PITCH)
    height = spec.shape[1] / spec.shape[2]  # in tiles' widths, as what is below it
    caption = CAPTION / tile if any(names) else PITCH - 1
    down = math.ceil(len(x) / columns) * (height + caption)
    drawing = figure(side, down * tile)
    axes = drawing.subplots()
    bare(axes)
    for i, (image, name) in enumerate(zip(pixels(x, spec), names, strict=True)):
        left, top = i % columns * PITCH, i // columns * (height + caption)
        axes.imshow(image, extent=(left, left + 1, top + height, top), **GRAY)
        axes.text(left + 0.5, top + height + 0.2 * caption, name, ha="center", va="top")
    axes.set(xlim=(0, columns * PITCH - PITCH + 1), ylim=(down, 0), aspect="equal")
    return drawing


@styled()
def reconstructions(x: np.ndarray, x_hat: np.ndarray, spec: Spec, *, seen: np.ndarray | None = None) -> Figure:
    """Return up to 12 originals over their reconstructions over the differences; a table's, one by the other.

    Args:
        x: Raw examples, (n, *shape).
        x_hat: Their reconstructions, (n, *shape).
        spec: What they are.
        seen: What the encoder was given instead of the images, (n, *shape); they are then the first row.
    """
    if not spec.is_image:
        return agreement(x, x_hat, spec)
    rows = (
        [("original", x), ("rebuilt", x_hat)]
        if seen is None
        else [("seen", seen), ("original", x), ("rebuilt", x_hat)]
    )
    difference = _difference(x[:MOST_PAIRS], x_hat[:MOST_PAIRS], spec)
    limit = float(np.nanmax(np.abs(difference), initial=1e-6))
    drawing = figure(12, 12 * 1.1 * (len(rows) + 1) * difference.shape[0] / difference.shape[1])
    axes = drawing.subplots(len(rows) + 1)
    for each, (name, images) in zip(axes, rows, strict=False):
        each.imshow(sheet(images[:MOST_PAIRS], spec, len(x[:MOST_PAIRS])), **GRAY)
        _titled(each, name)
    field = axes[-1].imshow(difference, cmap=DIVERGING, vmin=-limit, vmax=limit)
    _titled(axes[-1], "difference")
    bar = drawing.colorbar(field, ax=axes, shrink=0.7, aspect=18, fraction=0.02, pad=0.01)
    bar.set_label("rebuilt − original, of full scale")
    bar.outline.set_visible(False)
    return drawing


@styled()
def generated(x: np.ndarray, spec: Spec, names: Sequence[str] = ()) -> Figure:
    """Return decoded samples of the prior, side by side; of a table, as a heat map of rows × columns.

    Args:
        x: Raw examples, (n, *shape).
        spec: What they are.
        names: Of the classes that the samples are of, in order and equally many of each: a row for each class.
    """
    if not spec.is_image:
        each = [name for name in names for _ in range(len(x) // len(names))]
        return heat_map(x[:MOST_ROWS], spec, [short(name, 14) for name in each[:MOST_ROWS]] or None)
    canvas = sheet(x, spec, len(x) // len(names) if names else None)
    drawing = figure(9, 9 * canvas.shape[0] / canvas.shape[1])
    axes = drawing.subplots()
    axes.imshow(canvas, **GRAY)
    bare(axes)
    pitch = (canvas.shape[0] + 1) / max(len(names), 1)
    places = (np.arange(len(names)) + 0.5) * pitch - 1
    axes.set_yticks(places, [short(name, 14) for name in names], size=11, color=INK)
    axes.tick_params(length=0)
    return drawing


def _titled(axes: Axes, name: str) -> None:
    bare(axes)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", size=11, color=INK)


def _difference(x: np.ndarray, x_hat: np.ndarray, spec: Spec) -> np.ndarray:
    """Return the reconstructions less the originals, mean over the channels, tiled, NaN between: (H, W)."""
    shares = (x_hat.astype(np.float32) - x.astype(np.float32)).mean(1) / spec.scale.max()
    spaced = np.pad(shares, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)  # (n, H, W + 1)
    return np.concatenate([*spaced], axis=1)[:, :-1]
