"""Which rows are held out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from enfold.errors import InputError


@dataclass(frozen=True, eq=False)
class Split:
    """The rows of a run and which of them are held out.

    Attributes:
        rows: How many there are.
        held_out: The numbers of those that are held out, counted from 0.
        sha256: The checksum of the values; see `enfold.rows.sha256`.
        tested: The sources whose rows are held out, the last ones, as with `--test`.
    """

    rows: int
    held_out: np.ndarray
    sha256: str
    tested: tuple[str, ...] = ()

    def __post_init__(self):
        if self.held_out.ndim != 1 or not 0 <= self.held_out.min() <= self.held_out.max() < self.rows:
            raise ValueError("row numbers")

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Split":
        """Return the split that `to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError, OverflowError: The values are invalid.
        """
        held_out = np.array(values["held_out"], dtype=np.int64)
        return Split(int(values["rows"]), held_out, str(values["sha256"]), tuple(map(str, values["tested"])))

    def to_dict(self) -> dict[str, Any]:
        """Return the split as JSON has it."""
        return {**vars(self), "held_out": self.held_out.tolist(), "tested": list(self.tested)}


def held_out_rows(n: int, holdout: float, seed: int) -> np.ndarray:
    """Return the numbers of the rows to hold out, in the order in which they were drawn.

    The same rows as pandas' `DataFrame.sample(count, random_state=seed).index` of a frame with `n` rows.

    Args:
        n: How many rows there are.
        holdout: How many to hold out: a whole number of rows from 1, or a share below 1.
        seed: Of NumPy's legacy generator, as pandas takes it.

    Raises:
        InputError: No row would be held out, or none would be left to train on.
    """
    count = round(holdout * n) if holdout < 1 else holdout
    if n < 2 or count != int(count) or not 1 <= count < n:
        raise InputError(
            f"A holdout of {holdout:g} asks for {count:,g} of {n:,} rows. It must be a whole number that takes at "
            f"least one row and leaves one. {f'Try --holdout {max(1, n // 10)}' if n > 1 else 'Give more rows'}."
        )
    return np.random.RandomState(seed).choice(n, size=int(count), replace=False)


def last_rows(n: int, count: int) -> np.ndarray:
    """Return the numbers of the last rows of all, in order."""
    return np.arange(n - count, n)


def training_rows(n: int, held_out: np.ndarray) -> np.ndarray:
    """Return the other rows' numbers, in order."""
    kept = np.ones(n, bool)
    kept[held_out] = False
    return np.flatnonzero(kept)
