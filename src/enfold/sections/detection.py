"""Which held-out rows are the most unusual, and how to judge new ones."""

import math

import numpy as np

from enfold import plots
from enfold.data.dataset import Dataset
from enfold.inference import conditions
from enfold.metrics.anomaly import SCORES, Anomalies, least_p_value, limit, p_values
from enfold.metrics.calibration import calibrating_rows, read_calibration
from enfold.run import Run
from enfold.sections.section import Section, noun

SHOWN = 10  # rows
LEVELS = (0.05, 0.01)  # p-values whose scores are shown
MEANINGS = {
    "combined": "reconstruction × (1 + distance); the default",
    "reconstruction": "squared error of the reconstruction; for images, divided by their contrast",
    "distance": "mean distance to the 5 nearest training rows in the latent space",
    "likelihood": "−log p(x), in nats",
    "typicality": "distance of −log p(x) from its mean over training rows, in nats",
}


def detection(run: Run, held_out: Dataset, training: Dataset) -> Section:
    """Return which held-out rows are the least like the training rows, by the default score."""
    calibration, spec = read_calibration(run.folder), run.model.spec
    rows, scores = calibrating_rows(held_out), calibration.held_out[SCORES[0]]
    first = np.argsort(-scores, kind="stable")[:SHOWN]
    some = held_out[rows[first]]
    found = Anomalies(run.model, calibration.reference, some.x, conditions(some.labels, spec))
    numbers = run.split.held_out[rows[first]]
    names = [f"row {row}\np {p:.1g}" for row, p in zip(numbers, p_values(scores[first], scores), strict=True)]
    unusual = plots.Unusual(np.asarray(some.x), found.reconstructed, found.contributions, names, spec)
    marks = {f"p = {level:g}": limit(scores, level) for level in _reachable(len(scores))}
    times = scores[first[0]] / np.median(scores)
    more, less = ("brighter", "darker") if spec.is_image else ("higher", "lower")
    return Section(
        "detection",
        f"Unusual {noun(spec)}",
        f"The most unusual of {len(scores):,} held-out {noun(spec)} is row {numbers[0]:,}: its anomaly score is "
        f"{times:.1f} times the median.",
        f"The picture has the {len(first)} most unusual. Red is {more} than the reconstruction, blue {less}. "
        "`enfold score` gives new rows a score and a p-value, the share of held-out rows with a score as high.",
        _trust(len(scores)),
        alt="Histogram of the scores of held-out rows, and the most unusual of them with their reconstructions",
        values={"rows": len(scores), "score": SCORES[0], "most_unusual": numbers.tolist()},
        table=_table(calibration.held_out),
        picture=plots.png(plots.anomalies(unusual, scores, marks)),
    )


def _reachable(rows: int) -> list[float]:
    return [level for level in LEVELS if level >= least_p_value(rows)]


def _table(held_out: dict[str, np.ndarray]) -> tuple[tuple[str, ...], ...]:
    """Return for each score what it is, its median, and where the p-values begin that so many rows can give."""
    levels = _reachable(len(held_out[SCORES[0]]))
    rows = (
        (name, f"{np.median(each):.4g}", *(f"{limit(each, level):.4g}" for level in levels), MEANINGS[name])
        for name, each in held_out.items()
    )
    return ("score", "median", *(f"p = {level:g}" for level in levels), "meaning"), *rows


def _trust(rows: int) -> str:
    least = least_p_value(rows)
    level = max(LEVELS[-1], least)
    error = math.sqrt(level * (1 - level) / (rows + 2))  # of a beta distribution (Bates et al. 2023)
    return (
        f"{level:.0%} of ordinary new rows have p ≤ {level:.2g} (± {error:.1%} with this many held-out rows); p is "
        f"never below {least:.2g}. With many rows, a few small p-values are expected by chance. A p-value says how "
        "rare a score is, not why. The score can miss things: a model may reconstruct what it has never seen, and "
        "find simple rows of another kind more likely than its own (Nalisnick et al. 2019). p-values hold for new "
        "rows like the held-out ones. Training rows would score too low, and data that has drifted too high. They "
        "hold only nearly if the held-out rows chose the epoch (keep=best, patience)."
    )
