"""What the data is: its shape, and for every value its range and kind.

Readers make a `Spec`, networks are built from it, and it is saved with the model. So a reloaded model takes the
data as it lies in the file.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from enfold.errors import InputError
from enfold.rows import Examples, mapped, pieces

Kind = Literal["intensity", "real"]
ARRAY = "<array>"  # the source of what came from memory
MOST_SOURCES = 5  # that are named where people read
LARGEST = float(np.finfo(np.float32).max)
SMALLEST_VARIATION = 1e-6  # relative to the mean; below it much of how a float32 column varies is rounding


@dataclass(frozen=True)
class Column:
    """One kind of value, and the affine map between its raw numbers and the network's.

    The network sees `(raw - offset) / scale`.

    Attributes:
        name: What the value is called.
        kind: "intensity" for a value in 0…`scale`, such as a pixel; "real" for any number.
        offset: In raw units.
        scale: In raw units, above zero.
    """

    name: str
    kind: Kind
    offset: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Spec:
    """What one row of a data set is.

    Attributes:
        shape: (channels, height, width) of an image, or (columns,) of a table's row.
        columns: One `Column` for all values of an image, or one for each column of a table.
        dtype: The raw values' type, "uint8" or "float32".
        classes: The names of the labels 0, 1, …, where labels are names; empty where they are numbers.
        sources: Where the data came from, in the order of its rows.
        label: The name of the label column, where the source was a table with one.
        conditions: The labels that a conditional model is conditioned on, in order; empty for other models.
    """

    shape: tuple[int, ...]
    columns: tuple[Column, ...]
    dtype: Literal["uint8", "float32"] = "float32"
    classes: tuple[str, ...] = ()
    sources: tuple[str, ...] = (ARRAY,)
    label: str = ""
    conditions: tuple[float, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether a row is an image rather than a table's row."""
        return len(self.shape) == 3

    @property
    def is_array(self) -> bool:
        """Whether some of the rows came from an array in memory, which cannot be read again."""
        return ARRAY in self.sources

    @property
    def sources_in_short(self) -> tuple[str, ...]:
        """The sources; of many the first ones, and how many more there are."""
        more = len(self.sources) - MOST_SOURCES
        return (*self.sources[:MOST_SOURCES], f"{more:,} more") if more > 1 else self.sources

    @property
    def size(self) -> int:
        """How many values a row has."""
        return int(np.prod(self.shape))

    @property
    def kind(self) -> Kind:
        """The kind of the values: "intensity" only if all of them are."""
        return "intensity" if all(column.kind == "intensity" for column in self.columns) else "real"

    @property
    def offset(self) -> np.ndarray:
        """The columns' offsets, float32, to broadcast against a row."""
        return np.array([column.offset for column in self.columns], np.float32)

    @property
    def scale(self) -> np.ndarray:
        """The columns' scales, float32, to broadcast against a row."""
        return np.array([column.scale for column in self.columns], np.float32)

    def __str__(self) -> str:
        shape = " × ".join(map(str, self.shape[1:] if self.is_image else self.shape))
        if not self.is_image:
            return f"rows of {shape} columns"
        color = {1: "gray", 3: "color"}.get(self.shape[0], f"{self.shape[0]}-channel")
        return f"{color} images of {shape} pixels"

    def scaled(self, x: np.ndarray, dtype: type[np.floating] = np.float32) -> np.ndarray:
        """Return raw rows, (n, *shape), in units of each column's scale, `(x - offset) / scale`."""
        values = x.astype(dtype)
        values -= self.offset  # in place, as there may be many
        values /= self.scale
        return values

    def vectors(self, x: np.ndarray, dtype: type[np.floating] = np.float32) -> np.ndarray:
        """Return raw rows, (n, *shape), as vectors in units of each column's scale, (n, values)."""
        return self.scaled(x, dtype).reshape(len(x), -1)

    def examples(self, vectors: np.ndarray) -> np.ndarray:
        """Return vectors in units of each column's scale, (n, values), as raw rows, (n, *shape) float32."""
        return (vectors.reshape(-1, *self.shape) * self.scale + self.offset).astype(np.float32)

    def standardized(self, x: Examples) -> "Spec":
        """Return this spec with each real column's offset and scale set to its mean and standard deviation in `x`.

        Args:
            x: Raw training rows, (n, *shape). A column that hardly varies, beside its mean, is not scaled up: its
                scale is 1, or a millionth of its mean if that is larger.
        """
        if self.kind == "intensity":
            return self
        mean, std = _moments(x, len(self.columns))
        least = np.maximum(SMALLEST_VARIATION * np.abs(mean), np.finfo(np.float32).tiny)
        scales = np.where(std > least, std, np.maximum(least, 1.0))
        columns = [
            replace(column, offset=float(m), scale=float(s)) if column.kind == "real" else column
            for column, m, s in zip(self.columns, mean, scales, strict=True)
        ]
        return replace(self, columns=tuple(columns))

    def conform(self, x: Examples) -> Examples:
        """Return `x` as (n, *shape) of this spec's type, from any array of that many values a row.

        Raises:
            InputError: The rows' size is another, or a value is out of range.
        """
        if x.ndim == 0 or int(np.prod(x.shape[1:])) != self.size or (x.ndim > 2 and x.shape[1:] != self.shape):
            raise InputError(
                f"The model was made for {self} (rows of shape {self.shape}), but the data has rows of shape "
                f"{x.shape[1:]}. Give data of that shape, or fit a new model to this one."
            )
        if not all(self._may_hold(part) for _, part in pieces(x)):
            numbers = "whole numbers" if self.dtype == "uint8" else "numbers"
            known = f"{numbers} from 0 to {self.scale.min():g}" if self.kind == "intensity" else "numbers of float32"
            raise InputError(
                f"The model was made for {known}, but the data has other values. Give it as it was when the model "
                "was fitted."
            )
        return mapped(x, _shaped, self.dtype, self.shape)

    def _may_hold(self, x: np.ndarray) -> bool:
        """Return whether all values are of the spec's type and in its range."""
        whole = self.dtype != "uint8" or x.dtype.kind in "biu" or bool(np.all(x == np.rint(x)))
        if not whole or not len(x):
            return whole
        low, high = float(x.min()), float(x.max())
        if self.kind == "real":
            return max(-low, high) <= LARGEST
        return bool(low >= 0 and high <= self.scale.min())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    def _check(self) -> None:
        """Raise ValueError for a value that no reader makes."""
        most = 255 if self.dtype == "uint8" else LARGEST
        names: list[object] = [*self.sources, *self.classes, self.label, *(each.name for each in self.columns)]
        checks = {
            "shape": len(self.shape) in (1, 3) and all(type(n) is int and 0 < n < 2**31 for n in self.shape),
            "type": self.dtype in ("uint8", "float32"),
            "columns": len(self.columns) in (1, self.size),
            "kinds": all(each.kind in get_args(Kind) for each in self.columns),
            "scales": all(0 < each.scale <= most and abs(each.offset) <= most for each in self.columns),
            "conditions": all(np.isfinite(self.conditions)) and list(self.conditions) == sorted({*self.conditions}),
            "classes": not self.classes or all(label in range(len(self.classes)) for label in self.conditions),
            "names": bool(self.sources) and all(isinstance(name, str) for name in names),
        }
        for what, is_fine in checks.items():
            if not is_fine:
                raise ValueError(f"its {what}")

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Spec":
        """Return the spec that `to_dict` gave.

        Raises:
            InputError: A value is missing or of the wrong kind.
        """
        try:
            columns = tuple(Column(**column) for column in values["columns"])
            lists = {name: tuple(values[name]) for name in ("shape", "classes", "sources")}
            conditions = tuple(map(float, values.get("conditions", ())))
            given: dict[str, Any] = {**values, **lists, "columns": columns, "conditions": conditions}
            spec = Spec(**given)
            spec._check()
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"The spec is damaged ({error!r}). Restore spec.json or fit again.") from error
        return spec


def _moments(x: Examples, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each column's mean and standard deviation, (columns,) float64, in one pass (Chan et al. 1983)."""
    n, mean, squares = 0, np.zeros(columns), np.zeros(columns)
    for _, part in pieces(x):
        values = part.reshape(-1, columns)
        here, added = values.mean(0, dtype=np.float64), len(values)
        share = added / (n + added)
        squares += values.var(0, dtype=np.float64) * added + (here - mean) ** 2 * n * share
        mean += (here - mean) * share
        n += added
    return mean, np.sqrt(squares / n)


def _shaped(x: np.ndarray, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    return x.astype(dtype, copy=False).reshape(len(x), *shape)
