"""The command that finds unusual rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from enfold.cli import app
from enfold.cli.output import Device, Json, Label, Out, RunFolder, Whole, say
from enfold.cli.points import examples
from enfold.cli.writing import check_suffix, in_raw_type, write_arrays, write_columns
from enfold.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from enfold.metrics.anomaly import Anomalies

MOST_IN_A_PICTURE = 120  # rows
RARE = 0.01  # p-values up to which are counted


@app.command(help_format="markdown")
def score(
    run: RunFolder,
    /,
    *source: str,
    score: str = "combined",
    maps: Path | None = None,
    n: Annotated[Whole, Parameter(name=["--number", "-n"])] = 12,
    label: Label = None,
    out: Out,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write how unlike the training rows each row is, and how rare that is among rows held out of training.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with examples of the run's kind, in raw units. Not what the model was
        fitted to, which it finds too ordinary.
    score
        combined: reconstruction x (1 + distance); reconstruction: the squared error, of images as a share of their
        contrast; distance: of the latent vector to those of the 5 nearest training rows; likelihood: -log p(x);
        typicality: how far that is from the training rows' mean.
    maps
        Also write what each value of the most unusual rows adds to the score reconstruction: a .png picture, or
        a .npz file (arrays row, x, reconstruction, map).
    n
        How many rows the maps have.
    out
        A .csv file with columns row, score, p_value, label, and file for pictures. The higher the score, the more
        unusual the row; of ordinary rows, at most one in a hundred has a p-value of at most 0.01.
    """
    import numpy as np

    from enfold.inference import conditions
    from enfold.metrics.anomaly import Anomalies, least_p_value, p_values
    from enfold.metrics.calibration import read_calibration
    from enfold.run import open_run

    check_suffix(out, ".csv")
    if maps is not None:
        check_suffix(maps, ".png", ".npz")
    if n < 1:
        raise InputError(f"The number of rows with maps must be at least 1, got {n}.")
    if maps is not None and maps.suffix.lower() == ".png" and n > MOST_IN_A_PICTURE:
        raise InputError(
            f"A picture has at most {MOST_IN_A_PICTURE} rows, got -n {n}. Write the maps as .npz instead."
        )
    opened = open_run(run, device)
    calibration = read_calibration(opened.folder)
    data = examples(opened, source, label)
    found = Anomalies(opened.model, calibration.reference, data.x, conditions(data.labels, opened.spec))
    scores = found.scores(score)
    p = p_values(scores, calibration.held_out[score])
    write_columns(out, {"row": range(len(p)), "score": scores, "p_value": p}, data)
    if maps is not None:
        first = np.argsort(-scores, kind="stable")[:n]
        _write_maps(maps, found.of(first), first, p[first])
    least = least_p_value(len(calibration.held_out[score]))
    values = {"out": str(out), "rows": len(p), "score": score, "p_at_most_0.01": int((p <= RARE).sum())}
    where = f"{out}" if maps is None else f"{out}, {maps}"
    say(json, {**values, "least_p": least}, f"{len(p):,} scores: {where}\n{_count(p, least)}")


def _count(p: "np.ndarray", least: float) -> str:
    """Return how many p-values are low, of those that the held-out rows can give."""
    level = max(RARE, least)
    why = "" if least <= RARE else f", the least that {round(1 / least) - 1} held-out rows can give"
    return f"{(p <= level).sum():,} have p ≤ {level:.2g}{why}; of ordinary rows {level:.0%} would."


def _write_maps(path: Path, unusual: "Anomalies", rows: "np.ndarray", p: "np.ndarray") -> None:
    import numpy as np

    from enfold import plots
    from enfold.files import write

    x, spec = np.asarray(unusual.x), unusual.model.spec
    if path.suffix.lower() == ".npz":
        rebuilt = in_raw_type(unusual.rebuilt, spec)
        write_arrays(path, row=rows, x=x, reconstruction=rebuilt, map=unusual.contributions)
        return
    names = [f"row {row}\np {each:.1g}" for row, each in zip(rows, p, strict=True)]
    write(path, plots.png(plots.anomalies(plots.Unusual(x, unusual.rebuilt, unusual.contributions, names, spec))))
