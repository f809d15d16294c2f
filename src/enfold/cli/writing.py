"""What commands write, and how they refuse what they could not write."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enfold.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from enfold.spec import Spec


def required(source: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sources that were named.

    Raises:
        InputError: There are none.
    """
    if not source:
        raise InputError("Name a source after the run: a file, a folder, or a data set such as mnist.")
    return source


def check_suffix(path: Path, *known: str) -> None:
    """Refuse a path whose name does not end in one of the known suffixes."""
    if path.suffix.lower() not in known:
        raise InputError(f"Cannot tell what to write into '{path}'. Let its name end in {' or '.join(known)}.")


def label_texts(data: Any) -> list[str] | None:
    """Return the name of each row's class, empty where there is none; None where no row has one."""
    from enfold.data.dataset import class_name

    if not data.labelled.any():
        return None
    return [class_name(label, data.spec) if label == label else "" for label in data.labels]


def write_vectors(path: Path, z: "np.ndarray", labels: list[str] | None) -> None:
    """Write latent vectors, (n, d): as .npy alone, as .csv with row numbers, and labels if there are some."""
    if path.suffix.lower() == ".npy":
        write_arrays(path, x=z)
    else:
        write_table(path, {"row": range(len(z)), **{f"z{i}": each for i, each in enumerate(z.T)}}, labels)


def write_table(path: Path, columns: dict[str, Any], labels: list[str] | None) -> None:
    """Write columns of numbers as .csv, and labels after them if there are some."""
    import polars as pl

    from enfold.files import write

    write(path, pl.DataFrame(columns if labels is None else {**columns, "label": labels}).write_csv())


def in_raw_type(x: "np.ndarray", spec: "Spec") -> "np.ndarray":
    """Return values as the data has them: pixels as whole numbers in 0…255."""
    import numpy as np

    return np.rint(x).clip(0, spec.scale[0]).astype(np.uint8) if spec.dtype == "uint8" else x


def write_examples(path: Path, x: "np.ndarray", spec: "Spec", columns: int | None = None) -> None:
    """Write raw examples, (n, *shape): as a .png sheet, or as the array x of a .npz or .npy file."""
    if path.suffix.lower() == ".png":
        write_sheet(path, x, spec, columns)
    else:
        write_arrays(path, x=in_raw_type(x, spec))


def write_sheet(path: Path, x: "np.ndarray", spec: "Spec", columns: int | None = None) -> None:
    """Write images as one .png file, tiled row by row."""
    from PIL import Image

    from enfold.files import write
    from enfold.plots import sheet

    if not spec.is_image:
        raise InputError("Only images can be drawn as a .png sheet, and these are tables. Write .npz instead.")
    buffer = io.BytesIO()
    Image.fromarray(sheet(x, spec, columns=columns)).save(buffer, "PNG")
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
