"""A fast reader for plain tables of pixels, with only digits, commas and line ends.

A general reader spends most of its time on what such files do not have: quotes, signs, fractions, gaps.
"""

import gzip
import os
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

BLOCK = 2**18  # bytes; larger ones leave the processor's cache, and smaller ones are more work for Python
FREED = 2**25 - 2**16  # bytes, just below what glibc takes for too large to be kept
LONGEST_HEADER = 2**24  # bytes


def read_pixels(path: Path, columns: int) -> np.ndarray | None:
    """Return the cells of a plain table of pixels, (n, columns) uint8, or None if the table is not plain.

    It is plain if it has at least one row, every row has as many cells as there are columns, and every cell is a
    whole number from 0 to 255, in one to three digits. A general reader can
    explain what is wrong with other tables.

    Args:
        path: The file, plain or gzipped, with a header.
        columns: The number of columns in the header.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            header = file.readline(LONGEST_HEADER)
            is_a_line = header.endswith(b"\n") and b'"' not in header and b"\r" not in header[:-2]
            if not is_a_line:  # names may have line ends in them
                return None
            np.empty(FREED, np.uint8)  # freed at once: glibc then reuses the memory of a block for the next one
            found = list(_cells_of_blocks(_blocks(file), columns))
    except (OSError, EOFError, zlib.error):
        return None
    parts = [cells for cells in found if cells is not None]
    return np.concatenate(parts) if parts and len(parts) == len(found) else None


def _blocks(file: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    """Yield the rest of a file in blocks of whole lines."""
    while read := file.read(BLOCK):
        yield read + file.readline()


def _cells_of_blocks(blocks: Iterator[bytes], columns: int) -> Iterator[np.ndarray | None]:
    """Yield each block's cells, up to the first block that is not plain; some blocks are read ahead by threads."""
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(_cells, block, columns) for block in islice(blocks, 2 * threads))
        while ahead:
            cells = ahead.popleft().result()
            yield cells
            more = islice(blocks, 0 if cells is None else 1)
            ahead.extend(pool.submit(_cells, block, columns) for block in more)


def _cells(block: bytes, columns: int) -> np.ndarray | None:
    """Return the cells of whole lines, (lines, columns) uint8, or None if they are not plain."""
    end = b"" if block.endswith(b"\n") else b"\n"  # the last line may have none
    raw = np.frombuffer(b"\n\n\n" + block.replace(b"\r\n", b"\n") + end, np.uint8)
    digits = raw - np.uint8(ord("0"))  # wraps around: any other byte is above 9
    is_digit = digits < 10
    digits *= is_digit
    # the number that ends in a byte, for each byte from the second one on: its last three digits
    two = is_digit[:-1] & is_digit[1:]
    three = two[:-1] & two[1:]
    low, hundreds = digits[1:-1] * two[1:], digits[:-2] * three
    low *= 10
    low += digits[2:]
    numbers = 100 * hundreds  # uint8, as all of them: wraps around above 255
    numbers += low
    ends = np.flatnonzero(~is_digit[3:])
    rows, rest = divmod(len(ends), columns)
    are_plain = (
        not rest
        and (raw[3:][ends[columns - 1 :: columns]] == ord("\n")).all()
        and np.count_nonzero(raw[3:] == ord("\n")) == rows
        and np.count_nonzero(raw[3:] == ord(",")) == len(ends) - rows
        and (is_digit[2:-1] | is_digit[3:]).all()  # no cell is empty
        and not (three[:-1] & is_digit[3:]).any()  # none has more than three digits
        and not ((hundreds > 2) | (numbers < low)).any()  # none is above 255
    )
    return numbers[ends].reshape(rows, columns) if are_plain else None
