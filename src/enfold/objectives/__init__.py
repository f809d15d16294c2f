"""Objectives: plain functions `(model, x, beta) -> Terms`.

Every term is per row and in nats; the mean over the batch is taken in training or evaluation. `beta` is the
weight of the rate; with 1 an evidence bound is one.
"""

from enfold.objectives.bounds import ELBO, IWAE, elbo, importance_weighted
from enfold.objectives.penalized import (
    DIPVAE,
    MMD,
    BetaTCVAE,
    dip_vae,
    maximum_mean_discrepancy,
    mmd,
    total_correlation,
)
from enfold.objectives.plain import RAE, Notebook, PlainAutoencoder, autoencoder, notebook, regularized_autoencoder
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
    "DIPVAE",
    "ELBO",
    "EVALUATION_SEED",
    "IWAE",
    "MMD",
    "RAE",
    "BetaTCVAE",
    "Learner",
    "Losses",
    "Notebook",
    "Objective",
    "ObjectiveFunction",
    "PlainAutoencoder",
    "Terms",
    "autoencoder",
    "dip_vae",
    "elbo",
    "importance_weighted",
    "joined_terms",
    "maximum_mean_discrepancy",
    "mmd",
    "notebook",
    "regularized_autoencoder",
    "terms_of_rows",
    "total_correlation",
]
