"""The metrics: what each is called, what it says, how it is printed, and who computes it.

Whatever measures, prints or compares metrics reads this table. It imports nothing heavy, so that all can read it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from enfold.config import Config
from enfold.files import is_number
from enfold.metrics.intervals import NOTHING, Measurement, decimals, mean_of, printed
from enfold.spec import Spec

if TYPE_CHECKING:
    from enfold.metrics.quantities import Evaluation

Compute = Callable[["Evaluation"], Measurement]


@dataclass(frozen=True)
class Metric:
    """A number that says how good a model is.

    Attributes:
        name: In `metrics.json`.
        label: What people call it.
        meaning: What it says, in a sentence; `meaning` fills in the words in braces.
        better: Which values are better.
        unit: Printed at the end; `describe` fills in the words in braces. "%" prints a share of 1 as a percentage.
        decimals: To print where the standard error does not say how many; 0 for whole numbers.
        compute: Measures it on the rows of an evaluation; None where it is measured elsewhere.
    """

    name: str
    label: str
    meaning: str
    better: Literal["higher", "lower", "neither"] = "neither"
    unit: str = ""
    decimals: int = 3
    compute: Compute | None = None

    def number(self, measured: Measurement) -> str:
        """Return the number as text, with the digits that its standard error leaves certain; a dash if unknown."""
        value, error = (None if each is None else self._scale * each for each in measured)
        if value is None:
            return "–"
        places = decimals(error) if error else max(self.decimals, decimals(abs(value)))
        return printed(value, places if self.decimals else 0) + self._sign

    def error(self, measured: Measurement) -> str:
        """Return ± the standard error as text, with two digits; nothing if it is unknown or 0."""
        error = self._scale * (measured.error or 0)
        return f"± {printed(error, decimals(error))}{self._sign}" if error else ""

    def text(self, measured: Measurement) -> str:
        """Return the number, ± its standard error, and the unit, as in "147.24 ± 0.51 nats"; a dash if unknown."""
        unit = self.unit.strip("%") if measured.value is not None else ""
        return " ".join(part for part in (self.number(measured), self.error(measured), unit) if part)

    @property
    def _scale(self) -> int:
        return 100 if self.unit == "%" else 1

    @property
    def _sign(self) -> str:
        return "%" if self.unit == "%" else ""


@dataclass(frozen=True)
class Line:
    """A metric of a run, as text for people.

    Attributes:
        name: In `metrics.json`.
        label: What people call it.
        number: The value, without its unit.
        error: ± its standard error, or nothing.
        unit: What follows both.
        meaning: What it says, in a sentence.
    """

    name: str
    label: str
    number: str
    error: str
    unit: str
    meaning: str

    @property
    def text(self) -> str:
        """The number, ± its standard error, and the unit, as in "147.24 ± 0.51 nats"."""
        return " ".join(part for part in (self.number, self.error, self.unit) if part)


def describe(metrics: Mapping[str, Any], config: Config, spec: Spec, names: Iterable[str] = ()) -> list[Line]:
    """Return the metrics that are known, as text.

    Args:
        metrics: As `evaluate` gives them, or as they are in `metrics.json`.
        config: The settings of the model.
        spec: The shape, kind and range of the data.
        names: Those to return, in order; without them, all.
    """
    errors, lines = metrics.get("standard_errors", {}), list[Line]()
    for name in names or METRICS:
        metric, measured = METRICS[name], Measurement(metrics.get(name), errors.get(name))
        if measured.value is not None:
            rows = "images" if spec.is_image else "rows"
            unit = metric.unit.strip("%").format(latent_dim=config.latent_dim, rows=rows)
            number, error = metric.number(measured), metric.error(measured)
            lines.append(Line(name, metric.label, number, error, unit, meaning(name, spec)))
    return lines


def meaning(name: str, spec: Spec) -> str:
    """Return in a sentence what a metric says about rows of that kind."""
    return METRICS[name].meaning.format(
        rows="images" if spec.is_image else "rows",
        mse="1 is black for white" if spec.kind == "intensity" else "1 is no better than each column's mean",
        labels="The model is conditioned on the label." if spec.conditions else "Training sees no label.",
    )


def damaged(found: Mapping[str, Any]) -> str | None:
    """Return the name of an entry of `metrics.json` that is missing or not what it must be; None if all are right."""
    errors, numbers = found.get("standard_errors"), (metric for metric in METRICS.values() if metric.compute)
    wrong = [metric.name for metric in numbers if metric.name not in found]
    wrong += [name for name in METRICS if found.get(name) is not None and not is_number(found[name])]
    wrong += [] if isinstance(found.get("rows"), int) else ["rows"]
    wrong += [] if isinstance(found.get("mistakes"), list) else ["mistakes"]
    wrong += [] if isinstance(errors, dict) and all(map(is_number, errors.values())) else ["standard_errors"]
    return wrong[0] if wrong else None


METRICS = {
    each.name: each
    for each in (
        Metric(
            "negative_elbo",
            "negative ELBO",
            "The cost of describing an unseen row with the model: distortion + rate. 1 nat is 1.44 bits.",
            "lower",
            "nats",
            2,
            lambda rows: mean_of(rows.bound.get("negative_elbo")),
        ),
        Metric(
            "distortion",
            "distortion",
            "The cost of what the decoder gets wrong when it reconstructs a row from its latent vector.",
            "lower",
            "nats",
            2,
            lambda rows: mean_of(rows.bound.get("distortion")),
        ),
        Metric(
            "rate",
            "rate",
            "The cost of the latent vector: how much it says about the row, as KL divergence from the prior.",
            "neither",
            "nats",
            2,
            lambda rows: mean_of(rows.bound.get("rate")),
        ),
        Metric(
            "log_likelihood",
            "log-likelihood",
            "How probable the model finds an unseen row, estimated with many latent vectors for each.",
            "higher",
            "nats",
            2,
            lambda rows: mean_of(rows.log_likelihoods),
        ),
        Metric(
            "bits_per_dim",
            "bits/dim",
            "The negative ELBO in bits for each value: the size to which the model could compress the data.",
            "lower",
            "bits",
            3,
            lambda rows: mean_of(rows.bits),
        ),
        Metric(
            "notebook_loss",
            "notebook's loss",
            "The loss that the notebook minimizes; it bounds nothing.",
            "lower",
            "",
            4,
            lambda rows: mean_of(rows.terms["loss"] if rows.config.objective.name == "notebook" else None),
        ),
        Metric(
            "mutual_information",
            "mutual information",
            "How much the latent vector says about which row it belongs to.",
            "neither",
            "nats",
            2,
            lambda rows: mean_of(rows.information.get("information")),
        ),
        Metric(
            "marginal_kl",
            "marginal KL",
            "How different the latent vectors of all rows together are from the prior; 0 if they are the same.",
            "lower",
            "nats",
            2,
            lambda rows: mean_of(rows.information.get("marginal")),
        ),
        Metric(
            "active_units",
            "active units",
            "Latent dimensions that vary with the row (variance of their mean above 0.01); the others carry nothing.",
            "neither",
            "of {latent_dim}",
            0,
            lambda rows: rows.active_units,
        ),
        Metric(
            "reconstruction_mse",
            "reconstruction MSE",
            "The mean squared error of the reconstructed values; 0 is perfect, {mse}.",
            "lower",
            "",
            4,
            lambda rows: mean_of(rows.reconstruction[0]),
        ),
        Metric(
            "psnr",
            "PSNR",
            "The reconstruction MSE on a logarithmic scale; 10 dB more is a tenth of the error.",
            "higher",
            "dB",
            2,
            lambda rows: rows.psnr,
        ),
        Metric(
            "ssim",
            "SSIM",
            "How similar images and reconstructions look, in local brightness, contrast and structure; 1 is equal.",
            "higher",
            "",
            3,
            lambda rows: mean_of(rows.reconstruction[1] if len(rows.reconstruction) > 1 else None),
        ),
        Metric(
            "rmse",
            "RMSE",
            "The root of the mean squared error, in standard deviations of each column.",
            "lower",
            "",
            3,
        ),
        Metric(
            "knn_accuracy",
            "5-NN accuracy",
            "Share of unseen rows whose 5 nearest training rows in the latent space vote for their class. {labels}",
            "higher",
            "%",
            1,
            lambda rows: rows.accuracies.get("knn_accuracy", NOTHING),
        ),
        Metric(
            "linear_probe_accuracy",
            "linear probe accuracy",
            "Share of unseen rows whose class a linear classifier on the latent vectors gets right.",
            "higher",
            "%",
            1,
            lambda rows: rows.accuracies.get("linear_probe_accuracy", NOTHING),
        ),
        Metric(
            "clustering_accuracy",
            "clustering accuracy",
            "Share of rows whose k-means cluster in the latent space is the one that matches their class.",
            "higher",
            "%",
            1,
            lambda rows: rows.clustering.get("clustering_accuracy", NOTHING),
        ),
        Metric(
            "nmi",
            "NMI",
            "How much k-means clusters of the latent vectors say about classes; 1 is all, 0 is nothing.",
            "higher",
            "",
            3,
            lambda rows: rows.clustering.get("nmi", NOTHING),
        ),
        Metric(
            "ari",
            "ARI",
            "How often k-means clusters and classes agree on which rows belong together; 1 is always, 0 is chance.",
            "higher",
            "",
            3,
            lambda rows: rows.clustering.get("ari", NOTHING),
        ),
        Metric(
            "trustworthiness",
            "trustworthiness",
            "How reliably neighbors in the latent space are neighbors in the data; 1 is always.",
            "higher",
            "",
            3,
            lambda rows: rows.trustworthiness,
        ),
        Metric("train_seconds", "training time", "How long the training took.", "lower", "s", 1),
        Metric(
            "rows_per_second",
            "training speed",
            "Training {rows} a second, with the evaluation after each pass.",
            "higher",
            "{rows}/s",
            0,
        ),
    )
}
