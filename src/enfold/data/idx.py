"""IDX files, the format of MNIST, plain or compressed with gzip.

Format: two zero bytes, a byte for the type (8: unsigned byte), a byte for the number of dimensions, each dimension
as a big-endian uint32, then the values (LeCun, Cortes & Burges, "The MNIST database").
"""

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from enfold.data.arrays import from_array
from enfold.data.dataset import Dataset
from enfold.errors import InputError
from enfold.files import check_file

UNSIGNED_BYTE = 8
GZIP_BEST_RATIO = 1032  # deflate cannot shrink by more (zlib's technical notes)


def read_idx(path: Path) -> Dataset:
    """Return the images in an IDX file, with the labels of the file beside it if there is one.

    The labels of `train-images-idx3-ubyte.gz` are looked for in `train-labels-idx1-ubyte.gz`, and so on, with or
    without `.gz`.

    Raises:
        InputError: A file is damaged, holds no images, or there are not as many labels as images.
    """
    images = read_idx_array(path)
    if images.ndim != 3:
        what = "labels" if images.ndim == 1 else f"an array of {images.ndim} dimensions"
        raise InputError(f"{path} holds {what}, not images. Give the images' file; the labels beside it are found.")
    beside = labels_beside(path)
    labels = read_idx_array(beside) if beside else None
    return from_array(images, labels=labels, source=str(path))


def read_idx_array(path: Path) -> np.ndarray:
    """Return the array of unsigned bytes in an IDX file.

    Raises:
        InputError: The magic number is unknown, or the file holds fewer bytes than its header says.
    """
    compressed = check_file(path).suffix.lower() == ".gz"
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            shape = _header(file.read(4), file, path)
            expected = math.prod(shape)
            possible = path.stat().st_size * (GZIP_BEST_RATIO if compressed else 1)
            content = file.read(expected + 1) if expected <= possible else b""
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged or was cut short ({error}). Download the file again.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) != expected:
        kind = "more" if len(content) > expected else "fewer"
        raise InputError(
            f"{path} should have {expected:,} values of shape {shape} but has {kind}. Download the file again."
        )
    return np.frombuffer(content, np.uint8).reshape(shape).copy()  # bytes are read-only, and torch warns of that


def labels_beside(path: Path) -> Path | None:
    """Return the file with the labels of the images in `path`, or None."""
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    plain = name.removesuffix(".gz")
    if plain == path.name.removesuffix(".gz"):
        return None
    return next(
        (p for p in (path.with_name(name), path.with_name(plain), path.with_name(f"{plain}.gz")) if p.exists()), None
    )


def _header(magic: bytes, file: BufferedIOBase, path: Path) -> tuple[int, ...]:
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != UNSIGNED_BYTE or not 1 <= magic[3] <= 4:
        raise InputError(
            f"{path} is not an IDX file of unsigned bytes: it begins with {magic.hex(' ') or 'nothing'}, "
            "expected 00 00 08 and the number of dimensions. Check that it is the file you mean."
        )
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise InputError(f"{path} ends within its header. Download the file again.")
    return struct.unpack(f">{magic[3]}I", lengths)
