"""What all figures share: colors, letters, and the way into a file."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#22252b"
QUIET = "#6b7079"
LINE = "#d9dbdf"
PAPER = "#ffffff"
UNLABELED = "#cfd2d7"
ACCENT = "#2b5c9e"
DIVERGING = "RdBu_r"
SEQUENTIAL = "viridis"

# Paul Tol, "Color schemes" (SRON/EPS/TN/09-002, 2021), scheme "muted", with near-black as the tenth: even
# with protanopia, deuteranopia or tritanopia (Machado et al. 2009) no two are closer than 15 in CIELAB.
QUALITATIVE = (
    *("#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee"),
    *("#882255", "#44aa99", "#999933", "#aa4499", "#1a1a1a"),
)

DPI = 144  # sharp on screens with two device pixels to the CSS pixel, at the width of the report
OTHER_SCRIPTS = ("Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Hiragino Sans", "Arial Unicode MS")

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called "$5"
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlepad": 8,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": QUIET,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "grid.color": "#eceef0",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the shared style to what is made inside; also a decorator: `@styled()`."""
    fonts = ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in _installed())]
    with rc_context({**STYLE, "font.family": fonts}):
        yield


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches."""
    return Figure((width, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    with styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the picture has a box in its place
        figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    return file.getvalue()


def bare(axes: Axes) -> None:
    """Take away the ticks and the frame."""
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
