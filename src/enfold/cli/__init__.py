"""The command line: a thin face on the library.

Every command prints text, or with `--json` one JSON object. An error that the user can fix ends with a message on
standard error and status 2.
"""

import os
import shlex
import sys
from importlib import import_module

from cyclopts import App, CycloptsError, MissingArgumentError

from enfold.errors import InputError, Interrupted
from enfold.version import __version__

MODULES = ("clusters", "commands", "comparing", "denoising", "detection", "explorer", "interpolation", "points")
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
OUTPUTS = {  # of commands, in errors
    **{"decode": "x.npz", "denoise": "x.npz", "encode": "z.csv", "export": "model", "interpolate": "x.png"},
    **{"reconstruct": "pairs.npz", "sample": "x.npz", "score": "scores.csv", "share": "map.html"},
    **{"traverse": "dimensions.png"},
}

app = App(
    name="enfold",
    version=__version__,
    help="Train a variational autoencoder on images or a table, look at its latent space, generate new data, and see "
    "how far to trust it. Start with: enfold fit",
    help_on_error=False,
    help_format="plaintext",  # of the command list only: reading markdown takes as long as everything else
    suppress_keyboard_interrupt=False,  # an interruption says how to resume
)
app.command(  # imported when it is called: its help lists choices, which need torch
    "enfold.cli.fitting:fit",
    help="Fit a model to data, and write a run folder with the model, metrics, pictures and a report.",
    help_format="markdown",
)


def register() -> None:
    """Import the modules of commands, which adds these to `app`."""
    for name in MODULES:
        import_module(f"enfold.cli.{name}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 2 for an error to fix, 130 or 143 for a signal."""
    register()
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except MissingArgumentError as error:
        return _fail(_missing(error, sys.argv[1:] if arguments is None else arguments))
    except (CycloptsError, InputError) as error:
        return _fail(error)
    except Interrupted as interruption:
        return _fail(interruption, 128 + interruption.signal)
    except KeyboardInterrupt:
        print("enfold: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error):  # torch has no type for it
            raise
        return _fail(error)
    return 0


def _missing(error: MissingArgumentError, words: list[str]) -> Exception:
    """Return the error for a missing argument; for -o with a complete command."""
    command = (error.command_chain or words)[0]
    if error.argument is None or words[-1].startswith("-"):
        return error
    if error.argument.name != "--out":
        return InputError(f"enfold {command} needs {error.argument.name}. See: enfold {command} --help")
    example = shlex.join(["enfold", *words, "-o", OUTPUTS[command]])
    return InputError(f"enfold {command} needs -o (or --out), what to write to, as in: {example}")


def _fail(error: BaseException, status: int = 2) -> int:
    """Say what happened, and return the exit status; if all processes raise it, only the first prints it."""
    if getattr(error, "shared", False):
        from enfold.processes import leads

        if not leads():
            return 0
    print(f"enfold: {str(error) or 'there is not enough memory'}", file=sys.stderr)
    return status
