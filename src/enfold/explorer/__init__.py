"""The explorer: a page in the browser on which one sees a run's latent space, walks through it and draws into it.

The page computes by itself, with the encoder and the decoder as ONNX; Python prepares its files and hands them out.
"""

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
    """Serve the explorer to this machine's own browser until it is interrupted.

    Args:
        run: The run.
        *sources: The rows to show, as `enfold.load` takes them; without any, the run's own.
        rows: How many rows to show at most; without it, all, or as many as 256 MB of examples are.
        port: Where; 0: any that is free.
        browser: Whether to open the browser.
        announce: Is told the address.

    Raises:
        InputError: What the page needs is not installed, cannot be read again or does not fit, or the port is taken.
        KeyboardInterrupt: It was interrupted, as is the way to end it.

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
    """Write the explorer as one file that works offline, from disk, with the model and the rows inside.

    Args:
        run: The run.
        *sources: The rows to show, as `enfold.load` takes them; without any, the run's own.
        out: Where to, an .html file.
        rows: How many rows to show at most; without it, all, or as many as 256 MB of examples are.

    Returns:
        Where it is.

    Raises:
        InputError: What the page needs is not installed, cannot be read again or does not fit, or the file cannot be
            written.

    Example:
        >>> import enfold
        >>> from enfold.explorer import share
        >>> print(share(enfold.open("runs/digits"), out="digits.html"))
        digits.html
    """
    return write(out, one_file(prepare(run, *sources, rows=rows)))


__all__ = ["one_file", "prepare", "serve", "serving", "share"]
