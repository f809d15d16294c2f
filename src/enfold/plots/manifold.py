"""What the latent space decodes to, on a grid."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enfold.latent import Manifold
from enfold.plots.images import GRAY, sheet
from enfold.plots.style import ACCENT, QUIET, SEQUENTIAL, figure, number, short, styled
from enfold.plots.tables import panels
from enfold.spec import Spec

SIDE = 12  # inches
SEAMLESS = 16  # pixels of height and width; smaller images run into each other without a gap


@styled()
def manifold(grid: Manifold, spec: Spec, name: str = "", *, upward: bool = True) -> Figure:
    """Return the examples decoded on a grid in the latent plane.

    Images are one mosaic, seamless but for tiny ones, and lie as the points of the map do: the first axis grows to
    the right, the second one upwards. A table's first 12 columns have a panel each, with the decoded value over the
    plane.

    Args:
        grid: The decoded examples.
        spec: What they are.
        name: Of the class that all of them were decoded as, if the model is told one.
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
    drawing.supxlabel(f"z{grid.axes[0]}", color=QUIET, size=11)
    if len(grid.axes) > 1:
        drawing.supylabel(f"z{grid.axes[1]}", color=QUIET, size=11)
    return drawing


def _title(name: str) -> str:
    return f"decoded as the class {short(name)}" if name else ""


def _mosaic(grid: Manifold, spec: Spec, name: str, order: slice) -> Figure:
    rows, columns = grid.x.shape[:2]
    _, height, width = spec.shape
    gap = 0 if min(height, width) >= SEAMLESS else 1
    canvas = sheet(grid.x[order].reshape(-1, *spec.shape), spec, columns, gap)
    drawing = figure(SIDE, SIDE * canvas.shape[0] / canvas.shape[1] + (0 if rows > 1 else 0.5))
    plane = drawing.subplots()
    plane.imshow(canvas, **GRAY)
    plane.set_title(_title(name))
    plane.spines[:].set_visible(False)
    plane.tick_params(length=0)
    plane.set_xticks(_centers(columns, width, gap), [number(z) for z in grid.horizontal])
    plane.set_yticks(_centers(rows, height, gap), [number(z) for z in grid.vertical[order]])
    plane.set_xlabel(f"z{grid.axes[0]}")
    if len(grid.axes) > 1:
        plane.set_ylabel(f"z{grid.axes[1]}")
    else:
        plane.set_yticks([])
    return drawing


def _centers(tiles: int, size: int, gap: int) -> np.ndarray:
    return np.arange(tiles) * (size + gap) + (size - 1) / 2


def _surface(drawing: Figure, axes: Axes, grid: Manifold, values: np.ndarray) -> None:
    """Draw a column's decoded values, (rows, columns), over the plane; over a single axis, as a line."""
    if len(grid.axes) == 1:
        axes.plot(grid.horizontal, values[0], color=ACCENT)
        return
    field = axes.pcolormesh(grid.horizontal, grid.vertical, values, cmap=SEQUENTIAL, shading="gouraud")
    axes.set_aspect("equal")
    bar = drawing.colorbar(field, ax=axes, shrink=0.8)
    bar.outline.set_visible(False)
