"""Rows of data, in memory or in their files, with labels and a description."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from enfold.errors import InputError
from enfold.rows import IN_MEMORY, Examples, Rows, joined, selected
from enfold.spec import ARRAY, Spec


@dataclass(frozen=True)
class Dataset:
    """Rows of data, their labels, and what they are.

    Attributes:
        x: Raw values, (n, *spec.shape), of type `spec.dtype`: an array, or `Rows`, which are read when they are
            indexed: where there is more than 256 MB of them in files, and the rows to train on.
        labels: (n,) float64; NaN where a label is missing. Where `spec.classes` has names, a label is the
            position of its name there.
        spec: The shape, kind and range of the data.
        files: The file of each row, (n,) str, where each row is a file; "" for a row without one.
    """

    x: Examples
    labels: np.ndarray
    spec: Spec
    files: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: np.ndarray | slice) -> "Dataset":
        """Return some of the rows; they cannot be read again from the sources."""
        files = None if self.files is None else self.files[rows]
        return Dataset(selected(self.x, rows), self.labels[rows], replace(self.spec, sources=(ARRAY,)), files)

    def changed(self, f: Callable[[Examples], Examples]) -> "Dataset":
        """Return the data set with `f(x)` in place of `x`; `f` keeps shape and type."""
        return replace(self, x=f(self.x))

    @property
    def labeled(self) -> np.ndarray:
        """Whether each row has a label, (n,) bool."""
        return ~np.isnan(self.labels)


def join(parts: Sequence[Dataset]) -> Dataset:
    """Return the parts' rows one after another, with the labels' names united.

    Whole pixels that are only 0 and 1 do not tell their range, and get that of the others.

    Raises:
        InputError: The parts differ in shape, in type, or in whether labels are names.
    """
    if len(parts) == 1:
        return parts[0]
    first = next((part.spec for part in parts if not _is_binary(part.spec)), parts[0].spec)
    for part in parts:
        columns = first.columns if _is_binary(part.spec) else part.spec.columns
        if (part.spec.shape, columns, part.spec.dtype) != (first.shape, first.columns, first.dtype):
            raise InputError(
                f"{first.sources[0]} holds {first}, but {part.spec.sources[0]} holds {part.spec}, or columns of "
                "other names or ranges. Sources to be joined must hold rows of one kind."
            )
    classes = _united_classes(parts)
    labels = [renumbered(part, classes) for part in parts]
    sources = tuple(name for part in parts for name in part.spec.sources)
    label = next((part.spec.label for part in parts if part.spec.label), "")
    spec = replace(first, classes=classes, sources=sources, label=label)
    files = [np.full(len(part), "", object) if part.files is None else part.files for part in parts]
    have_files = any(part.files is not None for part in parts)
    return Dataset(
        joined([part.x for part in parts]),
        np.concatenate(labels),
        spec,
        np.concatenate(files) if have_files else None,
    )


def _is_binary(spec: Spec) -> bool:
    return spec.dtype == "uint8" and spec.scale.max() == 1


def gathered(data: Dataset) -> Dataset:
    """Return the data set with its rows in memory, unless they are too large."""
    fits = isinstance(data.x, Rows) and data.x.nbytes <= IN_MEMORY
    return replace(data, x=np.asarray(data.x)) if fits else data


def renumbered(part: Dataset, classes: tuple[str, ...]) -> np.ndarray:
    """Return the labels as positions in `classes`, which has every name that the part has; numbers stay."""
    if not part.spec.classes or part.spec.classes == classes:
        return part.labels
    position = np.array([classes.index(name) for name in part.spec.classes], np.float64)
    known = part.labeled
    labels = np.full(len(part), np.nan)
    labels[known] = position[part.labels[known].astype(int)]
    return labels


def class_labels(labels: np.ndarray, at_most: int = 50) -> np.ndarray | None:
    """Return the distinct labels in order if they are classes, or None if they are numbers or missing.

    Labels are taken for classes if they are whole numbers and there are at most `at_most` of them.
    """
    distinct = np.unique(labels[~np.isnan(labels)])
    is_class = 0 < len(distinct) <= at_most and bool(np.all(distinct == np.rint(distinct)))
    return distinct if is_class else None


def class_name(label: float, spec: Spec) -> str:
    """Return what to call a class: its name, or its number."""
    if spec.classes:
        return spec.classes[int(label)]
    return str(int(label)) if label == int(label) else str(label)


def _united_classes(parts: Sequence[Dataset]) -> tuple[str, ...]:
    labeled = [part for part in parts if part.labeled.any()]
    named = [part for part in labeled if part.spec.classes]
    if named and len(named) < len(labeled):
        raise InputError("Some sources have names as labels and others numbers. Give all of them one kind of label.")
    return tuple(sorted({name for part in parts for name in part.spec.classes}))
