"""The command `fit`, whose help takes the choices and settings from their definitions."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from enfold.cli.commands import overview, run_values
from enfold.cli.output import Device, ImageShape, Json, LabelColumn, Whole, image_size, say
from enfold.cli.terminal import watch
from enfold.config import Config, parse_settings
from enfold.data import load, load_like
from enfold.errors import InputError
from enfold.fitting import fit as fit_run
from enfold.options import CHOICES, PARTS, option_fields
from enfold.processes import leads

Tests = Annotated[list[str] | None, Parameter(negative="")]
Settings = Annotated[list[str] | None, Parameter(name="--set", negative="", allow_leading_hyphen=True)]


def fit(
    *source: str,
    recipe: str = "default",
    latent_dim: Whole | None = None,
    network: str | None = None,
    posterior: str | None = None,
    prior: str | None = None,
    likelihood: str | None = None,
    objective: str | None = None,
    corruption: str | None = None,
    epochs: Whole | None = None,
    minutes: float | None = None,
    precision: str | None = None,
    devices: Whole | None = None,
    num_nodes: Whole | None = None,
    strategy: str | None = None,
    test: Tests = None,
    holdout: float | None = None,
    binarize: str | None = None,
    condition: str | None = None,
    seed: Whole | None = None,
    label: LabelColumn = None,
    image_shape: ImageShape = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    set: Settings = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Fit a model to data, and write a run folder with the model, metrics, pictures and a report.

    Settings that are not given are those of the recipe; `enfold recipes` explains them all.

    Parameters
    ----------
    source
        Files (.csv, .parquet, .npy, .npz, IDX, pictures), folders of them, or data sets by name (mnist,
        mnist-train, mnist-test, digits), joined in order; by default mnist. In a folder of pictures, the names of
        its folders are the labels.
    recipe
        Settings to start from: default, neighbors, autoencoder, denoise, notebook.
    latent_dim
        {latent_dim}
    network
        {network}
    posterior
        {posterior}
    prior
        {prior}
    likelihood
        {likelihood}
    objective
        {objective}
    corruption
        {corruption}
    epochs
        {epochs}
    minutes
        {minutes}
    precision
        {precision}
    devices
        {devices}
    num_nodes
        {num_nodes}
    strategy
        {strategy}
    holdout
        {holdout}
    binarize
        {binarize}
    condition
        {condition}
    seed
        {seed}
    test
        A source whose rows are all held out, instead of a part of the others; may be repeated.
    out
        The run folder to create; by default a new one in runs/.
    set
        Any setting, or an option of a choice, such as --set batch_size=128 or --set components=50; may be repeated.
    """
    given = {"latent_dim": latent_dim, "network": network, "posterior": posterior, "prior": prior}
    given |= {"likelihood": likelihood, "objective": objective, "corruption": corruption, "epochs": epochs}
    given |= {"minutes": minutes, "precision": precision, "devices": devices, "num_nodes": num_nodes}
    given |= {"strategy": strategy, "holdout": holdout, "binarize": binarize, "condition": condition, "seed": seed}
    settings = {**parse_settings(set or []), **{name: value for name, value in given.items() if value is not None}}
    if "recipe" in settings:
        raise InputError("Choose the recipe with --recipe, as in --recipe notebook.")
    if test and not source:
        raise InputError("Name a source to train on before --test, as in: enfold fit mnist-train --test mnist-test")
    data = load(*source, label=label, image_shape=image_size(image_shape))
    unseen = load_like(data.spec, *test) if test else None
    run = fit_run(data, test=unseen, recipe=recipe, out=out, device=device, watch=watch, **settings)
    if leads():
        say(json, run_values(run), f"{overview(run)}\n\nReport: {run.folder / 'report.html'}")


def _meanings() -> dict[str, str]:
    """Return what each setting means, and for each part what it is, its choices, and their options."""
    found = {each.name: each.metadata["help"] for each in option_fields(Config)}
    for part, known in CHOICES.items():
        options = {name: ", ".join(each.name for each in option_fields(kind)) for name, kind in known.items()}
        names = [f"{name} ({options[name]})" if options[name] else name for name in known if name != "custom"]
        found[part] = f"{PARTS[part].summary()}: {', '.join(names)}"
    return {name: f"{text[0].upper() if text[1].islower() else text[0]}{text[1:]}." for name, text in found.items()}


fit.__doc__ = (fit.__doc__ or "").format_map(_meanings())
