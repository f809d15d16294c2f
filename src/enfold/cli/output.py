"""What the commands have in common: the types of their arguments, and what they print."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

from enfold.errors import InputError

SIZE = re.compile(r"\s*\d{1,6}\s*([x×]\s*\d{1,6}\s*){1,2}", re.IGNORECASE)


def _whole(type_: type, tokens: Sequence[Token]) -> int:
    try:
        return int(tokens[0].value)  # strictly: 2.7 is refused rather than rounded
    except ValueError:
        raise ValueError(f"expected a whole number, got '{tokens[0].value}'") from None


Json = Annotated[
    bool, Parameter(negative="", show_default=False, help="Print one JSON object on standard output, nothing else.")
]
Whole = Annotated[int, Parameter(converter=_whole)]
RunFolder = Annotated[Path, Parameter(name="RUN", help="A run folder, written by `enfold fit`.")]
Out = Annotated[Path, Parameter(name=["--out", "-o"])]
Source = Annotated[
    str,
    Parameter(
        help="Files, folders or data sets by name, with rows like those of the run, in raw units; joined in order."
    ),
]
Label = Annotated[
    str | None,
    Parameter(help="Label column of a CSV or Parquet file, if not the run's, label, class, target or y."),
]
LabelColumn = Annotated[
    str | None,
    Parameter(help="Label column of a CSV or Parquet file, if it is not called label, class, target or y."),
]
ImageShape = Annotated[
    str | None,
    Parameter(
        help="Height x width of flattened images that are not square, such as 28x20, or channels x height x width. "
        "Pictures are cropped and resized to it."
    ),
]
OutExamples = Annotated[
    Path,
    Parameter(
        name=["--out", "-o"],
        help="For images a .png sheet, or a new folder with 00000.png, 00001.png, …; for tables a .csv file; for "
        "both a .npz file (array x) or a .npy file.",
    ),
]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1, mps.")]


def say(as_json: bool, values: dict[str, Any], text: str) -> None:
    """Print the values as one JSON object, or the text."""
    print(json.dumps(values, allow_nan=False) if as_json else text)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows in aligned columns, under a header if there is one."""
    lines = [header, *rows] if header else rows
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def number(value: Any) -> str:
    """Return a setting's value as text: 5000.0 is 5000."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def image_size(text: str | None) -> tuple[int, ...] | None:
    """Return the shape that `--image-shape` gives.

    Raises:
        InputError: It is neither height x width nor channels x height x width.
    """
    if text is None:
        return None
    if not SIZE.fullmatch(text):
        raise InputError(f"Expected --image-shape as in 28x28 (height x width) or 3x32x32, got '{text[:40]}'.")
    return tuple(map(int, re.findall(r"\d+", text)))
