"""From data to a finished run: split, build, train, evaluate, draw, report."""

import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from enfold.checkpoints import checkpoints, load_checkpoint, save_checkpoint
from enfold.config import Config
from enfold.data import Dataset, load, load_like
from enfold.data.split import Split
from enfold.devices import autocast_dtype, choose_device
from enfold.errors import InputError, Interrupted
from enfold.files import write_json
from enfold.learning import Prepared, learn, prepared, prepared_again
from enfold.processes import Processes, launch
from enfold.recipes import RECIPES, mistakes
from enfold.recipes import recipe as named_recipe
from enfold.rows import sha256
from enfold.run import (
    Run,
    check_new,
    claim,
    create_run,
    only_process,
    open_run,
    record,
    rewrite_history,
    save_weights,
)
from enfold.state import Diverged, State
from enfold.training import Progress, steps_in_epoch

Watch = Callable[[Iterator[Progress]], Iterable[Progress]]

SECONDS_BETWEEN_CHECKPOINTS = 180.0
FEWEST_EPOCHS, RISE = 5, 0.01  # of a history that may show overfitting; of the held-out loss above its lowest
MOST_TIME_SAVING = 0.05  # of all, where epochs are so short that saving each would cost more


def fit(
    data: Any = "mnist",
    *,
    test: Any = None,
    recipe: str = "default",
    out: str | Path | None = None,
    device: str = "auto",
    watch: Watch = iter,
    **settings: Any,
) -> Run:
    """Fit a model to data, and write a run folder with the model, its metrics and its pictures.

    Args:
        data: A `Dataset`, or whatever `load` takes.
        test: The same, with the rows to hold out; by default `holdout` of the data's rows.
        recipe: The name of the settings to start from: "default", "neighbors", "autoencoder", "denoise" or
            "notebook".
        out: The folder to make; without it, a new one in `runs/`.
        device: "auto", "cpu", "cuda", "cuda:0", "mps", …
        watch: Wraps the iterator over the training's `Progress`, as tqdm does, to show it.
        **settings: Settings to change, such as `latent_dim=8`, `prior="vamp"` or `beta=0.5`, as
            `Config.with_settings` takes them; `encoder`, `decoder`, `prior` and `objective` may be custom objects.

    Raises:
        InputError: A setting or the data is not as it must be, or `out` exists already. Nothing was written.

    Example:
        >>> import enfold
        >>> run = enfold.fit("digits", epochs=1, out="runs/mine")
        >>> run.metrics["rows"]
        180
    """
    if out:
        check_new(Path(out))
    config = named_recipe(recipe).config.with_settings(settings)
    if test is not None and "holdout" in settings:
        raise InputError("Rows are held out by test data or by holdout, not by both. Give one.")
    data = load(data)
    ready = prepared(data, config, None if test is None else load_like(data.spec, test))
    config = config.with_settings({} if test is None else {"holdout": len(ready.held_out)})
    config, device, processes = _launched(config, device)
    state, training = learn(ready, config, device, processes)
    split = Split(len(ready.data), ready.held_out, sha256(ready.data.x), ready.tested)
    folder = processes.lead(lambda: _claimed(out, ready.spec.sources[0], recipe))
    run = Run(folder, config, ready.spec, device)
    processes.lead(lambda: create_run(run, split))
    with ExitStack() as stack:
        processes.lead(lambda: stack.enter_context(only_process(run)))
        return _finish(run, ready, state, training, watch)


def resume(
    folder: str | Path,
    *,
    data: Any = None,
    test: Any = None,
    device: str = "auto",
    watch: Watch = iter,
    **custom: Any,
) -> Run:
    """Finish a fit that was interrupted, as if it had never been: the weights are the same, to the last bit.

    That holds on the same processor, with as many threads; some of what a GPU adds up, it adds in any order. A fit
    that is finished is left as it is.

    Args:
        folder: The run folder.
        data: What was fitted, if it or the test data was an array; files and data sets are read again.
        test: The test data, if there was some, and `data` is given.
        device: Where to train; "auto" is where the fit began.
        watch: As for `fit`.
        **custom: The custom objects that `fit` was given, under the same names.

    Raises:
        InputError: The folder or its checkpoints are not as they were, the data has other rows or is gone, or another
            process is at work there.
    """
    run = open_run(folder, device, **custom)
    begun = run.environment if device == "auto" else {}
    run = replace(run, device=begun.get("device", device))
    if run.is_finished:
        with only_process(run):
            return run
    if begun:
        _check_device(run)
    asked = run.config.devices * run.config.num_nodes
    config, device, processes = _launched(run.config, run.device)
    run = replace(run, config=config, device=device)
    if processes.count != asked:
        raise InputError(f"{folder} was begun by {asked} processes, not {processes.count}. Resume it with as many.")
    with ExitStack() as stack:
        processes.lead(lambda: stack.enter_context(only_process(run)))
        config = run.config.with_settings({"precision": begun.get("precision", run.config.precision)})
        ready = prepared_again(read_again(run, data, test), run.split.held_out)
        state, training = learn(ready, config, run.device, processes)
        history = load_checkpoint(run.folder, state)
        processes.lead(lambda: rewrite_history(run, history))
        return _finish(run, ready, state, training, watch)


