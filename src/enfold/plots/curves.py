"""How training went."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from enfold.plots.style import ACCENT, QUIET, figure, styled

LINES = (("train", "training", QUIET), ("held_out", "held-out", ACCENT))
MARKED_EPOCHS = 30  # at most: beyond, marks would hide the line
OFF_SCALE = 100  # times what nine in ten values are below: a scale with such a value on it would show nothing else


@styled()
def curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the distortion and the rate after each epoch, in nats per example, training and held-out.

    A value that is very far above the others is off the scale; the panel's title tells the greatest.

    Args:
        history: One dictionary for each epoch, as in `history.jsonl`; the held-out figures may be absent.
    """
    drawing = figure(10, 3.4)
    left, right = drawing.subplots(1, 2)
    _panel(left, history, "distortion")
    _panel(right, history, "rate")
    left.legend(loc="upper right", labelcolor="linecolor")
    return drawing


def _panel(axes: Axes, history: Sequence[Mapping[str, Any]], term: str) -> None:
    epochs = [values["epoch"] for values in history]
    marker = "o" if len(epochs) <= MARKED_EPOCHS else ""
    for prefix, label, color in LINES:
        values = np.array([each.get(f"{prefix}_{term}", np.nan) for each in history], float)
        if np.isfinite(values).any():
            axes.plot(epochs, values, color=color, label=label, lw=1.5, marker=marker, ms=3.5)
    axes.set_title(f"{term}, nats per example{_off_scale(axes)}")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.grid(axis="y")


def _off_scale(axes: Axes) -> str:
    """Leave values far above the others off the scale, and return what the title says of them."""
    values = np.concatenate([np.empty(0), *(line.get_ydata() for line in axes.lines)])
    values = values[np.isfinite(values)]
    limit = OFF_SCALE * np.quantile(np.abs(values), 0.9, method="lower") if len(values) else 0.0
    usual = values[values <= limit]
    if limit == 0 or len(usual) == len(values):
        return ""
    room = 0.1 * (np.ptp(usual) or abs(usual[0]))
    axes.set_ylim(usual.min() - room, usual.max() + room)
    return f" (up to {values.max():,.0f})"
