"""Evidence bounds."""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from enfold.distributions import detached, log_ratio
from enfold.distributions import rate as rate_of
from enfold.model import Model
from enfold.objectives.terms import ObjectiveFunction, Terms, WeightedObjective, quantization
from enfold.options import option


def elbo(model: Model, x: Tensor, beta: float = 1.0, *, free_bits: float = 0.0) -> Terms:
    """Return the negative evidence lower bound, with one draw z ~ q(z|x):

        loss = −log p(x|z) + β KL(q(z|x) ‖ p(z)).

    With β = 1 it bounds −log p(x) from above (Kingma & Welling 2014, equation 3); other β: Higgins 2017. With codes
    for z, the `quantization` penalty is added.

    Args:
        x: Raw rows, (B, *shape).
        beta: The rate's weight.
        free_bits: Nats of the batch's mean rate without cost, so that they are used (Kingma 2016, equation 15,
            with all of z as one group).
    """  # noqa: D400, D415 - the sentence ends in its formula
    q = model.encode(x)
    z = q.rsample()
    distortion = -model.decode(z).log_prob(x)
    rate = rate_of(q, model.prior(), z)
    paid = torch.where(rate.mean() > free_bits, rate, free_bits) if free_bits else rate
    penalties = quantization(q)
    return Terms(distortion + beta * paid + sum(penalties.values()), distortion, rate, penalties)


def importance_weighted(model: Model, x: Tensor, beta: float = 1.0, *, samples: int = 8) -> Terms:
    """Return the importance-weighted bound of K draws z_k ~ q(z|x):

        loss = −log 1/K Σ_k w_k,   log w_k = log p(x|z_k) + β (log p(z_k) − log q(z_k|x)).

    With β = 1 it lies between the negative ELBO and −log p(x) (Burda, Grosse & Salakhutdinov 2016, equation 8). The
    gradient of the encoder is the doubly reparameterized one, whose noise does not grow with K (Tucker 2018,
    equation 8; with another β its weights are (1 − β) w + β w² of the shares w = w_k / Σ w_k).

    Args:
        model: The autoencoder, with a normal posterior.
        x: Raw rows, (B, *shape).
        beta: The weight of log p(z) − log q(z|x).
        samples: K.
    """  # noqa: D400, D415 - the sentence ends in its formula
    q = model.encode(x)
    z = q.rsample((samples,))  # (K, B, latent_dim)
    distortion = -log_likelihood_given(model, x, z)  # (K, B)
    rate = log_ratio(detached(q), model.prior(), z)
    log_w = -distortion - beta * rate
    share = log_w.detach().softmax(0)
    if z.requires_grad:
        factor = (1 - beta + beta * share).unsqueeze(-1)
        z.register_hook(factor.mul)
    surrogate = -(share * log_w).sum(0)  # its gradient is the bound's
    loss = surrogate + (math.log(samples) - log_w.logsumexp(0) - surrogate).detach()
    return Terms(loss, distortion.mean(0), rate.mean(0))


def log_likelihood_given(model: Model, x: Tensor, z: Tensor) -> Tensor:
    """Return log p(x|z), in nats, for several draws of z for each row.

    Args:
        x: Raw rows, (B, *shape).
        z: Latent vectors, (K, B, latent_dim).

    Returns:
        (K, B).
    """
    many = x.expand(len(z), *x.shape).flatten(0, 1)
    return model.decode(z.flatten(0, 1)).log_prob(many).view(z.shape[:-1])


@dataclass(frozen=True)
class ELBO(WeightedObjective, name="elbo"):
    """The evidence lower bound; a β-VAE if beta is not 1."""

    free_bits: float = option(0.0, "nats of the mean rate that cost nothing", low=0.0)

    def build(self) -> ObjectiveFunction:
        """Return `elbo`."""
        return partial(elbo, free_bits=self.free_bits)


@dataclass(frozen=True)
class IWAE(WeightedObjective, name="iwae"):
    """The importance-weighted bound of several draws, nearer to the likelihood."""

    needs_density = True
    samples: int = option(8, "draws of z for each row", low=1)

    def build(self) -> ObjectiveFunction:
        """Return `importance_weighted`."""
        return partial(importance_weighted, samples=self.samples)
