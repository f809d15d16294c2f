"""Pictures: files, a folder of them, or a folder that has a folder for each class."""

import os
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from enfold.data.arrays import encode_labels
from enfold.data.dataset import Dataset
from enfold.data.disk_cache import disk_cached
from enfold.errors import InputError
from enfold.files import check_file, path_name
from enfold.spec import Column, Spec

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # Pillow's names; it has others, some of which run programs
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's names, by the number of channels
GRAY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
SIXTEEN_BITS = "I;16"  # with which such modes begin
LARGEST = 256 * 256  # pixels of a picture that is not resized; the millions of a photograph need as wide a network
AT_ONCE = 2**26  # bytes of rows
MOST_PIXELS = 2**26  # of a picture that is read at all: 256 MB in color
SIDE_BY_SIDE = 2**22  # pixels of a picture that is decoded while others are; larger ones take turns
DRAFT = 3  # times the size asked for, at which what is resized further has lost nothing (Pillow's `reducing_gap`)
TURN = Lock()
ORIENTATION = 0x0112  # a camera's note of how it was held (EXIF 2.3, section 4.6.4)
ON_ITS_SIDE = range(5, 9)
ADVICE = (
    "Give the size to which all are cropped and resized: --image-shape 64x64 (height x width), image_shape=(64, 64) "
    "in Python."
)
OF_ENFOLD = ("config.toml", "comparison.json")  # in folders written by enfold, whose pictures are not data


class Header(NamedTuple):
    """The header of a picture."""

    height: int
    width: int
    is_gray: bool


