"""The commands between rows and latent vectors: `encode`, `decode`, `sample` and `reconstruct`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from enfold.cli import app
from enfold.cli.output import Device, Json, Label, Out, OutExamples, RunFolder, Source, Whole, say
from enfold.cli.writing import (
    check_examples,
    check_suffix,
    finite,
    in_raw_type,
    required,
    write_arrays,
    write_examples,
    write_sheet,
    write_vectors,
)
from enfold.errors import InputError, first_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.distributions import Distribution

    from enfold.data import Dataset
    from enfold.metrics.copies import Copies
    from enfold.run import Run
    from enfold.spec import Spec

ENCODED = re.compile(r"z\d+|label")


@app.command(help_format="markdown")
def encode(
    run: RunFolder,
    /,
    *source: Source,
    label: Label = None,
    out: Out,
    precision: str = "float32",
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write the latent vector of each row: the posterior mean.

    Parameters
    ----------
    out
        A .csv file with columns row, z0, z1, …, label, and file for pictures; or a .npy file of the vectors.
    precision
        float32; bfloat16: faster for large networks on hardware made for it, but shifts means by a few hundredths
        of the posterior's standard deviation; auto: bfloat16 where it is faster.
    """
    from enfold.devices import autocast_dtype
    from enfold.inference import latent_means
    from enfold.run import open_run

    check_suffix(out, ".csv", ".npy")
    opened = open_run(run, device)
    dtype = autocast_dtype(opened.model.device, precision)
    data = examples(opened, source, label)
    z = latent_means(opened.model, data, dtype)
    write_vectors(out, z, data)
    say(json, {"out": str(out), "rows": len(z)}, f"{len(z):,} latent vectors: {out}")


