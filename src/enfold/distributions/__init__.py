"""Distributions that torch.distributions lacks."""

from enfold.distributions.likelihoods import ContinuousIntensity, IntensityBernoulli, LogisticMixture
from enfold.distributions.posteriors import (
    Code,
    CorrelatedNormal,
    UniformCodes,
    detached,
    joined,
    log_ratio,
    moved,
    rate,
)

__all__ = [
    "Code",
    "ContinuousIntensity",
    "CorrelatedNormal",
    "IntensityBernoulli",
    "LogisticMixture",
    "UniformCodes",
    "detached",
    "joined",
    "log_ratio",
    "moved",
    "rate",
]
