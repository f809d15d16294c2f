"""The commands that go between examples and latent vectors."""

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from enfold.cli import app
from enfold.cli.output import Device, Json, RunFolder, Whole, say
from enfold.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from enfold.spec import Spec

Out = Annotated[Path, Parameter(name=["--out", "-o"])]
AXIS = re.compile(r"z\d+")


@app.command(help_format="markdown")
def encode(
    run: RunFolder, /, *source: str, label: str | None = None, out: Out, device: Device = "auto", json: Json = False
) -> None:
    """Write the latent vectors of data: for each row its number, the posterior's mean, and the label if it has one.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with examples of the run's kind, in raw units.
    label
        The label column of a CSV or Parquet file, where it has neither the run's name nor a usual one.
    out
        A .csv file with columns row, z0, z1, …, label; or a .npy file with the vectors alone.
    """
    from enfold.data import load_like
    from enfold.model import encode_means
    from enfold.run import open_run

    _check_suffix(out, ".csv", ".npy")
    opened = open_run(run, device)
    data = load_like(opened.spec, *_required(source), label=label)
    z = encode_means(opened.model, data.x)
    _write_vectors(out, z, _label_texts(data))
    say(json, {"out": str(out), "rows": len(z)}, f"{len(z):,} latent vectors: {out}")


@app.command(help_format="markdown")
def decode(run: RunFolder, vectors: Path, /, *, out: Out, device: Device = "auto", json: Json = False) -> None:
    """Write the examples that latent vectors stand for, in the data's own units.

    Parameters
    ----------
    vectors
        A .csv file with columns z0, z1, …, as `enfold encode` writes it, or a .npy file.
    out
        A .npz file (array x), a .npy file, or for images a .png sheet.
    """
    from enfold.model import decode_means
    from enfold.run import open_run

    _check_suffix(out, ".npz", ".npy", ".png")
    opened = open_run(run, device)
    z = _read_vectors(vectors, opened.config.latent_dim)
    _write_examples(out, decode_means(opened.model, z), opened.spec)
    say(json, {"out": str(out), "rows": len(z)}, f"{len(z):,} decoded examples: {out}")


