"""The explorer: a page in the browser that shows a run's latent space and itself runs the model, as ONNX."""

import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from enfold.explorer.page import one_file
from enfold.explorer.payload import prepare
from enfold.explorer.server import serving
from enfold.files import write
from enfold.run import Run


def serve(
    run: Run,
    *sources: Any,
    rows: int | None = None,
    port: int = 0,
    browser: bool = True,
    announce: Callable[[str], object] = print,
) -> None:
    """Serve the explorer to the browser of this machine until it is interrupted.

    Args:
        *sources: The rows to show, as `enfold.load` takes them; by default the run's.
        rows: The largest number of rows to show; by default all, or as many as fit in 256 MB.
        port: The port; 0 takes a free one.
        browser: Whether to open the browser.
        announce: Called with the address.

    Raises:
        InputError: A package is missing, the rows cannot be read or do not match the run, or the port is in use.
        KeyboardInterrupt: Ctrl-C, which ends it.

    Example:
        >>> import enfold
        >>> from enfold.explorer import serve
        >>> serve(enfold.open("runs/digits"))  # doctest: +SKIP
        http://127.0.0.1:36963/
    """
    with serving(prepare(run, *sources, rows=rows), port) as address:
        announce(address)
        if browser:
            webbrowser.open(address)
        while True:
            time.sleep(3600)


def share(run: Run, *sources: Any, out: str | Path, rows: int | None = None) -> Path:
    """Write the explorer as one file that works offline, with the model and the rows inside.

    Args:
        *sources: The rows to show, as `enfold.load` takes them; by default the run's.
        out: The .html file to write.
        rows: How many rows to show at most; without it, all, or as many as fit in 256 MB.

    Returns:
        The path of the file.

    Raises:
        InputError: A package is missing, the rows cannot be read or do not match the run, or the file cannot be
            written.

    Example:
        >>> import enfold
        >>> from enfold.explorer import share
        >>> print(share(enfold.open("runs/digits"), out="digits.html"))
        digits.html
    """
    return write(out, one_file(prepare(run, *sources, rows=rows)))


__all__ = ["one_file", "prepare", "serve", "serving", "share"]
