"""The command line: a thin face on the library.

Every command prints text for people, or with `--json` one JSON object. What the user can mend ends with a message on
standard error and status 2.
"""

import os
import sys
from importlib import import_module

from cyclopts import App, CycloptsError

from enfold.errors import InputError, Interrupted
from enfold.version import __version__

MODULES = ("clusters", "commands", "comparing", "denoising", "detection", "explorer", "interpolation", "points")
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

app = App(
    name="enfold",
    version=__version__,
    help="Fold a data set, images or tables, into a small latent space that one can look at, walk through, "
    "sample from and trust. Begin with: enfold fit",
    help_on_error=False,
    help_format="plaintext",  # of the list of commands alone: reading markdown takes as long as all the rest
    suppress_keyboard_interrupt=False,  # an interruption says how to go on
)
app.command(  # imported when it is called: the choices that its help lists need torch
    "enfold.cli.fitting:fit",
    help="Fit a model to data, and write a run folder with the model, its metrics, its pictures and a report.",
    help_format="markdown",
)


def register() -> None:
    """Import the modules of commands, which adds these to `app`."""
    for name in MODULES:
        import_module(f"enfold.cli.{name}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 2 for what the user can mend, 130 or 143 for a signal."""
    register()
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except (CycloptsError, InputError) as error:
        return _fail(error)
    except Interrupted as interruption:
        return _fail(interruption, 128 + interruption.signal)
    except KeyboardInterrupt:
        print("enfold: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):  # torch has no type of its own for it
            raise
        return _fail(error)
    return 0


def _fail(error: BaseException, status: int = 2) -> int:
    """Say what happened, and return the exit status; if all processes raise it, the first one speaks for them."""
    if getattr(error, "shared", False):
        from enfold.processes import leads

        if not leads():
            return 0
    print(f"enfold: {str(error) or 'there is not enough memory'}", file=sys.stderr)
    return status