def split_again(run: Run) -> tuple[Dataset, Dataset]:
    """Return the rows that were held out and those that the model was fitted to, read again from the run's sources.

    Raises:
        InputError: A source is gone, or has other rows than it had.
    """
    again = prepared_again(read_again(run), run.split.held_out)
    assert again.unseen is not None
    return again.unseen, again.seen


def split_as_evaluated(run: Run) -> tuple[Dataset, Dataset]:
    """Return what `split_again` does, as evaluations take it.

    Raises:
        InputError: A source is gone, or has other rows than it had.
    """
    from enfold.metrics import as_evaluated

    held_out, training = (as_evaluated(each, run.config, run.spec) for each in split_again(run))
    return held_out, training


def read_again(run: Run, data: Any = None, test: Any = None) -> Dataset:
    """Return all rows that a run has, held out or not, in order: read again from its sources unless they are given.

    Raises:
        InputError: A source is gone, was an array, or has other rows than it had.
    """
    if data is None and (run.spec.is_array or test is not None):
        raise InputError(
            "The run was fitted to an array, which cannot be read again. Name the data to evaluate on, or give it to "
            "enfold.resume as data=…, with test=… if there was test data."
        )
    given = map(run.placed, run.spec.sources) if data is None else [data] if test is None else [data, test]
    found = load_like(run.spec, *given)
    rows, sources = run.split.rows, " and ".join(run.spec.sources_in_short)
    advice = "Restore the data, or name other data to evaluate on."
    if len(found) != rows:
        raise InputError(f"{sources} had {rows:,} rows when the run was fitted, and now {len(found):,}. {advice}")
    if sha256(found.x) != run.split.sha256:
        raise InputError(f"{sources} had other values, or another order, when the run was fitted. {advice}")
    if run.spec.conditions and not found.labeled.any():
        raise InputError(f"{sources} had labels when the run was fitted, on which its model is conditioned. {advice}")
    return found


def _check_device(run: Run) -> None:
    try:
        choose_device(run.device)
    except InputError:
        raise InputError(
            f"The fit of {run.folder} began on {run.device}, which is not here. Go on elsewhere, as with "
            "--device cpu; the weights then are not to the last bit what they would have been."
        ) from None


