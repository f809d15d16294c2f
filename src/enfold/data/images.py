"""Images in files of their own: pictures, a folder of them, or a folder that has a folder for each class."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from enfold.data.arrays import encode_labels
from enfold.data.dataset import Dataset
from enfold.data.unpacked import unpacked
from enfold.errors import InputError
from enfold.spec import Column, Spec

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's names, by the number of channels
GREY = ("1", "L", "LA", "I;16", "I;16B")
LARGEST = 256 * 256  # pixels of an image that is taken as it is; a photograph's millions ask for as wide a network
AT_ONCE = 256  # pictures in memory at their full size, at most
ORIENTATION, ON_ITS_SIDE = (
    0x0112,
    5,
)  # a camera's note of how it was held (EXIF 2.3, 4.6.4), from 5 on by a quarter turn


def is_image_file(path: Path) -> bool:
    """Return whether the file is a picture, by its name; hidden files are none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def image_files(folder: Path) -> list[Path]:
    """Return the pictures in a folder and in the folders within it, in order; hidden folders are left out."""
    found = [path for path in sorted(folder.rglob("*")) if is_image_file(path)]
    return [
        path for path in found if not any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)
    ]


class Header(NamedTuple):
    """What a picture's file says of it before its pixels."""

    height: int
    width: int
    is_grey: bool


def read_images(
    files: Sequence[Path], *, image_shape: Sequence[int] | None = None, folder: Path | None = None
) -> Dataset:
    """Return the data set in pictures, each a file of its own.

    They are grey if all of them are, otherwise in colour. Opacity is laid on white, photographs stand upright, and
    16 bits become 8. With a shape given, pictures of another are cut to its proportions around their middle, and
    resized.

    Args:
        files: The pictures, at least one.
        image_shape: (height, width) or (channels, height, width) of the examples, uint8.
        folder: Which they are from: the names of the folders in it are then the labels of what is in them.

    Raises:
        InputError: A picture is damaged, or they are large or of several sizes and no shape is given.
    """
    source = folder or files[0]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        shape = _shape(image_shape, files, list(pool.map(_header, files)))
        x = unpacked(_decoded_parts(files, shape, pool), len(files) * int(np.prod(shape)), source)
    names = [file.relative_to(folder).parts[:-1] if folder else () for file in files]
    labels, classes = encode_labels([name[0] if name else None for name in names], len(files), str(source))
    paths = [*map(str, files)]
    sources = (str(folder),) if folder else tuple(paths)
    spec = Spec(shape, (Column("pixel", "intensity", scale=255.0),), "uint8", classes, sources)
    return Dataset(x, labels, spec, np.array(paths))


def _shape(given: Sequence[int] | None, files: Sequence[Path], found: Sequence[Header]) -> tuple[int, int, int]:
    """Return (channels, height, width) of the examples."""
    channels = 1 if all(each.is_grey for each in found) else 3
    if given is not None:
        shape = (channels, *given) if len(given) == 2 else tuple(given)
        if len(shape) != 3 or shape[0] not in MODES or min(shape) < 1:
            raise InputError(
                f"Pictures have no shape {tuple(given)}. Give height x width, as in --image-shape 64x64."
            )
        return shape[0], shape[1], shape[2]
    height, width, _ = found[0]
    for file, each in zip(files, found, strict=True):
        if (each.height, each.width) != (height, width) or height * width > LARGEST:
            larger = f"{each.height} × {each.width} pixels"
            fault = "are large" if file is files[0] else f"differ in size: {files[0]} has {height} × {width}"
            raise InputError(
                f"The pictures {fault}, {file} {'has ' if file is files[0] else ''}{larger}. Give the size that all "
                "are to be cut and resized to: --image-shape 64x64 (height x width), image_shape=(64, 64) in Python."
            )
    return channels, height, width


def _decoded_parts(files: Sequence[Path], shape: tuple[int, int, int], pool: Executor) -> Iterator[np.ndarray]:
    """Yield the pictures in order, (some, *shape) uint8 each time."""
    for start in range(0, len(files), AT_ONCE):
        yield np.stack(list(pool.map(partial(_decoded, shape=shape), files[start : start + AT_ONCE])))


def _header(file: Path) -> Header:
    with _opened(file) as image:
        width, height = image.size
        lies = image.getexif().get(ORIENTATION, 1) >= ON_ITS_SIDE
        return Header(*((width, height) if lies else (height, width)), _is_grey(image))


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P":
        colours = np.array(image.getpalette("RGB")).reshape(-1, 3)
        return bool((colours == colours[:, :1]).all())
    return image.mode in GREY


def _decoded(file: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a picture as an example, `shape` uint8."""
    channels, height, width = shape
    with _opened(file) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I;16"):
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        if upright.has_transparency_data and channels != 4:
            opaque = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
        pixels = upright.convert(MODES[channels])
        if pixels.size != (width, height):
            pixels = ImageOps.fit(pixels, (width, height), Image.Resampling.LANCZOS)
        return np.moveaxis(np.asarray(pixels).reshape(height, width, channels), -1, 0)


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """Lend a picture.

    Raises:
        InputError: It cannot be read, here or within.
    """
    try:
        with Image.open(file) as image:
            if image.mode in ("I", "F"):
                raise ValueError("its values have 32 bits")
            yield image
    except Exception as error:  # Pillow raises errors of many kinds for damaged files
        raise InputError(f"{file} cannot be read as a picture ({error}). Replace or remove it.") from error
