"""Bounds with a penalty on the aggregate posterior q(z), the mean of q(z|x) over the data."""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from enfold.distributions import rate as rate_of
from enfold.model import Model
from enfold.objectives.terms import ObjectiveFunction, Terms, WeightedObjective
from enfold.options import option

KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the squared distance that two draws of the prior have


def total_correlation(model: Model, x: Tensor, beta: float = 1.0, *, weight: float = 3.0) -> Terms:
    """Return the negative ELBO and a penalty on how much the latent dimensions depend on each other:

        loss = −log p(x|z) + β KL(q(z|x) ‖ p(z)) + λ KL(q(z) ‖ Π_j q(z_j)).

    With β = 1, λ + 1 is the weight that Chen, Li, Grosse & Duvenaud 2018 call β
    ("Isolating sources of disentanglement in variational autoencoders", equation 4). q(z) is
    estimated by the batch (their equation S3 but for a constant).

    Args:
        model: The autoencoder, with a normal posterior.
        x: Raw rows, (B, *shape); the estimate has little bias if B is a hundred or more.
        beta: The rate's weight.
        weight: λ, of the total correlation.
    """  # noqa: D400, D415 - the sentence ends in its formula
    q = model.encode(x)
    z = q.rsample()  # (B, latent_dim)
    distortion = -model.decode(z).log_prob(x)
    rate = rate_of(q, model.prior(), z)
    others = z.unsqueeze(1)  # against every posterior of the batch
    joint = q.log_prob(others).logsumexp(1) - math.log(len(x))  # (B,)
    each = Normal(q.mean, q.stddev, validate_args=False).log_prob(others)  # (B, B, latent_dim)
    product = (each.logsumexp(1) - math.log(len(x))).sum(-1)
    penalty = weight * (joint - product)
    return Terms(distortion + beta * rate + penalty, distortion, rate, {"total_correlation": penalty})


def dip_vae(
    model: Model, x: Tensor, beta: float = 1.0, *, off_diagonal: float = 10.0, diagonal: float = 10.0
) -> Terms:
    """Return the negative ELBO and a penalty on how far the covariance of q(z) is from the identity (DIP-VAE-II):

        loss = −log p(x|z) + β KL(q(z|x) ‖ p(z)) + λ_od Σ_i≠j C_ij² + λ_d Σ_i (C_ii − 1)²,
        C = E_x[Cov(z|x)] + Cov_x(E[z|x]),

    with C estimated by the batch (Kumar, Sattigeri & Balakrishnan 2018, "Variational inference of disentangled latent
    concepts from unlabeled observations", equations 5 and 7).

    Args:
        model: The autoencoder, with a Gaussian posterior.
        x: Raw rows, (B, *shape).
        beta: The rate's weight.
        off_diagonal: λ_od, of the covariances.
        diagonal: λ_d, of the variances.
    """  # noqa: D400, D415 - the sentence ends in its formula
    q, p = model.encode(x), model.prior()
    z = q.rsample()
    distortion = -model.decode(z).log_prob(x)
    rate = rate_of(q, p, z)
    within = q.covariance_matrix.mean(0) if isinstance(q, MultivariateNormal) else q.variance.mean(0).diag()
    centered = q.mean - q.mean.mean(0)
    apart = within + centered.T @ centered / len(x) - torch.eye(z.shape[1], device=z.device)
    variances = apart.diagonal().square().sum()
    penalty = off_diagonal * (apart.square().sum() - variances) + diagonal * variances
    return Terms(distortion + beta * rate + penalty, distortion, rate, {"covariance": penalty.expand_as(rate)})


def mmd(model: Model, x: Tensor, beta: float = 1.0, *, weight: float = 100.0) -> Terms:
    """Return the negative ELBO and a penalty on how far q(z) is from the prior:

        loss = −log p(x|z) + β KL(q(z|x) ‖ p(z)) + λ MMD²(q(z), p(z)).

    With β = 0 it is the Wasserstein autoencoder (Tolstikhin 2018, algorithm 2), with β below 1 InfoVAE (Zhao, Song &
    Ermon 2017, equation 6, with 1 − α = β), which lets z carry more information on x than the ELBO does.

    Args:
        model: The autoencoder, with a posterior and a prior that can be drawn from.
        x: Raw rows, (B, *shape).
        beta: The rate's weight.
        weight: λ, of the squared maximum mean discrepancy, in nats.
    """  # noqa: D400, D415 - the sentence ends in its formula
    q, p = model.encode(x), model.prior()
    z = q.rsample()
    distortion = -model.decode(z).log_prob(x)
    rate = rate_of(q, p, z)
    many = len(x) > 1  # the last batch of an epoch may have one row
    penalty = weight * maximum_mean_discrepancy(z, p.sample((len(x),))) if many else rate.new_zeros(())
    return Terms(distortion + beta * rate + penalty, distortion, rate, {"mmd": penalty.expand_as(rate)})


def maximum_mean_discrepancy(a: Tensor, b: Tensor) -> Tensor:
    """Return the unbiased estimate of MMD²(A, B), a scalar, for two samples; it may be below zero.

    The kernel is the sum of inverse multiquadrics Σ_s C_s / (C_s + ‖a − b‖²), C_s = 2 d s, whose tails are heavy
    enough to see far points (Tolstikhin 2018, section 4). Gretton et al. 2012,
    "A kernel two-sample test", equation 3.

    Args:
        a: (n, d), n > 1.
        b: (m, d), m > 1.
    """
    within = (_kernel(each, each) for each in (a, b))
    same = sum((k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1)) for k in within)
    return same - 2 * _kernel(a, b).mean()


def _kernel(a: Tensor, b: Tensor) -> Tensor:  # (n, d), (m, d) → (n, m)
    squared = (a.unsqueeze(1) - b).square().sum(-1)
    constants = [2.0 * a.shape[-1] * scale for scale in KERNEL_SCALES]
    return torch.stack([c / (c + squared) for c in constants]).sum(0)


@dataclass(frozen=True)
class BetaTCVAE(WeightedObjective, name="beta_tcvae"):
    """The ELBO and a penalty on the total correlation, for independent latent dimensions."""

    needs_density = True
    penalty_weight: float = option(3.0, "λ, the weight of the total correlation", low=0.0)

    def build(self) -> ObjectiveFunction:
        """Return `total_correlation`."""
        return partial(total_correlation, weight=self.penalty_weight)


@dataclass(frozen=True)
class MMD(WeightedObjective, name="mmd"):
    """The ELBO and a penalty on how far latent vectors are from the prior: InfoVAE, and with beta=0 a WAE."""

    needs_density = True
    penalty_weight: float = option(100.0, "λ, the weight of the maximum mean discrepancy", low=0.0)

    def build(self) -> ObjectiveFunction:
        """Return `mmd`."""
        return partial(mmd, weight=self.penalty_weight)


@dataclass(frozen=True)
class DIPVAE(WeightedObjective, name="dip_vae"):
    """The ELBO and a penalty on the covariance of the latent dimensions (DIP-VAE-II)."""

    needs_density = True
    off_diagonal_weight: float = option(10.0, "λ_od, the weight of the covariances", low=0.0)
    diagonal_weight: float = option(10.0, "λ_d, the weight of the variances' distance from 1", low=0.0)

    def build(self) -> ObjectiveFunction:
        """Return `dip_vae`."""
        return partial(dip_vae, off_diagonal=self.off_diagonal_weight, diagonal=self.diagonal_weight)
