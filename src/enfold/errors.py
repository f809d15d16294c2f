"""The one error that enfold raises for what its user can mend."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """A file, an array or a setting is not what it must be; the message says what came and what to do.

    The command line prints it and exits with status 2. It is a `ValueError`, as scikit-learn expects.

    Attributes:
        shared: Whether all processes that work together raise it, so that the first one speaks for them.
    """

    shared = False


def unknown(what: str, given: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that is not among the `known` ones, with the nearest of them."""
    names = sorted(known)
    near = get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    return InputError(f"There is no {what} named '{given}'{hint} Known: {', '.join(names)}.")


class Interrupted(KeyboardInterrupt):
    """A signal asked for an end; what was done is saved.

    Attributes:
        signal: Its number.
        shared: As of an `InputError`: processes that work together stop together.
    """

    shared = True

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal
