"""What lies along walks through the latent space."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enfold.plots.images import tiled, tiles
from enfold.plots.style import ACCENT, INK, QUALITATIVE, bare, figure, short, styled
from enfold.plots.tables import panels
from enfold.spec import Spec

WIDTH = 8.2  # inches
GAP = 0.1  # between images, of their height
HEADING, FOOTING = 0.4, 0.25  # inches
LETTER = 0.09  # inches, at most on average
MOST_LETTERS = 24  # in a line of a name
MOST_LINES = len(QUALITATIVE)
MARK = QUALITATIVE[0]


@dataclass(frozen=True)
class Strips:
    """Decoded rows along walks.

    Attributes:
        x: Raw, (walks, steps, *shape).
        names: What to call each walk; for images, on one line or more.
        title: What stands above them.
        ends: What to call the first and the last step.
        marked: Which steps to mark with a bar, (walks, steps) bool.
    """

    x: np.ndarray
    names: Sequence[str]
    title: str = ""
    ends: tuple[str, str] = ("", "")
    marked: np.ndarray | None = None


@styled()
def strips(blocks: Sequence[Strips], spec: Spec) -> Figure:
    """Return images along walks, a line for each walk, one block below the other.

    Args:
        blocks: The images; all blocks have the same number of steps.
        spec: Their shape, kind and range.
    """
    gap = max(1, round(GAP * spec.shape[1]))
    sheets = [tiled(tiles(each.x.reshape(-1, *spec.shape), spec), each.x.shape[1], gap) for each in blocks]
    heights = [WIDTH * (each.shape[0] + gap) / each.shape[1] + HEADING + FOOTING for each in sheets]
    letters = max(len(line) for each in blocks for name in each.names for line in name.split("\n"))
    drawing = figure(WIDTH + LETTER * min(letters, MOST_LETTERS) + 0.2, sum(heights))
    axes = drawing.subplots(len(blocks), height_ratios=heights, squeeze=False)[:, 0]
    for plane, canvas, block in zip(axes, sheets, blocks, strict=True):
        _strip(plane, canvas, block, spec, gap)
    return drawing


@styled()
def lines(block: Strips, spec: Spec) -> Figure:
    """Return a table's columns along walks: a panel for each of the first 8, a line for each of the first ten walks.

    Args:
        block: The rows.
        spec: Their shape, kind and range.
    """
    drawing, axes = panels(spec)
    colors = QUALITATIVE if len(block.x) > 1 else (ACCENT,)
    way = np.linspace(0, 1, block.x.shape[1])
    for i, panel in enumerate(axes):
        panel.set_title(short(spec.columns[i].name))
        for walk, color in zip(block.x, colors, strict=False):
            panel.plot(way, walk[:, i], color=color)
        panel.set_xticks([0, 1], block.ends)
        for text, side in zip(panel.get_xticklabels(), ("left", "right"), strict=True):
            text.set_horizontalalignment(side)
    names = [short(name) for name in block.names[:MOST_LINES]]
    drawing.legend(axes[0].lines, names, loc="outside right upper", fontsize=10)
    drawing.supxlabel(block.title, color=INK, size=11)
    return drawing


def _strip(plane: Axes, canvas: np.ndarray, block: Strips, spec: Spec, gap: int) -> None:
    _, height, width = spec.shape
    walks, steps = block.x.shape[:2]
    plane.imshow(canvas)
    bare(plane)
    plane.set_anchor("W")  # centered, the layout would not see how far the names reach
    plane.set_title(block.title)
    names = ["\n".join(short(line, MOST_LETTERS) for line in name.split("\n")) for name in block.names]
    plane.set_yticks(np.arange(walks) * (height + gap) + (height - 1) / 2, names)
    plane.tick_params(length=0)
    plane.set_xticks([(width - 1) / 2, (steps - 1) * (width + gap) + (width - 1) / 2], block.ends)
    if block.marked is None:
        return
    rows, columns = np.nonzero(block.marked)
    left, down = columns * (width + gap) - 0.5, rows * (height + gap) + height - 0.5 + gap / 2
    plane.hlines(down, left, left + width, color=MARK, lw=2.5, clip_on=False)
    plane.set_ylim(canvas.shape[0] - 0.5 + gap, -0.5)