def _launched(config: Config, device: str) -> tuple[Config, str, Processes]:
    """Return the processes that train together, the device of this one, and the settings as they have become."""
    processes = launch(
        choose_device(device), devices=config.devices, num_nodes=config.num_nodes, strategy=config.strategy
    )
    if processes.device is None:
        return config, device, processes
    dtype = processes.broadcast(autocast_dtype(torch.device(processes.device), config.precision) or torch.float32)
    layout = {"devices": processes.count // processes.num_nodes, "num_nodes": processes.num_nodes}
    config = config.with_settings({**layout, "precision": str(dtype).removeprefix("torch.")})
    return config, processes.device, processes


def _finish(run: Run, ready: Prepared, state: State, training: Iterator[Progress], watch: Watch) -> Run:
    """Train to the end, and write what a run folder has of the trained model."""
    steps = _steps(run, ready, state, training)
    with state.processes.together(run.resumption):
        for _ in watch(steps) if state.processes.rank == 0 else steps:
            pass
    return run


def _steps(run: Run, ready: Prepared, state: State, training: Iterator[Progress]) -> Iterator[Progress]:
    """Yield how far the training is, and then each stage that follows it before it is done."""
    last = None
    for last in _recorded(run, state, training):
        yield last
    weights = state.processes.whole(state.model.state_dict())
    for stage, do in _conclusion(run, ready, state, weights):
        if last is not None:  # nothing was left to train
            yield replace(last, stage=stage, note="", ends_epoch=False, held_out=None)
        state.processes.lead(do)


def _recorded(run: Run, state: State, items: Iterable[Progress]) -> Iterator[Progress]:
    """Yield the items of a training; record every epoch, and save the state after epochs, minutes and signals.

    Raises:
        Interrupted: A signal came; the state is saved.
        InputError: The disk is full, or the training failed; what was reached is saved.
    """
    clock, processes = _Clock(), state.processes
    try:
        with caught_signals() as signals:
            for progress in items:
                if progress.ends_epoch:
                    processes.lead(lambda: record(run, progress))  # noqa: B023 - called at once
                signal, due = processes.agreed(signals[0] if signals else 0, clock.is_due(progress))
                if (signal or due) and state.is_finite():
                    clock.time(lambda: save_checkpoint(run.folder, state, lambda: run.epochs))
                if signal:
                    where = f"after step {progress.step:,} of {progress.steps:,}"
                    raise Interrupted(f"stopped {where}. Continue with: {run.resumption}", signal)
                yield progress
    except Diverged as error:
        weights = processes.whole(state.model.state_dict())
        if state.counters.best is not None:
            processes.lead(lambda: save_weights(run, weights))
            error.args = (f"{error} The best model so far is in {run.folder}.",)
        elif checkpoints(run.folder):
            error.args = (f"{error} The checkpoints of its first epoch are kept in {run.folder}.",)
        else:
            processes.lead(lambda: shutil.rmtree(run.folder))
        raise
    except InputError as error:
        error.args = (f"{error} Then go on with: {run.resumption}",)
        raise


def _conclusion(
    run: Run, ready: Prepared, state: State, weights: dict[str, Tensor]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield what is to be done after training: what to call it, and a function that does it."""
    yield "saving the model", lambda: save_weights(run, weights)
    # what these need, scikit-learn and Matplotlib, takes as long to import as torch: training need not wait for it
    from enfold import report
    from enfold.metrics.calibration import calibrate, write_calibration
    from enfold.sections import write_sections

    seen, unseen = ready.seen, ready.unseen
    assert unseen is not None
    yield "measuring how good it is", lambda: write_json(run.folder / "metrics.json", _metrics(run, ready, state))
    yield (
        "scoring held-out rows",
        lambda: write_calibration(run.folder, calibrate(run.model, run.config, unseen, seen)),
    )
    rows = RECIPES[run.config.recipe].shown_rows if run.config.recipe in RECIPES else ()
    shown = ready.data[np.array(rows)] if rows and max(rows) < len(ready.data) else None
    yield "drawing pictures", lambda: report.draw(run, run.model, unseen, seen, shown=shown)
    yield "finding clusters and more", lambda: write_sections(run, unseen, seen)
    yield "writing the report", lambda: report.write_report(run)


def _metrics(run: Run, ready: Prepared, state: State) -> dict[str, Any]:
    from enfold.metrics import evaluate

    assert ready.unseen is not None
    found = evaluate(run.model, run.config, ready.unseen, ready.seen)
    known = [*mistakes(run.config), *overfitting(run.epochs, run.config)]
    return {**found, **_cost(state, run.config, len(ready.seen)), "mistakes": known}


def overfitting(epochs: list[dict[str, Any]], config: Config) -> list[str]:
    """Return, if the held-out loss has risen by a percent or more since its lowest epoch, what to do about it."""
    losses = [epoch["held_out_loss"] for epoch in epochs if "held_out_loss" in epoch]
    if config.chooses_epoch or len(losses) < FEWEST_EPOCHS:
        return []
    best = int(np.argmin(losses))
    if losses[-1] - losses[best] < RISE * abs(losses[best]):
        return []
    return [
        f"The model overfits: its held-out loss was lowest after epoch {epochs[best]['epoch']}, {losses[best]:,.4g}, "
        f"and ended at {losses[-1]:,.4g}. Stop earlier with --set patience=10, or keep the best epoch's weights with "
        "--set keep=best."
    ]


def _cost(state: State, config: Config, rows: int) -> dict[str, float]:
    """Return what the training took; the evaluations after each epoch and the checkpoints are part of it."""
    seconds, epochs = state.counters.seconds, state.counters.step / steps_in_epoch(config, rows)
    return {"train_seconds": seconds, "rows_per_second": epochs * rows / seconds}


class _Clock:
    """Says when to save: at an epoch's end and every few minutes, but never for much of the time."""

    def __init__(self):
        self.last, self.took = time.monotonic(), 0.0

    def is_due(self, progress: Progress) -> bool:
        since = time.monotonic() - self.last
        is_cheap = since > self.took / MOST_TIME_SAVING or progress.step == progress.steps
        return (progress.ends_epoch and is_cheap) or since > SECONDS_BETWEEN_CHECKPOINTS

    def time(self, save: Callable[[], Any]) -> None:
        began = time.monotonic()
        save()
        self.last = time.monotonic()
        self.took = self.last - began


@contextmanager
def caught_signals() -> Generator[list[int]]:
    """Collect the first SIGINT or SIGTERM instead of dying of it; a second one is not caught."""
    caught, before = [], {}

    def catch(number: int, frame: Any) -> None:
        caught.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    if threading.current_thread() is threading.main_thread():  # Python has signals nowhere else
        before = {each: signal.signal(each, catch) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def folder_name(source: str) -> str:
    """Return what to call the folder of what was made of a source."""
    return re.sub(r"[^\w-]+", "-", Path(source).name.split(".")[0]).strip("-") or "data"


def _claimed(out: str | Path | None, source: str, recipe: str) -> Path:
    """Make the folder that was asked for, else one in `runs/` under a name that no other fit has; return it."""
    if out:
        if not claim(Path(out)):
            check_new(Path(out))
        return Path(out)
    base = Path("runs") / f"{folder_name(source)}-{recipe}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(folder for i in count(1) if claim(folder := base.with_name(f"{base.name}-{i}") if i > 1 else base))
