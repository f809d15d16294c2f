"""What the commands print and write."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

Json = Annotated[bool, Parameter(negative="", help="Print one JSON object on standard output, and nothing else.")]


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
