"""How well a model removes noise of the kinds that it learned to remove."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from enfold import corruptions, plots
from enfold.config import Config
from enfold.data.dataset import Dataset
from enfold.devices import seeded
from enfold.inference import conditions, reconstructed_means
from enfold.metrics.denoising import Projection, removed, similarity
from enfold.metrics.intervals import NOTHING, Measurement
from enfold.metrics.registry import METRICS
from enfold.objectives import EVALUATION_SEED
from enfold.objectives.terms import Change
from enfold.options import described
from enfold.run import Run
from enfold.sections.section import Section, noun, read_sections
from enfold.spec import Spec

HELD_OUT = 500  # rows, at most
FITTED, TUNED = 4000, 500  # training rows, at most, to fit components to, and to choose their number by
TUNED_SHARE = 4  # at most a fourth of them
MOST_VALUES = 2**24  # of all rows that components are fitted to
SHOWN = 12
LEVELS = (0.25, 0.5)  # standard deviations of Gaussian noise, in units of the columns' scale
SHARE = 0.3  # of values that salt and pepper replace
TRUST = (
    "Trust it for rows like the training rows, with the kinds and levels of noise of training, and no further. It "
    "gives the mean of what is possible: smooth where the noise leaves that open, and under much noise a likely row "
    "rather than the true one, perhaps of another class. What is unlike the training rows is made to look like them, "
    "or removed as if it were noise, and rows without noise change a little. So a single denoised value is no "
    "evidence."
)


@dataclass(frozen=True)
class Outcome:
    """Rows with one kind of noise, and what the model makes of them.

    Attributes:
        noisy: The rows that the model was given, (n, *shape), raw.
        denoised: Its reconstructions, of the same shape.
        rank: The number of principal components that was best on training rows.
        measured: How close the noisy rows, the components' and the model's reconstructions are to the clean rows.
    """

    noisy: np.ndarray
    denoised: np.ndarray
    rank: int
    measured: dict[str, dict[str, Measurement]]


def denoising(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return how well the model removes noise; None for a model that was not fitted to rows with noise."""
    spec, n = run.model.spec, len(training)
    learned = run.config.corruption.build(spec)
    if learned is None or n < 2 * TUNED_SHARE:
        return None
    rows, order, some = held_out[_shuffled(len(held_out))[:HELD_OUT]], _shuffled(n), min(TUNED, n // TUNED_SHARE)
    fitted = order[some:][: max(2, min(FITTED, MOST_VALUES // spec.size))]
    tuned, clean = (np.asarray(training.x[np.sort(each)]) for each in (order[:some], fitted))
    projection = Projection.of(spec.vectors(clean, np.float64))
    found = {
        name: _outcome(run, rows, tuned, projection, change)
        for name, change in _kinds(run.config, spec, learned).items()
    }
    seen = noisy(np.asarray(rows.x), learned)
    taken = removed(seen, reconstructed_means(run.model, seen, conditions(rows.labels, spec)), spec)
    return _section(found, rows, float(taken.max()))


def doubtful(run: Run, x: np.ndarray, made: np.ndarray) -> list[int] | None:
    """Return the numbers of rows that changed more than any held-out row with the noise of training.

    They have more noise than the model knows, or are of another kind, such as images with dark and light exchanged.
    Other rows need not be right: a change does not say whether it removed noise, an error or a small oddity.

    Args:
        run: The run; None is returned if its report does not say how much is usual.
        x: Rows as they were given, (n, *shape), raw.
        made: The model's reconstructions, of the same shape.
    """
    usual = [each.values.get("most_removed") for each in read_sections(run.folder) if each.name == "denoising"]
    if not usual or not isinstance(usual[0], float):
        return None
    return np.flatnonzero(removed(x, made, run.spec) > usual[0]).tolist()


def noisy(x: np.ndarray, change: Change) -> np.ndarray:
    """Return rows with noise, (n, *shape) float32 raw, the same at every call."""
    with seeded(EVALUATION_SEED):
        return change(torch.from_numpy(np.ascontiguousarray(x))).numpy()


def _kinds(config: Config, spec: Spec, learned: Change) -> dict[str, Change]:
    """Return the kinds of noise to remove, by name: those of `mixed` at usual levels, any other as in training."""
    corruption = config.corruption
    if corruption.name != "mixed":
        return {", ".join([corruption.name, *(f"{each.value:g}" for each in described(corruption))]): learned}
    gaussian = {f"Gaussian, σ = {each:g}": partial(corruptions.gaussian, spec=spec, level=each) for each in LEVELS}
    return {**gaussian, f"salt and pepper, {SHARE:.0%}": partial(corruptions.salt_and_pepper, spec=spec, level=SHARE)}


def _shuffled(n: int) -> np.ndarray:
    """Return the numbers of `n` rows in random order, the same at every call."""
    return np.random.default_rng(EVALUATION_SEED).permutation(n)


def _outcome(run: Run, rows: Dataset, tuned: np.ndarray, projection: Projection, change: Change) -> Outcome:
    spec, x = run.model.spec, np.asarray(rows.x)
    scaled, vectors = (partial(each, dtype=np.float64) for each in (spec.scaled, spec.vectors))
    seen = noisy(x, change)
    made = reconstructed_means(run.model, seen, conditions(rows.labels, spec))
    rank = projection.best_rank(vectors(noisy(tuned, change)), vectors(tuned))
    linear = projection.denoised(vectors(seen), rank).reshape(x.shape)
    linear = linear.clip(0, 1) if spec.kind == "intensity" else linear
    values = {"noisy": scaled(seen), "components": linear, "model": scaled(made)}
    return Outcome(seen, made, rank, {name: similarity(scaled(x), each, spec) for name, each in values.items()})


def _section(found: dict[str, Outcome], rows: Dataset, most: float) -> Section:
    spec = rows.spec
    strips = {"original": np.asarray(rows.x[:SHOWN])}
    for name, each in found.items():
        strips |= {name: each.noisy[:SHOWN], f"{name}\ndenoised": each.denoised[:SHOWN]}
    shown = plots.Strips(np.stack([each.astype(np.float32) for each in strips.values()]), list(strips))
    what, unit = noun(spec), "the full scale" if spec.kind == "intensity" else "each column's scale"
    return Section(
        "denoising",
        "Removing noise",
        _finding(found),
        f"{len(rows):,} held-out {what} with noise, in units of {unit}; the model is not given its kind or level.",
        "It is compared with principal components, as many as are best for the very noise on other rows. ± is one "
        f"standard error; the noise is the same for all. {TRUST}",
        alt="Held-out rows with noise of several kinds, each above the model's reconstruction",
        values={
            "rows": len(rows),
            "most_removed": most,
            "noise": {name: _values(each) for name, each in found.items()},
        },
        table=_table(found),
        picture=plots.png(plots.strips([shown], spec)) if spec.is_image else b"",
    )


def _table(found: dict[str, Outcome]) -> tuple[tuple[str, ...], ...]:
    names = list(next(iter(found.values())).measured["model"])
    lines = [("noise", "method", *(METRICS[name].label for name in names))]
    for noise, each in found.items():
        called = ("noisy rows", f"{each.rank} principal components", "this model")
        for i, (what, measured) in enumerate(zip(called, each.measured.values(), strict=True)):
            lines.append((noise if i == 0 else "", what, *(_text(name, measured[name]) for name in names)))
    return tuple(lines)


def _text(name: str, measured: Measurement) -> str:
    return "no error" if measured.value is None else METRICS[name].text(measured)


def _values(outcome: Outcome) -> dict[str, object]:
    """Return the metrics for programs: the value of each, and its standard error."""
    return {
        "rank": outcome.rank,
        **{
            what: {name: {"value": value, "standard_error": error} for name, (value, error) in measured.items()}
            for what, measured in outcome.measured.items()
        },
    }


def _finding(found: dict[str, Outcome]) -> str:
    """Return in a sentence how much of the error of the strongest noise is removed."""
    name, outcome = max(found.items(), key=lambda each: _squared_error(each[1].measured["noisy"]))
    noisy, components, model = (_squared_error(each) for each in outcome.measured.values())
    if not noisy:
        return "The noise of training changes nothing in the held-out rows."
    return (
        f"Of the squared error of strong noise ({name}), the model leaves {model / noisy:.0%}; principal components "
        f"leave {components / noisy:.0%}."
    )


def _squared_error(measured: dict[str, Measurement]) -> float:
    """Return a mean squared error, up to a factor, from the metric that there is of it; 0 without an error."""
    psnr, rmse = (measured.get(name, NOTHING).value for name in ("psnr", "rmse"))
    return 10 ** (-psnr / 10) if psnr is not None else (rmse or 0.0) ** 2
