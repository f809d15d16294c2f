"""Objectives that are no bounds: the plain autoencoder's and the notebook's."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from enfold.model import Model
from enfold.objectives.terms import Objective, ObjectiveFunction, Terms, WeightedObjective, quantization
from enfold.options import Need

NO_PRIOR = Need("prior", ("auto", "normal", "uniform"), "it does not learn a prior")
NOTEBOOK_WEIGHT = 5e-4  # the notebook's factor of the mean over latent dimensions


def autoencoder(model: Model, x: Tensor, beta: float = 1.0) -> Terms:
    """Return the distortion at the mean of q(z|x): a plain autoencoder, without noise and without a rate.

    With codes for z, the `quantization` penalty is added.

    Args:
        model: The autoencoder.
        x: Raw examples, (B, *shape).
        beta: Of no consequence, as there is no rate.
    """
    q = model.encode(x)
    distortion = -model.decode(q.mean).log_prob(x)
    penalties = quantization(q)
    return Terms(distortion + sum(penalties.values()), distortion, torch.zeros_like(distortion), penalties)


def notebook(model: Model, x: Tensor, beta: float = 1.0) -> Terms:
    """Return the loss of the notebook that enfold grew from, with its mistakes.

        loss = −mean over pixels of log p(x|z) − β · 5e-4 · mean over latent dims of (1 + s − μ² − exp(s)),

    where s = log σ is a log standard deviation in z = μ + σ ε, but is used as a log variance here. Neither term is
    in nats per example, and the loss is no bound on anything; distortion and rate are the true ones.

    Args:
        model: The autoencoder, with a diagonal normal posterior.
        x: Raw examples, (B, *shape).
        beta: A further weight of the second term; 1 in the notebook.
    """
    q = model.encode(x)
    distortion = -model.decode(q.rsample()).log_prob(x)
    s = q.stddev.log()
    penalty = -NOTEBOOK_WEIGHT * (1 + s - q.mean.square() - s.exp()).mean(-1)
    with torch.no_grad():  # it is reported alone
        rate = kl_divergence(q, model.prior())
    return Terms(distortion / model.spec.size + beta * penalty, distortion, rate)


@dataclass(frozen=True)
class PlainAutoencoder(Objective, name="autoencoder"):
    """The reconstruction alone: a plain autoencoder, without noise and without a prior."""

    is_plain = True

    def build(self) -> ObjectiveFunction:
        """Return `autoencoder`."""
        return autoencoder

    def needs(self) -> Iterable[Need]:
        """Return that no covariance and no prior would be learned."""
        return (Need("posterior", ("diagonal", "fsq", "vq"), "without noise it learns no covariance"), NO_PRIOR)


@dataclass(frozen=True)
class Notebook(WeightedObjective, name="notebook"):
    """The loss of the notebook that enfold grew from, its mistakes included."""

    def build(self) -> ObjectiveFunction:
        """Return `notebook`."""
        return notebook

    def needs(self) -> Iterable[Need]:
        """Return that standard deviations are independent, and that no prior would be learned."""
        return (Need("posterior", ("diagonal",), "its loss is about independent standard deviations"), NO_PRIOR)
