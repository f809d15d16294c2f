"""The most unusual rows, and what is unusual about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure

from enfold.plots.images import tiles
from enfold.plots.style import ACCENT, DIVERGING, INK, bare, figure, styled
from enfold.plots.tables import color_rows
from enfold.spec import Spec

BINS = 60
WIDTH = 9.5  # inches
ACROSS = 10  # images side by side
PITCH = 1.08  # from one image to the next, in images' widths
CAPTION, BELOW = 0.55, 0.1  # above and below a block of images, in images' widths
BESIDE = 1.4  # of what is written beside the images, in their widths
MARGIN = 0.4  # inches
HISTOGRAM = 1.9  # inches
SHOWN = 0.998  # of the scores, and of the magnitudes that have colors of their own


@dataclass(frozen=True)
class Unusual:
    """Rows to show, the most unusual first.

    Attributes:
        x: Raw, (n, *shape).
        reconstructed: Their reconstructions, of the same shape.
        contributions: What each value adds to the score, signed, of the same shape.
        names: What to call each.
        spec: Their shape, kind and range.
    """

    x: np.ndarray
    reconstructed: np.ndarray
    contributions: np.ndarray
    names: Sequence[str]
    spec: Spec

    @property
    def limit(self) -> float:
        """The magnitude at which the colors end."""
        finite = self.contributions[np.isfinite(self.contributions)]
        return float(np.quantile(np.abs(finite), SHOWN)) if finite.any() else 1.0


@styled()
def anomalies(
    unusual: Unusual, scores: np.ndarray | None = None, thresholds: Mapping[str, float] | None = None
) -> Figure:
    """Return images, their reconstructions and what each pixel adds to the score; a table's rows as a heat map.

    Args:
        unusual: The rows.
        scores: Of ordinary rows, (m,), for a histogram above.
        thresholds: Scores to mark in it, by their names.
    """
    draw = _images if unusual.spec.is_image else _rows
    height = _height(unusual)
    if scores is None:
        drawing = figure(WIDTH, height)
        draw(drawing, unusual)
        return drawing
    drawing = figure(WIDTH, HISTOGRAM + height)
    parts: Any = drawing.subfigures(2, height_ratios=[HISTOGRAM, height])
    _histogram(parts[0], scores, thresholds or {})
    draw(parts[1], unusual)
    return drawing


def _histogram(drawing: SubFigure, scores: np.ndarray, thresholds: Mapping[str, float]) -> None:
    axes = drawing.subplots()
    finite = scores[np.isfinite(scores)]
    span = float(finite.min()), float(np.quantile(finite, SHOWN))
    axes.hist(finite, BINS, range=span, color=INK, alpha=0.35)
    for name, score in thresholds.items():
        axes.axvline(score, color=ACCENT, lw=1.2, ls=":")
        axes.text(score, 0.97, f" {name}", transform=axes.get_xaxis_transform(), color=ACCENT, va="top", size=9)
    axes.set_title("scores of all held-out rows")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _images(drawing: Figure | SubFigure, unusual: Unusual) -> None:
    axes, spec = drawing.subplots(), unusual.spec
    bare(axes)
    height, block = spec.shape[1] / spec.shape[2], _block(spec)
    originals, reconstructed, field = tiles(unusual.x, spec), tiles(unusual.reconstructed, spec), None
    maps = unusual.contributions.sum(1)  # over the channels
    colors: dict[str, Any] = {"cmap": DIVERGING, "vmin": -unusual.limit, "vmax": unusual.limit}
    for i, name in enumerate(unusual.names):
        left, top = i % ACROSS * PITCH, i // ACROSS * block + CAPTION
        axes.text(left + 0.5, top - 0.08, name, ha="center", va="bottom", size=7, linespacing=1.3)
        images = {"original": originals[i], "reconstructed": reconstructed[i], "difference": maps[i]}
        for what, image in images.items():
            look = colors if what == "difference" else {}
            field = axes.imshow(image, extent=(left, left + 1, top + height, top), **look)
            if i % ACROSS == 0:
                axes.text(-0.1, top + height / 2, what, ha="right", va="center", size=9)
            top += height + PITCH - 1
    down = -(-len(unusual.names) // ACROSS) * block
    axes.set(xlim=(-BESIDE, ACROSS * PITCH), ylim=(down, 0), aspect="equal")
    assert field is not None
    bar = drawing.colorbar(field, ax=axes, shrink=0.7, aspect=18, fraction=0.02, pad=0.01, extend="both")
    bar.outline.set_visible(False)
    bar.set_label("− darker, + brighter")


def _rows(drawing: Figure | SubFigure, unusual: Unusual) -> None:
    axes = drawing.subplots()
    names = [name.replace("\n", "  ") for name in unusual.names]
    bar = color_rows(axes, unusual.contributions, unusual.spec, unusual.limit, names)
    bar.set_label("share of the score\n− lower, + higher than reconstructed")


def _height(unusual: Unusual) -> float:
    """Return the height of a picture of the rows, in inches."""
    if not unusual.spec.is_image:
        return 1.6 + 0.24 * len(unusual.names)
    return -(-len(unusual.names) // ACROSS) * _block(unusual.spec) * (WIDTH - 2 * MARGIN) / (ACROSS * PITCH + BESIDE)


def _block(spec: Spec) -> float:
    """Return the height of three lines of images with what is written above, in images' widths."""
    height = spec.shape[1] / spec.shape[2]
    return CAPTION + 3 * height + 2 * (PITCH - 1) + BELOW
