"""The commands `interpolate` and `traverse`."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from enfold.cli import app
from enfold.cli.output import Device, Json, Out, RunFolder, Whole, say
from enfold.cli.points import class_position, examples, unnamed_class
from enfold.cli.writing import check_suffix, in_raw_type, write_animation, write_arrays, write_examples
from enfold.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from enfold.data import Dataset
    from enfold.plots import Strips
    from enfold.run import Run
    from enfold.spec import Spec

STEPS, STEPS_OF_A_GIF = 10, 30
MOST_UNNAMED = 10  # rows of a source that are all used without --rows
MOST_DIGITS = 19  # of a number that an array can be indexed with
MOST_WALKS, HIGHEST = 100, 40  # in a picture, and its height in widths
HELD_OUT = 1000  # rows, at most, by which dimensions are ordered


@app.command(help_format="markdown")
def interpolate(
    run: RunFolder,
    /,
    *source: str,
    rows: str | None = None,
    steps: Whole | None = None,
    spherical: Annotated[bool, Parameter(negative="")] = False,
    label: str | None = None,
    out: Out,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Interpolate between rows in the latent space, and report how many decoded steps are unrealistic.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with rows like those of the run, joined in order.
    rows
        Rows of the source to go through, counted from 0, such as 3,17 or 3,17,42; by default all, if there are two
        to ten.
    steps
        Number of steps from a row to the next, both included; by default 10, and 30 in a .gif.
    spherical
        Interpolate along great circles around the origin instead of straight lines.
    label
        Class to decode as, for a model fitted with condition=label; by default that of each pair's first row.
    out
        A .png picture with a line for each pair; for images a .gif, there and back; for tables a .csv file; for both
        a .npz file (arrays x and z, pair by pair) or a .npy file.
    """
    import numpy as np
    import torch

    from enfold.inference import conditions, encode_means
    from enfold.latent import decoded, interpolation
    from enfold.plots import Strips
    from enfold.sections.interpolation import TRUST
    from enfold.sections.section import counted

    opened = _opened(run, out, device)
    model, position = opened.model, class_position(opened.spec, label)
    numbers, data = _chosen(examples(opened, source), rows)
    classes = conditions(data.labels, opened.spec)
    z = interpolation(model, encode_means(model, data.x, classes), _steps(steps, out), is_spherical=spherical)
    begin = classes if position is None or classes is None else torch.full((len(data),), position)
    x = decoded(model, z, None if begin is None else begin[:-1])
    marked, count, text = _unrealistic(opened, x, _again(opened), slice(1, -1))
    if out.suffix.lower() == ".gif":  # one image that goes through all rows
        write_animation(out, np.concatenate([x[0], *x[1:, 1:]])[None], opened.spec)
    else:
        names = [f"{a} → {b}" for a, b in pairwise(numbers)]
        _write(out, Strips(x, names, "from one row to the next", marked=marked), z, opened.spec)
    values = {"out": str(out), "rows": numbers, "steps": x.shape[1], "unrealistic": count}
    say(json, values, f"{counted(len(x), 'interpolation')} of {x.shape[1]} steps: {out}\n{text} {TRUST}")