def is_image_file(path: Path) -> bool:
    """Return whether a file is a picture, by its suffix."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def image_files(folder: Path) -> list[Path]:
    """Return the pictures in a folder and in the folders within it, in order.

    Hidden files and folders of runs and comparisons are left out. Links are followed.

    Raises:
        InputError: A folder cannot be read, or a pipe or a device is called a picture.
    """
    found, seen, waiting = [], set(), [folder]
    while waiting:  # not os.walk, which calls itself for each level before Python 3.12
        where = waiting.pop()
        try:
            inside = [each for each in where.iterdir() if each.name[0] != "." and each.name != "__MACOSX"]
        except OSError as error:
            raise InputError(f"{where} cannot be read: {error.strerror}. Check the folder.") from error
        real = os.path.realpath(where)
        if real in seen or any(each.name in OF_ENFOLD for each in inside):
            continue
        seen.add(real)
        waiting += (folders := [*filter(Path.is_dir, inside)])
        found += [each for each in {*inside}.difference(folders) if each.suffix.lower() in SUFFIXES]
    return sorted(map(check_file, found))


def read_images(
    files: Sequence[Path], *, image_shape: Sequence[int] | None = None, folder: Path | None = None
) -> Dataset:
    """Return the data set in pictures, a file for each row.

    They are gray if all of them are stored so, otherwise in color. The background is white, photographs are
    turned upright, 16 bits are reduced to the upper 8, and of several pages or frames the first is read. Pictures of
    another size than a given one are cropped to its proportions around their center, and resized.

    Args:
        files: The pictures, at least one.
        image_shape: (height, width) or (channels, height, width) of the rows, uint8.
        folder: The folder that they are in; the names of its folders are the labels.

    Raises:
        InputError: A picture is damaged or has more than 67 million pixels, or they are large or of several sizes and
            no shape is given.
    """
    source, paths = folder or files[0], [path_name(file) for file in files]
    with (
        warnings.catch_warnings(action="ignore"),
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):  # of what Pillow can fix
        shape = _shape(image_shape, files, pool)
        x = disk_cached(_decoded_parts(files, shape, pool), len(files) * int(np.prod(shape)), source)
    within = [file.relative_to(folder).parts[:-1] if folder else () for file in files]
    labels, classes = encode_labels([names[0] if names else None for names in within], len(files), str(source))
    sources = (str(folder),) if folder else tuple(paths)
    spec = Spec(shape, (Column("pixel", "intensity", scale=255.0),), "uint8", classes, sources)
    return Dataset(x, labels, spec, np.array(paths, object))


def _shape(given: Sequence[int] | None, files: Sequence[Path], pool: Executor) -> tuple[int, int, int]:
    """Return (channels, height, width) of the rows."""
    if given is not None:
        *channels, height, width = given if len(given) > 1 else (0, *given)
        if (
            len(given) > 3
            or not 1 <= min(height, width) <= height * width <= MOST_PIXELS
            or (channels and channels[0] not in MODES)
        ):
            raise InputError(
                f"Pictures cannot have the shape {tuple(given)}. Give height x width, as in --image-shape 64x64."
            )
        if channels:
            return channels[0], height, width
    found = list(pool.map(_header, files))
    height, width = given or _common_size(files, found)
    return 1 if all(each.is_gray for each in found) else 3, height, width


def _common_size(files: Sequence[Path], found: Sequence[Header]) -> tuple[int, int]:
    height, width, _ = found[0]
    first = f"{files[0]} has {height} × {width} pixels"
    for file, each in zip(files, found, strict=True):
        if each[:2] != (height, width):
            raise InputError(f"The pictures differ in size: {first}, {file} {each.height} × {each.width}. {ADVICE}")
    if height * width > LARGEST:
        raise InputError(f"The pictures are large: {first}. {ADVICE}")
    return height, width


def _header(file: Path) -> Header:
    with _opened(file) as image:
        width, height = image.size
        # a TIFF file's size is already that of the upright picture
        is_on_its_side = (
            image.format != "TIFF" and "exif" in image.info and image.getexif().get(ORIENTATION) in ON_ITS_SIDE
        )
        return Header(*((width, height) if is_on_its_side else (height, width)), _is_gray(image))


def _is_gray(image: Image.Image) -> bool:
    if image.mode == "P":
        colors = np.array(image.getpalette("RGB")).reshape(-1, 3)
        return bool((colors == colors[:, :1]).all())
    return image.mode in GRAY


def _decoded_parts(files: Sequence[Path], shape: tuple[int, int, int], pool: Executor) -> Iterator[np.ndarray]:
    """Yield the pictures in order, (some, *shape) uint8 each time."""
    step = max(1, AT_ONCE // int(np.prod(shape)))
    for start in range(0, len(files), step):
        yield np.stack(list(pool.map(partial(_decoded, shape=shape), files[start : start + step])))


def _decoded(file: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a picture as a row, `shape` uint8."""
    channels, height, width = shape
    with _opened(file) as image:
        if "progressive" not in image.info:  # such a JPEG is in memory as a whole even if it is decoded smaller
            side = DRAFT * max(height, width)
            image.draft(None, (side, side))
        with TURN if image.width * image.height > SIDE_BY_SIDE else nullcontext():
            pixels = ImageOps.fit(_upright(image, MODES[channels]), (width, height), Image.Resampling.LANCZOS)
            image.close()  # which frees its pixels, before the next one has its turn
        if pixels.mode != MODES[channels]:
            pixels = Image.alpha_composite(Image.new("RGBA", pixels.size, "white"), pixels).convert(MODES[channels])
        values = np.asarray(pixels).reshape(height, width, channels)
        return np.ascontiguousarray(np.moveaxis(values, -1, 0))


def _upright(image: Image.Image, mode: str) -> Image.Image:
    """Return a picture as it is seen, of the mode asked for, or with its opacity, in few copies."""
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith(SIXTEEN_BITS):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    mode = "RGBA" if image.has_transparency_data else mode
    return image if image.mode == mode else image.convert(mode)


@contextmanager
def _opened(file: Path) -> Generator[Image.Image]:
    """Open a picture.

    Raises:
        InputError: It cannot be read, here or within.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.mode in ("I", "F"):
                raise ValueError("its values have 32 bits")
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"it has {image.width * image.height:,} pixels, more than {MOST_PIXELS:,}")
            yield image
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises errors of many kinds for damaged files
        if isinstance(error, OSError) and error.errno:
            raise InputError(f"{file} cannot be read: {error.strerror}.") from error
        raise InputError(f"{file} cannot be read as a picture ({error}). Replace or remove it.") from error
