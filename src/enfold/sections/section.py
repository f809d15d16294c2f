"""A section of a report, and how it is kept in a run folder."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from enfold.errors import InputError
from enfold.files import read_json, write, write_json


@dataclass(frozen=True)
class Section:
    """A use of a model on a page.

    Attributes:
        name: Of its files, `sections/NAME.json` and `figures/NAME.png`.
        title: What stands above it.
        paragraphs: What was found, what the picture shows, and how far to trust it.
        alt: What the picture shows, in a line, for who cannot see it.
        values: The figures, for programs.
        table: Rows of text under a header, the first row; or nothing.
        picture: A PNG file's bytes; or nothing.
    """

    name: str
    title: str
    paragraphs: tuple[str, ...]
    alt: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    table: tuple[tuple[str, ...], ...] = ()
    picture: bytes = field(default=b"", repr=False)


def write_section(folder: Path, section: Section) -> None:
    """Write a section into a run folder, in the place of what it had of that name.

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
        texts = {name: str(values[name]) for name in ("title", "alt")}
        return Section(
            name=path.stem,
            **texts,
            paragraphs=tuple(map(str, values["paragraphs"])),
            values=dict(values["values"]),
            table=tuple(tuple(map(str, row)) for row in values["table"]),
            picture=picture.read_bytes() if picture.is_file() else b"",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error!r}). Delete it, and make it again.") from error


def _picture(folder: Path, name: str) -> Path:
    return folder / "figures" / f"{name}.png"
