"""What the latent space decodes to, on a grid."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enfold.latent import Manifold
from enfold.plots.images import tiled, tiles
from enfold.plots.style import ACCENT, INK, SEQUENTIAL, figure, number, short, styled
from enfold.plots.tables import panels
from enfold.spec import Spec

SIDE = 8  # inches
TICKS = 5  # coordinates that are written along each axis
SEAMLESS = 16  # pixels of height and width; smaller images have a gap between them


@styled()
def manifold(grid: Manifold, spec: Spec, name: str = "", *, upward: bool = True) -> Figure:
    """Return the rows decoded on a grid in the latent plane.

    Images are one mosaic, laid out like the points of the map: the first axis grows to the right, the second one
    upwards. A table's first 8 columns have a panel each, with the decoded value over the plane.

    Args:
        grid: The decoded rows.
        spec: Their shape, kind and range.
        name: The class that all of them were decoded as, for a conditional model.
        upward: Whether the second axis of a mosaic grows upwards; if not, its first row is at the top.
    """
    if spec.is_image:
        return _mosaic(grid, spec, name, slice(None, None, -1 if upward else 1))
    drawing, axes = panels(spec, share_plane=len(grid.axes) > 1)
    if name:
        drawing.suptitle(_title(name), x=0.01, ha="left")
    for i, panel in enumerate(axes):
        panel.set_title(short(spec.columns[i].name))
        _surface(drawing, panel, grid, grid.x[..., i])
    drawing.supxlabel(f"z{grid.axes[0]}", color=INK, size=11)
    if len(grid.axes) > 1:
        drawing.supylabel(f"z{grid.axes[1]}", color=INK, size=11)
    return drawing


def _title(name: str) -> str:
    return f"decoded as the class {short(name)}" if name else ""


def _mosaic(grid: Manifold, spec: Spec, name: str, order: slice) -> Figure:
    rows, columns = grid.x.shape[:2]
    _, height, width = spec.shape
    gap = 0 if min(height, width) >= SEAMLESS else 1
    canvas = tiled(tiles(grid.x[order].reshape(-1, *spec.shape), spec), columns, gap)
    drawing = figure(SIDE, SIDE * canvas.shape[0] / canvas.shape[1] + (0 if rows > 1 else 0.5))
    plane = drawing.subplots()
    plane.imshow(canvas)
    plane.set_title(_title(name))
    plane.spines[:].set_visible(False)
    plane.tick_params(length=0)
    plane.set_xticks(*_ticks(grid.horizontal, width, gap))
    plane.set_xlabel(f"z{grid.axes[0]}")
    plane.set_yticks([])
    if len(grid.axes) > 1:
        plane.set_ylabel(f"z{grid.axes[1]}")
        plane.set_yticks(*_ticks(grid.vertical[order], height, gap))
    return drawing


def _ticks(z: np.ndarray, size: int, gap: int) -> tuple[np.ndarray, list[str]]:
    """Return the middles of some tiles, and the coordinates they were decoded at."""
    some = np.unique(np.linspace(0, len(z) - 1, TICKS).round().astype(int))
    return some * (size + gap) + (size - 1) / 2, [number(each) for each in z[some]]


def _surface(drawing: Figure, axes: Axes, grid: Manifold, values: np.ndarray) -> None:
    """Draw a column's decoded values, (rows, columns), over the plane; over a single axis, as a line."""
    if len(grid.axes) == 1:
        axes.plot(grid.horizontal, values[0], color=ACCENT)
        return
    field = axes.pcolormesh(grid.horizontal, grid.vertical, values, cmap=SEQUENTIAL, shading="gouraud")
    axes.set_aspect("equal")
    bar = drawing.colorbar(field, ax=axes, shrink=0.8)
    bar.outline.set_visible(False)
