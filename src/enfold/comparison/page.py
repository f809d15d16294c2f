"""A comparison as JSON, as two pictures and as one page."""

import shlex
from pathlib import Path
from typing import Any

from enfold import plots
from enfold.comparison.results import Comparison
from enfold.files import write, write_json
from enfold.metrics.intervals import Measurement
from enfold.metrics.registry import METRICS, meaning
from enfold.plots import Panel
from enfold.reductions import COMPARED, METHODS, Result, listed
from enfold.report import data_uri, reading_options, template, title
from enfold.version import __version__

OURS = ("default", "neighbors")  # the recipes that enfold is judged by
BEST_AT = {"knn_accuracy": "classes", "trustworthiness": "neighbors", "reconstruction_mse": "reconstruction"}
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
        headline=headline(comparison),
        verdicts=verdicts(comparison),
        pictures={name: data_uri(pictures.get(name, b"")) for name in ("maps", "reconstructions")},
        metrics=[(METRICS[name].label, meaning(name, setup.spec)) for name in COMPARED],
        table=_table(comparison),
        all_rows=all(each.fitted == len(comparison.setup.data.seen) for each in comparison.results.values()),
        methods=[(METHODS[name], result) for name, result in comparison.results.items()],
        left_out=[(METHODS[name].title, reason) for name, reason in comparison.left_out.items()],
        trust=trust(comparison),
        command=command_line(comparison),
        version=__version__,
    )
    return write(folder / "comparison.html", page)


def headline(comparison: Comparison) -> str:
    """Return which methods are best at what, without numbers."""
    winners: dict[str, list[str]] = {}
    for name, best in comparison.best.items():
        if best and name in BEST_AT:
            winners.setdefault(listed(_titles([each for each in METHODS if each in best])), []).append(BEST_AT[name])
    texts = [f"Best at {listed(what)}: {who}." for who, what in winners.items()]
    return " ".join([*texts, f"Fastest: {listed(_titles(comparison.best['train_seconds']))}."])


def verdicts(comparison: Comparison) -> list[str]:
    """Return which methods are best, a sentence for each metric, and where enfold is not among them."""
    return [_verdict(comparison, name, best) for name, best in comparison.best.items() if best]


def trust(comparison: Comparison) -> list[str]:
    """Return how far to trust a comparison, a paragraph for each caveat."""
    results, settings = comparison.results, comparison.setup.settings
    budgets = {name: settings[f"{name}s"] for name in ("epoch", "minute") if f"{name}s" in settings}
    given = " and ".join(f"{n:g} {name}{'' if n == 1 else 's'}" for name, n in budgets.items())
    budget = f", except that each network was trained for {given}" if given else ""
    texts = [
        "One split and one seed. ± is one standard error from the number of held-out rows. It does not include the "
        "variation between training runs: on MNIST, a network's 5-NN accuracy varies by up to 4 percentage points.",
        f"Every method has its default settings{budget}. None is tuned to this data; enfold's defaults were chosen "
        "on MNIST, so it has a small advantage there.",
        "5-NN accuracy and trustworthiness are only about near neighbors. A map can score high in both and still "
        "distort how far apart, how large and how dense clusters are. Maps that favor neighbors, such as those of "
        "UMAP and t-SNE, do.",
        "No linear map reconstructs its training rows better than PCA, and a plain autoencoder is trained for "
        "reconstruction alone. The other networks give up some of it for a prior to generate from, or for neighbors.",
        "Training time is for this machine and whatever else it was doing.",
    ]
    if "umap" in results:
        reconstructed = results["umap"].reconstructed_rows
        is_part = 0 < reconstructed < len(comparison.setup.held_out)
        part = f" Its reconstruction MSE is of the first {reconstructed:,} held-out rows." if is_part else ""
        texts.append(f"UMAP's training time includes its compilation.{part}")
    if "tsne" in results:
        texts.append(
            "t-SNE itself cannot place new rows; openTSNE fits them into the finished map. For the 5-NN accuracy of "
            "t-SNE and UMAP, training rows are where the fit put them."
        )
    return texts


def command_line(comparison: Comparison) -> str:
    """Return the command that repeats the comparison, in Python if the data was an array."""
    spec, settings, names = comparison.setup.spec, comparison.setup.settings, list(comparison.results)
    tested = comparison.setup.data.tested
    if tested:  # the test data says how many rows are held out
        settings = {name: value for name, value in settings.items() if name != "holdout"}
    if spec.is_array:
        test = "test=test, " if tested else ""
        return f"enfold.compare(data, {test}methods={names}{''.join(f', {k}={v}' for k, v in settings.items())})"
    words = ["enfold", "compare", *spec.sources[: len(spec.sources) - len(tested)]]
    words += [*(word for each in tested for word in ("--test", each)), "--methods", ",".join(names)]
    words += [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return shlex.join([*words, *reading_options(spec)])


def _pictures(comparison: Comparison) -> dict[str, bytes]:
    """Return the PNG files: the maps, and the reconstructions if a method has them."""
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
    equal = f"; equally good: {listed(_titles(best[1:]))}" if best[1:] else ""
    text = f"{metric.label[0].upper()}{metric.label[1:]}: {METHODS[best[0]].title} with {texts[best[0]]}{equal}."
    ours = [f"{texts[each]} ({each})" for each in OURS if each in texts]
    if not ours or set(OURS) & set(best):
        return text
    return f"{text} enfold is behind, with {listed(ours)}."


def _titles(methods: list[str]) -> list[str]:
    return [METHODS[each].title for each in methods]
