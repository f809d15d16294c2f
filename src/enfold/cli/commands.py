"""The commands about data, settings and runs.

Each imports what it needs when it is called, so that `enfold --help` is instant.
"""

from typing import TYPE_CHECKING, Any

from enfold.cli import app
from enfold.cli.output import (
    Device,
    ImageShape,
    Json,
    Label,
    LabelColumn,
    RunFolder,
    Whole,
    image_size,
    number,
    say,
    table,
)
from enfold.errors import InputError

if TYPE_CHECKING:
    from enfold.data import Dataset
    from enfold.run import Run

SEEN_ROWS = (
    " The model was trained on some of them, so metrics are optimistic. Without a source, held-out rows are used."
)


@app.command(help_format="markdown")
def resume(run: RunFolder, /, *, device: Device = "auto", json: Json = False) -> None:
    """Continue a fit that was interrupted; the result is the same as without."""
    from enfold.cli.terminal import watch
    from enfold.fitting import resume as resume_run
    from enfold.processes import leads

    resumed = resume_run(run, device=device, watch=watch)
    if leads():
        say(json, run_values(resumed), f"{overview(resumed)}\n\nReport: {resumed.folder / 'report.html'}")


@app.command(help_format="markdown")
def report(run: RunFolder, /, *, json: Json = False) -> None:
    """Write a run's report again from the files in its folder."""
    from enfold.report import write_report
    from enfold.run import only_process, open_run

    opened = open_run(run)
    with only_process(opened):
        path = write_report(opened)
    say(json, {"report": str(path)}, f"Report: {path}")


@app.command(help_format="markdown")
def summary(run: RunFolder, /, *, json: Json = False) -> None:
    """Show a run's metrics, its layers with their parameters, and known mistakes in its settings."""
    from enfold.report import layer_table, layers
    from enfold.run import open_run

    opened = open_run(run)
    found = layers(opened.model)
    text = f"{overview(opened)}\n\n{table([], layer_table(found))}"
    say(json, {**run_values(opened), "layers": found}, text)


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
    """Evaluate a model on new data or, without a source, on its held-out rows.

    Each metric has ± its standard error. The text below them says how they were measured.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with rows like those of the run.
    samples
        Draws per row for the importance-weighted estimate of the log-likelihood, such as 500 or 5000; 0: no estimate.
    binarize
        static or dynamic: evaluate on black and white pixels, drawn once, with the intensity as the probability of
        white; none: on the values as they are. By default as in training.
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
    missing = "" if known else "\n(no 5-NN accuracy, no linear probe: the training data cannot be read any more)"
    where = "in the source" if source else "held out"
    shown = f"{metrics['rows']:,} rows {where}\n{metrics_table(metrics, config, opened.spec)}{missing}"
    say(json, metrics, f"{shown}\n\n{protocol(metrics)}")


@app.command(help_format="markdown")
def data(*source: str, label: LabelColumn = None, image_shape: ImageShape = None, json: Json = False) -> None:
    """Show what enfold reads in a source: the number and kind of rows, their range and their labels.

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
    """List the recipes, all settings, and the choices for each part of a model."""
    from enfold.config import describe
    from enfold.recipes import RECIPES

    default = RECIPES["default"].config
    values = {name: {each.name: each.value for each in describe(recipe.config)} for name, recipe in RECIPES.items()}
    about = [[f"{name}:", recipe.summary] for name, recipe in RECIPES.items()]
    about += [
        [
            f"  {name} sets",
            " ".join(f"{key}={number(value)}" for key, value in recipe.config.changes(default).items()),
        ]
        for name, recipe in RECIPES.items()
        if recipe.config is not default
    ]
    settings = [[each.name, number(each.value), each.meaning] for each in describe(default) if "." not in each.name]
    parts = [table(["setting", "default", "meaning"], settings), *(_part(part) for part in default.choices)]
    say(json, values, "\n\n".join([table([], about), *parts]))


def _part(part: str) -> str:
    """Return the choices of a part with their options, a line each."""
    from enfold.options import CHOICES, described

    lines = []
    for name, choice in CHOICES[part].items():
        lines.append([f"{part}={name}", "", choice.summary()])
        lines += [[f"  {each.name}", number(each.value), each.meaning] for each in described(choice())]
    return table([part, "default", "meaning"], lines)


@app.command(help_format="markdown")
def devices(*, json: Json = False) -> None:
    """List the available devices; `--device auto` takes the first."""
    from dataclasses import asdict

    from enfold.devices import devices as find

    found = find()
    rows = [[each.name, each.description, "bfloat16" if each.bfloat16 else "float32"] for each in found]
    say(json, {"devices": [asdict(each) for each in found]}, table(["device", "what it is", "trains in"], rows))


def unseen_and_known(run: "Run", source: tuple[str, ...], label: str | None) -> tuple["Dataset", "Dataset | None"]:
    """Return the rows to evaluate on, and the training rows if they can still be read."""
    from enfold.data import load_like
    from enfold.fitting import split_again

    if not source:
        return split_again(run)
    rows = load_like(run.spec, *source, label=label)
    try:
        return rows, split_again(run)[1]
    except InputError:
        return rows, None


def run_values(run: "Run") -> dict[str, Any]:
    """Return what the commands say of a run in JSON."""
    return {"run": str(run.folder), "report": str(run.folder / "report.html"), "metrics": run.metrics}


def overview(run: "Run") -> str:
    """Return a run's title, metrics and known mistakes as text."""
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
