"""Measurements and their standard errors."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

RESAMPLES = 200  # of the bootstrap; the error of its standard error is then 5% (Efron & Tibshirani 1993, section 6.4)
BOOTSTRAP_SEED = 0  # the same resamples at every call


class Measurement(NamedTuple):
    """A number and its standard error; None where it is unknown."""

    value: float | None
    error: float | None = None


NOTHING = Measurement(None)


def mean_error(values: np.ndarray) -> float | None:
    """Return the standard error of a mean, s / √n, in the values' unit; None for fewer than two values.

    Args:
        values: One for each row, (n,); the rows are independent.
    """
    if len(values) < 2:
        return None
    return float(values.std(ddof=1, dtype=np.float64) / math.sqrt(len(values)))


def mean_of(values: np.ndarray | None) -> Measurement:
    """Return the mean of one value for each row, (n,), with its error; nothing for None."""
    return NOTHING if values is None else Measurement(float(values.mean()), mean_error(values))


def share_error(share: float, n: int) -> float | None:
    """Return the standard error of a share of rows, √(p (1 − p) / (n − 1)); None for fewer than two rows.

    Args:
        share: p, in 0…1.
        n: How many rows there are.
    """
    return math.sqrt(max(share * (1 - share), 0.0) / (n - 1)) if n > 1 else None


def bootstrap_error(statistic: Callable[[np.ndarray], float], counts: np.ndarray) -> float | None:
    """Return the standard error of a statistic of counted rows: its standard deviation over resampled rows.

    (Efron 1979, "Bootstrap methods: another look at the jackknife".)

    Args:
        statistic: Counts of the shape of `counts` → a number.
        counts: How often each row, or each kind of row, occurs, of any shape.
    """
    n = int(counts.sum())
    if n < 2:
        return None
    random = np.random.default_rng(BOOTSTRAP_SEED)
    chances = counts.ravel() / n
    drawn = (random.multinomial(n, chances).reshape(counts.shape) for _ in range(RESAMPLES))
    return float(np.std([statistic(each) for each in drawn], ddof=1))


def printed(value: float, places: int) -> str:
    """Return a number with `places` decimals, a comma for thousands, and a real minus sign."""
    return f"{value:z,.{places}f}".replace("-", "−")


def decimals(error: float) -> int:
    """Return how many decimals show two digits of an error, 0 to 6."""
    return min(max(1 - math.floor(math.log10(error)), 0), 6) if error > 0 else 0
