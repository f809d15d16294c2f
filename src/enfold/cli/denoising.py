"""The command that removes noise."""

from pathlib import Path
from typing import TYPE_CHECKING

from enfold.cli import app
from enfold.cli.output import Device, Json, Out, RunFolder, say
from enfold.cli.writing import check_suffix, required, write_examples, write_image_folder, write_table
from enfold.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from enfold.spec import Spec

MOST_NAMED = 10  # doubtful rows


@app.command(help_format="markdown")
def denoise(
    run: RunFolder, /, *source: str, label: str | None = None, out: Out, device: Device = "auto", json: Json = False
) -> None:
    """Write what noisy examples were without their noise, by a run of the recipe denoise.

    How well, and how far to trust it, stands in the run's report under "How well it removes noise". Rows are called
    doubtful, counted from 0, where more is taken from them than from 99 % of unseen rows with the noise of training:
    they have more noise than the model knows, or are unlike what it was fitted to.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with examples of the run's kind, in raw units. Their noise may be of any
        level; no more is added.
    label
        The label column of a CSV or Parquet file, where it has neither the run's name nor a usual one.
    out
        For images a folder to make, of 00000.png, 00001.png, …, or a .png sheet; for tables a .csv file; or a .npz
        file (array x) or a .npy file.
    """
    import numpy as np

    from enfold.data import load_like
    from enfold.model import conditions, decode_means, encode_means
    from enfold.run import open_run
    from enfold.sections.denoising import doubtful

    check_suffix(out, ".png", ".csv", ".npz", ".npy", "")
    opened = open_run(run, device)
    if opened.config.corruption == "none":
        raise InputError(
            f"{run} was fitted to examples without noise, and would not know it. Fit with --recipe denoise, or see "
            "what this model makes of the examples with enfold reconstruct."
        )
    data = load_like(opened.spec, *required(source), label=label)
    classes = conditions(data.labels, opened.spec)
    made = decode_means(opened.model, encode_means(opened.model, data.x, classes), classes)
    doubts = doubtful(opened, np.asarray(data.x), made)
    _write(out, made, opened.spec)
    text = f"{len(made):,} denoised examples: {out}"
    text += "" if doubts is None else f"\n{_trust(doubts)}"
    say(json, {"out": str(out), "rows": len(made), "doubtful": doubts}, text)


def _write(out: Path, x: "np.ndarray", spec: "Spec") -> None:
    """Write examples as the name asks: into a folder if it has no suffix."""
    if not out.suffix:
        write_image_folder(out, x, spec)
    elif out.suffix.lower() == ".csv":
        write_table(out, x, spec)
    else:
        write_examples(out, x, spec)


def _trust(doubts: list[int]) -> str:
    if not doubts:
        return "no row is doubtful: no more was taken from any than the noise of training explains"
    some = ", ".join(map(str, doubts[:MOST_NAMED])) + (", …" if len(doubts) > MOST_NAMED else "")
    return f"{len(doubts):,} doubtful, with more taken from them than the noise of training explains: rows {some}"
