"""What metrics are made of: a model on rows that it has not seen, with what several metrics need computed once."""

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from torch import Tensor

from enfold import build
from enfold.config import Config
from enfold.data.dataset import Dataset, class_labels
from enfold.inference import conditions, encode_means
from enfold.metrics import clustering, embedding, information, likelihood, maps, reconstruction
from enfold.metrics.intervals import NOTHING, Measurement, share_error
from enfold.model import Autoencoder
from enfold.objectives import terms_of_rows
from enfold.rows import drawn
from enfold.spec import Spec

CLUSTERED_ROWS = 5_000  # at most


@dataclass(frozen=True)
class Evaluation:
    """A model on rows that it has not seen; what several metrics need is computed once.

    Attributes:
        model: The model.
        config: The settings of the evaluation.
        data: The rows, binarized if they are to be.
        known: Training rows, to learn classes from.
        samples: Draws of z for each row in the log-likelihood; 0: it is not estimated.
    """

    model: Autoencoder
    config: Config
    data: Dataset
    known: Dataset | None = None
    samples: int = 0

    @cached_property
    def condition(self) -> Tensor | None:
        """Each row's class, for a conditional model."""
        return conditions(self.data.labels, self.model.spec)

    @cached_property
    def means(self) -> np.ndarray:
        """The latent means, (n, latent_dim)."""
        return encode_means(self.model, self.data.x, self.condition)

    @cached_property
    def terms(self) -> dict[str, np.ndarray]:
        """The terms of each row by the model's objective, by name, (n,) each."""
        return terms_of_rows(self.model, self.config.objective.build(), self.data.x, self.condition)

    @cached_property
    def bound(self) -> dict[str, np.ndarray]:
        """The negative ELBO, the distortion and the rate of each row, (n,) in nats each.

        A plain autoencoder has only the distortion: its posterior's width means nothing.
        """
        if self.config.is_plain:
            return {"distortion": self.terms["distortion"]}
        return likelihood.bound_of_rows(self.model, self.data.x, self.condition)

    @cached_property
    def log_likelihoods(self) -> np.ndarray | None:
        """The importance-weighted log-likelihood of each row, (n,) in nats, if it is asked for."""
        if self.config.is_plain or not self.samples:
            return None
        return likelihood.log_likelihood(self.model, self.data.x, self.samples, self.condition)

    @cached_property
    def bits_meaning(self) -> str | None:
        """What a likelihood in bits means here."""
        return likelihood.bits_meaning(self.model, self.data.x)

    @cached_property
    def bits(self) -> np.ndarray | None:
        """The upper bound of the bits per value of each row, (n,), where bits have a meaning."""
        if self.config.is_plain or self.bits_meaning is None:
            return None
        if self.bits_meaning == "mass":  # then it is the bound in another unit
            return likelihood.in_bits(self.model, self.bound["negative_elbo"])
        return likelihood.bits_of_rows(self.model, self.data.x, self.condition)

    @cached_property
    def information(self) -> dict[str, np.ndarray]:
        """The two parts of the rate of at most 2,000 of the rows, in nats each; a plain autoencoder has none."""
        if self.config.is_plain:
            return {}
        some = replace(self, data=self.data[drawn(len(self.data), maps.PAIR_ROWS)])
        return information.information_of_rows(some.model, some.data.x, some.condition)

    @cached_property
    def active_units(self) -> Measurement:
        """How many latent dimensions vary with the row."""
        return Measurement(information.active_units(self.means), information.active_units_error(self.means))

    @cached_property
    def reconstruction(self) -> np.ndarray:
        """The squared error of each row and, of large enough images, the structural similarity, (1 or 2, n)."""
        measures = [reconstruction.squared_error]
        measures += [reconstruction.structural_similarity] if reconstruction.has_windows(self.model.spec) else []
        return reconstruction.reconstruction_measures(self.model, self.data.x, self.means, measures, self.condition)

    @cached_property
    def psnr(self) -> Measurement:
        """The peak signal-to-noise ratio of all images together, in decibel."""
        spec = self.model.spec
        is_known = spec.is_image and spec.kind == "intensity"
        return reconstruction.peak_signal_to_noise_of_rows(self.reconstruction[0]) if is_known else NOTHING

    @cached_property
    def trustworthiness(self) -> Measurement:
        """The trustworthiness of the latent means, of at most 2,000 of the rows."""
        return maps.trustworthiness(self.data, self.means, self.model.spec)

    @cached_property
    def reference(self) -> "Evaluation | None":
        """The same of the training rows to learn classes from, if both they and the rows have classes of one kind."""
        numbers = None if self.known is None else maps.reference_rows(self.known, self.data)
        if self.known is None or numbers is None:
            return None
        return replace(self, data=as_evaluated(self.known[numbers], self.config, self.model.spec), known=None)

    @cached_property
    def accuracies(self) -> dict[str, Measurement]:
        """The accuracies of classifiers that learn from the latent means of the reference."""
        if self.reference is None:
            return {}
        test, known = self.data.labeled, (self.reference.means, self.reference.data.labels)
        points, labels, n = self.means[test], self.data.labels[test], int(test.sum())
        shares = {
            "knn_accuracy": embedding.knn_accuracy(*known, points, labels),
            "linear_probe_accuracy": embedding.linear_probe_accuracy(*known, points, labels),
        }
        return {name: NOTHING if p is None else Measurement(p, share_error(p, n)) for name, p in shares.items()}

    @cached_property
    def clustering(self) -> dict[str, Measurement]:
        """How well k-means clusters of the latent means agree with the classes, by three scores."""
        classes = class_labels(self.data.labels)
        if classes is None or len(classes) < 2:
            return {}
        some = maps.labeled_rows(self.data, CLUSTERED_ROWS)
        found = clustering.clusters(self.means[some], len(classes))
        return clustering.label_scores(found, self.data.labels[some])


def as_evaluated(data: Dataset, config: Config, spec: Spec) -> Dataset:
    """Return the data as evaluations take it: binary, the same each time, if training is on such."""
    return data.changed(partial(build.rows_to_evaluate, config, spec))
