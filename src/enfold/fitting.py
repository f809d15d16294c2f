"""From data to a finished run: split, build, train, evaluate, draw, report."""

import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from enfold import build, report
from enfold.data import Dataset, load, load_like
from enfold.data.split import held_out_rows, training_rows
from enfold.devices import choose_device
from enfold.errors import InputError
from enfold.files import write_json
from enfold.metrics import evaluate
from enfold.recipes import mistakes
from enfold.recipes import recipe as named_recipe
from enfold.run import Run, create_run, record, save_weights
from enfold.training import Progress, train

Watch = Callable[[Iterator[Progress]], Iterable[Progress]]


def fit(
    data: Any = "mnist",
    *,
    recipe: str = "default",
    out: str | Path | None = None,
    device: str = "auto",
    watch: Watch = iter,
    **settings: Any,
) -> Run:
    """Fit a model to data, and leave a run folder with the model, its figures and its pictures.

    Args:
        data: A `Dataset`, or whatever `load` takes.
        recipe: The name of the settings to start from: "default", "autoencoder" or "notebook".
        out: The folder to make; without it, a new one in `runs/`.
        device: "auto", "cpu", "cuda", "cuda:0", "mps", …
        watch: Wraps the iterator over the training's `Progress`, as tqdm does, to show it.
        **settings: Fields of `Config` to change, such as `latent_dim=8` or `beta=0.5`.

    Raises:
        InputError: A setting or the data is not as it must be, or `out` exists already. Nothing was written.

    Example:
        >>> run = fit("digits", epochs=1, out="runs/digits")  # doctest: +SKIP
        >>> run.metrics["negative_elbo"]  # doctest: +SKIP
        24.1
    """
    chosen = named_recipe(recipe)
    config = chosen.config.with_settings(settings)
    data = load(data)
    held_out = held_out_rows(len(data), config.holdout, config.seed)
    seen, unseen = data[training_rows(len(data), held_out)], data[held_out]
    spec = data.spec.standardised(seen.x)
    model = build.autoencoder(config, spec).to(choose_device(device))
    training = train(model, seen.x, config, held_out=unseen.x)
    run = Run(Path(out) if out else _new_folder(spec.sources[0], recipe), config, spec, device)
    create_run(run, len(data), held_out)

    last = _recorded(run, watch(training))
    save_weights(run, model)
    metrics = {**evaluate(model, config, unseen, seen), **_cost(last, len(seen)), "mistakes": mistakes(config)}
    write_json(run.folder / "metrics.json", metrics)
    rows = chosen.shown_rows
    report.draw(run, model, unseen, seen, shown=data[np.array(rows)] if rows and max(rows) < len(data) else None)
    report.write_report(run)
    return run


def split_again(run: Run) -> tuple[Dataset, Dataset]:
    """Return the rows that were held out and those that the model was fitted to, read again from the run's sources.

    Raises:
        InputError: A source is gone, or has other rows than it had.
    """
    if "array" in run.spec.sources:
        raise InputError("The run was fitted to an array, which cannot be read again. Name the data to evaluate on.")
    data = load_like(run.spec, *run.spec.sources)
    rows, held_out = run.split
    if len(data) != rows:
        raise InputError(
            f"{' and '.join(run.spec.sources)} had {rows:,} rows when the run was fitted, and now {len(data):,}. "
            "Restore the data, or name other data to evaluate on."
        )
    return data[held_out], data[training_rows(len(data), held_out)]


def _recorded(run: Run, items: Iterable[Progress]) -> Progress:
    """Record every epoch in the run's history, and return the last progress."""
    last = None
    try:
        for last in items:
            if last.ends_epoch:
                record(run, last)
    except InputError:  # no weights were saved yet, so nothing finished is lost
        shutil.rmtree(run.folder)
        raise
    assert last is not None, "training yields at least the end of an epoch"
    return last


def _cost(last: Progress, rows: int) -> dict[str, float]:
    """Return what the training took; the evaluations after each epoch are part of it."""
    return {"train_seconds": last.seconds, "images_per_second": last.epochs * rows / last.seconds}


def _new_folder(source: str, recipe: str) -> Path:
    name = re.sub(r"[^\w-]+", "-", Path(source).name.split(".")[0]) or "data"
    base = Path("runs") / f"{name}-{recipe}-{time.strftime('%Y%m%d-%H%M%S')}"
    numbered = (base.with_name(f"{base.name}-{i}") for i in range(2, 1000))
    return next(folder for folder in (base, *numbered) if not folder.exists())
