"""How training went."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from enfold.plots.style import ACCENT, INK, figure, styled

if TYPE_CHECKING:
    import polars as pl

COLORS = {"training": INK, "held out": ACCENT}
TERMS = ("distortion", "rate")  # come first
NO_TERMS = ("epoch", "seconds", "loss")  # what else is recorded of an epoch
ACROSS = 3  # panels, at most
MARKED_EPOCHS = 30  # at most: beyond, marks would hide the line
LEAST_RANGE = 1e-3  # of a scale, of its values
OFF_SCALE = 100  # times what nine in ten values are below: a scale with such a value on it would show nothing else


@styled()
def curves(history: "Sequence[Mapping[str, Any]] | pl.DataFrame") -> Figure:
    """Return the distortion, the rate and each penalty after each epoch, in nats per row, training and held out.

    A term that is 0 throughout is left out. A value that is far above the others is off the scale; the panel's title
    tells the greatest.

    Args:
        history: A run's `history` or `epochs`, or an estimator's `history_`.
    """
    rows = history if isinstance(history, Sequence) else history.to_dicts()
    terms = _terms(rows)
    across = min(max(len(terms), 2), ACROSS)
    down = math.ceil(len(terms) / across)
    drawing = figure(9.5, 2.9 * down)
    panels = drawing.subplots(down, across, squeeze=False).ravel().tolist()
    for panel, (term, parts) in zip(panels, terms.items(), strict=False):
        _panel(panel, term, parts)
    for spare in panels[len(terms) :]:
        spare.remove()
    panels[0].legend(loc="upper right", labelcolor="linecolor")
    return drawing


def _terms(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, np.ndarray]]:
    """Return the values of each term, by the rows that they are of: first distortion and rate, then penalties."""
    found: dict[str, dict[str, np.ndarray]] = {name: {} for name in TERMS}
    for name in dict.fromkeys(name for row in rows for name in row):
        term = name.removeprefix("held_out_").removeprefix("train_")
        values = np.array([row.get(name, np.nan) for row in rows], float)
        if term not in NO_TERMS and np.nan_to_num(values).any():
            found.setdefault(term, {})["held out" if name.startswith("held_out_") else "training"] = values
    return {term: parts for term, parts in found.items() if parts}


def _panel(axes: Axes, term: str, parts: Mapping[str, np.ndarray]) -> None:
    for part, values in parts.items():
        marker = "o" if len(values) <= MARKED_EPOCHS else ""
        axes.plot(1 + np.arange(len(values)), values, color=COLORS[part], label=part, lw=1.5, marker=marker, ms=3.5)
    axes.set_title(f"{term.replace('_', ' ')}, nats{_off_scale(axes)}")
    low, high = axes.get_ylim()
    if high - low < LEAST_RANGE * abs(high):  # a constant, up to rounding
        axes.set_ylim(min(0, 2 * high), max(0, 2 * high))
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
