"""Files that commands write, and the checks of their names."""

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enfold.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from enfold.data import Dataset
    from enfold.spec import Spec

FRAME, HOLD = 70, 500  # milliseconds of a frame, and of the first and the last
LEAST_SIDE = 112  # pixels of an image in an animation
EXAMPLES = (".png", ".csv", ".npz", ".npy", "")  # a sheet of images, a table, arrays, a folder of images
SIDE_BY_SIDE = 4  # images in one row, at most; more make the sheet about square


def required(source: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sources that were named.

    Raises:
        InputError: There are none.
    """
    if not source:
        raise InputError("Name a source after the run: a file, a folder, or a data set such as mnist.")
    return source


def check_suffix(path: Path, *known: str) -> None:
    """Refuse a path whose name does not end in one of the known suffixes; "" stands for a folder."""
    if path.suffix.lower() not in known:
        raise InputError(f"Cannot write to '{path}', whose type is unknown. {_ending(known)}")


def check_examples(path: Path, spec: "Spec", known: tuple[str, ...] = EXAMPLES) -> None:
    """Refuse a file or a folder that cannot hold rows of this kind, before they are computed."""
    from enfold.files import check_new_folder

    check_suffix(path, *known)
    unfit = (".csv",) if spec.is_image else ()
    unfit += () if spec.is_image and spec.shape[0] in (1, 3) else (".png", "")
    if path.suffix.lower() in unfit:
        fit = tuple(each for each in known if each not in unfit)
        raise InputError(f"'{path}' cannot hold {spec}. {_ending(fit)}")
    if not path.suffix:
        check_new_folder(path)


def _ending(known: tuple[str, ...]) -> str:
    return f"Use {' or '.join(each or 'no ending, for a folder' for each in known)}."


def write_vectors(path: Path, z: "np.ndarray", data: "Dataset") -> None:
    """Write the latent vectors of data, (n, d): as .npy alone, as .csv with row numbers, labels and files."""
    finite(z)
    if path.suffix.lower() == ".npy":
        write_arrays(path, x=z)
    else:
        write_columns(path, {"row": range(len(z)), **{f"z{i}": each for i, each in enumerate(z.T)}}, data)


def write_columns(path: Path, columns: dict[str, Any], data: "Dataset") -> None:
    """Write columns of numbers as .csv, followed by the rows' labels and files if they have some."""
    from enfold.data.dataset import class_name

    known = {}
    if data.labeled.any():
        known["label"] = [class_name(label, data.spec) if label == label else "" for label in data.labels]
    if data.files is not None:
        known["file"] = data.files.tolist()
    _write_csv(path, {**columns, **known})


def in_raw_type(x: "np.ndarray", spec: "Spec") -> "np.ndarray":
    """Return values in the type of the data: pixels as whole numbers from 0 to their scale, such as 255."""
    import numpy as np

    return np.rint(finite(x)).clip(0, spec.scale[0]).astype(np.uint8) if spec.dtype == "uint8" else x


def finite(x: "np.ndarray") -> "np.ndarray":
    """Return a model's outputs, (n, …), if they are finite.

    Raises:
        InputError: Some are NaN or infinite.
    """
    import numpy as np

    wrong = np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(1))
    if len(wrong):
        raise InputError(
            f"The model gives NaN or infinity for {len(wrong):,} of {len(x):,} rows, first for row {wrong[0]}. Check "
            "the rows for values far out of range. If there are none, the weights are damaged: restore the run's "
            "model.safetensors, or fit again."
        )
    return x


def write_examples(path: Path, x: "np.ndarray", spec: "Spec", columns: int | None = None) -> None:
    """Write raw rows, (n, *shape), in the format of the file's ending, one of `EXAMPLES`."""
    suffix = path.suffix.lower()
    finite(x)
    if not suffix:
        _write_images(path, x, spec)
    elif suffix == ".csv":
        _write_table(path, x, spec)
    elif suffix == ".png":
        write_sheet(path, x, spec, columns)
    else:
        write_arrays(path, x=in_raw_type(x, spec))


def _write_images(path: Path, x: "np.ndarray", spec: "Spec") -> None:
    """Write raw images, (n, *shape), into a new folder, as 00000.png and so on."""
    from enfold.files import write_folder
    from enfold.plots.images import pixels

    write_folder(path, ((f"{i:05}.png", _png(image)) for i, image in enumerate(pixels(x, spec))))


def _write_table(path: Path, x: "np.ndarray", spec: "Spec") -> None:
    """Write a table's rows, (n, columns), as .csv under the names of their columns."""
    _write_csv(path, {column.name: each for column, each in zip(spec.columns, x.T, strict=True)})


def _write_csv(path: Path, columns: dict[str, Any]) -> None:
    """Write columns by name as .csv, with text escaped that a spreadsheet would compute."""
    import polars as pl

    from enfold.data.formulas import escaped
    from enfold.files import write

    text = pl.col(pl.String).map_elements(escaped, pl.String)
    write(path, pl.DataFrame(columns).rename(escaped).with_columns(text).write_csv())


def write_sheet(path: Path, x: "np.ndarray", spec: "Spec", columns: int | None = None) -> None:
    """Write images as one .png file, tiled row by row."""
    from enfold.files import write
    from enfold.plots import sheet

    write(path, _png(sheet(x, spec, columns=columns)))


def write_animation(path: Path, x: "np.ndarray", spec: "Spec") -> None:
    """Write images, (tiles, frames, *shape) raw, as a .gif file: tiles side by side, forth and back, looped."""
    from PIL import Image

    from enfold.files import write
    from enfold.plots import sheet

    factor, columns = math.ceil(LEAST_SIDE / min(spec.shape[1:])), len(x) if len(x) <= SIDE_BY_SIDE else None
    there = [sheet(x[:, i], spec, columns).repeat(factor, 0).repeat(factor, 1) for i in range(x.shape[1])]
    frames = [Image.fromarray(each) for each in [*there, *there[-2:0:-1]]]
    stay = [HOLD if i in (0, len(there) - 1) else FRAME for i in range(len(frames))]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=stay, loop=0)
    write(path, buffer.getvalue())


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write arrays under their names as .npz, or the one called x as .npy."""
    import numpy as np

    from enfold.files import write

    buffer = io.BytesIO()
    if path.suffix.lower() == ".npz":
        np.savez_compressed(buffer, **arrays)
    else:
        np.save(buffer, arrays["x"])
    write(path, buffer.getvalue())


def _png(pixels: "np.ndarray") -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
