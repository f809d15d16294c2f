"""The commands about data, settings and runs.

Each imports what it needs when it is called, so that `enfold --help` is instant.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from enfold.cli import app
from enfold.cli.output import Device, ImageShape, Json, Label, LabelColumn, RunFolder, Whole, image_size, say, table
from enfold.errors import InputError

if TYPE_CHECKING:
    from enfold.data import Dataset
    from enfold.run import Run

SEEN_ROWS = (
    " The model was fitted to some of them, which flatters all figures: without a source, only held-out rows count."
)
Tests = Annotated[list[str] | None, Parameter(negative="")]
Settings = Annotated[list[str] | None, Parameter(name="--set", negative="", allow_leading_hyphen=True)]


@app.command(help_format="markdown")
def fit(
    *source: str,
    recipe: str = "default",
    latent_dim: Whole | None = None,
    epochs: Whole | None = None,
    minutes: float | None = None,
    precision: str | None = None,
    devices: Whole | None = None,
    num_nodes: Whole | None = None,
    strategy: str | None = None,
    test: Tests = None,
    holdout: float | None = None,
    binarize: str | None = None,
    seed: Whole | None = None,
    label: LabelColumn = None,
    image_shape: ImageShape = None,
    out: Path | None = None,
    set: Settings = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Fit a model to data, and write a run folder with the model, its figures, its pictures and a report.

    Parameters
    ----------
    source
        Files (.csv, .parquet, .npy, .npz, IDX, pictures), folders of them, or data sets by name (mnist,
        mnist-train, mnist-test, digits), joined in order. In a folder of pictures, the names of its folders are
        their labels. Without any, mnist.
    recipe
        The settings to start from; `enfold recipes` shows them.
    latent_dim
        How many latent dimensions; without it, the recipe's.
    epochs
        Passes over the data; without it, the recipe's.
    minutes
        How long to train, instead of for epochs; the learning rate's schedule fits itself to it.
    precision
        float32, bfloat16, or auto: bfloat16 where it is faster; without it, the recipe's.
    devices
        Processes on each machine that train together, with a device each; without it, 1.
    num_nodes
        Machines that train together, each with as many processes; without it, 1.
    strategy
        ddp: every process has all weights; fsdp: each has a part of them; without it, ddp.
    test
        A source whose rows are held out, all of them, instead of some of the others; may be repeated.
    holdout
        Rows to hold out of training for the figures: a share such as 0.1, or a count such as 5000; without
        it, the recipe's.
    binarize
        Pixels become black or white, by a chance of their brightness: static, once; dynamic, anew each time that
        they are seen, though not in the figures; none. Without it, the recipe's.
    seed
        Seed of the split, the weights and the training; without it, the recipe's.
    out
        The folder to make; without it, a new one in runs/.
    set
        Any setting, as in --set beta=0.5; may be repeated.
    """
    from enfold.cli.terminal import watch
    from enfold.config import parse_settings
    from enfold.data import load, load_like
    from enfold.fitting import fit as fit_run
    from enfold.processes import leads

    given: dict[str, Any] = {"latent_dim": latent_dim, "epochs": epochs, "minutes": minutes, "precision": precision}
    given |= {"devices": devices, "num_nodes": num_nodes, "strategy": strategy, "holdout": holdout, "seed": seed}
    given["binarize"] = binarize
    settings = {**parse_settings(set or []), **{name: value for name, value in given.items() if value is not None}}
    if "recipe" in settings:
        raise InputError("Choose the recipe with --recipe, as in --recipe notebook.")
    if test and not source:
        raise InputError("Name a source to train on before --test, as in: enfold fit mnist-train --test mnist-test")
    data = load(*source, label=label, image_shape=image_size(image_shape))
    unseen = load_like(data.spec, *test) if test else None
    run = fit_run(data, test=unseen, recipe=recipe, out=out, device=device, watch=watch, **settings)
    if leads():
        say(json, _values(run), f"{_overview(run)}\n\nReport: {run.folder / 'report.html'}")


@app.command(help_format="markdown")
def resume(run: RunFolder, /, *, device: Device = "auto", json: Json = False) -> None:
    """Finish a fit that was interrupted, as if it had never been."""
    from enfold.cli.terminal import watch
    from enfold.fitting import resume as resume_run
    from enfold.processes import leads

    resumed = resume_run(run, device=device, watch=watch)
    if leads():
        say(json, _values(resumed), f"{_overview(resumed)}\n\nReport: {resumed.folder / 'report.html'}")


@app.command(help_format="markdown")
def report(run: RunFolder, /, *, json: Json = False) -> None:
    """Write a run's report anew from what is in its folder, and say where it is."""
    from enfold.report import write_report
    from enfold.run import open_run

    path = write_report(open_run(run))
    say(json, {"report": str(path)}, f"Report: {path}")


@app.command(help_format="markdown")
def summary(run: RunFolder, /, *, json: Json = False) -> None:
    """Show a run's figures, its layers with their parameters, and what is known to be wrong with it."""
    from enfold.report import layers
    from enfold.run import open_run

    opened = open_run(run)
    found = layers(opened.model)
    rows = [[each["name"], each["kind"], each["shape"], f"{each['parameters']:,}"] for each in found]
    rows.append(["in all", "", "", f"{sum(each['parameters'] for each in found):,}"])
    text = f"{_overview(opened)}\n\n{table(['layer', 'kind', 'output', 'parameters'], rows)}"
    say(json, {**_values(opened), "layers": found}, text)


