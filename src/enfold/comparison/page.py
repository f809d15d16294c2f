"""A comparison as metrics for programs, two pictures and one page."""

import shlex
from pathlib import Path
from typing import Any

from enfold import plots
from enfold.comparison.results import Comparison
from enfold.files import write, write_json
from enfold.metrics.intervals import Measurement
from enfold.metrics.registry import METRICS
from enfold.plots import Panel
from enfold.reductions import COMPARED, METHODS, Result, listed
from enfold.report import data_uri, reading_options, template, title
from enfold.version import __version__

OURS = ("default", "neighbors")  # what enfold is judged by
NOTES = {"reconstruction_mse": "MSE", "knn_accuracy": "5-NN", "trustworthiness": "trust"}  # beneath a small picture


def write_comparison(folder: Path, comparison: Comparison) -> Path:
    """Write `comparison.json`, `maps.png`, `reconstructions.png` and `comparison.html`, and return the page's path.

    Raises:
        InputError: The folder cannot be written to.
    """
    setup = comparison.setup
    values = {"setup": setup.facts, "methods": comparison.rows, "best": comparison.best}
    write_json(folder / "comparison.json", {**values, "left_out": comparison.left_out})
    pictures = _pictures(comparison)
    for name, picture in pictures.items():
        write(folder / f"{name}.png", picture)
    page = template("comparison").render(
        title=title(setup.spec),
        spec=setup.spec,
        settings=setup.settings,
        rows=setup.facts,
        metrics=[METRICS[name].label for name in COMPARED],
        table=_table(comparison),
        verdicts=verdicts(comparison),
        pictures={name: data_uri(pictures.get(name, b"")) for name in ("maps", "reconstructions")},
        all_rows=all(each.fitted == len(comparison.setup.training) for each in comparison.results.values()),
        methods=[(METHODS[name], result) for name, result in comparison.results.items()],
        left_out=[(METHODS[name].title, reason) for name, reason in comparison.left_out.items()],
        trust=trust(comparison),
        command=command_line(comparison),
        version=__version__,
    )
    return write(folder / "comparison.html", page)


def verdicts(comparison: Comparison) -> list[str]:
    """Return who wins where, a sentence for each metric, and where enfold loses."""
    return [_verdict(comparison, name, best) for name, best in comparison.best.items() if best]


def trust(comparison: Comparison) -> list[str]:
    """Return how far to trust a comparison, a paragraph for each doubt."""
    results, settings = comparison.results, comparison.setup.settings
    budgets = {name: settings[f"{name}s"] for name in ("epoch", "minute") if f"{name}s" in settings}
    given = " and ".join(f"{n:g} {name}{'' if n == 1 else 's'}" for name, n in budgets.items())
    budget = f", but for the {given} that each network was given" if given else ""
    texts = [
        "One split of the rows and one seed. ± is one standard error, from the number of held-out rows alone. "
        "What another seed would change comes on top, for all but PCA: of a network's 5-NN accuracy in two "
        "dimensions, up to 0.04 on MNIST. Figures are called equal within two standard errors of their "
        "difference.",
        f"Every method has its usual settings{budget}, and none was tuned to this data. enfold's were chosen on "
        "MNIST, so there they are a little ahead of what they would be elsewhere.",
        "5-NN accuracy and trustworthiness look at near neighbors alone. A map can have both high and still "
        "distort how far groups are from each other, how large they are and how dense. UMAP and t-SNE do, and so "
        "does whatever keeps neighbors as they do.",
        "No linear map has a lower reconstruction error on its training rows than PCA, and a plain autoencoder is "
        "trained for nothing but rebuilding. The other networks give some of it away: for a prior to draw new "
        "examples from, for neighbors.",
        "Seconds are of fitting, on this machine with whatever else it did meanwhile.",
    ]
    if "umap" in results:
        rebuilt = results["umap"].reconstructed_rows
        some = 0 < rebuilt < len(comparison.setup.held_out)
        of_some = f" Its reconstruction error is of the first {rebuilt:,} held-out rows." if some else ""
        texts.append(f"UMAP's seconds contain those that compile it, at its first call in a process.{of_some}")
    if "tsne" in results:
        texts.append(
            "t-SNE has no rule for new rows: openTSNE lays them into the finished map as if they did not move it. "
            "For the 5-NN accuracy, training rows are where the fit put them, as they are for UMAP."
        )
    return texts


def command_line(comparison: Comparison) -> str:
    """Return the command that repeats the comparison; where the data was an array, the Python."""
    spec, settings, names = comparison.setup.spec, comparison.setup.settings, list(comparison.results)
    tested = comparison.setup.tested
    if tested:  # how many rows they have, they tell
        settings = {name: value for name, value in settings.items() if name != "holdout"}
    if spec.is_array:
        test = "test=test, " if tested else ""
        return f"enfold.compare(data, {test}methods={names}{''.join(f', {k}={v}' for k, v in settings.items())})"
    words = ["enfold", "compare", *spec.sources[: len(spec.sources) - len(tested)]]
    words += [*(word for each in tested for word in ("--test", each)), "--methods", ",".join(names)]
    words += [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return shlex.join([*words, *reading_options(spec)])


def _pictures(comparison: Comparison) -> dict[str, bytes]:
    """Return the PNG files: the maps, and the reconstructions if some method has them."""
    setup = comparison.setup
    held_out, found = setup.held_out, comparison.results
    drawn = {
        "maps": plots.maps(
            [_panel(*each, "knn_accuracy", "trustworthiness") for each in found.items()], held_out.labels, setup.spec
        )
    }
    panels = [_panel(name, result, "reconstruction_mse") for name, result in found.items()]
    most = max(len(result.reconstructed) for result in found.values())
    reconstructed = plots.reconstructed_by(panels, held_out.x[:most], setup.spec)
    drawn |= {} if reconstructed is None else {"reconstructions": reconstructed}
    return {name: plots.png(figure) for name, figure in drawn.items()}


def _panel(name: str, result: Result, *noted: str) -> Panel:
    known = {each: result.metrics[each].value for each in noted if result.metrics[each].value is not None}
    note = " · ".join(f"{NOTES[each]} {METRICS[each].text(Measurement(value))}" for each, value in known.items())
    return Panel(METHODS[name].title, note, result.z, result.reconstructed)


def _table(comparison: Comparison) -> list[dict[str, Any]]:
    best = comparison.best
    return [
        {
            "title": METHODS[row["method"]].title,
            "cells": [
                (METRICS[name].text(comparison.results[row["method"]].metrics[name]), row["method"] in best[name])
                for name in COMPARED
            ],
            "places": row["places_new_points"],
            "decodes": row["decodes"],
        }
        for row in comparison.rows
    ]


def _verdict(comparison: Comparison, name: str, best: list[str]) -> str:
    metric = METRICS[name]
    texts = {method: metric.text(result.metrics[name]) for method, result in comparison.results.items()}
    equal = f", and equally {listed([METHODS[each].title for each in best[1:]])}" if best[1:] else ""
    text = f"{metric.label[0].upper()}{metric.label[1:]}: {METHODS[best[0]].title} with {texts[best[0]]}{equal}."
    ours = [f"{METHODS[each].title} has {texts[each]}" for each in OURS if each in texts]
    if not ours or set(OURS) & set(best):
        return text
    return f"{text} enfold loses here: {listed(ours)}."
