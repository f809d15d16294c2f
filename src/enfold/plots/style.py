"""What all pictures share: colors, fonts, and the way into a file.

A picture has no ground of its own and lies on light pages and on dark ones. So its ink has a contrast of 4 or more to
both white and near-black, and each other color one of 1.6 or more.
"""

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib import colormaps, font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure

INK = "#767c86"
LINE = "#8d929b66"
UNLABELED = "#9aa0a9"
ACCENT = "#3f78c4"
LOW, HIGH = "#2f6fc4", "#d1452f"
DIVERGING = LinearSegmentedColormap.from_list(  # clear at zero
    "diverging", [(0, LOW), (0.5, f"{LOW}00"), (0.5, f"{HIGH}00"), (1, HIGH)]
)
SEQUENTIAL = ListedColormap(colormaps["viridis"](np.linspace(0.15, 0.95, 256)), "sequential")

# Paul Tol, "Color schemes" (SRON/EPS/TN/09-002, 2021), scheme "muted", with lighter indigo and wine, copper as the
# tenth: even with protanopia, deuteranopia or tritanopia (Machado et al. 2009) no two are closer than 15 in CIELAB.
QUALITATIVE = (
    *("#cc6677", "#7060dd", "#ddcc77", "#117733", "#88ccee"),
    *("#b72b6e", "#44aa99", "#999933", "#aa4499", "#c8956a"),
)

DPI = 144  # sharp on screens with two device pixels to a CSS pixel
OTHER_SCRIPTS = ("Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Hiragino Sans", "Arial Unicode MS")

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$5"
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlepad": 8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.facecolor": "none",
    "grid.color": "#8d929b33",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "figure.facecolor": "none",
}


@contextmanager
def styled() -> Generator[None]:
    """Apply the shared style to what is made inside; also a decorator: `@styled()`."""
    fonts = ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in _installed())]
    with rc_context({**STYLE, "font.family": fonts}):
        yield


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    return Figure((width, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    with styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the picture has a box in its place
        figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    return file.getvalue()


def bare(axes: Axes) -> None:
    """Remove the ticks and the frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def number(value: float) -> str:
    """Return a coordinate with two decimals and a true minus sign."""
    return f"{value:.2f}".replace("-", "−")


def short(name: str, at_most: int = 24) -> str:
    """Return the name on one line, cut to a length."""
    line = " ".join(name.split())
    return line if len(line) <= at_most else line[: at_most - 1].rstrip() + "…"


def _installed() -> set[str]:
    return {font.name for font in font_manager.fontManager.ttflist}
