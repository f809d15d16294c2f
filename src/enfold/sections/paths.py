"""What lies between examples, and what each latent dimension does."""

from dataclasses import replace

import numpy as np
from torch.distributions import Independent

from enfold import latent, plots
from enfold.data.dataset import Dataset, class_name
from enfold.inference import conditions, latent_means
from enfold.metrics.information import ACTIVE_VARIANCE
from enfold.metrics.intervals import mean_error
from enfold.metrics.likeness import UNLIKE_QUANTILE, unlike
from enfold.plots import Strips
from enfold.plots.style import short
from enfold.rows import affordable, drawn
from enfold.run import Run
from enfold.sections.section import Section

HELD_OUT, FEWEST = 1000, 10  # rows
STEPS = 10
PAIRS = 80  # of rows, at most, between which steps are counted
SHOWN_PAIRS, SHOWN_DIMENSIONS = 3, 8
MOST_LETTERS = 10  # of a class's name
SEED = 0  # of the pairs
UNLIKE = (
    "less like data than what the model rebuilds: further from every training row than "
    f"{UNLIKE_QUANTILE:.0%} of the reconstructions of held-out rows"
)
GUESS = (
    "Nothing has taught the decoder what to make where no data lies: there it guesses, and a smooth picture is no "
    "sign that the guess is right. A blur lies near to much of the data, and is not counted."
)
MEANING = (
    "What a dimension means is no more than what is seen along it; another seed finds others, and each may mix what "
    "people would tell apart."
)


def paths(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return what lies between held-out examples, and along each latent dimension; None of fewer than ten rows."""
    rows, model, spec = held_out[drawn(len(held_out), HELD_OUT)], run.model, run.model.spec
    if len(rows) < FEWEST:
        return None
    means = latent_means(model, rows)
    kinds = ("straight", "spherical") if _is_about_the_origin(run) else ("straight",)
    pairs = _pairs(rows.labels)[: affordable(spec.size, PAIRS * STEPS * len(kinds)) // (STEPS * len(kinds)) or 1]
    between = np.stack([_between(run, rows, means, pairs, kind) for kind in kinds])  # (kinds, pairs, steps, *shape)
    strange = unlike(model, between, held_out, training)
    along = _along(run, rows, means)
    along = replace(along, marked=unlike(model, along.x, held_out, training))
    shown = _shown(rows, pairs, kinds, between, strange)
    picture = plots.strips([shown, along], spec) if spec.is_image else plots.lines(along, spec)
    shares = {kind: each[:, 1:-1].mean(1) for kind, each in zip(kinds, strange, strict=True)}  # (pairs,)
    return Section(
        "paths",
        "What lies between?",
        (_unlike_text(shares, spec.is_image), _along_text(run, rows), f"{GUESS} {MEANING}"),
        alt="Decoded examples on the way from one held-out example to another, and along single latent dimensions",
        values={"unlike": {kind: float(each.mean()) for kind, each in shares.items()}, "pairs": len(pairs)},
        picture=plots.png(picture),
    )


def along_title(run: Run) -> str:
    """Return what stands above a picture of paths along dimensions."""
    whose = "the prior" if run.config.has_prior else "the data's latent vectors"
    return f"along one latent dimension at a time, through quantiles of {whose}"


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
    """Return what is decoded on the path of each pair, (pairs, steps, *shape), as its first row's class."""
    is_spherical = kind == "spherical"
    ways = [latent.interpolation(run.model, means[pair], STEPS, is_spherical=is_spherical) for pair in pairs]
    return latent.decoded(run.model, np.concatenate(ways), conditions(rows.labels[pairs[:, 0]], run.model.spec))


def _shown(
    rows: Dataset, pairs: np.ndarray, kinds: tuple[str, ...], between: np.ndarray, strange: np.ndarray
) -> Strips:
    """Return the first pairs' paths, those of a pair one below the other."""
    x, marked = (np.concatenate([*each[:, :SHOWN_PAIRS].swapaxes(0, 1)]) for each in (between, strange))
    names = [f"{_name(rows, pair)}\n{kind}".strip() for pair in pairs[:SHOWN_PAIRS] for kind in kinds]
    return Strips(x, names, "from one held-out example to another", marked=marked)


def _name(rows: Dataset, pair: np.ndarray) -> str:
    labels = rows.labels[pair]
    return (
        ""
        if np.isnan(labels).any()
        else " → ".join(short(class_name(label, rows.spec), MOST_LETTERS) for label in labels)
    )


def _along(run: Run, rows: Dataset, means: np.ndarray) -> Strips:
    """Return what the most active dimensions do, those that vary at all; of a conditional model, as the first row."""
    order = latent.by_activity(means)
    axes = [axis for axis in order if means[:, axis].var() > ACTIVE_VARIANCE][:SHOWN_DIMENSIONS] or order[:1]
    z = latent.traversal(run.model, axes, STEPS, means=None if run.config.has_prior else means)
    classes = conditions(np.full(len(axes), rows.labels[0]), run.model.spec)
    return Strips(latent.decoded(run.model, z, classes), [f"z{axis}" for axis in axes], along_title(run), latent.ENDS)


def _unlike_text(shares: dict[str, np.ndarray], is_image: bool) -> str:
    where = {"straight": "on straight paths", "spherical": "on great circles about the origin"}
    found = " and ".join(f"{each.mean():.0%}{_plus_minus(each)} {where[kind]}" for kind, each in shares.items())
    marked = " A bar marks them in the picture, and those along a dimension." if is_image else ""
    return f"Of the steps between pairs of held-out examples, {found} are {UNLIKE}.{marked}"


def _plus_minus(shares: np.ndarray) -> str:
    error = mean_error(shares)
    return "" if error is None else f" (± {error:.0%})"


def _along_text(run: Run, rows: Dataset) -> str:
    told = ""
    if run.spec.conditions and rows.labeled[0]:
        name = class_name(rows.labels[0], rows.spec)
        told = (
            f" A path between examples is decoded as the class that it begins with, one along a dimension as {name}."
        )
    return (
        "Along a dimension the others stay at their medians; the one in which examples differ most comes first. "
        f"There are at most {SHOWN_DIMENSIONS}, and none in which examples do not differ.{told}"
    )
