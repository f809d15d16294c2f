"""Data sets from files, folders, names and arrays: `load`."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import chain, groupby
from os.path import realpath
from pathlib import Path
from typing import Any

import numpy as np

from enfold.data.arrays import LABELS_SUFFIX, from_array, read_array, unnamed
from enfold.data.bundled import BUNDLED, PARTS
from enfold.data.dataset import Dataset, gathered, join, renumbered
from enfold.data.idx import read_idx
from enfold.data.images import SUFFIXES, image_files, is_image_file, read_images
from enfold.data.tables import Reading, read_csv
from enfold.errors import InputError, first_of
from enfold.files import check_file, path_name
from enfold.rows import Examples, mapped
from enfold.spec import Spec

Reader = Callable[[Path, Reading], Dataset]


def load(
    *sources: Any, label: str | None = None, labels: Any = None, image_shape: Sequence[int] | None = None
) -> Dataset:
    """Return the data set in the sources, joined in order.

    A source is a file (CSV with a header, Parquet, IDX or IDX.gz, .npy, .npz, a picture), a folder of such files, a
    name ("mnist", "mnist-train", "mnist-test", "digits"), an array, or a `Dataset`. A folder without data files may
    hold pictures, or folders of them whose names are then their labels. More than 256 MB of rows in `.npy` files,
    memory-mapped arrays, Parquet or pictures are not read at once: `x` is then no array but `Rows`, which are read
    when they are indexed.

    Args:
        *sources: What to read; without any, "mnist".
        label: The label column's name in CSV and Parquet files, if it is none of label, class, target, y. A
            file without such a column is unlabeled.
        labels: The labels of a single array, (n,): numbers, NaN where missing, or names.
        image_shape: (height, width) or (channels, height, width), where rows are flattened images that are not
            square; and what pictures are cut and resized to.

    Returns:
        The raw values, uint8 for images, with labels and a spec.

    Raises:
        InputError: A source cannot be read or does not fit the others.

    Example:
        >>> import enfold
        >>> data = enfold.load("digits")
        >>> data.x.shape, data.x.dtype
        ((1797, 1, 8, 8), dtype('uint8'))
    """
    if labels is not None:
        if len(sources) != 1 or isinstance(sources[0], str | Path | Dataset):
            raise InputError(
                "labels= is for a single array. Files have labels in a column, or in a file beside them."
            )
        return from_array(sources[0], labels=labels, image_shape=image_shape)
    parts = _read_all(sources or ("mnist",), Reading(label, image_shape))
    _check_label(parts, label)
    return gathered(join(parts))


def load_like(spec: Spec, *sources: Any, label: str | None = None) -> Dataset:
    """Return the data set in the sources as rows that `spec` describes, for a model fitted to such rows.

    New class names follow those of the spec; labels that are numbers stay numbers.

    Args:
        spec: The model's.
        *sources: As for `load`.
        label: The label column's name, if it is neither the spec's nor label, class, target or y.

    Raises:
        InputError: A source cannot be read, its rows do not fit the spec, or there is no such column.
    """
    shape = spec.shape if spec.is_image else None
    features = frozenset(column.name for column in spec.columns)
    parts = _read_all(sources, Reading(label or spec.label or None, shape, features, as_table=not spec.is_image))
    _check_label(parts, label)
    data = gathered(join([_fitting(part, spec) for part in parts]))
    if spec.conditions and data.labeled.any() and bool(data.spec.classes) != bool(spec.classes):
        theirs, its = ("names", "numbers") if data.spec.classes else ("numbers", "names")
        raise InputError(
            f"The labels of {data.spec.sources[0]} are {theirs}, but the model is conditioned on {its}. "
            "Label the rows like the training rows, or leave their labels out."
        )
    new = [name for name in data.spec.classes if name not in spec.classes]
    classes = (*spec.classes, *new) if data.spec.classes else ()
    fitting = replace(spec, classes=classes, sources=data.spec.sources)
    return replace(data, labels=renumbered(data, classes), spec=fitting)


def overlap(some: Iterable[str], others: Iterable[str]) -> bool:
    """Return whether one of some sources is, contains or is in one of the others."""
    ours, theirs = (
        [Path(realpath(part)) for each in sources for part in PARTS.get(each, (each,))] for sources in (some, others)
    )
    return any(a.is_relative_to(b) or b.is_relative_to(a) for a in ours for b in theirs)


def _read_all(sources: Sequence[Any], how: Reading) -> list[Dataset]:
    """Return the data in the sources; pictures in sequence are read together."""
    parts = []
    for are_pictures, some in groupby(sources, _is_picture):
        if are_pictures:
            parts.append(read_images([Path(source) for source in some], image_shape=how.image_shape))
        else:
            parts += _each_read([*some], how, _read)
    return parts


def _each_read(sources: Sequence[Any], how: Reading, read: Callable[[Any, Reading], Dataset]) -> list[Dataset]:
    """Return the data in each source; a feature of a source with the label column is not a label in another."""
    parts = [read(source, how) for source in sources]
    named = [part for part in parts if part.spec.label and part.spec.label == how.label]
    again = replace(how, features=frozenset(column.name for part in named for column in part.spec.columns))
    pairs = zip(sources, parts, strict=True)
    return [read(source, again) if part.spec.label in again.features else part for source, part in pairs]


def _is_picture(source: Any) -> bool:
    return isinstance(source, str | Path) and is_image_file(Path(source))


def _read(source: Any, how: Reading) -> Dataset:
    if isinstance(source, Dataset):
        return source
    if not isinstance(source, str | Path):
        return from_array(source, image_shape=how.image_shape, as_table=how.as_table)
    if not str(source).strip():
        raise InputError("A source is empty. Name a file, a folder, or a data set such as mnist.")
    path = Path(path_name(source))
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path} is a link to {path.readlink()}, which does not exist. Fix the link.")
    if not path.exists():
        return _named(str(source))
    return (_read_folder if path.is_dir() else _read_file)(path, how)


def _read_folder(path: Path, how: Reading) -> Dataset:
    beside = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    files = [file for file in beside if _is_examples(file) and not file.is_dir()]
    if files:
        if any(is_image_file(file) for file in beside):
            logging.getLogger("enfold").warning("%s: reading its data files, not its pictures", path)
        data = join(_each_read(files, how, _read))
        return replace(data, spec=replace(data.spec, sources=(str(path),)))
    pictures = image_files(path)
    if pictures:
        return read_images(pictures, image_shape=how.image_shape, folder=path)
    raise InputError(f"The folder {path} holds no data files. Known types are {FORMATS}.")


def _check_label(parts: Sequence[Dataset], label: str | None) -> None:
    if label is not None and not any(part.spec.label == label for part in parts):
        tables = [part.spec for part in parts if not part.spec.is_image]
        names = [each.name for spec in tables for each in spec.columns]
        near = get_close_matches(label, names, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        advice = f"The columns are: {first_of(names)}." if names else "Check its name."
        raise InputError(f"No source has a column named '{label}'. {hint}{advice}")


def _fitting(part: Dataset, spec: Spec) -> Dataset:
    """Return rows as `spec` describes them, with their labels; tables may have columns in any order."""
    x = spec.conform(part.x if spec.is_image or part.spec.is_image else _in_order(part, spec))
    return replace(part, x=x, spec=replace(spec, classes=part.spec.classes, sources=part.spec.sources))


def _in_order(table: Dataset, spec: Spec) -> Examples:
    """Return a table's values with the columns in the spec's order, by name; unnamed columns keep their order."""
    names, expected = ([column.name for column in each.columns] for each in (table.spec, spec))
    differing = sorted(set(names) ^ set(expected))
    if not differing:
        place = {name: i for i, name in enumerate(names)}
        return mapped(table.x, _columns, tuple(place[name] for name in expected))
    if len(names) != len(expected) or unnamed(len(names)) in (names, expected):
        return table.x
    raise InputError(
        f"{table.spec.sources[0]} and the model differ in columns, such as '{differing[0]}'. The model's are "
        f"{first_of(expected)}. Rename or drop columns."
    )


def _columns(x: np.ndarray, numbers: tuple[int, ...]) -> np.ndarray:
    return x[:, numbers]


def _named(name: str) -> Dataset:
    if name in BUNDLED:
        dataset = BUNDLED[name]()
        return replace(dataset, spec=replace(dataset.spec, sources=(name,)))
    folder = Path(name).parent
    beside = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    near = get_close_matches(Path(name).name, [*beside, *BUNDLED], n=1)
    hint = f" Did you mean '{near[0] if near[0] in BUNDLED else folder / near[0]}'?" if near else ""
    raise InputError(f"There is no file, folder or data set '{name}'.{hint} Data sets by name: {', '.join(BUNDLED)}.")


def _read_file(path: Path, how: Reading) -> Dataset:
    if check_file(path).stat().st_size == 0:
        raise InputError(f"{path} is empty. Give a file with at least one row.")
    reader = _reader(path)
    if not reader:
        raise InputError(f"{path} has an unknown type. Known types are {FORMATS}.")
    return reader(path, how)


def _reader(path: Path) -> Reader | None:
    return next((read for suffix, read in READERS.items() if path.name.lower().endswith(suffix)), None)


def _read_array(path: Path, how: Reading) -> Dataset:
    return read_array(path, image_shape=how.image_shape, as_table=how.as_table)


def _read_idx(path: Path, how: Reading) -> Dataset:
    return read_idx(path)


def _read_parquet(path: Path, how: Reading) -> Dataset:
    from enfold.data.parquet import read_parquet  # as polars takes longer to import than small files to read

    return read_parquet(path, how)


def _is_examples(path: Path) -> bool:
    is_labels = _reader(path) is _read_idx and "labels" in path.name and "idx1" in path.name
    return bool(_reader(path)) and not is_labels and not path.name.lower().endswith(LABELS_SUFFIX)


READERS: dict[tuple[str, ...], Reader] = {  # by how the names of files end
    (".csv", ".csv.gz"): read_csv,
    (".parquet",): _read_parquet,
    (".npy", ".npz"): _read_array,
    ("ubyte", "ubyte.gz", ".idx", ".idx.gz"): _read_idx,
}
FORMATS = f"files that end in {', '.join(chain(*READERS))}, and pictures ({', '.join(SUFFIXES)})"

__all__ = ["Dataset", "load", "load_like"]