@app.command(help_format="markdown")
def evaluate(
    run: RunFolder,
    /,
    *source: str,
    samples: Whole = 0,
    binarize: str | None = None,
    label: Label = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Show how good a model is on new data, or without a source, on the rows held out when it was fitted.

    Each figure comes with ± its standard error, and below them stands how they were got.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with examples of the run's kind.
    samples
        Draws for each row in the importance-weighted log-likelihood, such as 500 or 5000; 0: it is not estimated.
    binarize
        static or dynamic: figures of pixels that are drawn once, on with the chance that the intensity says; none:
        of the values as they are; without it, as the run was fitted.
    """
    from enfold.cli.metrics import metrics_table, protocol
    from enfold.data import overlap
    from enfold.metrics import evaluate as evaluate_model
    from enfold.run import open_run

    opened = open_run(run, device)
    config = opened.config.with_settings({} if binarize is None else {"binarize": binarize})
    rows, known = unseen_and_known(opened, source, label)
    metrics = evaluate_model(opened.model, config, rows, known, samples=samples)
    if source:
        metrics["protocol"]["rows"] = f"{metrics['rows']:,} rows of {', '.join(rows.spec.sources_in_short)}."
        if overlap(source, [opened.placed(each) for each in opened.spec.sources if each not in opened.split.tested]):
            metrics["protocol"]["rows"] += SEEN_ROWS
    missing = (
        ""
        if known
        else "\n(no 5-NN accuracy, no linear probe: the data that the run was fitted to cannot be read any more)"
    )
    where = "in the source" if source else "held out"
    shown = f"{metrics['rows']:,} rows {where}\n{metrics_table(metrics, config, opened.spec)}{missing}"
    say(json, metrics, f"{shown}\n\n{protocol(metrics)}")


@app.command(help_format="markdown")
def data(*source: str, label: LabelColumn = None, image_shape: ImageShape = None, json: Json = False) -> None:
    """Show what enfold reads in a source: how many examples of which kind, their range and their labels.

    Parameters
    ----------
    source
        Files, folders or data sets by name, joined in order.
    """
    import numpy as np

    from enfold.data import load
    from enfold.data.arrays import extent
    from enfold.data.dataset import class_labels, class_name

    read = load(*source, label=label, image_shape=image_size(image_shape))
    values: dict[str, Any] = {"rows": len(read), "shape": list(read.spec.shape), "type": read.spec.dtype}
    values |= dict(zip(("minimum", "maximum"), extent(read.x, read.spec.sources[0]), strict=True))
    values |= {"label": read.spec.label or None, "unlabeled": int((~read.labeled).sum())}
    classes = class_labels(read.labels)
    if classes is not None:
        values["classes"] = {class_name(label, read.spec): int(np.sum(read.labels == label)) for label in classes}
    lines = [
        f"{len(read):,} {read.spec}",
        f"values from {values['minimum']:g} to {values['maximum']:g}, {read.spec.dtype}",
    ]
    lines += [f"labels in the column '{read.spec.label}'"] if read.spec.label else []
    lines.append(f"{values['unlabeled']:,} rows without a label")
    lines += [f"  {name}: {count:,}" for name, count in values.get("classes", {}).items()]
    say(json, values, "\n".join(lines))


@app.command(help_format="markdown")
def recipes(*, json: Json = False) -> None:
    """Show the recipes, their settings and what each setting means."""
    from enfold.config import describe
    from enfold.recipes import RECIPES

    names = list(RECIPES)
    settings = {name: {each["name"]: each["value"] for each in describe(RECIPES[name].config)} for name in names}
    meanings = [(each["name"], each["meaning"]) for each in describe(RECIPES["default"].config)]
    rows = [[name, *(str(settings[each][name]) for each in names), meaning] for name, meaning in meanings]
    summaries = "\n".join(f"{name}: {RECIPES[name].summary}" for name in names)
    say(json, settings, f"{summaries}\n\n{table(['setting', *names, 'meaning'], rows)}")


@app.command(help_format="markdown")
def devices(*, json: Json = False) -> None:
    """Show the devices at hand; `--device auto` takes the first."""
    from dataclasses import asdict

    from enfold.devices import devices as find

    found = find()
    rows = [[each.name, each.description, "bfloat16" if each.bfloat16 else "float32"] for each in found]
    say(json, {"devices": [asdict(each) for each in found]}, table(["device", "what it is", "trains in"], rows))


def unseen_and_known(run: "Run", source: tuple[str, ...], label: str | None) -> tuple["Dataset", "Dataset | None"]:
    """Return the rows to evaluate on, and those that the model was fitted to, if they can still be read."""
    from enfold.data import load_like
    from enfold.fitting import split_again

    if not source:
        return split_again(run)
    rows = load_like(run.spec, *source, label=label)
    try:
        return rows, split_again(run)[1]
    except InputError:
        return rows, None


def _values(run: "Run") -> dict[str, Any]:
    return {"run": str(run.folder), "report": str(run.folder / "report.html"), "metrics": run.metrics}


def _overview(run: "Run") -> str:
    from enfold.cli.metrics import OVERVIEW, metrics_table

    metrics, sources = run.metrics, " + ".join(run.spec.sources_in_short)
    title = f"{sources} · {run.config.recipe} · {run.folder} · {metrics['rows']:,} rows held out"
    wrong = [f"- {each}" for each in metrics["mistakes"]]
    return "\n".join(
        [
            title,
            "",
            metrics_table(metrics, run.config, run.spec, OVERVIEW),
            *(["", "Known to be wrong here:", *wrong] if wrong else []),
        ]
    )
