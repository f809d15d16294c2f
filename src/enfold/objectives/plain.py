"""Objectives that are no bounds: the plain autoencoder's and the notebook's."""

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from enfold.model import Model
from enfold.objectives.terms import Terms

NOTEBOOK_WEIGHT = 5e-4  # the notebook's factor of the mean over latent dimensions


def autoencoder(model: Model, x: Tensor, beta: float = 1.0) -> Terms:
    """Return the distortion at the mean of q(z|x): a plain autoencoder, without noise and without a rate.

    With codes for z, what rounding to them costs comes to the loss (van den Oord 2017, equation 3).

    Args:
        model: The autoencoder.
        x: Raw examples, (B, *shape).
        beta: Of no consequence, as there is no rate.
    """
    q = model.encode(x)
    distortion = -model.decode(q.mean).log_prob(x)
    return Terms(distortion + getattr(q, "cost", 0.0), distortion, torch.zeros_like(distortion))


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
