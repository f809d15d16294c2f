"""Objectives: plain functions `(model, x) -> Terms`.

Every term is per example and in nats; the mean over the batch is taken by whoever trains or evaluates.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import kl_divergence

from enfold.devices import seeded
from enfold.model import Autoencoder, chunks, evaluating, in_one
from enfold.rows import Examples

NOTEBOOK_WEIGHT = 5e-4  # the notebook's factor of the mean over latent dimensions
EVALUATION_SEED = 0  # the same noise at every evaluation, so that epochs can be compared


class Terms(NamedTuple):
    """What an objective says of each example in a batch; (B,) each.

    Attributes:
        loss: What training minimises.
        distortion: −log p(x|z), in nats.
        rate: KL(q(z|x) ‖ p(z)), in nats. Distortion + rate is the negative ELBO.
    """

    loss: Tensor
    distortion: Tensor
    rate: Tensor


class Losses(NamedTuple):
    """Means of the terms over examples: the loss, and the distortion and the rate in nats per example."""

    loss: float
    distortion: float
    rate: float


Objective = Callable[[Autoencoder, Tensor], Terms]


class Learner(nn.Module):
    """A model and its objective as one module, raw examples (B, *shape) → Terms, for whoever wraps modules."""

    def __init__(self, model: Autoencoder, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x: Tensor) -> Terms:
        """Return the terms of each example."""
        return self.objective(self.model, x)


def elbo(model: Autoencoder, x: Tensor, *, beta: float = 1.0) -> Terms:
    """Return the negative evidence lower bound, with one draw z ~ q(z|x):

        loss = −log p(x|z) + β KL(q(z|x) ‖ p(z)).

    With β = 1 it bounds −log p(x) from above (Kingma & Welling 2014, equation 3); other β: Higgins 2017.

    Args:
        model: The autoencoder.
        x: Raw examples, (B, *shape).
        beta: The rate's weight.
    """  # noqa: D400, D415 - the sentence ends in its formula
    q = model.encode(x)
    distortion = -model.decode(q.rsample()).log_prob(x)
    rate = kl_divergence(q, model.prior())
    return Terms(distortion + beta * rate, distortion, rate)


def autoencoder(model: Autoencoder, x: Tensor) -> Terms:
    """Return the distortion at the mean of q(z|x): a plain autoencoder, without noise and without a rate.

    Args:
        model: The autoencoder.
        x: Raw examples, (B, *shape).
    """
    distortion = -model.decode(model.encode(x).mean).log_prob(x)
    return Terms(distortion, distortion, torch.zeros_like(distortion))


def notebook(model: Autoencoder, x: Tensor) -> Terms:
    """Return the loss of the notebook that enfold grew from, with its mistakes.

        loss = −mean over pixels of log p(x|z) − 5e-4 · mean over latent dims of (1 + s − μ² − exp(s)),

    where s is log σ, taken for log σ². The distortion and the rate are the true ones.

    Args:
        model: The autoencoder, with a diagonal normal posterior.
        x: Raw examples, (B, *shape).
    """
    q = model.encode(x)
    distortion = -model.decode(q.rsample()).log_prob(x)
    s = q.stddev.log()
    penalty = -NOTEBOOK_WEIGHT * (1 + s - q.mean.square() - s.exp()).mean(-1)
    with torch.no_grad():  # it is reported alone
        rate = kl_divergence(q, model.prior())
    return Terms(distortion / model.spec.size + penalty, distortion, rate)


def mean_losses(model: Autoencoder, objective: Objective, x: Examples) -> Losses:
    """Return the mean terms over all rows; see `terms_of_rows`."""
    return Losses(*terms_of_rows(model, objective, x).mean(1).tolist())


def terms_of_rows(model: Autoencoder, objective: Objective, x: Examples, draws: int = 1) -> np.ndarray:
    """Return each row's loss, distortion and rate, (3, n) float64, in float32 and with the same noise at every call.

    Args:
        model: The model.
        objective: Says the terms.
        x: Raw examples, (n, *shape).
        draws: How often to draw z for each row; the terms are the means.
    """

    def terms_of(part: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(part).to(model.device)
        terms = torch.stack([torch.stack(objective(model, batch)) for _ in range(draws)])  # (draws, 3, B)
        return terms.cpu().double().mean(0).numpy().T

    with evaluating(model), seeded(EVALUATION_SEED, model.device):
        return in_one(x, map(terms_of, chunks(x))).T
