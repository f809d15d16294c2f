"""Reading and writing files: what is read is a regular file, and what is written is there whole or not at all."""

import errno
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from enfold.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
DEEPEST = 50  # levels of lists and objects in JSON; what enfold writes has fewer than ten
LARGEST_NUMBER = 1e300  # above which a float's square, or a few times it, is infinite or an error
LONGEST_HEADER = 2**16, 2**10  # bytes that say what is in a safetensors file, and for each tensor
TEMPORARY = re.compile(r"\.enfold-[0-9a-f]{32}\.part")
DAY = 86_400  # seconds


def check_file(path: str | Path) -> Path:
    """Return the path, if it is a regular file: reading a pipe or a device might never end.

    Raises:
        InputError: It is a folder, a pipe, a socket or a device.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except OSError:  # whoever opens it will say so
        return path
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "something else")
        raise InputError(f"{path} is {kind}, not a regular file. Put a file in its place, or name another one.")
    return path


def check_header(path: Path, count: int) -> None:
    """Check that a safetensors file's header is no longer than that of so many tensors: to parse it takes memory.

    Raises:
        ValueError: It is longer.
    """
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > LONGEST_HEADER[0] + LONGEST_HEADER[1] * count:
        raise ValueError(f"its header has {header:,} bytes")


def write(path: str | Path, content: bytes | str) -> Path:
    """Write `content` to `path` atomically: to a temporary file beside it, which is synced and then renamed.

    Whoever reads `path` sees the old content or the new, never a part. Text is written as UTF-8.

    Raises:
        InputError: The folder cannot be written to, or the disk is full; the old file is untouched.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(path.parent)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)
    return path


def write_folder(path: str | Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Write files, by name, into a new folder atomically: into a temporary folder beside it, which is then renamed.

    If there is an empty folder already, it stays: the temporary folder is in it, and its files move up one by one.

    Raises:
        InputError: The folder exists and is not empty, or cannot be written; no file of it is left.
    """
    path, temporary = check_new_folder(path), None
    place = path if path.is_dir() else path.parent
    try:
        place.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(place)
        temporary.mkdir()
        for name, content in files:
            (temporary / name).write_bytes(content)
        if place == path:
            for file in temporary.iterdir():
                file.replace(path / file.name)
        else:
            temporary.replace(path)
        _sync(place)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    return path


def remove_leftovers(folder: Path, at_least: float | None = None) -> None:
    """Remove the temporary files and folders that a process left in a folder when it was killed.

    They are known by their names, which nobody else gives. What is still being written must not be removed: the
    caller is the only one who writes there, or only what is old is removed.

    Args:
        folder: Where to look.
        at_least: How old they must be, in seconds; None: any age.
    """
    with suppress(OSError):
        for path in [each for each in folder.iterdir() if TEMPORARY.fullmatch(each.name)]:
            if at_least is not None and time.time() - path.lstat().st_mtime < at_least:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def path_name(path: str | Path) -> str:
    """Return a path as text that can be written.

    Raises:
        InputError: It is not UTF-8, which file systems allow.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{str(path)!r} has a name that is not UTF-8. Rename the file or its folder.") from error
    return str(path)


def make_folder(path: str | Path) -> Path:
    """Make a folder, if it does not exist, and try whether files can be written into it.

    Raises:
        InputError: They cannot.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise InputError(f"Cannot write into {path}: {error.strerror}. Choose another place.") from error
    return path


def check_new_folder(path: str | Path) -> Path:
    """Return the path of a folder to make, if nothing is there or only an empty folder.

    Raises:
        InputError: Something is there.
    """
    path = Path(path)
    is_empty = path.is_dir() and all(TEMPORARY.fullmatch(each.name) for each in path.iterdir())
    if path.exists() and not is_empty:
        raise InputError(f"Cannot write {path}: it exists already. Choose another place.")
    return path


def write_json(path: str | Path, value: Any) -> Path:
    """Write `value` as indented JSON, atomically."""
    return write(path, json_text(value))


def json_text(value: Any) -> str:
    """Return `value` as indented JSON."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def read_json(path: str | Path) -> dict[str, Any]:
    """Return the JSON object in `path`.

    Raises:
        InputError: The file is missing or holds no JSON object.
    """
    path = check_file(path)
    try:
        value = parse_json(path.read_text("utf-8"))
        if not isinstance(value, dict):
            raise ValueError("no JSON object")
        return value
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; a run folder must hold it. Restore it or fit again.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}). Restore it or fit again.") from error


def parse_json(text: str) -> Any:
    """Return the value that JSON text stands for.

    Raises:
        ValueError: It is no JSON, has half a character, which could not be written, or is nested so deeply that
            working with it would exceed Python's stack.
    """
    try:
        value = json.loads(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [[value]]
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [each for some in inner for each in some if isinstance(each, dict | list)]
    if level:
        raise ValueError("nested too deeply")
    return value


def is_number(value: Any) -> bool:
    """Return whether a value from JSON is a number that arithmetic can take."""
    return isinstance(value, int | float) and abs(value) < LARGEST_NUMBER


def _temporary(folder: Path) -> Path:
    """Return a new name for a temporary file or folder; old ones, of processes that were killed, are removed."""
    remove_leftovers(folder, at_least=DAY)
    return folder / f".enfold-{uuid4().hex}.part"


def _unwritable(path: Path, error: OSError) -> InputError:
    remedy = "Free some space" if error.errno in FULL else "Choose another place"
    return InputError(f"Cannot write {path}: {error.strerror}. {remedy}.")


def _sync(folder: Path) -> None:
    """Make sure that a new name in a folder outlives a loss of power, where folders can be synced."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
