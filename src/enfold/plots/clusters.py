"""Clusters on the map, beside the members nearest to each one's center."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enfold.plots.images import GRAY, sheet
from enfold.plots.latent import heights, name_classes, scatter
from enfold.plots.style import INK, bare, figure, styled
from enfold.plots.tables import LIMIT, color_rows
from enfold.spec import Spec

MOST_CLUSTERS = 20  # with members beside the map
MOST_ROWS = 32  # of a table


@styled()
def clusters(
    points: np.ndarray, found: np.ndarray, members: list[np.ndarray], spec: Spec, axes: Sequence[int]
) -> Figure:
    """Return where the clusters lie in the plane of two latent axes, and a row of members of each.

    Args:
        points: Latent vectors, (n, latent_dim).
        found: The cluster of each, (n,); NaN where it is not clear, and the point is gray.
        members: For each cluster raw examples, (m, *shape), nearest to its center first. There may be none.
        spec: What they are.
        axes: The one or two latent dimensions to show.
    """
    drawing = figure(13, 6.5)
    plane, beside = drawing.subplots(1, 2)
    plane.set_xlabel(f"z{axes[0]}")
    named = Spec(spec.shape, spec.columns)
    shown = points[:, list(axes)] if len(axes) > 1 else np.stack([points[:, axes[0]], heights(found)], 1)
    scatter(plane, shown, found)
    name_classes(plane, shown, found, named)
    plane.set_title(
        "where the rows lie; gray: in no cluster clearly" if np.isnan(found).any() else "where the rows lie"
    )
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
    axes.set_title("the members nearest to each center")
    if not spec.is_image:
        of_each = max(MOST_ROWS // len(rows), 1)
        names = [str(i) if j == 0 else "" for i, each in rows for j in range(len(each[:of_each]))]
        shown = np.concatenate([each[:of_each] for _, each in rows])
        bar = color_rows(axes, spec.scaled(shown), spec, LIMIT, names)
        bar.set_label("standard deviations from the mean")
        return
    across = max(len(each) for _, each in rows)
    blank = np.full((across, *spec.shape), spec.scale.max(), np.float32)
    tiles = np.concatenate([np.concatenate([each, blank[len(each) :]]) for _, each in rows])
    canvas = sheet(tiles, spec, across)
    axes.imshow(canvas, **GRAY)
    bare(axes)
    pitch = (canvas.shape[0] + 1) / len(rows)
    axes.set_yticks((np.arange(len(rows)) + 0.5) * pitch - 1, [str(i) for i, _ in rows], size=11, color=INK)
    axes.tick_params(length=0)
    axes.set_anchor("N")
