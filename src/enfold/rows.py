"""Rows that stay where they are until they are asked for, so that data may be larger than memory.

They are read, not memory-mapped: pages that a map has touched count as resident until it is closed, and reading a
batch of random rows takes a third of the time.
"""

import hashlib
import mmap
import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from enfold.errors import InputError

IN_MEMORY = 2**28  # bytes; what is no larger is read at once
AT_ONCE = 2**22  # bytes; larger pieces are not read any faster
CHECKED_ROWS = 1_000  # of data that is larger than memory
MOST_VALUES = 2**26  # of rows that are held as float32: 256 MB


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that are read when they are indexed, by a slice or by an array of row numbers in any order.

    Attributes:
        shape: (n, …), as of an array.
        dtype: Of the values.
        read: Row numbers, (m,) int64, in 0…n − 1 → a new array, (m, …).
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[np.ndarray], np.ndarray]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        numbers = self._numbers(rows)
        if numbers.ndim == 0:
            return self.read(numbers[None])[0]
        step = rows_at_once(self)
        if len(numbers) <= step:
            return self.read(numbers)
        out = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for start in range(0, len(numbers), step):
            out[start : start + step] = self.read(numbers[start : start + step])
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    @property
    def ndim(self) -> int:
        """Number of dimensions, with those of a row."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Number of bytes of all rows in memory."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def select(self, rows: Any) -> "Rows":
        """Return some of the rows, still unread."""
        numbers = self._numbers(rows)
        return Rows((len(numbers), *self.shape[1:]), self.dtype, lambda some: self.read(numbers[some]))

    def _numbers(self, rows: Any) -> np.ndarray:
        """Return what `rows` selects as row numbers from 0."""
        n = len(self)
        if isinstance(rows, slice):
            return np.arange(*rows.indices(n))
        numbers = np.asarray(rows)
        if numbers.dtype == bool and numbers.shape == (n,):
            return np.flatnonzero(numbers)
        if numbers.size and (numbers.dtype.kind not in "iu" or numbers.min() < -n or numbers.max() >= n):
            raise IndexError(f"expected numbers of {n} rows, got {numbers}")
        return np.where(numbers < 0, numbers + n, numbers).astype(np.int64)


Examples = np.ndarray | Rows  # at hand, or yet to be read


@dataclass(frozen=True)
class File:
    """A file that holds rows one after another.

    Attributes:
        source: Where it is, or an open file that has no name.
        offset: The first row's place in bytes.
        rows: How many there are.
    """

    source: Path | IO[bytes]
    offset: int
    rows: int

    def read(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Read rows, those that follow each other in one piece.

        Args:
            rows: Row numbers, (m,), in order.
            out: Where to, (m, bytes of a row) uint8.

        Raises:
            InputError: The file is shorter than it was.
        """
        firsts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        size = out.shape[1]
        places = (self.offset + rows[firsts] * size).tolist()
        ends = [*(firsts[1:] * size).tolist(), out.size]
        view, begin, found = out.reshape(-1).data, 0, 0
        with self._opened() as handle:
            if hasattr(os, "posix_fadvise"):  # the disk seeks all places at the same time
                for place in places:
                    os.posix_fadvise(handle, place, size, os.POSIX_FADV_WILLNEED)
            for place, end in zip(places, ends, strict=True):
                found += _read_at(handle, view[begin:end], place)
                begin = end
        if found != out.size:
            raise InputError(f"{self.source} has become shorter while it was read. Restore it.")

    @contextmanager
    def _opened(self) -> Generator[int]:
        """Open a descriptor for one reading, as a process may not keep as many files open as there are."""
        if not isinstance(self.source, Path):
            yield self.source.fileno()
            return
        handle = os.open(self.source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            yield handle
        finally:
            os.close(handle)


@dataclass(frozen=True)
class _Stored:
    """Reads rows of one layout from files, and takes them through some steps."""

    files: tuple[File, ...]
    dtype: np.dtype
    shape: tuple[int, ...]
    steps: tuple[tuple[Callable[..., np.ndarray], tuple[Any, ...]], ...] = ()

    @cached_property
    def starts(self) -> np.ndarray:
        return np.cumsum([0, *(file.rows for file in self.files)])

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        bounds = np.searchsorted(ordered, self.starts)
        out = np.empty((len(rows), int(np.prod(self.shape)) * self.dtype.itemsize), np.uint8)
        for i in np.flatnonzero(np.diff(bounds)):
            here = slice(bounds[i], bounds[i + 1])
            self.files[i].read(ordered[here] - self.starts[i], out[here])
        raw = out.view(self.dtype).reshape(len(rows), *self.shape)
        found = np.empty_like(raw)
        found[order] = raw
        for f, arguments in self.steps:
            found = f(found, *arguments)
        return found


def stored(file: File, dtype: np.dtype, shape: tuple[int, ...]) -> Rows:
    """Return the rows in a file.

    Args:
        file: Where they are.
        dtype: Of the values.
        shape: Of a row.
    """
    return Rows((file.rows, *shape), dtype, _Stored((file,), dtype, shape))


def mapped(x: Examples, f: Callable[..., np.ndarray], *arguments: Any) -> Examples:
    """Return `f(x, *arguments)`, computed when the rows are read if they are `Rows`.

    Args:
        x: Rows, (n, …).
        f: Takes rows, any number of them, to as many new rows, each on its own.
        *arguments: Further ones, hashable.
    """
    if isinstance(x, np.ndarray):
        return f(x, *arguments)
    probe = f(np.empty((0, *x.shape[1:]), x.dtype), *arguments)
    read = x.read
    if isinstance(read, _Stored):
        return Rows((len(x), *probe.shape[1:]), probe.dtype, replace(read, steps=(*read.steps, (f, arguments))))
    return Rows((len(x), *probe.shape[1:]), probe.dtype, lambda rows: f(read(rows), *arguments))


def joined(parts: Sequence[Examples]) -> Examples:
    """Return rows of one shape and type one after another; in memory if all of them are."""
    if len(parts) == 1:
        return parts[0]
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(arrays) == len(parts):
        return np.concatenate(arrays)
    starts = np.cumsum([0, *map(len, parts)])
    shape, dtype = (int(starts[-1]), *parts[0].shape[1:]), parts[0].dtype
    reads = [part.read for part in parts if isinstance(part, Rows) and isinstance(part.read, _Stored)]
    if len(reads) == len(parts) and len({(read.dtype, read.shape, read.steps) for read in reads}) == 1:
        return Rows(shape, dtype, replace(reads[0], files=tuple(file for read in reads for file in read.files)))

    def read(rows: np.ndarray) -> np.ndarray:
        found, part_of = np.empty((len(rows), *shape[1:]), dtype), np.searchsorted(starts, rows, "right") - 1
        for i in np.unique(part_of):
            found[part_of == i] = parts[i][rows[part_of == i] - starts[i]]
        return found

    return Rows(shape, dtype, read)


def selected(x: Examples, rows: Any) -> Examples:
    """Return some rows, unread if they are `Rows`."""
    return x.select(rows) if isinstance(x, Rows) else x[rows]


def as_rows(x: Examples) -> Rows:
    """Return rows that may be in memory as `Rows`, which are selected without a copy."""
    return x if isinstance(x, Rows) else Rows(x.shape, x.dtype, x.__getitem__)


def affordable(size: int, at_most: int) -> int:
    """Return how many rows of `size` values to hold as float32, at most so many, so that memory stays bounded."""
    return min(at_most, max(2, MOST_VALUES // size))


def drawn(n: int, at_most: int, seed: int = 0) -> np.ndarray:
    """Return the numbers of at most so many of `n` rows, drawn at random, in order; the same for the same seed."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:at_most])


def sha256(x: Examples) -> str:
    """Return a checksum by which to know rows again: of all values, or beyond 256 MB of those of 1,000 drawn rows."""
    some = x if x.nbytes <= IN_MEMORY else x[drawn(len(x), CHECKED_ROWS)]
    return hashlib.sha256(np.ascontiguousarray(some).data).hexdigest()


def pieces(x: Examples, at_most: int = sys.maxsize) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the rows in order, a bounded number at once, each time with the first one's number."""
    step = max(1, min(rows_at_once(x), at_most))
    for start in range(0, len(x), step):
        yield start, x[start : start + step]


def unmapped(x: np.ndarray) -> Examples:
    """Return a memory-mapped array's rows as `Rows`, so that they do not stay in memory; other arrays unchanged."""
    root = x
    while isinstance(root.base, np.ndarray):
        root = root.base
    is_mapped = isinstance(root.base, mmap.mmap)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not isinstance(root, np.memmap) or not is_mapped or not x.ndim:
        return x
    if root.filename is None or root.mode == "c" or not x.flags.c_contiguous:  # not as it is in the file
        return Rows(x.shape, x.dtype, lambda rows: np.array(x[rows]))
    place = root.offset + x.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return stored(File(Path(root.filename), place, len(x)), x.dtype, x.shape[1:])


def rows_at_once(x: Examples) -> int:
    """Return how many rows to take at once, so that memory stays bounded."""
    return max(1, AT_ONCE * len(x) // max(x.nbytes, 1))


def _read_at(handle: int, out: memoryview, place: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(handle, [out], place)
    os.lseek(handle, place, os.SEEK_SET)
    found = os.read(handle, len(out))
    out[: len(found)] = found
    return len(found)
