"""Objectives: plain functions `(model, x, beta) -> Terms`.

Every term is per example and in nats; the mean over the batch is taken by whoever trains or evaluates. `beta` is the
weight of the rate; with 1 an evidence bound is one.
"""

from enfold.objectives.bounds import elbo, importance_weighted
from enfold.objectives.penalized import maximum_mean_discrepancy, mmd, total_correlation
from enfold.objectives.plain import autoencoder, notebook
from enfold.objectives.terms import (
    EVALUATION_SEED,
    Learner,
    Losses,
    Objective,
    Terms,
    terms_of_rows,
)

__all__ = [
    "EVALUATION_SEED",
    "Learner",
    "Losses",
    "Objective",
    "Terms",
    "autoencoder",
    "elbo",
    "importance_weighted",
    "maximum_mean_discrepancy",
    "mmd",
    "notebook",
    "terms_of_rows",
    "total_correlation",
]
