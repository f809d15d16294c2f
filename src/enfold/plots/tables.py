"""Rows of tables."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from enfold.plots.style import ACCENT, DIVERGING, INK, LINE, figure, short
from enfold.spec import Spec

MOST_PANELS, PANELS_ACROSS = 8, 4
PAIRS_ACROSS = 3  # originals against reconstructions, in a square
PANEL = 2.3  # inches
NAMED_COLUMNS = 40  # at most: beyond, names would overlap
LIMIT = 3.0  # standard deviations at which the colors end


def panels(
    spec: Spec, most: int = MOST_PANELS, across: int = PANELS_ACROSS, *, share_plane: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each of a table's first columns.

    Args:
        spec: The shape, kind and range of the data.
        most: How many panels, at most.
        across: How many side by side.
        share_plane: Whether all panels have the same axes; then only the outermost say their values.
    """
    n = min(len(spec.columns), most)
    across = min(n, across)
    down = math.ceil(n / across)
    drawing = figure(PANEL * max(across, 2) + 0.3, PANEL * down + 0.3)
    axes = drawing.subplots(down, across, squeeze=False, sharex=share_plane, sharey=share_plane).ravel().tolist()
    for spare in axes[n:]:
        spare.remove()
    for lowest in axes[n - across : n]:
        lowest.tick_params(labelbottom=True)
    if n < len(spec.columns):
        drawing.suptitle(f"the first {n} of {len(spec.columns)} columns", x=0.01, ha="left", size=10)
    return drawing, axes[:n]


def heat_map(x: np.ndarray, spec: Spec, names: list[str] | None = None) -> Figure:
    """Return rows × columns in standardized units, `(x - offset) / scale`.

    Args:
        x: Raw rows, (n, columns).
        spec: Their shape, kind and range.
        names: What to call each row.
    """
    drawing = figure(9.5, 1.4 + 0.18 * len(x))
    axes = drawing.subplots()
    bar = color_rows(axes, spec.scaled(x), spec, LIMIT, names)
    bar.set_label("standard deviations from the mean")
    return drawing


def color_rows(
    axes: Axes, values: np.ndarray, spec: Spec, limit: float, names: Sequence[str] | None = None
) -> Colorbar:
    """Draw rows × columns, a color for each value, and return the color bar.

    Args:
        axes: Where.
        values: (n, columns).
        spec: The shape, kind and range of the data.
        limit: The magnitude at which the colors end.
        names: What to call each row.
    """
    field = axes.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    bar = axes.figure.colorbar(field, ax=axes, shrink=0.6, extend="both")
    bar.outline.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    titles = [short(column.name, 16) for column in spec.columns] if len(values.T) <= NAMED_COLUMNS else []
    axes.set_xticks(range(len(titles)), titles, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(values)) if names else [], names or [])
    return bar


def agreement(x: np.ndarray, x_hat: np.ndarray, spec: Spec) -> Figure:
    """Return the reconstructions of up to 9 columns against their originals, with the line on which both are equal.

    Args:
        x: Raw rows, (n, columns).
        x_hat: Their reconstructions, (n, columns).
        spec: Their shape, kind and range.
    """
    drawing, axes = panels(spec, PAIRS_ACROSS**2, PAIRS_ACROSS)
    size = np.clip(500 / np.sqrt(len(x)), 3, 20)
    for i, panel in enumerate(axes):
        both = np.concatenate([x[:, i], x_hat[:, i]])
        margin = 0.05 * float(np.ptp(both)) or 1.0
        limits = (float(both.min()) - margin, float(both.max()) + margin)
        panel.plot(limits, limits, color=LINE, lw=1.2)
        panel.scatter(x[:, i], x_hat[:, i], s=size, alpha=0.7, linewidths=0, color=ACCENT)
        panel.set_title(short(spec.columns[i].name))
        panel.set(xlim=limits, ylim=limits, aspect="equal")
    drawing.supxlabel("original", color=INK, size=11)
    drawing.supylabel("reconstructed", color=INK, size=11)
    return drawing
