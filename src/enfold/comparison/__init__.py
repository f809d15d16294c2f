"""The same held-out rows through enfold's recipes and their rivals: who keeps what, and at what cost."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Any

from enfold.comparison.page import write_comparison
from enfold.comparison.results import Comparison, Setup, read_result, set_up, write_result
from enfold.data import load, load_like
from enfold.errors import InputError, Interrupted, unknown
from enfold.files import make_folder
from enfold.reductions import METHODS, Result, measured
from enfold.training import Progress

Watch = Callable[[Iterator["Stage"]], Iterable["Stage"]]


@dataclass(frozen=True)
class Stage:
    """How far a comparison is.

    Attributes:
        method: The name of the method that is under way, or done.
        expected_seconds: About how long it will take; 0 where that is not known, or short.
        progress: Of a network's training.
        result: What came of it, when it is done.
    """

    method: str
    expected_seconds: float = 0.0
    progress: Progress | None = None
    result: Result | None = None


def compare(
    data: Any = "mnist",
    *,
    test: Any = None,
    methods: Sequence[str] | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    watch: Watch = iter,
    **settings: Any,
) -> Comparison:
    """Fit several methods to the same rows, and compare them on the same held-out rows.

    Args:
        data: A `Dataset`, or whatever `load` takes.
        test: The same, with the rows to hold out; without it, `holdout` of the data's own.
        methods: Names among "pca", "autoencoder", "default", "neighbors", "umap", "tsne" and "notebook"; without
            them, all that the data and what is installed allow.
        out: A folder for the figures, the pictures and the page. Each method that is done is kept there at once, and
            not done again when the same comparison is asked for, so an interruption loses at most one.
        device: Where to train networks: "auto", "cpu", "cuda", …
        watch: Wraps the iterator over `Stage`, as tqdm does, to show it.
        **settings: `latent_dim` (2), `holdout` (0.1), `seed` (0); `epochs` or `minutes` of every network, without
            them those of its recipe; `rows`, to fit every method to at most so many.

    Raises:
        InputError: A name, a setting or the data is not as it must be, a package is missing, or `out` holds another
            comparison.

    Example:
        >>> import enfold
        >>> enfold.compare("digits", methods=["default", "pca"], epochs=1).table["method"].to_list()
        ['pca', 'default']
    """
    if test is not None and settings.get("holdout") is not None:
        raise InputError("The rows to hold out are those of the test data, or a holdout of the data's own. Give one.")
    chosen, data = _known(methods), load(data)
    setup = set_up(data, None if test is None else load_like(data.spec, test), settings)
    suited, left_out = _suited(chosen, setup, asked=methods is not None)
    folder = None if out is None else make_folder(out)
    results: dict[str, Result] = {}
    try:
        for stage in watch(_stages(suited, setup, folder, device)):
            if stage.result is not None:
                results[stage.method] = stage.result
    except KeyboardInterrupt:
        if folder is None:
            raise
        kept = f"{', '.join(results)} kept in {folder}" if results else "nothing was done yet"
        raise Interrupted(f"stopped; {kept}. Go on with the same command.", SIGINT) from None
    comparison = Comparison(setup, results, left_out)
    if folder is not None:
        write_comparison(folder, comparison)
    return comparison


def _known(names: Sequence[str] | None) -> list[str]:
    """Return the methods in the order in which they are run."""
    for name in names or ():
        if name not in METHODS:
            raise unknown("method", name, METHODS)
    return [name for name in METHODS if names is None or name in names]


def _suited(names: Sequence[str], setup: Setup, *, asked: bool) -> tuple[list[str], dict[str, str]]:
    """Return the methods that can be had here, and why the others cannot."""
    left_out: dict[str, str] = {}
    for name in names:
        method = METHODS[name]
        how = f"it needs {method.package}: pip install {method.package}"
        if not method.is_installed and asked:
            raise InputError(f"The method '{name}' cannot be had: {how}")
        reason = method.unsuited(setup.job(method)) if method.is_installed else how
        if reason:
            left_out[name] = reason
    suited = [name for name in names if name not in left_out]
    if not suited:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "none is named"
        raise InputError(f"There is nothing to compare ({reasons}). Name other methods, such as pca.")
    return suited, left_out


def _stages(names: Sequence[str], setup: Setup, folder: Path | None, device: str) -> Iterator[Stage]:
    """Yield how far the methods are, one after the other; those that are in the folder are not run again."""
    known = {name: folder and read_result(folder, name, setup) for name in names}
    for name in names:
        result = known[name]
        if not result:
            job = setup.job(METHODS[name], device)
            yield Stage(name, METHODS[name].expected_seconds(job))
            for item in METHODS[name].fit(job):
                if isinstance(item, Progress):
                    yield Stage(name, progress=item)
                else:
                    result = measured(item, job, setup.held_out)
            assert result is not None
            if folder is not None:
                write_result(folder, name, result, setup)
        yield Stage(name, result=result)


__all__ = ["Comparison", "Stage", "compare"]
