"""Rows as they are, as they are reconstructed, and as the model generates them."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enfold.data.dataset import class_name
from enfold.plots.images import tiled, tiles
from enfold.plots.style import DIVERGING, bare, figure, short, styled
from enfold.plots.tables import agreement, heat_map
from enfold.spec import Spec

COLUMNS = 16
MOST_PAIRS = 8
MOST_ROWS = 20
WIDTH = 9.5  # inches
PITCH = 1.1  # from one tile to the next, in tiles' widths
CAPTION = 0.25  # inches


@styled()
def samples(x: np.ndarray, labels: np.ndarray, spec: Spec) -> Figure:
    """Return rows with their labels, if any has one: four images 2 × 2, more in 16 columns; a table as a heat map.

    Args:
        x: Raw rows, (n, *shape).
        labels: (n,), NaN where missing.
        spec: Their shape, kind and range.
    """
    missing = "" if np.isnan(labels).all() else "no label"
    names = [missing if np.isnan(label) else short(class_name(label, spec), 14) for label in labels]
    if not spec.is_image:
        return heat_map(x[:MOST_ROWS], spec, names[:MOST_ROWS])
    side, columns = (5, 2) if len(x) <= 4 else (WIDTH, COLUMNS)
    tile = side / (columns * PITCH)
    height = spec.shape[1] / spec.shape[2]  # in tiles' widths, as what is below it
    caption = CAPTION / tile if any(names) else PITCH - 1
    down = math.ceil(len(x) / columns) * (height + caption)
    drawing = figure(side, down * tile)
    axes = drawing.subplots()
    bare(axes)
    for i, (image, name) in enumerate(zip(tiles(x, spec), names, strict=True)):
        left, top = i % columns * PITCH, i // columns * (height + caption)
        axes.imshow(image, extent=(left, left + 1, top + height, top))
        axes.text(left + 0.5, top + height + 0.1 * caption, name, ha="center", va="top", size=8)
    axes.set(xlim=(0, columns * PITCH - PITCH + 1), ylim=(down, 0), aspect="equal")
    return drawing


@styled()
def reconstructions(x: np.ndarray, x_hat: np.ndarray, spec: Spec, *, noisy: np.ndarray | None = None) -> Figure:
    """Return up to 8 originals, their reconstructions, and the differences; of a table, one against the other.

    Args:
        x: Raw rows, (n, *shape).
        x_hat: Their reconstructions, (n, *shape).
        spec: Their shape, kind and range.
        noisy: What the encoder was given instead of the images, (n, *shape); they then come first.
    """
    if not spec.is_image:
        return agreement(x, x_hat, spec)
    rows = {} if noisy is None else {"noisy": noisy}
    rows |= {"original": x, "reconstructed": x_hat}
    difference = _difference(x[:MOST_PAIRS], x_hat[:MOST_PAIRS], spec)
    limit = float(np.nanmax(np.abs(difference), initial=1e-6))
    drawing = figure(6.6, 6 * (len(rows) + 1) * difference.shape[0] / difference.shape[1] + 0.9)
    axes = drawing.subplots(len(rows) + 1)
    for each, (name, images) in zip(axes, rows.items(), strict=False):
        each.imshow(tiled(tiles(images[:MOST_PAIRS], spec), len(x[:MOST_PAIRS])))
        _titled(each, name)
    field = axes[-1].imshow(difference, cmap=DIVERGING, vmin=-limit, vmax=limit)
    _titled(axes[-1], "difference")
    bar = drawing.colorbar(field, ax=axes, location="bottom", shrink=0.4, aspect=30, pad=0.02)
    bar.set_label("reconstructed − original, of full scale", size=9)
    bar.outline.set_visible(False)
    return drawing


@styled()
def generated(x: np.ndarray, spec: Spec, names: Sequence[str] = ()) -> Figure:
    """Return generated rows: images side by side, a table as a heat map of rows × columns.

    Args:
        x: Raw rows, (n, *shape).
        spec: Their shape, kind and range.
        names: The classes that they are of, in order and equally many of each: a line for each class.
    """
    if not spec.is_image:
        each = [name for name in names for _ in range(len(x) // len(names))]
        return heat_map(x[:MOST_ROWS], spec, [short(name, 14) for name in each[:MOST_ROWS]] or None)
    canvas = tiled(tiles(x, spec), len(x) // len(names) if names else min(len(x), COLUMNS))
    drawing = figure(WIDTH, WIDTH * canvas.shape[0] / canvas.shape[1])
    axes = drawing.subplots()
    axes.imshow(canvas)
    bare(axes)
    pitch = (canvas.shape[0] + 1) / max(len(names), 1)
    places = (np.arange(len(names)) + 0.5) * pitch - 1
    axes.set_yticks(places, [short(name, 14) for name in names], size=11)
    axes.tick_params(length=0)
    return drawing


def _titled(axes: Axes, name: str) -> None:
    bare(axes)
    axes.set_ylabel(name, rotation=0, ha="right", va="center", size=10)


def _difference(x: np.ndarray, x_hat: np.ndarray, spec: Spec) -> np.ndarray:
    """Return the reconstructions less the originals, mean over the channels, tiled, NaN between: (H, W)."""
    shares = (x_hat.astype(np.float32) - x.astype(np.float32)).mean(1) / spec.scale.max()
    spaced = np.pad(shares, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)  # (n, H, W + 1)
    return np.concatenate([*spaced], axis=1)[:, :-1]
