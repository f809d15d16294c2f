"""Objectives: plain functions `(model, x, beta) -> Terms`.

Every term is per row and in nats; the mean over the batch is taken in training or evaluation. `beta` is the
weight of the rate; with 1 an evidence bound is one.
"""

from enfold.objectives.bounds import ELBO, IWAE, elbo, importance_weighted
from enfold.objectives.penalized import MMD, BetaTCVAE, maximum_mean_discrepancy, mmd, total_correlation
from enfold.objectives.plain import Notebook, PlainAutoencoder, autoencoder, notebook
from enfold.objectives.terms import (
    EVALUATION_SEED,
    Learner,
    Losses,
    Objective,
    ObjectiveFunction,
    Terms,
    joined_terms,
    terms_of_rows,
)

__all__ = [
    "ELBO",
    "EVALUATION_SEED",
    "IWAE",
    "MMD",
    "BetaTCVAE",
    "Learner",
    "Losses",
    "Notebook",
    "Objective",
    "ObjectiveFunction",
    "PlainAutoencoder",
    "Terms",
    "autoencoder",
    "elbo",
    "importance_weighted",
    "joined_terms",
    "maximum_mean_discrepancy",
    "mmd",
    "notebook",
    "terms_of_rows",
    "total_correlation",
]
