"""A run as one page: what was found and how good it is, then each use of the model, then the details."""

import base64
import re
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from torch import Tensor, nn

from enfold import latent, plots
from enfold.config import Config, describe
from enfold.data.bundled import BUNDLED
from enfold.data.dataset import Dataset, class_name
from enfold.files import write
from enfold.inference import conditions, decode_means, evaluating, latent_means, reconstructed_means
from enfold.metrics import as_evaluated, registry
from enfold.model import Autoencoder
from enfold.recipes import RECIPES, Recipe
from enfold.run import Run
from enfold.sections import ORDER, read_sections
from enfold.sections.denoising import noisy
from enfold.sections.section import FEW, noun, rows_of_map
from enfold.sections.verdict import training_text, verdict
from enfold.spec import ARRAY, Spec

PICTURES = ("latent", "manifold", "reconstructions", "generated", "curves", "samples")
TITLES = {ARRAY: "Data from an array", "mnist": "MNIST", "digits": "Digits"}
SAMPLES = 64
SAMPLES_OF_A_CLASS, SHOWN_CLASSES = 16, 20  # of a conditional model, at most
RECONSTRUCTED = 500  # held-out rows, at most
METRICS = (
    *("negative_elbo", "distortion", "rate", "notebook_loss", "knn_accuracy", "trustworthiness", "active_units"),
    *("reconstruction_mse", "train_seconds", "rows_per_second"),
)


def draw(run: Run, model: Autoencoder, held_out: Dataset, training: Dataset, *, shown: Dataset | None = None) -> None:
    """Draw all pictures of a run into its folder `figures/`.

    Args:
        run: The run, with its history.
        model: Its model.
        held_out: Rows that the model has not seen; they are shown as evaluations take them.
        training: Rows that it was fitted to.
        shown: The rows to show as samples; by default the first 64 of `training`.

    Raises:
        InputError: The folder cannot be written to.
    """
    spec = replace(model.spec, classes=held_out.spec.classes)
    held_out, training, shown = (
        as_evaluated(each, run.config, spec) for each in (held_out, training, shown or training[:SAMPLES])
    )
    rows, faded = rows_of_map(held_out, training)
    means = latent_means(model, rows)
    axes = latent.shown_axes(means)
    pictures = {
        "samples": plots.samples(np.asarray(shown.x), shown.labels, spec),
        "curves": plots.curves(run.epochs),
        "latent": plots.latent_map(means, rows.labels, spec, axes, faded),
        "reconstructions": _reconstructions(run, model, held_out[:RECONSTRUCTED], spec),
    }
    if run.config.has_prior:  # to walk through and to draw from
        usual, name = _usual_class(training, spec)
        grid = latent.manifold(model, axes, condition=usual)
        pictures["manifold"] = plots.manifold(grid, spec, name, upward=run.config.recipe != "notebook")
        pictures["generated"] = _generated(model, spec)
    for name, figure in pictures.items():
        write(_picture(run, name), plots.png(figure))


def _reconstructions(run: Run, model: Autoencoder, rows: Dataset, spec: Spec) -> Figure:
    """Return the picture of rows and their reconstructions; a model that learned from noisy rows is given such."""
    x, corrupt = np.asarray(rows.x), run.config.corruption.build(spec)
    given = None if corrupt is None else noisy(x, corrupt)
    reconstructed = reconstructed_means(model, x if given is None else given, conditions(rows.labels, spec))
    return plots.reconstructions(x, reconstructed, spec, noisy=given)


def _generated(model: Autoencoder, spec: Spec) -> Figure:
    """Return the picture of draws from the prior; for a conditional model the same draws as each class."""
    if not spec.conditions:
        return plots.generated(decode_means(model, latent.prior_samples(model, SAMPLES)), spec)
    classes = spec.conditions[:SHOWN_CLASSES]
    z = np.tile(latent.prior_samples(model, SAMPLES_OF_A_CLASS), (len(classes), 1))
    x = decode_means(model, z, torch.arange(len(classes)).repeat_interleave(SAMPLES_OF_A_CLASS))
    return plots.generated(x, spec, [class_name(label, spec) for label in classes])


def _usual_class(training: Dataset, spec: Spec) -> tuple[int | None, str]:
    """Return the most frequent class that a conditional model knows, and its name; None for other models."""
    found = conditions(training.labels, spec)
    if found is None:
        return None, ""
    usual = int(torch.bincount(found + 1)[1:].argmax())
    return usual, class_name(spec.conditions[usual], spec)


def write_report(run: Run) -> Path:
    """Write `report.html` from what is in the run folder: one page without scripts that needs no other file.

    Returns:
        Where it is.

    Raises:
        InputError: A file of the run is missing or damaged, or the folder cannot be written to.
    """
    metrics, sections = run.metrics, read_sections(run.folder, ORDER)
    lines = registry.describe(metrics, run.config, run.spec, METRICS)
    page = template("report").render(
        title=title(run.spec),
        config=run.config,
        spec=run.spec,
        what=noun(run.spec),
        metrics=metrics,
        verdict=verdict(run, sections),
        has_few=metrics["rows"] < FEW,
        is_noisy=run.config.corruption.name != "none",
        training=training_text(run.epochs),
        lines=[("metric", "value", "meaning"), *((each.label, each.text, each.meaning) for each in lines)],
        pictures={each: data_uri(path.read_bytes()) for each in PICTURES if (path := _picture(run, each)).is_file()},
        sections=[(each, data_uri(each.picture)) for each in sections],
        command=command_line(run),
        details={
            "Settings": _settings(run.config),
            "Layers": layer_table(layers(run.untrained())),
            "Data and machine": [("what", "value"), *_facts(run, metrics["rows"]).items()],
        },
        version=run.environment.get("enfold", ""),
    )
    return write(run.folder / "report.html", page)


