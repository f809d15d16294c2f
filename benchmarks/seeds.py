"""A line of the page about quality: what is run seed by seed, and the table of what came out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean, median

import enfold
from enfold.learning import prepared

HELD_OUT, SPLIT_SEED = 5000, 555
NAMES = {
    "negative_elbo": "negative ELBO",
    "clustering_accuracy": "accuracy",
    "knn_accuracy": "5-NN",
    "reconstruction_mse": "MSE",
    "active_units": "active units",
    "negative_log_likelihood": "NLL",
}
LESS_IS_BETTER = {"negative_elbo", "distortion", "reconstruction_mse", "seconds", "negative_log_likelihood"}


@dataclass(frozen=True)
class Line:
    """What is measured, which of its metrics count, and what they must reach: metric → (at least, goal)."""

    what: str
    run: Callable[[int], dict]  # seed → metrics, and the "settings" that are not usual
    metrics: tuple[str, ...]
    bounds: dict = field(default_factory=dict)
    known: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)


def digits():
    """Return MNIST, prepared with the notebook's split."""
    return prepared(enfold.load("mnist"), enfold.Config.of(holdout=HELD_OUT, seed=SPLIT_SEED))


def table(name, line, result):
    """Return a line's metrics, a row a seed, with their mean, median, spread and what they must reach."""
    seeds = result["seeds"]
    columns = {each: [found[each] for found in seeds.values()] for each in line.metrics}
    rows = [[seed, *(f"{found[each]:.4g}" for each in line.metrics)] for seed, found in seeds.items()]
    if len(seeds) > 1:
        rows.append(["mean", *(f"{mean(values):.4g}" for values in columns.values())])
        rows.append(["median", *(f"{median(values):.4g}" for values in columns.values())])
        rows.append(["spread", *(f"{max(values) - min(values):.2g}" for values in columns.values())])
    for i, what in enumerate(("target", "stretch goal")):
        bounds = {each: pair[i] for each, pair in line.bounds.items() if pair[i] is not None}
        if bounds:
            rows.append(
                [what, *(verdict(each, bounds[each], columns[each]) if each in bounds else "" for each in columns)]
            )
    head = ["seed", *(NAMES.get(each, each) for each in line.metrics)]
    settings = ", ".join(
        f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in next(iter(seeds.values()))["settings"].items()
        if key != "seed"
    )
    known = f" Known: {line.known}." if line.known else ""
    return (
        f"### {name}: {line.what}\n\n{settings or 'The recipe as it is'}.{known}\n\n"
        f"{markdown([head, *rows])}\n\n{origin(result)}\n"
    )


def markdown(rows):
    """Return a table, the first row its head."""
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]])


def origin(result):
    return f"{result['date']}, {result['machine']}, torch {result['torch']}"


def verdict(metric, bound, values):
    reached = sum(value <= bound if metric in LESS_IS_BETTER else value >= bound for value in values)
    return f"{bound:g}: {reached} of {len(values)} seeds"
