"""CSV files: pixels or other numbers in columns, and perhaps a label.

The name of a column says what it is, in Parquet files too.
"""

import csv
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from enfold.data.arrays import encode_labels, image_shape_of, is_number, pixel
from enfold.data.dataset import Dataset
from enfold.data.formulas import unescaped
from enfold.data.pixels import read_pixels
from enfold.errors import InputError
from enfold.rows import Examples, mapped, pieces
from enfold.spec import Column, Spec

if TYPE_CHECKING:
    import polars as pl

LONGEST_PIXEL = 20  # digits; leading zeros are fine, and int() is slow for very long texts
LABEL_NAMES = ("label", "class", "target", "y")
COUNTED = "Columns named 0, 1, … are read as pixels; for a table, give them other names."
PIXEL_NAME = re.compile(r"(pixel|px)[ _-]?\d{1,9}|\d{1,9}x\d{1,9}", re.IGNORECASE)
INDEX_NAME = re.compile(r"|Unnamed: \d+|__index_level_\d+__")  # of row numbers, from pandas


@dataclass(frozen=True)
class Reading:
    """How to read columns.

    Attributes:
        label: The label column's name; without it, a column named label, class, target or y, wherever it is. A file
            that has no such column is unlabeled.
        image_shape: (height, width) or (channels, height, width) of flattened images.
        features: The names of columns that are not labels, even if named like one.
        only: A pattern of the names of the columns to read; None: all.
        as_table: Whether two-dimensional arrays are tables, those of uint8 too.
    """

    label: str | None = None
    image_shape: Sequence[int] | None = None
    features: frozenset[str] = frozenset()
    only: re.Pattern[str] | None = None
    as_table: bool = False


@dataclass(frozen=True)
class Layout:
    """What the columns of a table are.

    Attributes:
        label: The label column's name, if there is one.
        features: The other columns' names, pixels in the order of their numbers.
        image: (channels, height, width), if they are pixels.
    """

    label: str | None
    features: list[str]
    image: tuple[int, int, int] | None

    def dataset(self, x: Examples, labels: np.ndarray, classes: tuple[str, ...], path: Path) -> Dataset:
        """Return the data set of a table's features, (n, features), its labels and their names."""
        if self.image is None:
            columns = tuple(Column(name, "real") for name in self.features)
            spec = Spec(x.shape[1:], columns, "float32", classes, (str(path),), self.label or "")
        else:
            x = mapped(x, _reshaped, self.image)
            largest = next((high for _, part in pieces(x) if (high := part.max()) > 1), 1)  # as soon as it is known
            spec = Spec(self.image, (pixel(largest),), "uint8", classes, (str(path),), self.label or "")
        return Dataset(x, labels, spec)


def read_csv(path: Path, how: Reading) -> Dataset:
    """Return the data set in a CSV file with a header, plain or gzipped.

    Columns named like pixels (`pixel0`, `px_1`, `1x1`) or simply counted (`0`, `1`, …) make a square gray image, or
    one of the shape that is asked for, in the order of their numbers; they hold whole numbers in 0…255. Any other
    columns make a table of real numbers.

    Raises:
        InputError: The file is empty or ragged, or a cell is not such a number; the message says where.
    """
    names = _header(path)
    layout = layout_of([name for name in names if not how.only or how.only.fullmatch(name)], how, path)
    are_pixels = layout.image is not None
    plain = read_pixels(path, len(names)) if are_pixels else None
    if plain is not None:
        return _plain(plain, names, layout, path)
    frame = _parse(path, names, layout.features, pixels=are_pixels)
    with np.errstate(over="ignore"):
        x = _values(frame, layout.features, np.uint8 if are_pixels else np.float32)
    numbers, classes = _labels(frame, layout.label, path)
    if not are_pixels and not np.isfinite(x).all():
        _explain(path, names, layout.features, pixels=False)
    return layout.dataset(x, numbers, classes, path)


def layout_of(names: list[str], how: Reading, path: Path) -> Layout:
    """Return what the columns of these names are.

    Raises:
        InputError: There is no column beside the label, more than one label column, another column among pixels, or
            row numbers written by pandas.
    """
    label, image_shape = _label_column(names, how, path), how.image_shape
    features = [name for name in names if name != label]
    if not features:
        raise InputError(f"{path} has no columns beside the label. Give a file with at least one.")
    index = next((name for name in features if INDEX_NAME.fullmatch(name) and name not in how.features), None)
    if index is not None:
        name = f"named '{index}'" if index else "without a name"
        raise InputError(
            f"{path} has a column {name}, such as the row numbers that pandas writes. "
            "Drop it, or give it another name; pandas leaves it out with index=False."
        )
    other = [] if _are_positions(features) else [name for name in features if not PIXEL_NAME.fullmatch(name)]
    if not other:
        features.sort(key=lambda name: [int(number) for number in re.findall(r"\d+", name)])
    elif image_shape is None and len(other) == len(features):
        return Layout(label, features, None)
    elif image_shape is None:
        raise InputError(f"{path} has pixel columns and the column '{other[0]}'. Drop it, or name it with --label.")
    try:
        return Layout(label, features, image_shape_of(len(features), image_shape, str(path)))
    except InputError as error:
        raise InputError(f"{error} {COUNTED}") if _are_positions(features) else error from None


