"""The command `score`."""

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
RARE = 0.01  # the p-value up to which rows are counted


@app.command(help_format="markdown")
def score(
    run: RunFolder,
    /,
    *source: str,
    score: str = "combined",
    maps: Path | None = None,
    n: Annotated[Whole, Parameter(name=["--number", "-n"])] = 10,
    label: Label = None,
    out: Out,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write an anomaly score for each row, and a p-value: how rare such a score is among held-out rows.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with rows like those of the run, in raw units. Training rows would score
        too low.
    score
        combined: reconstruction x (1 + distance); reconstruction: squared error of the reconstruction, for images
        divided by their contrast; distance: mean distance to the 5 nearest training rows in the latent space;
        likelihood: -log p(x); typicality: distance of -log p(x) from its mean over training rows.
    maps
        Also write how much each value adds to the reconstruction score of the most unusual rows: a .png picture, or
        a .npz file (arrays row, x, reconstruction, map).
    n
        Number of rows in the maps.
    out
        A .csv file with columns row, score, p_value, label, and file for images in files. The higher the score, the
        more unusual the row; at most 1% of ordinary rows have a p-value of 0.01 or less.
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
        raise InputError(f"Expected at least 1 row for the maps, got -n {n}.")
    if maps is not None and maps.suffix.lower() == ".png" and n > MOST_IN_A_PICTURE:
        raise InputError(
            f"A picture holds at most {MOST_IN_A_PICTURE} rows, got -n {n}. Write the maps as .npz instead."
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
    """Return how many p-values are low, and how many of ordinary rows would be."""
    level = max(RARE, least)
    why = "" if least <= RARE else f", the lowest that {round(1 / least) - 1} held-out rows can give"
    return f"{(p <= level).sum():,} have p ≤ {level:.2g}{why}; {level:.0%} of ordinary rows would."


def _write_maps(path: Path, unusual: "Anomalies", rows: "np.ndarray", p: "np.ndarray") -> None:
    import numpy as np

    from enfold import plots
    from enfold.files import write

    x, spec = np.asarray(unusual.x), unusual.model.spec
    if path.suffix.lower() == ".npz":
        reconstructed = in_raw_type(unusual.reconstructed, spec)
        write_arrays(path, row=rows, x=x, reconstruction=reconstructed, map=unusual.contributions)
        return
    names = [f"row {row}\np {each:.1g}" for row, each in zip(rows, p, strict=True)]
    shown = plots.Unusual(x, unusual.reconstructed, unusual.contributions, names, spec)
    write(path, plots.png(plots.anomalies(shown)))
