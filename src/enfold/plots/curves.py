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


@styled()
def curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Return the distortion and the rate after each epoch, in nats per example, training and held-out.

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
    for prefix, label, colour in LINES:
        values = np.array([each.get(f"{prefix}_{term}", np.nan) for each in history], float)
        if np.isfinite(values).any():
            axes.plot(epochs, values, color=colour, label=label, lw=1.5, marker=marker, ms=3.5)
    axes.set_title(f"{term}, nats per example")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.grid(axis="y")