def _header(path: Path) -> list[str]:
    names = [unescaped(name.strip()) for name in next(_rows(path), [])]
    if not any(names):
        raise InputError(f"{path} is empty. Give a CSV file with a header and at least one row.")
    if all(is_number(name) for name in names) and not _are_positions(names):
        raise InputError(
            f"{path} seems to have no header: its first row holds only numbers. "
            "Add one, such as label,pixel0,pixel1,…"
        )
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise InputError(f"{path} has more than one column named '{repeated[0]}'. Rename or drop one of them.")
    return names


def _label_column(names: list[str], how: Reading, path: Path) -> str | None:
    if how.label in names:
        return how.label
    found = [name for name in names if name.lower() in LABEL_NAMES and name not in how.features]
    if len(found) > 1:
        raise InputError(
            f"{path} has the label columns {' and '.join(found)}. Choose one with --label and drop the other."
        )
    return found[0] if found else None


def _parse(path: Path, names: list[str], features: list[str], *, pixels: bool) -> "pl.DataFrame":
    import polars as pl  # here, as plain tables of pixels do not need it

    schema = dict.fromkeys(names, pl.String) | dict.fromkeys(features, pl.UInt8 if pixels else pl.Float64)
    try:
        frame = pl.read_csv(path, has_header=False, skip_rows=1, schema=schema, glob=False)
    except (pl.exceptions.PolarsError, OSError):
        _explain(path, names, features, pixels=pixels)
    if frame.is_empty():
        raise InputError(f"{path} has a header but no rows. Give at least one.")
    if any(frame[name].null_count() for name in features):
        empty = frame.select(pl.all_horizontal(pl.all().is_null()).sum()).item()
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
        missing = any(frame[name].null_count() for name in features)
        if missing or empty != sum(not row for row in _rows(path)):  # blank lines are no rows
            _explain(path, names, features, pixels=pixels)
    return frame


def _plain(cells: np.ndarray, names: list[str], layout: Layout, path: Path) -> Dataset:
    """Return the data set of a table of whole numbers, (n, columns)."""
    place = {name: i for i, name in enumerate(names)}
    columns = [place[name] for name in layout.features]
    are_beside = columns == list(range(columns[0], columns[0] + len(columns)))
    x = np.ascontiguousarray(cells[:, slice(columns[0], columns[-1] + 1) if are_beside else columns])
    labels = None if layout.label is None else cells[:, place[layout.label]]
    return layout.dataset(x, *encode_labels(labels, len(x), str(path)), path)


def _values(frame: "pl.DataFrame", features: list[str], dtype: type) -> np.ndarray:
    columns = frame.select(features).to_numpy()
    return np.ascontiguousarray(columns, dtype=dtype)


def _labels(frame: "pl.DataFrame", label: str | None, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    values = None if label is None else np.array([name and unescaped(name) for name in frame[label]], dtype=object)
    return encode_labels(values, len(frame), str(path))


def _explain(path: Path, names: list[str], features: list[str], *, pixels: bool) -> NoReturn:
    """Raise the error for the first invalid cell."""
    rows, read = _rows(path), set(features)
    next(rows)
    for line, row in enumerate(rows, start=2):
        if row and len(row) != len(names):
            raise InputError(
                f"{path}, line {line}: {len(row)} cells, but the header names {len(names)} columns. "
                "Fix or drop the line."
            )
        for name, cell in zip(names, row, strict=False):
            if name in read and not _is_fine(cell, pixels):
                expected = "a whole number from 0 to 255" if pixels else "a finite number"
                label = "" if pixels else f", or if it is the label, name it with --label {name}"
                counted = f" {COUNTED}" if pixels and _are_positions(features) else ""
                raise InputError(
                    f"{path}, line {line}, column '{name}': expected {expected}, got '{cell}'. Fix or drop the "
                    f"line{label}.{counted}"
                )
    raise InputError(f"{path} cannot be read as a CSV file. Check its quotes and its encoding, which must be UTF-8.")


def _is_fine(cell: str, pixels: bool) -> bool:
    if pixels:
        return cell.isascii() and cell.isdigit() and len(cell) <= LONGEST_PIXEL and int(cell) <= 255
    if cell != cell.rstrip():  # polars only allows spaces before a number
        return False
    return is_number(cell) and abs(float(cell)) <= float(np.finfo(np.float32).max)


def _are_positions(names: list[str]) -> bool:
    """Return whether the names count the columns from 0 or 1 on, in any order."""
    return set(names) in ({str(i) for i in range(len(names))}, {str(i + 1) for i in range(len(names))})


def _reshaped(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return x.reshape(len(x), *shape)


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig", newline="")
            if path.suffix.lower() == ".gz"
            else path.open(encoding="utf-8-sig", newline="") as file
        ):
            yield from csv.reader(file)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a CSV file ({error}). Check the file.") from error