@app.command(help_format="markdown")
def sample(
    run: RunFolder,
    /,
    *,
    n: Annotated[Whole, Parameter(name=["--number", "-n"])] = 64,
    out: Out,
    seed: Whole = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write new examples, decoded from draws from the prior.

    Parameters
    ----------
    n
        How many.
    out
        For images a .png sheet; or a .npz file (array x) or a .npy file.
    seed
        Another seed gives other examples.
    """
    from enfold.config import LARGEST_SEED
    from enfold.latent import prior_samples
    from enfold.model import decode_means
    from enfold.run import open_run

    _check_suffix(out, ".npz", ".npy", ".png")
    if n < 1 or not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"Expected at least 1 sample and a seed from 0 to {LARGEST_SEED}, got {n} and {seed}.")
    opened = open_run(run, device)
    _write_examples(out, decode_means(opened.model, prior_samples(opened.model, n, seed)), opened.spec)
    say(json, {"out": str(out), "rows": n}, f"{n:,} new examples: {out}")


@app.command(help_format="markdown")
def reconstruct(
    run: RunFolder,
    /,
    *source: str,
    label: str | None = None,
    n: Annotated[Whole, Parameter(name=["--number", "-n"])] = 16,
    out: Out,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write examples beside what the model makes of them.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with examples of the run's kind, in raw units.
    label
        The label column of a CSV or Parquet file, where it has neither the run's name nor a usual one.
    n
        How many columns a .png sheet has: the first rows of the source, originals above reconstructions.
    out
        For images a .png sheet; or a .npz file with x and reconstruction for all rows.
    """
    import numpy as np

    from enfold.data import load_like
    from enfold.model import decode_means, encode_means
    from enfold.run import open_run

    _check_suffix(out, ".npz", ".png")
    if n < 1:
        raise InputError(f"The number of columns must be at least 1, got {n}.")
    opened = open_run(run, device)
    x = load_like(opened.spec, *_required(source), label=label).x
    x = x[:n] if out.suffix.lower() == ".png" else x
    rebuilt = _in_raw_type(decode_means(opened.model, encode_means(opened.model, x)), opened.spec)
    if out.suffix.lower() == ".png":
        _write_sheet(out, np.concatenate([x, rebuilt]), opened.spec, columns=len(x))
    else:
        _write_arrays(out, x=x, reconstruction=rebuilt)
    say(json, {"out": str(out), "rows": len(x)}, f"{len(x):,} reconstructions: {out}")


def _required(source: tuple[str, ...]) -> tuple[str, ...]:
    if not source:
        raise InputError("Name a source after the run: a file, a folder, or a data set such as mnist.")
    return source


def _check_suffix(path: Path, *known: str) -> None:
    if path.suffix.lower() not in known:
        raise InputError(f"Cannot tell what to write into '{path}'. Let its name end in {' or '.join(known)}.")


def _label_texts(data: Any) -> list[str] | None:
    from enfold.data.dataset import class_name

    if not data.labelled.any():
        return None
    return [class_name(label, data.spec) if label == label else "" for label in data.labels]


def _write_vectors(path: Path, z: "np.ndarray", labels: list[str] | None) -> None:
    import polars as pl

    from enfold.files import write

    if path.suffix.lower() == ".npy":
        _write_arrays(path, x=z)
        return
    columns: dict[str, Any] = {"row": range(len(z)), **{f"z{i}": z[:, i] for i in range(z.shape[1])}}
    frame = pl.DataFrame(columns if labels is None else {**columns, "label": labels})
    write(path, frame.write_csv())


def _read_vectors(path: Path, latent_dim: int) -> "np.ndarray":
    import numpy as np

    from enfold.data import load

    if path.suffix.lower() not in (".csv", ".npy"):
        raise InputError(f"Expected latent vectors in a .csv or .npy file, got '{path}'.")
    found = load(path)
    names = [column.name for column in found.spec.columns]
    axes = [name for name in names if AXIS.fullmatch(name)] if path.suffix.lower() == ".csv" else names
    if len(axes) != latent_dim or len(found.spec.shape) != 1:
        raise InputError(
            f"{path} has {len(axes)} latent columns, but the run has {latent_dim} latent dimensions. "
            f"Give columns z0 to z{latent_dim - 1}, as `enfold encode` writes them."
        )
    ordered = sorted(axes, key=lambda name: int(name.lstrip("z"))) if path.suffix.lower() == ".csv" else axes
    return np.ascontiguousarray(np.asarray(found.x)[:, [names.index(name) for name in ordered]])


def _in_raw_type(x: "np.ndarray", spec: "Spec") -> "np.ndarray":
    import numpy as np

    return np.rint(x).clip(0, spec.scale[0]).astype(np.uint8) if spec.dtype == "uint8" else x


def _write_examples(path: Path, x: "np.ndarray", spec: "Spec") -> None:
    if path.suffix.lower() == ".png":
        _write_sheet(path, x, spec)
    else:
        _write_arrays(path, x=_in_raw_type(x, spec))


def _write_sheet(path: Path, x: "np.ndarray", spec: "Spec", columns: int | None = None) -> None:
    from PIL import Image

    from enfold.files import write
    from enfold.plots import sheet

    if not spec.is_image:
        raise InputError("Only images can be drawn as a .png sheet, and these are tables. Write .npz instead.")
    buffer = io.BytesIO()
    Image.fromarray(sheet(x, spec, columns=columns)).save(buffer, "PNG")
    write(path, buffer.getvalue())


def _write_arrays(path: Path, **arrays: Any) -> None:
    import numpy as np

    from enfold.files import write

    buffer = io.BytesIO()
    if path.suffix.lower() == ".npz":
        np.savez_compressed(buffer, **arrays)
    else:
        np.save(buffer, arrays["x"])
    write(path, buffer.getvalue())
