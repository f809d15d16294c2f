"""All metrics of a model on rows that it has not seen, with their errors and how they were measured."""

import math
from typing import Any

from enfold.config import Config
from enfold.data.dataset import Dataset
from enfold.errors import InputError
from enfold.metrics import maps
from enfold.metrics.intervals import Measurement
from enfold.metrics.protocol import protocol
from enfold.metrics.quantities import CLUSTERED_ROWS, Evaluation, as_evaluated
from enfold.metrics.registry import METRICS, Compute
from enfold.model import Autoencoder


def evaluate(
    model: Autoencoder, config: Config, data: Dataset, known: Dataset | None = None, *, samples: int = 0
) -> dict[str, Any]:
    """Return the metrics of a model on rows that it has not seen, with their standard errors and the protocol.

    Args:
        config: The settings with which it was fitted; `binarize` says whether the rows are binarized.
        known: Training rows, to learn classes from; at most 20,000 labeled ones are used, drawn with a fixed seed.
        samples: Draws of z for each row in the importance-weighted log-likelihood; 0: it is not estimated.

    Returns:
        `rows`, their number; a value for each of `enfold.metrics.registry.METRICS` that is measured on rows, None
        where it has no meaning here; `standard_errors`, by name, where they are known; and `protocol`, which says in
        words how the metrics were measured.

    Raises:
        InputError: A metric is not finite on these rows, or a setting does not fit them.
    """
    if samples < 0:
        raise InputError(f"Expected at least 1 draw for the log-likelihood, or 0 for none, got {samples}.")
    rows = Evaluation(model, config, as_evaluated(data, config, model.spec), known, samples)
    found = {name: _measured(metric.compute, rows) for name, metric in METRICS.items() if metric.compute}
    return {
        "rows": len(data),
        **{name: each.value for name, each in found.items()},
        "standard_errors": {name: each.error for name, each in found.items() if each.error is not None},
        "protocol": _protocol(rows, {name for name, each in found.items() if each.value is not None}),
    }


def _measured(compute: Compute, rows: Evaluation) -> Measurement:
    found = compute(rows)
    if found.value is not None and not math.isfinite(found.value):
        raise InputError(
            "The model gives NaN or infinity on these rows, though not on those that it was trained on. Check them "
            "for values far out of range, or fit again with a lower learning rate."
        )
    return found


def _protocol(rows: Evaluation, known: set[str]) -> dict[str, str]:
    data, spec = rows.data, rows.model.spec
    counts = {"rows": len(data), "samples": rows.samples}
    counts["training"] = len(rows.reference.data) if rows.reference else 0
    counts |= {"pairs": min(len(data), maps.PAIR_ROWS), "map": len(maps.compared_rows(data, spec))}
    counts["clustered"] = min(int(data.labeled.sum()), CLUSTERED_ROWS)
    return protocol(rows.config, spec, counts, known, rows.bits_meaning)
