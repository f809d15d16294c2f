"""From sources to examples: `load` takes files, folders, names and arrays."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from enfold.data.arrays import from_array, read_array
from enfold.data.bundled import BUNDLED
from enfold.data.dataset import Dataset, join, renumbered
from enfold.data.idx import read_idx
from enfold.data.tables import read_csv
from enfold.errors import InputError
from enfold.spec import Spec

FORMATS = ".csv, .csv.gz, .npy, .npz, and IDX files (…-ubyte, .idx, with or without .gz)"


def load(*sources: Any, labels: Any = None, image_shape: Sequence[int] | None = None) -> Dataset:
    """Return the data set in the sources, joined in order.

    A source is a file (CSV with a header, IDX or IDX.gz, .npy, .npz), a folder of such files, a name ("mnist",
    "digits"), an array, or a `Dataset`.

    Args:
        *sources: What to read; without any, "mnist".
        labels: For CSV files the label column's name, if it is none of label, class, target, y; a file without
            such a column is unlabelled. For one array, its labels, (n,).
        image_shape: (height, width) or (channels, height, width), where rows are flattened images that are not
            square.

    Returns:
        The raw values, uint8 for images, with labels and a spec.

    Raises:
        InputError: A source cannot be read or does not fit the others.

    Example:
        >>> data = load("digits")
        >>> data.x.shape, data.x.dtype
        ((1797, 1, 8, 8), dtype('uint8'))
    """
    parts = [part for source in sources or ("mnist",) for part in _read(source, labels, image_shape)]
    if isinstance(labels, str) and not any(part.spec.label == labels for part in parts):
        raise InputError(f"No source has a column named '{labels}'. Check the label column's name in the header.")
    return join(parts)


def load_like(spec: Spec, *sources: Any) -> Dataset:
    """Return the data set in the sources as examples that `spec` describes, for a model that was made for it.

    Class names that the spec does not have yet come after those that it has.

    Args:
        spec: The model's.
        *sources: As for `load`.

    Raises:
        InputError: A source cannot be read or its examples do not fit the spec.
    """
    shape = spec.shape if spec.is_image else None
    data = join([part for source in sources for part in _read(source, spec.label or None, shape)])
    x = spec.fit(data.x if spec.is_image or data.spec.is_image else _in_order(data, spec))
    classes = (*spec.classes, *(name for name in data.spec.classes if name not in spec.classes))
    fitting = replace(spec, classes=classes, sources=data.spec.sources)
    return Dataset(x, renumbered(data, classes), fitting)


def _read(source: Any, labels: Any, image_shape: Sequence[int] | None) -> list[Dataset]:
    if isinstance(source, Dataset):
        return [source]
    if not isinstance(source, str | Path):
        return [from_array(source, labels=None if isinstance(labels, str) else labels, image_shape=image_shape)]
    path = Path(source)
    if not path.exists():
        return [_named(str(source))]
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if file.is_file() and _is_examples(file)]
        if not files:
            raise InputError(f"The folder {path} holds no data files. Known are {FORMATS}.")
        return [_read_file(file, labels, image_shape) for file in files]
    return [_read_file(path, labels, image_shape)]


def _in_order(table: Dataset, spec: Spec) -> np.ndarray:
    """Return a table's values with the columns in the spec's order, by name; arrays have no names and keep theirs."""
    names, expected = ([column.name for column in each.columns] for each in (table.spec, spec))
    if "array" in (*table.spec.sources, *spec.sources) or len(names) != len(expected):
        return table.x
    differing = sorted(set(names) ^ set(expected))
    if differing:
        raise InputError(
            f"{table.spec.sources[0]} has other columns than the model was fitted to, which were "
            f"{', '.join(expected[:6])}, …; '{differing[0]}' is in one of them alone. Rename or drop columns."
        )
    return table.x[:, [names.index(name) for name in expected]]


def _named(name: str) -> Dataset:
    if name in BUNDLED:
        dataset = BUNDLED[name]()
        return replace(dataset, spec=replace(dataset.spec, sources=(name,)))
    folder = Path(name).parent
    beside = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    near = get_close_matches(Path(name).name, [*beside, *BUNDLED], n=1)
    hint = f" Did you mean '{near[0] if near[0] in BUNDLED else folder / near[0]}'?" if near else ""
    raise InputError(f"There is no file, folder or data set '{name}'.{hint} Data sets by name: {', '.join(BUNDLED)}.")


def _read_file(path: Path, labels: Any, image_shape: Sequence[int] | None) -> Dataset:
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty. Give a file with at least one example.")
    if _is_csv(path):
        return read_csv(path, label=labels, image_shape=image_shape)
    if path.suffix in (".npy", ".npz"):
        return read_array(path, image_shape=image_shape)
    if _is_idx(path):
        return read_idx(path)
    raise InputError(f"{path} is of no kind known here. Known are {FORMATS}.")


def _is_csv(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz"))


def _is_idx(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(("ubyte", ".idx"))


def _is_examples(path: Path) -> bool:
    is_labels = _is_idx(path) and "labels" in path.name and "idx1" in path.name
    return not is_labels and (_is_csv(path) or _is_idx(path) or path.suffix in (".npy", ".npz"))


__all__ = ["Dataset", "load", "load_like"]
