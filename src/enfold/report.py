"""A run as one page that explains itself."""

import base64
import re
import shlex
from collections.abc import Mapping
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
from enfold.metrics import as_evaluated
from enfold.metrics.intervals import decimals
from enfold.model import Autoencoder
from enfold.recipes import RECIPES, Recipe
from enfold.run import Run
from enfold.sections import ORDER, read_sections
from enfold.sections.denoising import noisy
from enfold.spec import ARRAY, Spec

PICTURES = ("latent", "manifold", "reconstructions", "generated", "curves", "samples")
TITLES = {ARRAY: "Data from an array", "mnist": "MNIST", "digits": "Digits"}
SAMPLES = 64
SAMPLES_OF_A_CLASS, SHOWN_CLASSES = 10, 20  # of a conditional model, at most
REBUILT = 500  # held-out rows, at most
OF_THE_MODEL = (
    *("network", "posterior", "prior", "likelihood", "objective", "beta", "rate_warm_up", "free_bits", "corruption"),
    *("binarize", "condition", "neighbors"),
)  # settings beside which a recipe's summary would mislead
KEY_FIGURES = (  # the name in metrics.json, what to call it, its number and what it means
    (
        "negative_elbo",
        "negative ELBO",
        "{negative_elbo:,.1f} nats",
        "per example: {distortion:.1f} distortion, which the decoder leaves unexplained, + {rate:.1f} rate, "
        "which the latent vector tells. It bounds −log p(x) from above; lower is better.",
    ),
    (
        "knn_accuracy",
        "5-nn accuracy",
        "{knn_accuracy:.1%}",
        "of held-out examples have the class of most of their 5 nearest training examples in the latent "
        "space. {told}",
    ),
    (
        "active_units",
        "active units",
        "{active_units} of {latent_dim}",
        "latent dimensions vary with the example (variance of the posterior mean above 0.01). The others say "
        "nothing.",
    ),
    (
        "reconstruction_mse",
        "reconstruction MSE",
        "{reconstruction_mse:.4f}",
        "the mean squared error of the rebuilt values, in units of {square}; 0 is perfect.",
    ),
    (
        "train_seconds",
        "training",
        "{train_seconds:,.1f} s",
        "for {passes} over the training examples: {rows_per_second:,.0f} examples a second, with the "
        "evaluation after each pass.",
    ),
)


def draw(run: Run, model: Autoencoder, held_out: Dataset, training: Dataset, *, shown: Dataset | None = None) -> None:
    """Draw all pictures of a run into its folder `figures/`.

    Args:
        run: The run; it has its history.
        model: Its model.
        held_out: Rows that the model has not seen; they are shown as evaluations take them.
        training: Rows that it was fitted to.
        shown: The rows to show as samples; without them, the first 64 of `training`.

    Raises:
        InputError: The folder cannot be written to.
    """
    spec = replace(model.spec, classes=held_out.spec.classes)
    held_out, shown = (as_evaluated(each, run.config, spec) for each in (held_out, shown or training[:SAMPLES]))
    means = latent_means(model, held_out)
    axes = latent.shown_axes(means)
    pictures = {
        "samples": plots.samples(np.asarray(shown.x), shown.labels, spec),
        "curves": plots.curves(run.epochs),
        "latent": plots.latent_map(means, held_out.labels, spec, axes),
        "reconstructions": _reconstructions(run, model, held_out[:REBUILT], spec),
    }
    if run.config.has_prior:  # to walk through and to draw from
        usual, name = _usual_class(training, spec)
        grid = latent.manifold(model, axes, condition=usual)
        pictures["manifold"] = plots.manifold(grid, spec, name, upward=run.config.recipe != "notebook")
        pictures["generated"] = _generated(model, spec)
    for name, figure in pictures.items():
        write(_picture(run, name), plots.png(figure))


def _reconstructions(run: Run, model: Autoencoder, rows: Dataset, spec: Spec) -> Figure:
    """Return the picture of rows and what becomes of them; if the encoder learned from damaged ones, of such."""
    classes, corrupt = conditions(rows.labels, spec), run.config.corruption.build(spec)
    x, seen = np.asarray(rows.x), None
    if corrupt is not None:
        seen = noisy(x, corrupt)
    rebuilt = reconstructed_means(model, x if seen is None else seen, classes)
    return plots.reconstructions(x, rebuilt, spec, seen=seen)


def _generated(model: Autoencoder, spec: Spec) -> Figure:
    """Return the picture of draws from the prior; of a conditional model, of the same few as each class."""
    if not spec.conditions:
        return plots.generated(decode_means(model, latent.prior_samples(model, SAMPLES)), spec)
    classes = spec.conditions[:SHOWN_CLASSES]
    z = np.tile(latent.prior_samples(model, SAMPLES_OF_A_CLASS), (len(classes), 1))
    x = decode_means(model, z, torch.arange(len(classes)).repeat_interleave(SAMPLES_OF_A_CLASS))
    return plots.generated(x, spec, [class_name(label, spec) for label in classes])


def _usual_class(training: Dataset, spec: Spec) -> tuple[int | None, str]:
    """Return the most frequent class that a conditional model is told, and its name; of another, None."""
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
    metrics, history = run.metrics, run.epochs
    page = template("report").render(
        title=title(run.spec),
        config=run.config,
        spec=run.spec,
        metrics=metrics,
        summary=_summary(run.config),
        has_codes=run.config.posterior.is_discrete,
        key_figures=_key_figures(run, metrics, len(history)),
        mistakes=metrics["mistakes"],
        pictures={name: _picture_uri(run, name) for name in PICTURES},
        sections=[{"section": each, "picture": data_uri(each.picture)} for each in read_sections(run.folder, ORDER)],
        settings=_settings(run.config),
        layers=layers(run.untrained()),
        facts=_facts(run, metrics, len(history)),
        command=command_line(run),
        version=run.environment.get("enfold", ""),
    )
    return write(run.folder / "report.html", page)


