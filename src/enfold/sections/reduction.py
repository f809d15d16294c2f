"""What the model gains over PCA, the best linear map of as many dimensions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from enfold import plots
from enfold.data.dataset import Dataset
from enfold.inference import latent_means
from enfold.learning import Prepared
from enfold.metrics.intervals import Measurement
from enfold.metrics.registry import METRICS
from enfold.plots import Panel
from enfold.reductions import COMPARED, METHODS, Job, best, fitted, measured
from enfold.rows import drawn
from enfold.run import Run
from enfold.sections.section import Section, noun, rows_of_map
from enfold.spec import Spec

TRAINING = 20_000  # rows, at most, that PCA is fitted to here
OURS, PCA = "this model", "PCA"
FAR = 2  # times fewer mistakes are far better


def reduction(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return the model beside PCA on the same held-out rows; None where PCA has not as many dimensions."""
    spec, known = run.model.spec, training[drawn(len(training), TRAINING)]
    job, method = Job(Prepared(replace(training, spec=spec), known), run.config), METHODS["pca"]
    if method.unsuited(job):
        return None
    pca = fitted(method, job)
    linear, ours = measured(pca, job, held_out), run.metrics
    of_run = {name: Measurement(ours.get(name), ours["standard_errors"].get(name)) for name in COMPARED}
    found = {OURS: of_run, PCA: linear.metrics}
    names = [name for name in COMPARED if all(each[name].value is not None for each in found.values())]
    lines = [(method, *(METRICS[name].text(each[name]) for name in names)) for method, each in found.items()]
    values = {method: {name: each[name].value for name in names} for method, each in found.items()}
    rows, faded = rows_of_map(held_out, training)
    panels = [Panel(OURS, points=latent_means(run.model, rows)), Panel(PCA, points=pca.place(rows.x))]
    return Section(
        "reduction",
        "Compared with PCA",
        _finding(found, names, spec),
        f"{error_text(values)} Both maps show the same {noun(spec)}, each in its own scale.",
        _trust(linear.fitted, bool(spec.conditions)),
        alt="The rows on the model's map and on that of the first principal components",
        values=values,
        table=(("method", *(METRICS[name].label for name in names)), *lines),
        picture=plots.png(plots.maps(panels, rows.labels, held_out.spec, faded)),
    )


def error_text(values: Mapping[str, Any]) -> str:
    """Return in a sentence how the errors of reconstructions compare with PCA's, by a section's values."""
    ours, pca = (values[method]["reconstruction_mse"] for method in (OURS, PCA))
    change = ours / pca - 1 if pca else 0.0
    difference = (
        f"{abs(change):.0%} {'less' if change < 0 else 'more'} squared error than with"
        if change
        else "the same squared error as with"
    )
    return f"Reconstructions have {difference} PCA."


def _finding(found: Mapping[str, Mapping[str, Measurement]], names: list[str], spec: Spec) -> str:
    """Return in a sentence which map keeps neighbors better: by labels, unless the model is given them."""
    name = "knn_accuracy" if "knn_accuracy" in names and not spec.conditions else "trustworthiness"
    ours, pca = (found[method][name].value or 0.0 for method in (OURS, PCA))
    winners = best(found)[name]
    how = "as well as" if len(winners) > 1 else "less well than" if winners == [PCA] else "better than"
    how = f"far {how}" if how == "better than" and 1 - pca >= FAR * (1 - ours) else how
    if name == "knn_accuracy":
        share = f"{ours:.0%} of held-out {noun(spec)} have the label of most of their nearest neighbors"
        numbers = f"{share}; with PCA {pca:.0%}"
    else:
        numbers = f"its trustworthiness is {ours:.2f}, that of PCA {pca:.2f} (1 is perfect)"
    chance = "; the difference may be chance" if len(winners) > 1 and round(ours, 2) != round(pca, 2) else ""
    return f"The map keeps neighbors {how} PCA: {numbers}{chance}."


def _trust(rows: int, is_conditional: bool) -> str:
    text = (
        f"PCA, the best linear map of as many dimensions, was fitted to {rows:,} training rows. ± is one standard "
        "error; it does not include the variation between training runs. `enfold compare` adds more methods."
    )
    if is_conditional:
        text += " The model is given the label, so its map need not show it; PCA is not."
    return text
