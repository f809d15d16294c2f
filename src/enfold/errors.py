"""The error that enfold raises for what its user can fix, and the messages that several modules share."""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec

SHOWN = 10  # names in an error


class InputError(ValueError):
    """A file, an array or a setting is invalid; the message says what came and what to do.

    The command line prints it and exits with status 2. It is a `ValueError`, as scikit-learn expects.

    Attributes:
        shared: Whether all processes raise it, so that only the first prints it.
    """

    shared = False


def unknown(what: str, given: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that is not among the `known` ones, with the nearest of them."""
    names = sorted(known)
    near = get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    return InputError(f"There is no {what} named '{given}'{hint} Known: {', '.join(names)}.")


def first_of(names: Iterable[str]) -> str:
    """Return the first ten names as text, and the number of the others."""
    first, more = [*dict.fromkeys(names)], ""
    if len(first) > SHOWN:
        first, more = first[:SHOWN], f" and {len(first) - SHOWN:,} more"
    return ", ".join(first) + more


def require(what: str, extra: str, *modules: str) -> None:
    """Raise an InputError if some of the modules are missing, with the extra of enfold that installs them."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise InputError(f"{what} needs {' and '.join(missing)}. Install with: pip install 'enfold[{extra}]'")


class Interrupted(KeyboardInterrupt):
    """A signal asked enfold to stop; what was done is saved.

    Attributes:
        signal: Its number.
        shared: As of an `InputError`: all processes stop together.
    """

    shared = True

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal
