"""Which held-out rows are the most unusual, and what new ones can be judged by."""

import math

import numpy as np

from enfold import plots
from enfold.data.dataset import Dataset
from enfold.inference import conditions
from enfold.metrics.anomaly import SCORES, Anomalies, least_p_value, limit, p_values
from enfold.metrics.calibration import calibrating_rows, read_calibration
from enfold.run import Run
from enfold.sections.section import Section

SHOWN = 12  # rows
LEVELS = (0.05, 0.01)  # p-values whose scores are told


def detection(run: Run, held_out: Dataset, training: Dataset) -> Section:
    """Return which held-out rows are the least like the training rows, by the default score."""
    calibration, spec = read_calibration(run.folder), run.model.spec
    rows, scores = calibrating_rows(held_out), calibration.held_out[SCORES[0]]
    first = np.argsort(-scores, kind="stable")[:SHOWN]
    some = held_out[rows[first]]
    found = Anomalies(run.model, calibration.reference, some.x, conditions(some.labels, spec))
    p = p_values(scores[first], scores)
    numbers = run.split.held_out
    names = [f"row {numbers[row]}\np {each:.1g}" for row, each in zip(rows[first], p, strict=True)]
    unusual = plots.Unusual(np.asarray(some.x), found.rebuilt, found.contributions, names, spec)
    marks = {f"p = {level:g}": limit(scores, level) for level in _reachable(len(scores))}
    return Section(
        "detection",
        "Which rows are unusual?",
        (_found(len(first), len(scores), spec.is_image), _trust(len(scores))),
        alt="Histogram of the scores of held-out rows, and the most unusual of them beside their reconstructions",
        values={"rows": len(scores), "score": SCORES[0], "most_unusual": [int(numbers[row]) for row in rows[first]]},
        table=_table(calibration.held_out),
        picture=plots.png(plots.anomalies(unusual, scores, marks)),
    )


def _reachable(rows: int) -> list[float]:
    return [level for level in LEVELS if level >= least_p_value(rows)]


def _table(held_out: dict[str, np.ndarray]) -> tuple[tuple[str, ...], ...]:
    """Return above which scores rows have which p-values, of those that so many held-out rows can give."""
    levels = _reachable(len(held_out[SCORES[0]]))
    rows = (
        (name, f"{np.median(each):.4g}", *(f"{limit(each, level):.4g}" for level in levels), MEANINGS[name])
        for name, each in held_out.items()
    )
    return ("score", "median", *(f"p = {level:g}" for level in levels), "what it is"), *rows


MEANINGS = {
    "combined": "reconstruction × (1 + distance); the default",
    "reconstruction": "the squared error of what the model makes of a row; of images, as a share of their contrast",
    "distance": "from the row’s latent vector to those of the 5 nearest training rows",
    "likelihood": "−log p(x), in nats",
    "typicality": "how far −log p(x) is from the training rows’ mean, in nats",
}


def _found(shown: int, rows: int, is_image: bool) -> str:
    more, less = ("brighter", "darker") if is_image else ("higher", "lower")
    return (
        f"The picture has the {shown} of {rows:,} held-out rows that are least like the training rows. Red is {more} "
        f"than the model made it, blue {less}; all parts of a row make its score “reconstruction”, and where its "
        "latent vector lies has no parts. `enfold score` gives every new row a score and a p-value: the share of "
        "held-out rows with as high a score."
    )


def _trust(rows: int) -> str:
    least = least_p_value(rows)
    level = max(LEVELS[-1], least)
    error = math.sqrt(level * (1 - level) / (rows + 2))  # of a beta distribution (Bates et al. 2023)
    return (
        f"Of ordinary new rows, {level:.0%} have p ≤ {level:.2g} (by this many held-out rows, ± {error:.1%}), so "
        f"among many rows some low ones are no news; none is below {least:.2g}. Those of the rows shown are as they "
        "must be: others are compared with these. A p-value says how rare a score is, not why, and nothing of "
        "what the score does not see: a model may rebuild what it was never shown, and simple examples of another "
        "kind can be likelier to it than its own (Nalisnick et al. 2019). It holds for rows drawn as the held-out "
        "ones were: not for training rows, which seem more ordinary than they are, nor after the data has drifted; "
        "and only nearly if the held-out rows have chosen the epoch (keep=best, patience)."
    )
