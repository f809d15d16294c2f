"""Decoded rows, cached in an unnamed temporary file, which is deleted when they are no longer used."""

import logging
import tempfile
import weakref
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from enfold.errors import InputError
from enfold.rows import IN_MEMORY, File, Rows, stored


def disk_cached(parts: Iterable[np.ndarray], nbytes: int, source: Path) -> Rows:
    """Return rows that come in pieces, cached in a temporary file.

    Args:
        parts: The rows in order, (some, …) each time, of one shape and type.
        nbytes: About how many bytes they are in all; a warning says so if they do not fit in memory.
        source: What they are read from.

    Raises:
        InputError: There is no space for them.
    """
    if nbytes > IN_MEMORY:
        size = f"{nbytes / 2**30:.1f} GB"
        logging.getLogger("enfold").warning("%s: caching %s in %s", source, size, tempfile.gettempdir())
    n, part = 0, np.empty((0, 0))
    with ExitStack() as stack:
        try:
            handle = stack.enter_context(tempfile.TemporaryFile(prefix="enfold-"))
            for part in parts:
                handle.write(np.ascontiguousarray(part).data)
                n += len(part)
            handle.flush()
        except OSError as error:
            raise InputError(
                f"{source} cannot be cached in {tempfile.gettempdir()} ({error.strerror}). Free some space "
                "there, or name another folder in the environment variable TMPDIR."
            ) from error
        file = File(handle, 0, n)
        weakref.finalize(file, stack.pop_all().close)
    return stored(file, part.dtype, part.shape[1:])
