"""What lies between rows, and what each latent dimension does."""

from dataclasses import replace

import numpy as np
from torch.distributions import Independent

from enfold import latent, plots
from enfold.data.dataset import Dataset, class_name
from enfold.inference import conditions, latent_means
from enfold.metrics.information import ACTIVE_VARIANCE
from enfold.metrics.intervals import mean_error
from enfold.metrics.realism import QUANTILE, unrealistic
from enfold.plots import Strips
from enfold.plots.style import short
from enfold.rows import affordable, drawn
from enfold.run import Run
from enfold.sections.section import Section, noun

HELD_OUT, FEWEST = 1000, 10  # rows
STEPS = 10
PAIRS = 80  # of rows, at most, between which steps are counted
SHOWN_PAIRS, SHOWN_DIMENSIONS = 2, 6
MOST_LETTERS = 10  # of a class's name
SEED = 0  # of the pairs
KINDS = {"straight": "on straight lines", "spherical": "on great circles about the origin"}
UNREALISTIC = f"unrealistic: further from every training row than {QUANTILE:.0%} of reconstructions of held-out rows"
TRUST = (
    "Training never shows the decoder what lies between the data, so it guesses there, and a smooth picture does not "
    "prove that the guess is right. A blur is close to much of the data and does not count as unrealistic."
)
MEANING = (
    "A dimension means no more than what is seen along it. Another training run finds others, and each may mix "
    "properties that people would separate."
)


def interpolation(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return what lies between held-out rows, and along each latent dimension; None for fewer than ten rows."""
    rows, model, spec = held_out[drawn(len(held_out), HELD_OUT)], run.model, run.model.spec
    if len(rows) < FEWEST:
        return None
    means = latent_means(model, rows)
    kinds = tuple(KINDS) if _is_about_the_origin(run) else ("straight",)
    pairs = _pairs(rows.labels)[: affordable(spec.size, PAIRS * STEPS * len(kinds)) // (STEPS * len(kinds)) or 1]
    between = np.stack([_between(run, rows, means, pairs, kind) for kind in kinds])  # (kinds, pairs, steps, *shape)
    strange = unrealistic(model, between, held_out, training)
    along = _along(run, rows, means)
    along = replace(along, marked=unrealistic(model, along.x, held_out, training))
    shown = _shown(rows, pairs, kinds, between, strange)
    picture = plots.strips([shown, along], spec) if spec.is_image else plots.lines(along, spec)
    shares = {kind: each[:, 1:-1].mean(1) for kind, each in zip(kinds, strange, strict=True)}  # (pairs,)
    marks = "A red bar marks unrealistic steps. " if spec.is_image else ""
    return Section(
        "interpolation",
        f"Between {noun(spec)}",
        f"{shares['straight'].mean():.0%} of the steps on straight lines between held-out {noun(spec)} are "
        "unrealistic.",
        f"{marks}Along one latent dimension, the others stay at their medians.",
        f"{_shares_text(shares)} {_conditions_text(run, rows)}{TRUST} {MEANING}",
        alt="Rows decoded on the way from one held-out row to another, and along single latent dimensions",
        values={"unrealistic": {kind: float(each.mean()) for kind, each in shares.items()}, "pairs": len(pairs)},
        picture=plots.png(picture),
    )


def along_title(run: Run) -> str:
    """Return the title of a picture of walks along dimensions."""
    whose = "the prior" if run.config.has_prior else "the data's latent vectors"
    return f"along one latent dimension, through quantiles of {whose}"


def _is_about_the_origin(run: Run) -> bool:
    """Return whether the prior is a normal distribution, within which great circles about the origin stay."""
    return run.config.has_prior and isinstance(run.model.prior(), Independent)


def _pairs(labels: np.ndarray) -> np.ndarray:
    """Return the numbers of pairs of rows, (pairs, 2): of different classes, if there are some."""
    drawn = np.random.default_rng(SEED).integers(len(labels), size=(8 * PAIRS, 2))
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    differ = labels[drawn[:, 0]] != labels[drawn[:, 1]]
    return (drawn[differ] if differ.any() else drawn)[:PAIRS]


def _between(run: Run, rows: Dataset, means: np.ndarray, pairs: np.ndarray, kind: str) -> np.ndarray:
    """Return what is decoded between each pair, (pairs, steps, *shape), as its first row's class."""
    is_spherical = kind == "spherical"
    z = [latent.interpolation(run.model, means[pair], STEPS, is_spherical=is_spherical) for pair in pairs]
    return latent.decoded(run.model, np.concatenate(z), conditions(rows.labels[pairs[:, 0]], run.model.spec))


def _shown(
    rows: Dataset, pairs: np.ndarray, kinds: tuple[str, ...], between: np.ndarray, strange: np.ndarray
) -> Strips:
    """Return the first pairs' walks, those of a pair one below the other."""
    x, marked = (np.concatenate([*each[:, :SHOWN_PAIRS].swapaxes(0, 1)]) for each in (between, strange))
    names = [f"{_name(rows, pair)}\n{kind}".strip() for pair in pairs[:SHOWN_PAIRS] for kind in kinds]
    return Strips(x, names, f"from one held-out {noun(rows.spec)[:-1]} to another", marked=marked)


def _name(rows: Dataset, pair: np.ndarray) -> str:
    labels = rows.labels[pair]
    if np.isnan(labels).any():
        return ""
    return " → ".join(short(class_name(label, rows.spec), MOST_LETTERS) for label in labels)


def _along(run: Run, rows: Dataset, means: np.ndarray) -> Strips:
    """Return what the most active dimensions do, those that vary at all; of a conditional model, as the first row."""
    order = latent.by_activity(means)
    axes = [axis for axis in order if means[:, axis].var() > ACTIVE_VARIANCE][:SHOWN_DIMENSIONS] or order[:1]
    z = latent.traversal(run.model, axes, STEPS, means=None if run.config.has_prior else means)
    classes = conditions(np.full(len(axes), rows.labels[0]), run.model.spec)
    return Strips(latent.decoded(run.model, z, classes), [f"z{axis}" for axis in axes], along_title(run), latent.ENDS)


def _shares_text(shares: dict[str, np.ndarray]) -> str:
    found = " and ".join(f"{each.mean():.0%}{_plus_minus(each)} {KINDS[kind]}" for kind, each in shares.items())
    return f"Of the steps between pairs of held-out rows, {found} are {UNREALISTIC}."


def _plus_minus(shares: np.ndarray) -> str:
    error = mean_error(shares)
    return f" ± {error:.0%}" if error else ""


def _conditions_text(run: Run, rows: Dataset) -> str:
    if not run.spec.conditions or not rows.labeled[0]:
        return ""
    name = class_name(rows.labels[0], rows.spec)
    return f"Steps between two rows are decoded as the class of the first, those along a dimension as {name}. "
