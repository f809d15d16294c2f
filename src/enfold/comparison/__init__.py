"""enfold's recipes and other methods, compared on the same held-out rows."""

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


@dataclass(frozen=True)
class Stage:
    """A step of a comparison.

    Attributes:
        method: The name of the method that begins, goes on or is done.
        expected_seconds: About how long it will take; 0 if that is unknown or short.
        progress: The progress of a network's training.
        result: The result, when the method is done.
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
    watch: Callable[[Iterator[Stage]], Iterable[Stage]] = iter,
    **settings: Any,
) -> Comparison:
    """Fit several methods to the same rows, and compare them on the same held-out rows.

    Args:
        data: A `Dataset`, or whatever `load` takes.
        test: The rows to compare on, likewise; by default, the share `holdout` of the data.
        methods: Names among "pca", "autoencoder", "default", "neighbors", "umap", "tsne" and "notebook"; by default,
            all that suit the data and are installed.
        out: A folder for the results, the pictures and the page. Each result is saved as soon as it is known, and is
            used again when the same comparison is repeated: an interruption loses at most one method.
        device: Where to train networks: "auto", "cpu", "cuda", …
        watch: Wraps the iterator over `Stage`, as tqdm does, to show the progress.
        **settings: `latent_dim` (2), `holdout` (0.1), `seed` (0); `epochs` or `minutes`, for every network instead
            of those of its recipe; `rows`, the most training rows for every method.

    Raises:
        InputError: A name, a setting or the data is wrong, a package is missing, or `out` holds another comparison.

    Example:
        >>> import enfold
        >>> enfold.compare("digits", methods=["default", "pca"], epochs=1).table["method"].to_list()
        ['pca', 'default']
    """
    if test is not None and settings.get("holdout") is not None:
        raise InputError("Expected test data or a holdout of the data, got both. Leave one out.")
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
        kept = f"{', '.join(results)} saved in {folder}" if results else "no method was done yet"
        raise Interrupted(f"stopped; {kept}. Continue with the same command.", SIGINT) from None
    comparison = Comparison(setup, results, left_out)
    if folder is not None:
        write_comparison(folder, comparison)
    return comparison


def _known(names: Sequence[str] | None) -> list[str]:
    """Return the methods in the order in which they run."""
    for name in names or ():
        if name not in METHODS:
            raise unknown("method", name, METHODS)
    return [name for name in METHODS if names is None or name in names]


def _suited(names: Sequence[str], setup: Setup, *, asked: bool) -> tuple[list[str], dict[str, str]]:
    """Return the methods that can be used here, and why the others cannot."""
    left_out: dict[str, str] = {}
    for name in names:
        method = METHODS[name]
        how = f"it needs {method.package}. Install with: pip install 'enfold[compare]'"
        if not method.is_installed and asked:
            raise InputError(f"The method '{name}' is not installed: {how}")
        reason = method.unsuited(setup.job(method)) if method.is_installed else how
        if reason:
            left_out[name] = reason
    suited = [name for name in names if name not in left_out]
    if not suited:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "no method is named"
        raise InputError(f"There is nothing to compare ({reasons}). Name other methods, such as pca.")
    return suited, left_out


def _stages(names: Sequence[str], setup: Setup, folder: Path | None, device: str) -> Iterator[Stage]:
    """Yield the stages of one method after the other; results that are in the folder are used again."""
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
