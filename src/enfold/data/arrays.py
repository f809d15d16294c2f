"""Arrays, in Python or in `.npy` and `.npz` files; rows of a `.npy` file are read when they are used."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from enfold.data.dataset import Dataset
from enfold.errors import InputError
from enfold.files import check_file
from enfold.rows import IN_MEMORY, Examples, File, Rows, mapped, pieces, stored, unmapped
from enfold.spec import ARRAY, Column, Spec

EXAMPLES = ("x", "X", "images", "data", "arr_0")
LABELS = ("y", "labels", "label", "target")
LABELS_SUFFIX = ".labels.npy"
CHANNELS = (1, 3, 4)  # gray, color, color with opacity


class Extent(NamedTuple):
    """The smallest and the largest of all values."""

    low: float
    high: float


def from_array(
    x: Any,
    *,
    labels: Any = None,
    image_shape: Sequence[int] | None = None,
    as_table: bool = False,
    source: str = ARRAY,
) -> Dataset:
    """Return the data set in an array.

    Arrays of three or four dimensions are images: (n, height, width), (n, height, width, 1, 3 or 4), or
    (n, channels, height, width). So are rows of uint8, which are cut into squares or into `image_shape`. Any
    other two-dimensional array is a table.

    Args:
        x: (n, …) numbers. Images hold whole numbers in 0…255, or fractions in 0…1. Rows of a memory-mapped array
            are read when they are used.
        labels: (n,) numbers, NaN where missing, or names, empty or None where missing.
        image_shape: (height, width) or (channels, height, width), for rows that are flattened images.
        as_table: Whether rows of uint8 are a table too.
        source: The name of the array in errors.

    Raises:
        InputError: The array is empty, not real, not finite, or of an unknown shape or range.
    """
    array = _real(x, source)
    found = extent(array, source)
    if image_shape is not None or array.ndim > 2 or (array.dtype == np.uint8 and not as_table):
        shape = None if image_shape is None else tuple(image_shape)
        _as_images(np.empty((0, *array.shape[1:])), shape, source)  # to refuse the shape by the source's name
        array, column = _pixels(mapped(array, _as_images, shape), found, source)
        columns = (column,)
    else:
        if max(-found.low, found.high) > np.finfo(np.float32).max:
            raise InputError(f"{source} has numbers that are too large for float32. Rescale them.")
        array = mapped(array, _astype, np.float32)
        columns = tuple(Column(name, "real") for name in unnamed(array.shape[1]))
    numbers, classes = encode_labels(labels, len(array), source)
    dtype = "uint8" if array.dtype == np.uint8 else "float32"
    return Dataset(array, numbers, Spec(array.shape[1:], columns, dtype, classes, (source,)))


def read_array(path: Path, *, image_shape: Sequence[int] | None = None, as_table: bool = False) -> Dataset:
    """Return the data set in a `.npy` file, or in a `.npz` file with an array of rows and perhaps one of labels.

    The labels of `some.npy` are in `some.labels.npy` beside it, if there is such a file.

    Raises:
        InputError: The file is damaged, holds Python objects, or holds no rows.
    """
    if path.suffix.lower() == ".npy":
        beside = path.with_suffix(LABELS_SUFFIX)
        labels = np.asarray(_stored(beside)) if beside.exists() else None
        return from_array(_stored(path), labels=labels, image_shape=image_shape, as_table=as_table, source=str(path))
    try:
        with path.open("rb") as file:
            arrays = dict(np.load(file, allow_pickle=False))
    except Exception as error:  # NumPy raises errors of many kinds for damaged files
        raise _unreadable(path, error) from error
    labels = next((arrays.pop(name) for name in LABELS if name in arrays), None)
    key = next((name for name in EXAMPLES if name in arrays), None)
    if key is None and len(arrays) == 1:
        key = next(iter(arrays))
    if key is None:
        found = ", ".join(sorted(arrays)) or "none"
        raise InputError(f"{path} has no array named '{EXAMPLES[0]}' with the rows (found: {found}). Rename it.")
    return from_array(arrays[key], labels=labels, image_shape=image_shape, as_table=as_table, source=str(path))


def extent(x: Examples, source: str) -> Extent:
    """Return the smallest and the largest value.

    Raises:
        InputError: A value is NaN or infinite.
    """
    low, high = np.inf, -np.inf
    for start, part in pieces(x):
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            row = start + int(np.argwhere(~np.isfinite(part))[0][0])
            raise InputError(f"{source} has NaN or infinity, first in row {row}. Fill in or drop such rows.")
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    return Extent(low, high)


def encode_labels(labels: Any, n: int, source: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels as numbers, NaN where missing, with the names behind the numbers if they are names.

    Raises:
        InputError: There are not `n` labels.
    """
    if labels is None:
        return np.full(n, np.nan), ()
    values = np.asarray(labels)
    if values.shape != (n,):
        raise InputError(f"{source} has {n} rows but labels of shape {values.shape}. Give one label for each row.")
    if values.dtype.kind in "biufc":
        if values.dtype.kind == "c" or np.isinf(values).any():
            raise InputError(
                f"{source} has labels that are infinite or complex. Give numbers or names, NaN if missing."
            )
        return values.astype(np.float64), ()
    names = ["" if value is None or value != value else _name(value) for value in values.tolist()]
    try:
        return encode_labels(np.array([number(name) if name else np.nan for name in names]), n, source)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        classes = tuple(sorted(set(names) - {""}))
        position = {name: float(i) for i, name in enumerate(classes)}
        return np.array([position.get(name, np.nan) for name in names]), classes


