"""Parquet files: tables like CSV's, or a column of lists of numbers.

Parquet has no access to single rows, so its values are decoded in pieces and cached.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import starmap
from pathlib import Path

import numpy as np
import polars as pl

from enfold.data.arrays import encode_labels, from_array
from enfold.data.dataset import Dataset
from enfold.data.disk_cache import disk_cached
from enfold.data.tables import Reading, layout_of
from enfold.errors import InputError
from enfold.rows import IN_MEMORY

AT_ONCE = 2**26  # bytes; smaller pieces are slow, as each begins with the file's directory
BEST_RATIO = 1_000  # of bytes unpacked to bytes packed; pixels come to some ten, and rows of nothing to any number
LABEL_BYTES = 8


def read_parquet(path: Path, how: Reading) -> Dataset:
    """Return the data set in a Parquet file, its rows cached in a temporary file.

    The columns hold numbers and are named as in CSV files, see `read_csv`. Or there is a single column of lists or
    arrays beside the label, which holds what a `.npy` file would.

    Raises:
        InputError: The file is damaged or empty, or a value is no number or out of range.
    """
    try:
        frame = pl.scan_parquet(path, glob=False)
        types = dict(frame.collect_schema())
        are_lists = any(type_.is_nested() for type_ in types.values())
        layout = layout_of([*types], replace(how, image_shape=None) if are_lists else how, path)
        _check_types({name: types[name] for name in layout.features}, path)
        first = frame.head(1).collect()
        if first.is_empty():
            raise InputError(f"{path} has no rows. Give at least one.")
        read = (
            partial(_lists, length=np.size(first[layout.features[0]][0]), path=path)
            if are_lists
            else partial(_numbers, are_pixels=layout.image is not None, path=path)
        )
        row_bytes = int(first.estimated_size())
        n = _count(frame, row_bytes, path)
        parts = _parts(frame.select(layout.features), n, max(1, AT_ONCE // max(row_bytes, 1)))
        x = disk_cached(starmap(read, parts), n * row_bytes, path)
        labels, classes = _labels(frame, layout.label, n, path)
        if not are_lists:
            return layout.dataset(x, labels, classes, path)
        data = from_array(x, image_shape=how.image_shape, as_table=how.as_table, source=str(path))
        return Dataset(data.x, labels, replace(data.spec, classes=classes, label=layout.label or ""))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise InputError(f"{path} cannot be read as a Parquet file ({error}). Check the file.") from error


def _count(frame: pl.LazyFrame, row_bytes: int, path: Path) -> int:
    """Return how many rows there are, of which a small file can claim any number."""
    n = frame.select(pl.len()).collect().item()
    if n * max(row_bytes, LABEL_BYTES) > max(IN_MEMORY, BEST_RATIO * path.stat().st_size):
        raise InputError(
            f"{path} claims {n:,} rows in {path.stat().st_size:,} bytes, so that almost all are alike. Keep fewer."
        )
    return n


def _check_types(types: dict[str, pl.DataType], path: Path) -> None:
    for name, type_ in types.items():
        inner = type_
        while isinstance(inner, pl.Array) or (isinstance(inner, pl.List) and inner is type_):
            inner = inner.inner
        if not (inner.is_numeric() or inner == pl.Boolean):
            raise InputError(f"{path} has {type_} in the column '{name}', expected numbers. Convert or drop it.")
        if inner is not type_ and len(types) > 1:
            raise InputError(f"{path} has columns beside '{name}', which has lists. Keep one of them, and the label.")


def _labels(frame: pl.LazyFrame, label: str | None, n: int, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    if label is None:
        return encode_labels(None, n, str(path))
    column = frame.select(label).collect()[label]
    values = column.to_numpy() if column.dtype.is_numeric() else np.array(column.to_list(), dtype=object)
    return encode_labels(values, len(column), str(path))


def _parts(frame: pl.LazyFrame, n: int, step: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield the `n` rows in order, `step` at once, each time with the first one's number."""
    for start in range(0, n, step):
        yield start, frame.slice(start, step).collect()


def _numbers(start: int, part: pl.DataFrame, are_pixels: bool, path: Path) -> np.ndarray:
    """Return columns as (n, columns): pixels as uint8, other numbers as float32."""
    values = part.cast({pl.Boolean: pl.UInt8} if are_pixels else pl.Float64).to_numpy()
    if are_pixels:
        fine = (values >= 0) & (values <= 255) & (values == np.rint(values))
    else:
        fine = np.abs(values) <= np.finfo(np.float32).max
    if not fine.all():
        row, column = np.argwhere(~fine)[0]
        expected, cell = (
            "a whole number from 0 to 255" if are_pixels else "a finite number",
            part[int(row), int(column)],
        )
        raise InputError(
            f"{path}, row {start + row}, column '{part.columns[column]}': expected {expected}, got "
            f"{'nothing' if cell is None else cell}. Fix or drop the row."
        )
    return values.astype(np.uint8 if are_pixels else np.float32)


def _lists(start: int, part: pl.DataFrame, length: int, path: Path) -> np.ndarray:
    """Return a column of lists as (n, length), one of arrays as (n, …)."""
    column = part.to_series()
    if isinstance(column.dtype, pl.List):
        wrong = column.list.len().fill_null(0) != length
        if wrong.any():
            raise InputError(
                f"{path}, row {start + int(wrong.to_numpy().argmax())}: expected a list of {length} numbers, as in "
                "the first row. Fix or drop the row."
            )
        column = column.list.to_array(length)
    values = column.to_numpy()
    if values.dtype.kind == "f" and not np.isfinite(values).all():  # missing numbers are NaN now
        row = start + int(np.argwhere(~np.isfinite(values))[0][0])
        raise InputError(
            f"{path} has missing numbers, NaN or infinity, first in row {row}. Fill in or drop such rows."
        )
    return values