@app.command(help_format="markdown")
def traverse(
    run: RunFolder,
    /,
    *source: str,
    row: Whole | None = None,
    dimensions: str | None = None,
    steps: Whole | None = None,
    label: str | None = None,
    out: Out,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Show what each latent dimension does: decode points along it, with the other dimensions fixed.

    A dimension goes from the 5% to the 95% quantile of the prior, or for a plain autoencoder of the latent vectors.

    Parameters
    ----------
    source
        A file, folder or data set by name with the row that gives the other dimensions; by default they are at their
        medians.
    row
        Row of the source, counted from 0; by default the first.
    dimensions
        Latent dimensions in order, such as 0,3; by default all, by descending variance if the data can be read
        again.
    steps
        Number of steps along each; by default 10, and 30 in a .gif.
    label
        Class to decode as, for a model fitted with condition=label; by default that of the row.
    out
        A .png picture with a line for each dimension; for images a .gif, dimensions side by side; for tables a .csv
        file; for both a .npz file (arrays x and z, dimension by dimension) or a .npy file.
    """
    from enfold.inference import conditions, encode_means, latent_means
    from enfold.latent import ENDS, by_activity, decoded, traversal
    from enfold.plots import Strips
    from enfold.rows import drawn
    from enfold.sections.interpolation import MEANING, along_title
    from enfold.sections.section import counted

    opened = _opened(run, out, device)
    model, position = opened.model, class_position(opened.spec, label)
    start = _start(opened, source, row)
    classes = None if start is None else conditions(start.labels, opened.spec)
    begin = None if start is None else encode_means(model, start.x, classes)[0]
    again = _again(opened)
    means = None if again is None else latent_means(model, again[0][drawn(len(again[0]), HELD_OUT)])
    if means is None and not opened.config.has_prior:
        raise InputError(
            "A plain autoencoder has no prior, so a traversal needs the data's latent vectors, but this run's data "
            "cannot be read again. In Python: enfold.latent.traversal(model, axes, steps, means=z)."
        )
    axes = list(range(model.latent_dim)) if means is None else by_activity(means)
    axes = axes if dimensions is None else _numbers("--dimensions", dimensions)
    quantiles_of = None if opened.config.has_prior else means
    z = traversal(model, axes, _steps(steps, out), means=quantiles_of, start=begin)
    x = decoded(model, z, _class_of_all(opened.spec, position, classes, len(axes)))
    marked, count, text = _unrealistic(opened, x, again)
    _write(out, Strips(x, [f"z{axis}" for axis in axes], along_title(opened), ENDS, marked), z, opened.spec)
    values = {"out": str(out), "dimensions": axes, "steps": x.shape[1], "unrealistic": count}
    say(json, values, f"{counted(len(x), 'dimension')} in {x.shape[1]} steps: {out}\n{text} {MEANING}")


def _opened(run: Path, out: Path, device: str) -> "Run":
    """Return the run, if its kind of data can be written to that file."""
    from enfold.run import open_run

    check_suffix(out, ".png", ".gif", ".npz", ".npy", ".csv")
    opened, suffix = open_run(run, device), out.suffix.lower()
    if suffix == ".gif" and not opened.spec.is_image:
        raise InputError("Only images can be written as .gif, not tables. Write .png, .csv or .npz instead.")
    if suffix == ".csv" and opened.spec.is_image:
        raise InputError("Only tables can be written as .csv, not images. Write .png, .gif or .npz instead.")
    return opened


def _steps(given: int | None, out: Path) -> int:
    return given if given is not None else STEPS_OF_A_GIF if out.suffix.lower() == ".gif" else STEPS


def _numbers(option: str, text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and part.isascii() and len(part) < MOST_DIGITS for part in parts):
        raise InputError(f"Expected {option} as in 0,3 (whole numbers, counted from 0), got '{text}'.")
    return [int(part) for part in parts]


def _chosen(data: "Dataset", rows: str | None) -> tuple[list[int], "Dataset"]:
    """Return the numbers of the rows to go through, and the rows."""
    import numpy as np

    if rows is None and len(data) > MOST_UNNAMED:
        raise InputError(f"The source has {len(data):,} rows. Name those to go through, as in --rows 3,17.")
    numbers = list(range(len(data))) if rows is None else _numbers("--rows", rows)
    _check_rows(numbers, data)
    if len(numbers) < 2:
        raise InputError("An interpolation needs two rows or more, got one. Name them, as in --rows 3,17.")
    return numbers, data[np.array(numbers)]


def _check_rows(numbers: list[int], data: "Dataset") -> None:
    if max(numbers) >= len(data):
        raise InputError(f"There is no row {max(numbers)}: the source has rows 0 to {len(data) - 1:,}.")


def _start(run: "Run", source: tuple[str, ...], row: int | None) -> "Dataset | None":
    """Return the row to start from, (1, *shape), if a source is named."""
    if not source:
        if row is not None:
            raise InputError("Name the source of the row, as in: enfold traverse RUN mnist --row 3 -o strip.png")
        return None
    data, number = examples(run, source), row or 0
    if number < 0:
        raise InputError(f"Rows are counted from 0, got {number}.")
    _check_rows([number], data)
    return data[number : number + 1]


def _again(run: "Run") -> "tuple[Dataset, Dataset] | None":
    """Return the held-out and the training rows as the model takes them, if they can be read again."""
    from enfold.fitting import split_as_evaluated

    try:
        return split_as_evaluated(run)
    except InputError:
        return None


def _class_of_all(spec: "Spec", position: int | None, classes: "Tensor | None", walks: int) -> "Tensor | None":
    """Return the class to decode all walks as: the one that was named, else that of the row to start from."""
    import torch

    if not spec.conditions:
        return None
    if position is not None:
        return torch.full((walks,), position)
    if classes is not None:
        return classes.expand(walks)
    raise unnamed_class(spec)


def _unrealistic(
    run: "Run", x: "np.ndarray", again: "tuple[Dataset, Dataset] | None", steps: slice = slice(None)
) -> "tuple[np.ndarray | None, int | None, str]":
    """Return which steps are unrealistic, (walks, steps) bool, how many of those to count, and both in words."""
    from enfold.metrics.realism import unrealistic
    from enfold.sections.interpolation import UNREALISTIC

    if again is None:
        return None, None, "It is unknown whether the steps are realistic, as the run's data cannot be read again."
    marked = unrealistic(run.model, x, *again)
    count, of = int(marked[:, steps].sum()), marked[:, steps].size
    where = "" if steps == slice(None) else " between the ends"
    return marked, count, f"{count} of {of:,} steps{where} {'is' if count == 1 else 'are'} {UNREALISTIC}."


def _write(out: Path, block: "Strips", z: "np.ndarray", spec: "Spec") -> None:
    from enfold import plots
    from enfold.files import write

    suffix = out.suffix.lower()
    if suffix in (".png", ".gif") and spec.is_image:
        _check_size(block.x)
    if suffix == ".png":
        write(out, plots.png(plots.strips([block], spec) if spec.is_image else plots.lines(block, spec)))
    elif suffix == ".gif":
        write_animation(out, block.x, spec)
    elif suffix == ".csv":
        write_examples(out, block.x.reshape(-1, *spec.shape), spec)
    else:
        write_arrays(out, x=in_raw_type(block.x, spec), z=z)


def _check_size(x: "np.ndarray") -> None:
    """Refuse images along walks, (walks, steps, channels, height, width), that are too many for a picture."""
    walks, steps, _, height, width = x.shape
    if walks > MOST_WALKS or walks * height > HIGHEST * steps * width:
        raise InputError(f"{walks:,} lines are too many for a picture. Name fewer rows, or write .npz instead.")
