"""What the model gains over the best linear map of as many dimensions."""

from collections.abc import Mapping

from enfold import plots
from enfold.data.dataset import Dataset
from enfold.inference import latent_means
from enfold.metrics.intervals import Measurement
from enfold.metrics.registry import METRICS
from enfold.plots import Panel
from enfold.reductions import COMPARED, METHODS, Job, best, fitted, listed, measured
from enfold.rows import drawn
from enfold.run import Run
from enfold.sections.section import Section

TRAINING = 20_000  # rows, at most, that PCA is fitted to here


def reduction(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return the model beside PCA on the same held-out rows; None where PCA has not as many dimensions."""
    spec, seen = run.model.spec, training[drawn(len(training), TRAINING)]
    job, pca = Job(seen, spec, run.config), METHODS["pca"]
    if pca.unsuited(job):
        return None
    linear = measured(fitted(pca, job), job, held_out)
    means = latent_means(run.model, held_out)
    figures = {"the model": _figures(run), "PCA": linear.metrics}
    known = [name for name in COMPARED if all(each[name].value is not None for each in figures.values())]
    rows = [(method, *(METRICS[name].text(found[name]) for name in known)) for method, found in figures.items()]
    panels = [Panel("the model", points=means), Panel("PCA", points=linear.z)]
    return Section(
        "reduction",
        "Beside PCA",
        (_found(figures, known), _trust(linear.fitted, bool(spec.conditions))),
        alt="The held-out examples on the model's map, and on that of the first principal components",
        values={method: {name: found[name].value for name in known} for method, found in figures.items()},
        table=(("", *(METRICS[name].label for name in known)), *rows),
        picture=plots.png(plots.maps(panels, held_out.labels, held_out.spec)),
    )


def _figures(run: Run) -> dict[str, Measurement]:
    """Return the model's figures, as its evaluation found them."""
    metrics = run.metrics
    return {name: Measurement(metrics.get(name), metrics["standard_errors"].get(name)) for name in COMPARED}


def _found(figures: Mapping[str, Mapping[str, Measurement]], known: list[str]) -> str:
    """Return in a sentence who is better in what."""
    winners = {name: methods for name, methods in best(figures).items() if name in known}
    texts = [
        f"{method} is better in {listed(won)}"
        for method in figures
        if (won := [METRICS[name].label for name, methods in winners.items() if methods == [method]])
    ]
    equal = [METRICS[name].label for name, methods in winners.items() if len(methods) > 1]
    texts += [f"they are within two standard errors of each other in {listed(equal)}"] if equal else []
    text = "; ".join(texts)
    return f"{text[0].upper()}{text[1:]}."


def _trust(rows: int, is_told: bool) -> str:
    told = " The model is told the label, which its map need not hold; PCA is not." if is_told else ""
    return (
        "The same held-out examples on both maps, each with a scale of its own. PCA, the best linear map of as many "
        f"dimensions, was fitted to {rows:,} training rows; it is the same at every call. The model's figures are of "
        f"one seed. `enfold compare` sets more methods beside it.{told}"
    )