def _name(label: Any) -> str:
    return (label.decode("utf-8", "backslashreplace") if isinstance(label, bytes) else str(label)).strip()


def unnamed(n: int) -> list[str]:
    """Return names for the columns of an array."""
    return [f"column {i}" for i in range(n)]


def number(text: str) -> float:
    """Return text as a number; underscores, which Python allows, are not allowed.

    Raises:
        ValueError: It is not a number.
    """
    if "_" in text:
        raise ValueError(text)
    return float(text)


def is_number(text: str) -> bool:
    """Return whether text is a finite number."""
    try:
        return math.isfinite(number(text))
    except ValueError:
        return False


def _stored(path: Path) -> Examples:
    """Return the array in a `.npy` file, its rows unread."""
    check_file(path)
    try:  # mapped, so that a header cannot claim more than the file holds
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy raises errors of many kinds for damaged files
        raise _unreadable(path, error) from error
    if not isinstance(array, np.memmap):
        raise InputError(f"{path} is an .npz archive. Rename it to {path.stem}.npz.")
    if array.ndim and array.flags.c_contiguous:
        return stored(File(path, array.offset, len(array)), array.dtype, array.shape[1:])
    if array.nbytes > IN_MEMORY:
        raise InputError(
            f"{path} is too large to be read at once, and it is in Fortran order. Write it again with "
            "numpy.save(path, numpy.ascontiguousarray(array))."
        )
    return np.array(array)


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} is not an array file that can be read safely ({error}). Write it again with numpy.save or "
        "numpy.savez from an array of numbers; files with Python objects are refused, as they can run code."
    )


def _real(x: Any, source: str) -> Examples:
    if isinstance(x, np.ma.MaskedArray):
        raise InputError(f"{source} is a masked array. Fill in or drop masked values: x.filled(…).")
    array = x if isinstance(x, Rows) else unmapped(np.asarray(x))
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{source} holds values of type {array.dtype}, not real numbers. Convert them: x.astype('float32')."
        )
    if array.ndim not in (2, 3, 4):
        raise InputError(f"{source} has shape {array.shape}. Expected (n, columns), (n, height, width) or one more.")
    if 0 in array.shape:
        raise InputError(f"{source} has shape {array.shape}: it is empty. Give at least one row.")
    return array


def _astype(array: np.ndarray, dtype: type) -> np.ndarray:
    return array.astype(dtype, copy=False)


def _as_images(array: np.ndarray, image_shape: tuple[int, ...] | None, source: str = "") -> np.ndarray:
    if array.ndim == 2:
        return array.reshape(len(array), *image_shape_of(array.shape[1], image_shape, source))
    if array.ndim == 3:
        array = array[:, None]  # (n, 1, H, W)
    elif array.shape[3] in CHANNELS and array.shape[1] not in CHANNELS:
        array = np.ascontiguousarray(array.transpose(0, 3, 1, 2))  # (n, C, H, W)
    elif image_shape is None and array.shape[3] < min(array.shape[1:3]):
        channels, height, width = array.shape[1:]
        raise InputError(
            f"{source} has shape (n, {channels}, {height}, {width}), whose last axis may be channels. Give (n, "
            "channels, height, width): x.transpose(0, 3, 1, 2); or if it is already, give --image-shape "
            f"{channels}x{height}x{width}, image_shape=({channels}, {height}, {width}) in Python."
        )
    if image_shape is not None and array.shape[1:] != _with_channels(image_shape):
        raise InputError(
            f"{source} has images of shape {_text(array.shape[1:])}, expected {_text(_with_channels(image_shape))}. "
            "Give images of that shape."
        )
    return array


def image_shape_of(size: int, image_shape: Sequence[int] | None, source: str) -> tuple[int, int, int]:
    """Return (channels, height, width) of an image of `size` values, square and gray unless it is given.

    Raises:
        InputError: The values do not fill the shape.
    """
    side = round(size**0.5)
    shape = _with_channels(image_shape if image_shape is not None else (side, side))
    if len(shape) != 3 or int(np.prod(shape)) != size or min(shape) < 1:
        fault = "make no square image" if image_shape is None else f"do not fill the shape {_text(shape)}"
        raise InputError(
            f"{source} has {size} pixels in each row, which {fault}. Check that no column is missing or too many, or "
            "give the images' shape: --image-shape 28x28 (height x width) or 3x32x32, image_shape=(28, 28) in Python."
        )
    return shape


def pixel(largest: float) -> Column:
    """Return the column of pixels with that maximum: fractions or binary up to 1, otherwise in 0…255."""
    return Column("pixel", "intensity", scale=255.0 if largest > 1 else 1.0)


def _with_channels(shape: Sequence[int]) -> tuple[int, ...]:
    return (1, *shape) if len(shape) == 2 else tuple(shape)


def _text(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _pixels(array: Examples, found: Extent, source: str) -> tuple[Examples, Column]:
    """Return images as uint8, or as float32 if they are fractions, and what a pixel is."""
    low, high = found
    if array.dtype == bool:
        return mapped(array, _astype, np.uint8), pixel(high)
    if low >= 0 and high <= 255 and (array.dtype.kind in "iu" or (high > 1 and _are_whole(array))):
        return mapped(array, _astype, np.uint8), pixel(high)
    if low >= 0 and high <= 1:
        return mapped(array, _astype, np.float32), pixel(high)
    raise InputError(
        f"{source} has pixels from {low:g} to {high:g}. Expected whole numbers in 0…255, or fractions in 0…1."
    )


def _are_whole(array: Examples) -> bool:
    return all(np.array_equal(part, np.rint(part)) for _, part in pieces(array))
