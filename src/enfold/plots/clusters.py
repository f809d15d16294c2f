"""Clusters on the map, beside the rows nearest to each center."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enfold.plots.images import CLEAR, tiled, tiles
from enfold.plots.latent import heights, name_classes, scatter
from enfold.plots.style import bare, figure, styled
from enfold.plots.tables import LIMIT, color_rows
from enfold.spec import Spec

MOST_CLUSTERS = 20  # with rows beside the map
MOST_ROWS = 24  # of a table


@styled()
def clusters(
    points: np.ndarray,
    found: np.ndarray,
    members: list[np.ndarray],
    spec: Spec,
    axes: Sequence[int],
    faded: np.ndarray | None = None,
) -> Figure:
    """Return where the clusters lie in the plane of two latent dimensions, and a line of rows of each.

    Args:
        points: Latent vectors, (n, latent_dim).
        found: The cluster of each, (n,); NaN where it is not clear, and the point is gray.
        members: For each cluster raw rows, (m, *shape), nearest to its center first. There may be none.
        spec: Their shape, kind and range.
        axes: The one or two latent dimensions to show.
        faded: Which points to draw smaller and lighter, (n,) bool.
    """
    drawing = figure(9.5, 4.8)
    plane, beside = drawing.subplots(1, 2)
    plane.set_xlabel(f"z{axes[0]}")
    shown = points[:, list(axes)] if len(axes) > 1 else np.stack([points[:, axes[0]], heights(found)], 1)
    scatter(plane, shown, found, faded=faded)
    name_classes(plane, shown, found, Spec(spec.shape, spec.columns))
    if len(axes) > 1:
        plane.set_ylabel(f"z{axes[1]}")
        plane.set_aspect("equal", adjustable="datalim")
    else:
        plane.set_yticks([])
        plane.spines["left"].set_visible(False)
    rows = [(i, each) for i, each in enumerate(members[:MOST_CLUSTERS]) if len(each)]
    _members(beside, rows, spec)
    return drawing


def _members(axes: Axes, rows: list[tuple[int, np.ndarray]], spec: Spec) -> None:
    axes.set_title("nearest to each cluster's center")
    if not spec.is_image:
        of_each = max(MOST_ROWS // len(rows), 1)
        names = [str(i) if j == 0 else "" for i, each in rows for j in range(len(each[:of_each]))]
        shown = np.concatenate([each[:of_each] for _, each in rows])
        bar = color_rows(axes, spec.scaled(shown), spec, LIMIT, names)
        bar.set_label("standard deviations from the mean")
        return
    across = max(len(each) for _, each in rows)
    lines = [tiles(each, spec) for _, each in rows]
    blank = np.broadcast_to(CLEAR, (across, *lines[0].shape[1:]))
    canvas = tiled(np.concatenate([np.concatenate([each, blank[len(each) :]]) for each in lines]), across)
    axes.imshow(canvas)
    bare(axes)
    pitch = (canvas.shape[0] + 1) / len(rows)
    axes.set_yticks((np.arange(len(rows)) + 0.5) * pitch - 1, [str(i) for i, _ in rows], size=10)
    axes.tick_params(length=0)
    axes.set_anchor("N")
