"""The command `compare`, and the progress that it shows."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from enfold.cli import app
from enfold.cli.output import Device, ImageShape, Json, LabelColumn, Whole, image_size, say, table
from enfold.errors import InputError

if TYPE_CHECKING:
    from enfold.comparison import Comparison, Stage

SECONDS_BETWEEN_LINES = 30.0
LONG = 60.0  # seconds; how long a method will take is said from here on


@app.command(help_format="markdown")
def compare(
    *source: str,
    methods: str | None = None,
    latent_dim: Whole = 2,
    epochs: Whole | None = None,
    minutes: float | None = None,
    rows: Whole | None = None,
    test: Annotated[list[str] | None, Parameter(negative="")] = None,
    holdout: float | None = None,
    seed: Whole = 0,
    label: LabelColumn = None,
    image_shape: ImageShape = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Compare PCA, a plain autoencoder, enfold, UMAP, t-SNE and the notebook's VAE on the same held-out rows.

    Each result is saved once it is done. After an interruption, the same command continues with the next method.

    Parameters
    ----------
    source
        Files, folders or data sets by name, joined in order; by default mnist.
    methods
        Some of pca, autoencoder, default, neighbors, umap, tsne, notebook, separated by commas; by default all that
        are installed and suit the data.
    latent_dim
        Number of dimensions of the maps.
    epochs
        Epochs for every network; by default those of its recipe.
    minutes
        Training time of every network, instead of epochs.
    rows
        The most training rows for each method; by default all.
    test
        A source whose rows are all held out to compare on, instead of a part of the others; may be repeated.
    holdout
        Rows to hold out and compare on: a share, by default 0.1, or a count such as 5000. At most 10,000 are used.
    seed
        Random seed of the split and of every method.
    out
        The folder for comparison.html, comparison.json, maps.png and reconstructions.png; by default one in runs/.
    """
    from enfold.comparison import compare as compare_methods
    from enfold.data import load, load_like
    from enfold.fitting import folder_name

    if test and not source:
        raise InputError("Name a source to fit to before --test, as in: enfold compare mnist-train --test mnist-test")
    data = load(*source, label=label, image_shape=image_size(image_shape))
    unseen = load_like(data.spec, *test) if test else None
    names = None if methods is None else [name.strip() for name in methods.split(",") if name.strip()]
    folder = out or Path("runs") / f"{folder_name(data.spec.sources[0])}-comparison"
    shared = {"latent_dim": latent_dim, "epochs": epochs, "minutes": minutes, "rows": rows}
    shared |= {"holdout": holdout, "seed": seed}
    found = compare_methods(data, test=unseen, methods=names, out=folder, device=device, watch=watch, **shared)
    values = {"out": str(folder), "report": str(folder / "comparison.html"), "methods": found.rows}
    values |= {"best": found.best, "left_out": dict(found.left_out)}
    say(json, values, f"{_text(found)}\n\nReport: {folder / 'comparison.html'}")


def _text(comparison: "Comparison") -> str:
    """Return which methods are best, the table, and what was left out."""
    from enfold.comparison.page import headline, verdicts
    from enfold.metrics.registry import METRICS
    from enfold.reductions import COMPARED, METHODS

    best = comparison.best
    lines = [
        [
            METHODS[name].title,
            *(f"{METRICS[each].text(result.metrics[each])}{' *' if name in best[each] else ''}" for each in COMPARED),
            METHODS[name].places,
            METHODS[name].decodes if result.reconstructed_rows else "no",
        ]
        for name, result in comparison.results.items()
    ]
    header = ["method", *(METRICS[each].label for each in COMPARED), "places new rows", "decodes"]
    n = len(comparison.setup.held_out)
    parts = [headline(comparison), table(header, lines)]
    parts += [f"{n:,} unseen rows. ± is one standard error. * is the best, or within two standard errors of it."]
    parts += ["\n".join(verdicts(comparison))]
    parts += ["\n".join(f"left out: {METHODS[name].title}: {why}" for name, why in comparison.left_out.items())]
    return "\n\n".join(part for part in parts if part)


def watch(stages: "Iterator[Stage]") -> "Iterator[Stage]":
    """Yield the stages, and show them on standard error: a live bar in a terminal, else lines."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console, last = Console(stderr=True), 0.0
    columns = TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn()
    with Bars(*columns, TextColumn("{task.fields[left]}"), console=console, transient=True) as bars:
        task = bars.add_task("", total=None, left="")
        for stage in stages:
            progress = stage.progress
            if progress is None:
                bars.console.print(_line(stage), highlight=False, soft_wrap=True)
                bars.reset(task, description=_title(stage), total=None, left="")
            else:
                left = f"{progress.seconds / max(progress.step, 1) * (progress.steps - progress.step):,.0f} s left"
                bars.update(task, completed=progress.step, total=progress.steps, left=left)
                if (
                    not console.is_terminal
                    and progress.ends_epoch
                    and time.monotonic() - last > SECONDS_BETWEEN_LINES
                ):
                    last = time.monotonic()
                    console.print(f"  epoch {progress.epoch}/{progress.epochs} · {left}", highlight=False)
            yield stage


def _title(stage: "Stage") -> str:
    from enfold.reductions import METHODS

    return METHODS[stage.method].title


def _line(stage: "Stage") -> str:
    """Return what to print when a method begins or is done."""
    from enfold.metrics.registry import METRICS
    from enfold.reductions import COMPARED

    if stage.result is None:
        long = stage.expected_seconds > LONG
        about = f", about {stage.expected_seconds / 60:,.0f} minutes on two processor cores" if long else ""
        return f"{_title(stage)} …{about}"
    found = stage.result.metrics
    known = [f"{METRICS[name].label} {METRICS[name].text(found[name])}" for name in COMPARED if found[name].value]
    return f"{_title(stage)}: {' · '.join(known)}"