def title(spec: Spec) -> str:
    """Return what to call the data."""
    return " + ".join(TITLES.get(source) or Path(source).absolute().name for source in spec.sources_in_short)


def _summary(config: Config) -> str:
    """Return the recipe's summary, or if the model is not the recipe's, how it differs."""
    origin = _origin(config)
    changes = {name: value for name, value in config.changes(origin.config).items() if name in OF_THE_MODEL}
    if not changes:
        return origin.summary
    return f"Recipe {origin.config.recipe}, with {', '.join(f'{n} = {_text(v)}' for n, v in changes.items())}."


def command_line(run: Run) -> str:
    """Return the command that repeats the run; where the data or a part of the model was an object, the Python."""
    base = _origin(run.config).config
    changes, tested = run.config.changes(base), run.split.tested
    if tested:  # how many rows they have, they tell
        changes.pop("holdout", None)
    if run.spec.is_array or run.config.custom:
        own, test = run.config.custom, "test=test, " if tested else ""
        settings = "".join(f", {name}={name if name in own else repr(value)}" for name, value in changes.items())
        return f"enfold.fit(data, {test}recipe={base.recipe!r}{settings})"
    sources = run.spec.sources[: len(run.spec.sources) - len(tested)]
    words = ["enfold", "fit", *sources, *(word for each in tested for word in ("--test", each))]
    words += ["--recipe", base.recipe]
    words += reading_options(run.spec)
    for name, value in changes.items():
        words += ["--set", f"{name}={_text(value)}"]
    return shlex.join(words)


def reading_options(spec: Spec) -> list[str]:
    """Return the options with which a command reads the sources as the data set was read from them."""
    words = ["--label", spec.label] if spec.label else []
    if spec.is_image and not set(spec.sources) <= set(BUNDLED):
        words += ["--image-shape", "x".join(map(str, spec.shape))]
    return words


def layers(model: Autoencoder) -> list[dict[str, Any]]:
    """Return each layer with parameters: its `name` as in the weights, `kind`, output `shape`, `parameters`.

    The shape is of one example, as text: "64 × 14 × 14". The parameters of all layers are those of the model.
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


def _key_figures(run: Run, metrics: Mapping[str, Any], epochs: int) -> list[dict[str, str]]:
    """Return the figures to show first, those that are known, with what they mean."""
    known = {name: value for name, value in metrics.items() if value is not None}
    square = "the full scale squared" if run.spec.kind == "intensity" else "each column's variance"
    passes = "one pass" if epochs == 1 else f"{epochs} passes"
    errors = {name: _plus_minus(name, error) for name, error in metrics.get("standard_errors", {}).items()}
    told = "Encoder and decoder are told the label." if run.spec.conditions else "The learning never sees a label."
    values = {**known, "latent_dim": run.config.latent_dim, "passes": passes, "square": square, "told": told}
    return [
        {
            "label": label,
            "number": number.format(**values),
            "error": errors.get(name, ""),
            "meaning": meaning.format(**values),
        }
        for name, label, number, meaning in KEY_FIGURES
        if name in known
    ]


def _plus_minus(name: str, error: float) -> str:
    """Return a figure's standard error with two digits, in the figure's unit."""
    scale, unit = (100, "%") if name == "knn_accuracy" else (1, "")
    return f"± {scale * error:,.{decimals(scale * error)}f}{unit}"


def _settings(config: Config) -> list[dict[str, Any]]:
    changes = config.changes(_origin(config).config)
    return [
        {**each._asdict(), "value": _text(each.value), "is_changed": each.name in changes}
        for each in describe(config)
    ]


def _facts(run: Run, metrics: Mapping[str, Any], epochs: int) -> dict[str, str]:
    spec, environment = run.spec, run.environment
    column = spec.columns[0]
    facts = {"sources": ", ".join(spec.sources_in_short), "examples": str(spec), "type": spec.dtype}
    if spec.kind == "intensity":
        facts["values"] = f"0 to {column.scale:g}"
    if not spec.is_image:
        facts["columns"] = ", ".join(each.name for each in spec.columns)
    if spec.classes:
        facts["classes"] = ", ".join(spec.classes)
    facts |= {"held-out rows": f"{metrics['rows']:,}", "epochs": str(epochs), "seed": str(run.config.seed)}
    return facts | {name: str(value) for name, value in environment.items() if name not in ("format", "directory")}


def _origin(config: Config) -> Recipe:
    return RECIPES.get(config.recipe, RECIPES["default"])


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _picture(run: Run, name: str) -> Path:
    return run.folder / "figures" / f"{name}.png"


def _picture_uri(run: Run, name: str) -> str | None:
    path = _picture(run, name)
    return data_uri(path.read_bytes()) if path.is_file() else None


def data_uri(png: bytes) -> str | None:
    """Return a picture as an address that holds it; None without a picture."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}" if png else None


def _code(text: str) -> Markup:
    """Return text for a page, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def template(name: str) -> Template:
    """Return the template of a page."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _code
    return environment.get_template(f"{name}.html.jinja")