@app.command(help_format="markdown")
def decode(
    run: RunFolder,
    vectors: Path,
    /,
    *,
    label: str | None = None,
    out: OutExamples,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Decode latent vectors into rows, in the data's own units.

    Parameters
    ----------
    vectors
        A .csv file with columns z0, z1, …, as written by `enfold encode`, or a .npy file.
    label
        Class to decode as, for a model fitted with condition=label; by default the column `label` of the .csv file.
    """
    import numpy as np

    from enfold.inference import decode_means
    from enfold.run import open_run

    opened = open_run(run, device)
    check_examples(out, opened.spec)
    position = class_position(opened.spec, label)
    found = _read_vectors(vectors, opened.config.latent_dim)
    x = decode_means(opened.model, np.asarray(found.x), _classes(opened.spec, position, found))
    write_examples(out, x, opened.spec)
    say(json, {"out": str(out), "rows": len(x)}, f"{len(x):,} decoded rows: {out}")


@app.command(help_format="markdown")
def sample(
    run: RunFolder,
    /,
    *,
    n: Annotated[Whole, Parameter(name=["--number", "-n"])] = 64,
    sampler: str = "prior",
    temperature: float = 1.0,
    label: str | None = None,
    check: Annotated[bool, Parameter(negative="")] = False,
    out: OutExamples,
    seed: Whole = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Generate new rows: draw latent vectors and decode them.

    Parameters
    ----------
    n
        Number of rows to generate.
    sampler
        What to draw latent vectors from: prior; or a mixture (of Gaussians) or a flow, fitted to those of the
        training rows, which are read again.
    temperature
        Factor on the standard deviation of a Gaussian, of each Gaussian in a mixture, or of the base of a flow.
    label
        Class to generate, for a model fitted with condition=label; by default all classes in turn.
    check
        Report how many of them are near copies of training rows; this reads the data again.
    seed
        Random seed of the draws.
    """
    from enfold.inference import decode_means
    from enfold.latent import draws, tempered
    from enfold.options import LARGEST_WHOLE
    from enfold.run import open_run

    if n < 1 or not 0 <= seed <= LARGEST_WHOLE:
        raise InputError(f"Expected at least 1 sample and a seed from 0 to {LARGEST_WHOLE}, got {n} and {seed}.")
    opened = open_run(run, device)
    spec, place = opened.spec, class_position(opened.spec, label)
    check_examples(out, spec)
    p = tempered(_sampler(opened, sampler, place), temperature)
    z = draws(p, n, seed, opened.model.device)
    columns = len(spec.conditions) if place is None and n > len(spec.conditions) > 1 else None
    x = decode_means(opened.model, z, _as_class(spec, place, n))
    found = _copies(opened, x, place) if check else None
    write_examples(out, x, spec, columns)
    values, text = _checked(found, f"the {sampler}")
    say(json, {"out": str(out), "rows": n, **values}, f"{n:,} generated rows: {out}{text}")


@app.command(help_format="markdown")
def reconstruct(
    run: RunFolder,
    /,
    *source: Source,
    label: Label = None,
    n: Annotated[Whole, Parameter(name=["--number", "-n"])] = 16,
    out: Out,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write rows beside their reconstructions.

    Parameters
    ----------
    n
        Number of rows in a .png sheet, the first of the source; originals are above reconstructions.
    out
        For images a .png sheet; or a .npz file with the arrays x and reconstruction of all rows.
    """
    import numpy as np

    from enfold.inference import conditions, decode_means, encode_means
    from enfold.run import open_run

    if n < 1:
        raise InputError(f"The number of columns must be at least 1, got {n}.")
    opened = open_run(run, device)
    check_examples(out, opened.spec, (".npz", ".png"))
    data = examples(opened, source, label)
    data = data[:n] if out.suffix.lower() == ".png" else data
    x, classes = data.x, conditions(data.labels, opened.spec)
    z = encode_means(opened.model, x, classes)
    reconstructed = in_raw_type(finite(decode_means(opened.model, z, classes)), opened.spec)
    if out.suffix.lower() == ".png":
        write_sheet(out, np.concatenate([x, reconstructed]), opened.spec, columns=len(x))
    else:
        write_arrays(out, x=x, reconstruction=reconstructed)
    say(json, {"out": str(out), "rows": len(x)}, f"{len(x):,} reconstructions: {out}")


def examples(run: "Run", source: tuple[str, ...], label: str | None = None) -> "Dataset":
    """Return the rows of the sources as the model takes them: binarized if it was trained on binarized rows."""
    from enfold.data import load_like
    from enfold.metrics import as_evaluated

    return as_evaluated(load_like(run.spec, *required(source), label=label), run.config, run.spec)


def class_position(spec: "Spec", name: str | None) -> int | None:
    """Return the position in `spec.conditions` of the class of that name."""
    from enfold.data.dataset import class_name
    from enfold.errors import unknown

    if name is None:
        return None
    if not spec.conditions:
        raise InputError("The run was fitted without labels. Leave out --label, or fit with --condition label.")
    names = [class_name(label, spec) for label in spec.conditions]
    if name not in names:
        raise unknown("label", name, names)
    return names.index(name)


def unnamed_class(spec: "Spec") -> InputError:
    """Return the error that a conditional model was given no class."""
    from enfold.data.dataset import class_name

    names = ", ".join(class_name(label, spec) for label in spec.conditions)
    return InputError(f"The model is conditioned on a class. Name one with --label: {names}.")


def _classes(spec: "Spec", position: int | None, vectors: "Dataset") -> "Tensor | None":
    """Return the classes to decode vectors as: the named one, else their labels, −1 where unknown."""
    import torch

    from enfold.data.dataset import class_name

    if position is not None or not spec.conditions:
        return _as_class(spec, position, len(vectors))
    if not vectors.labeled.any():
        raise unnamed_class(spec)
    known = {class_name(label, spec): place for place, label in enumerate(spec.conditions)}
    names = ["" if label != label else class_name(label, vectors.spec) for label in vectors.labels]
    return torch.tensor([known.get(name, -1) for name in names])


def _as_class(spec: "Spec", place: int | None, n: int) -> "Tensor | None":
    """Return the classes to decode `n` vectors as, for a conditional model: one, or all in turn."""
    import torch

    if not spec.conditions:
        return None
    return torch.arange(n) % len(spec.conditions) if place is None else torch.full((n,), place)


def _sampler(run: "Run", kind: str, place: int | None) -> "Distribution":
    """Return what to draw latent vectors from; a density is fitted to the training rows, or those of the named class.

    Raises:
        InputError: The kind is unknown, the model has no prior, or the training data cannot be read again.
    """
    from enfold.inference import conditions
    from enfold.latent import SAMPLERS, sampler

    if kind == "prior" and not run.config.has_prior:
        raise InputError("A plain autoencoder has no prior to draw from. Choose --sampler mixture or --sampler flow.")
    if kind not in SAMPLERS[1:]:
        return sampler(run.model, kind)
    instead = f"Choose --sampler prior, or in Python enfold.latent.sampler(model, '{kind}', x)."
    _, data = _split_again(run, f"The sampler '{kind}' is fitted to", instead)
    classes = conditions(data.labels, run.spec)
    if classes is not None and place is not None:
        data, classes = data[(classes == place).numpy().nonzero()[0]], classes[classes == place]
    return sampler(run.model, kind, data.x, condition=classes, means=run.config.is_plain)


def _split_again(run: "Run", what: str, instead: str) -> "tuple[Dataset, Dataset]":
    """Return the held-out and the training rows, as for an evaluation.

    Raises:
        InputError: They cannot be read again; the message says what needs them, and what to do instead.
    """
    from enfold.fitting import split_as_evaluated

    if run.spec.is_array:
        raise InputError(f"{what} the training data, but that was an array, which cannot be read again. {instead}")
    return split_as_evaluated(run)


def _copies(run: "Run", x: "np.ndarray", place: int | None) -> "Copies":
    """Return how near generated rows are to training rows, compared with held-out rows, of the class if named."""
    from enfold.inference import conditions
    from enfold.metrics.copies import copies
    from enfold.rows import drawn
    from enfold.sections.generation import HELD_OUT

    instead = "Leave out --check, or in Python enfold.metrics.copies.copies(x, training, held_out, spec)."
    held_out, training = _split_again(run, "--check compares with", instead)
    classes = conditions(held_out.labels, run.spec)
    if classes is not None and place is not None and (classes == place).any():
        held_out = held_out[(classes == place).numpy().nonzero()[0]]
    return copies(x, training.x, held_out[drawn(len(held_out), HELD_OUT)].x, run.spec)


def _checked(found: "Copies | None", source: str) -> "tuple[dict[str, Any], str]":
    """Return what a check found, as values and as text; nothing without a check."""
    from enfold.sections.generation import COPIES_TRUST, copies_text, copies_values

    return ({}, "") if found is None else (copies_values(found), f"\n{copies_text(found, source)} {COPIES_TRUST}")


def _read_vectors(path: Path, latent_dim: int) -> "Dataset":
    """Return latent vectors, (n, latent_dim), with their labels if the file has some."""
    import numpy as np

    from enfold.data import load
    from enfold.data.tables import Reading, read_csv

    if path.suffix.lower() not in (".csv", ".npy"):
        raise InputError(f"Expected latent vectors in a .csv or .npy file, got '{path}'.")
    is_table = path.suffix.lower() == ".csv" and path.is_file()
    found = read_csv(path, Reading(only=ENCODED)) if is_table else load(path)
    axes, wanted = [column.name for column in found.spec.columns], {f"z{i}" for i in range(latent_dim)}
    fits = set(axes) == wanted if is_table else found.spec.shape == (latent_dim,)
    if not fits:
        names = f" ({first_of(axes)})" if is_table else ""
        raise InputError(
            f"{path} has {len(axes)} latent columns{names}, but the run has {latent_dim} latent dimensions. "
            f"Give columns z0 to z{latent_dim - 1}, as `enfold encode` writes them."
        )
    order = sorted(range(latent_dim), key=lambda i: int(axes[i].lstrip("z"))) if is_table else slice(None)
    return found.changed(lambda x: np.ascontiguousarray(np.asarray(x)[:, order]))
