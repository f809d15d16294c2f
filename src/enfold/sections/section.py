"""A section of a report, and how it is kept in a run folder."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from enfold.data.dataset import Dataset, join
from enfold.errors import InputError
from enfold.files import read_json, write, write_json
from enfold.rows import drawn
from enfold.spec import Spec

TEXTS = ("title", "finding", "notes", "trust", "alt")
FEW, KNOWN = 500, 2000  # held-out rows, below which a map also shows so many training rows


@dataclass(frozen=True)
class Section:
    """What one use of a model comes to, as a part of a page.

    Attributes:
        name: Of its files, `sections/NAME.json` and `figures/NAME.png`.
        title: Of the section.
        finding: What was found, in one sentence.
        notes: What the picture shows, in at most three sentences.
        trust: How far the finding can be trusted.
        alt: What the picture shows, in a line, for readers who cannot see it.
        values: The numbers, for programs.
        table: Rows of text under a header, the first row; or nothing.
        picture: A PNG file's bytes; or nothing.
    """

    name: str
    title: str
    finding: str
    notes: str = ""
    trust: str = ""
    alt: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    table: tuple[tuple[str, ...], ...] = ()
    picture: bytes = field(default=b"", repr=False)


def noun(spec: Spec) -> str:
    """Return what to call the rows: images or rows."""
    return "images" if spec.is_image else "rows"


def counted(n: int, what: str) -> str:
    """Return a number of things, as in "1 cluster" or "10 clusters"."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def rows_of_map(held_out: Dataset, training: Dataset) -> tuple[Dataset, np.ndarray]:
    """Return the rows to show on a map, and which of them are training rows: some, if few rows are held out."""
    added = training[drawn(len(training), KNOWN)] if len(held_out) < FEW else training[:0]
    return join([held_out, added]), np.arange(len(held_out) + len(added)) >= len(held_out)


def write_section(folder: Path, section: Section) -> None:
    """Write a section into a run folder, in place of an earlier one of that name.

    Raises:
        InputError: The folder cannot be written to.
    """
    values = asdict(section)
    picture, path = values.pop("picture"), _picture(folder, section.name)
    if picture:
        write(path, picture)
    else:
        path.unlink(missing_ok=True)
    write_json(folder / "sections" / f"{section.name}.json", values)


def read_sections(folder: Path, order: tuple[str, ...] = ()) -> list[Section]:
    """Return the sections in a run folder: those named in `order` first, then the others by name.

    Raises:
        InputError: A section is damaged.
    """
    paths = {path.stem: path for path in sorted((folder / "sections").glob("*.json"))}
    names = [name for name in order if name in paths] + [name for name in paths if name not in order]
    return [_read(folder, paths[name]) for name in names]


def _read(folder: Path, path: Path) -> Section:
    values, picture = read_json(path), _picture(folder, path.stem)
    try:
        return Section(
            name=path.stem,
            **{name: str(values[name]) for name in TEXTS},
            values=dict(values["values"]),
            table=tuple(tuple(map(str, row)) for row in values["table"]),
            picture=picture.read_bytes() if picture.is_file() else b"",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error!r}). Delete it, and make it again.") from error


def _picture(folder: Path, name: str) -> Path:
    return folder / "figures" / f"{name}.png"
