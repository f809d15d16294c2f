"""Files that are written whole or not at all."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from enfold.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write(path: str | Path, content: bytes | str) -> Path:
    """Write `content` to `path` atomically: a temporary file beside it, synced, then renamed.

    Whoever reads `path` sees the old content or the new, never a part. Text is written as UTF-8.

    Raises:
        InputError: The folder cannot be written to, or the disk is full; the old file is untouched.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
        _sync(path.parent)
    except OSError as error:
        remedy = "Free some space" if error.errno in FULL else "Choose another place"
        raise InputError(f"Cannot write {path}: {error.strerror}. {remedy}.") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return path


def path_name(path: str | Path) -> str:
    """Return a path as text that can be written.

    Raises:
        InputError: It is not UTF-8, as file systems allow.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{str(path)!r} has a name that is no UTF-8 text. Rename the file or its folder.") from error
    return str(path)


def write_folder(path: str | Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Write files, by name, into a new folder atomically: a temporary folder beside it, then renamed.

    An empty folder that is there keeps its place; the temporary one is in it, and its files move up one by one.

    Raises:
        InputError: The folder is there already and not empty, or cannot be written; no file of it is left.
    """
    path, temporary = check_new_folder(path), None
    place = path if path.is_dir() else path.parent
    try:
        place.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=place, prefix=f".{path.name}."))
        for name, content in files:
            (temporary / name).write_bytes(content)
        temporary.chmod(0o777 & ~_umask())
        if place == path:
            for file in temporary.iterdir():
                file.replace(path / file.name)
        else:
            temporary.replace(path)
        _sync(place)
    except OSError as error:
        remedy = "Free some space" if error.errno in FULL else "Choose another place"
        raise InputError(f"Cannot write {path}: {error.strerror}. {remedy}.") from error
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    return path


def make_folder(path: str | Path) -> Path:
    """Make a folder, if it is not there, and try whether files can be written into it.

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
    """Return the path of a folder to make, if nothing is there but perhaps an empty folder.

    Raises:
        InputError: Something is there.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"Cannot write {path}: it is there already. Choose another place.")
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
    path = Path(path)
    try:
        value = json.loads(path.read_text("utf-8"))
        if not isinstance(value, dict):
            raise ValueError("no JSON object")
        return value
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; a run folder must hold it. Restore it or fit again.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}). Restore it or fit again.") from error


def _sync(folder: Path) -> None:
    """See to it that a new name in a folder outlives a loss of power, where folders can be synced."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
