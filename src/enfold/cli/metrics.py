"""Metrics as text, a line each, with its standard error."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from enfold.cli.output import table

if TYPE_CHECKING:
    from enfold.config import Config
    from enfold.spec import Spec

WIDTH = 100  # of the protocol's lines
OVERVIEW = (
    *("negative_elbo", "distortion", "rate", "notebook_loss", "knn_accuracy", "active_units", "reconstruction_mse"),
    *("train_seconds", "rows_per_second"),
)


def metrics_table(metrics: Mapping[str, Any], config: "Config", spec: "Spec", names: Iterable[str] = ()) -> str:
    """Return the metrics that are known, a line each, with ± one standard error.

    Args:
        metrics: As `enfold.metrics.evaluate` gives them, or as they are in `metrics.json`.
        config: The settings of the model.
        spec: The shape, kind and range of the data.
        names: Those to show, in order; without them, all.
    """
    from enfold.metrics.registry import describe

    lines = describe(metrics, config, spec, names)
    longest = max(len(line.number) for line in lines)
    return table([], [[line.label, line.number.rjust(longest), line.error, line.unit] for line in lines])


def protocol(metrics: Mapping[str, Any]) -> str:
    """Return how the metrics were measured, a paragraph for each group of them."""
    return "\n".join(textwrap.fill(text, WIDTH, subsequent_indent="  ") for text in metrics["protocol"].values())