def title(spec: Spec) -> str:
    """Return what to call the data."""
    return " + ".join(TITLES.get(source) or Path(source).absolute().name for source in spec.sources_in_short)


def command_line(run: Run) -> str:
    """Return the command that repeats the run, or the Python if the data or a part of the model was an object."""
    base = _origin(run.config).config
    changes, tested = run.config.changes(base), run.split.tested
    if tested:  # which have as many rows as they have
        changes.pop("holdout", None)
    if run.spec.is_array or run.config.custom:
        own, test = run.config.custom, "test=test, " if tested else ""
        dotted = {
            name: value for name, value in changes.items() if "." in name
        }  # options, which are no names in Python
        plain = {name: name if name in own else repr(changes[name]) for name in changes.keys() - dotted.keys()}
        settings = "".join(f", {name}={plain[name]}" for name in changes if name in plain)
        settings += f", **{dotted!r}" if dotted else ""
        return f"enfold.fit(data, {test}recipe={base.recipe!r}{settings})"
    sources = run.spec.sources[: len(run.spec.sources) - len(tested)]
    words = ["enfold", "fit", *sources, *(word for each in tested for word in ("--test", each))]
    words += ["--recipe", base.recipe]
    words += reading_options(run.spec)
    for name, value in changes.items():
        words += ["--set", f"{name}={_text(value)}"]
    return shlex.join(words)


def reading_options(spec: Spec) -> list[str]:
    """Return the options with which a command reads the sources as they were read for the fit."""
    words = ["--label", spec.label] if spec.label else []
    if spec.is_image and not set(spec.sources) <= set(BUNDLED):
        words += ["--image-shape", "x".join(map(str, spec.shape))]
    return words


def layers(model: Autoencoder) -> list[dict[str, Any]]:
    """Return each layer with parameters: its `name` as in the weights, `kind`, output `shape`, `parameters`.

    The shape is that of one row, as text: "64 × 14 × 14". The parameters of all layers are those of the model.
    """
    own = {name: module for name, module in model.named_modules() if [*module.parameters(recurse=False)]}
    shapes: dict[str, str] = {}
    hooks = [module.register_forward_hook(partial(_note_shape, shapes, name)) for name, module in own.items()]
    with evaluating(model):
        condition = conditions(np.full(1, np.nan), model.spec)
        z = model.encode(np.zeros((1, *model.spec.shape), model.spec.dtype), condition).mean
        model.decode(z, condition)
        model.prior().log_prob(z)
    for hook in hooks:
        hook.remove()
    return [
        {
            "name": name,
            "kind": type(module).__name__,
            "shape": shapes.get(name, ""),
            "parameters": sum(parameter.numel() for parameter in module.parameters(recurse=False)),
        }
        for name, module in own.items()
    ]


def _note_shape(shapes: dict[str, str], name: str, module: nn.Module, args: Any, output: Any) -> None:
    shape = output.shape[1:] if isinstance(output, Tensor) else getattr(output, "event_shape", ())
    shapes[name] = " × ".join(map(str, shape))


def layer_table(found: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return layers as lines of text under a header, and what they come to."""
    rows = [(each["name"], each["kind"], each["shape"], f"{each['parameters']:,}") for each in found]
    in_all = ("in all", "", "", f"{sum(each['parameters'] for each in found):,}")
    return [("layer", "kind", "output", "parameters"), *rows, in_all]


def _settings(config: Config) -> list[tuple[str, ...]]:
    """Return the settings as lines of text, those that are not the recipe's with an asterisk."""
    origin = _origin(config)
    changes = config.changes(origin.config)
    marked = ((each, " *" if each.name in changes else "") for each in describe(config))
    lines = [(each.name, f"{_text(each.value)}{mark}", each.meaning) for each, mark in marked]
    return [("setting", f"value (*: not the recipe {origin.config.recipe}'s)", "meaning"), *lines]


def _facts(run: Run, rows: int) -> dict[str, str]:
    spec, environment = run.spec, run.environment
    facts = {
        "sources": ", ".join(spec.sources_in_short),
        "rows": str(spec),
        "type": spec.dtype,
        "values": f"0 to {spec.columns[0].scale:g}" if spec.kind == "intensity" else "",
        "columns": "" if spec.is_image else ", ".join(each.name for each in spec.columns),
        "classes": ", ".join(spec.classes),
        "held-out rows": f"{rows:,}",
        "epochs": str(len(run.epochs)),
        "seed": str(run.config.seed),
        **{name: str(value) for name, value in environment.items() if name not in ("format", "directory")},
    }
    return {name: value for name, value in facts.items() if value}


def _origin(config: Config) -> Recipe:
    return RECIPES.get(config.recipe, RECIPES["default"])


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _picture(run: Run, name: str) -> Path:
    return run.folder / "figures" / f"{name}.png"


def data_uri(png: bytes) -> str | None:
    """Return a picture as a URI that holds it; None without a picture."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else None


def _prose(text: str) -> Markup:
    """Return text for a page, with code between backticks, and real minus signs."""
    code_or_minus = r"`([^`]+)`|(?<![\w.])-(?=[\d.])"
    return Markup(re.sub(code_or_minus, lambda m: f"<code>{m[1]}</code>" if m[1] else "−", str(escape(text))))


def template(name: str) -> Template:
    """Return the template of a page."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["prose"] = _prose
    return environment.get_template(f"{name}.html.jinja")
