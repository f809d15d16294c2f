"""Examples that are tables' rows."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from enfold.plots.style import ACCENT, DIVERGING, LINE, QUIET, figure, short
from enfold.spec import Spec

MOST_PANELS = 12
PANELS_ACROSS = 4
NAMED_COLUMNS = 40  # at most: beyond, names would overlap
LIMIT = 3.0  # standard deviations at which the colors end


def panels(spec: Spec, *, share_plane: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each of a table's first 12 columns.

    Args:
        spec: What the columns are.
        share_plane: Whether all panels have the same axes; then only the outermost say their values.
    """
    n = min(len(spec.columns), MOST_PANELS)
    across = min(n, PANELS_ACROSS)
    down = math.ceil(n / across)
    drawing = figure(3 * max(across, 2), 2.8 * down + 0.3)
    axes = drawing.subplots(down, across, squeeze=False, sharex=share_plane, sharey=share_plane).ravel().tolist()
    for spare in axes[n:]:
        spare.remove()
    for lowest in axes[n - across : n]:
        lowest.tick_params(labelbottom=True)
    if n < len(spec.columns):
        drawing.suptitle(f"the first {n} of {len(spec.columns)} columns", x=0.01, ha="left")
    return drawing, axes[:n]


def heat_map(x: np.ndarray, spec: Spec, names: list[str] | None = None) -> Figure:
    """Return rows × columns in standardized units, `(x - offset) / scale`.

    Args:
        x: Raw rows, (n, columns).
        spec: What they are.
        names: What to call each row.
    """
    drawing = figure(10, 1.4 + 0.18 * len(x))
    axes = drawing.subplots()
    bar = color_rows(axes, spec.scaled(x), spec, LIMIT, names)
    bar.set_label("standard deviations from the mean")
    return drawing


def color_rows(
    axes: Axes, values: np.ndarray, spec: Spec, limit: float, names: Sequence[str] | None = None
) -> Colorbar:
    """Draw rows × columns, a color a value, and return what says which color is which value.

    Args:
        axes: Where.
        values: (n, columns).
        spec: What the columns are.
        limit: The magnitude at which the colors end.
        names: What to call each row.
    """
    look = {"cmap": DIVERGING, "vmin": -limit, "vmax": limit, "aspect": "auto", "interpolation": "nearest"}
    field = axes.imshow(values, **look)
    bar = axes.figure.colorbar(field, ax=axes, shrink=0.6, extend="both")
    bar.outline.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    titles = [short(column.name, 16) for column in spec.columns] if len(values.T) <= NAMED_COLUMNS else []
    axes.set_xticks(range(len(titles)), titles, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(values)) if names else [], names or [])
    return bar


def agreement(x: np.ndarray, x_hat: np.ndarray, spec: Spec) -> Figure:
    """Return each column's reconstructions against its originals, with the line on which both are equal.

    Args:
        x: Raw rows, (n, columns).
        x_hat: Their reconstructions, (n, columns).
        spec: What they are.
    """
    drawing, axes = panels(spec)
    size = np.clip(700 / np.sqrt(len(x)), 3, 25)
    for i, panel in enumerate(axes):
        both = np.concatenate([x[:, i], x_hat[:, i]])
        margin = 0.05 * float(np.ptp(both)) or 1.0
        limits = (float(both.min()) - margin, float(both.max()) + margin)
        panel.plot(limits, limits, color=LINE, lw=1.2)
        panel.scatter(x[:, i], x_hat[:, i], s=size, alpha=0.5, linewidths=0, color=ACCENT)
        panel.set_title(short(spec.columns[i].name))
        panel.set(xlim=limits, ylim=limits, aspect="equal")
    drawing.supxlabel("original", color=QUIET, size=11)
    drawing.supylabel("rebuilt", color=QUIET, size=11)
    return drawing
