"""Objectives that are not bounds: of the plain autoencoder and of the notebook."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from enfold.model import Model
from enfold.objectives.terms import Objective, ObjectiveFunction, Terms, WeightedObjective, quantization
from enfold.options import Need, names_of, option

NOTEBOOK_WEIGHT = 5e-4  # the notebook's factor of the mean over latent dimensions


def autoencoder(model: Model, x: Tensor, beta: float = 1.0) -> Terms:
    """Return the distortion at the mean of q(z|x): a plain autoencoder, without noise and without a rate.

    With codes for z, the `quantization` penalty is added.

    Args:
        x: Raw rows, (B, *shape).
        beta: Not used, as there is no rate.
    """
    q = model.encode(x)
    distortion = -model.decode(q.mean).log_prob(x)
    penalties = quantization(q)
    return Terms(distortion + sum(penalties.values()), distortion, torch.zeros_like(distortion), penalties)


def regularized_autoencoder(
    model: Model, x: Tensor, beta: float = 1.0, *, latent: float = 1.0, gradient: float = 0.0
) -> Terms:
    """Return the loss of an autoencoder without noise, whose latent vectors and decoder are kept smooth (RAE):

        loss = −log p(x|z) + λ_z ‖z‖² / 2 + λ_g ‖∂D(z)/∂z‖²,   z = E[z|x],

    where D(z) is the mean of p(x|z) in units of each column's scale, and the squared Frobenius norm of its Jacobian J
    is estimated without bias by ‖Jᵀ v‖² with random signs v (Ghosh, Sajjadi, Vergari, Black & Schölkopf 2020, "From
    variational to deterministic autoencoders", equations 7 and 10).

    Args:
        x: Raw rows, (B, *shape).
        beta: Not used, as there is no rate.
        latent: λ_z, of the squared norm of the latent vectors.
        gradient: λ_g, of the decoder's squared gradient; 0: none, and nothing is computed.
    """  # noqa: D400, D415 - the sentence ends in its formula
    z = model.encode(x).mean
    distortion = -model.decode(z).log_prob(x)
    penalties = {"latent_norm": latent * 0.5 * z.square().sum(1)}
    if gradient:
        penalties["gradient"] = gradient * squared_gradient(model, z)
    return Terms(distortion + sum(penalties.values()), distortion, torch.zeros_like(distortion), penalties)


def squared_gradient(model: Model, z: Tensor) -> Tensor:
    """Return an unbiased estimate of the squared Frobenius norm of the decoder's Jacobian, (B, latent_dim) → (B,)."""
    is_training = torch.is_grad_enabled() and z.requires_grad
    with torch.inference_mode(False), torch.enable_grad():
        z = z if is_training else z.clone().requires_grad_()
        mean = model.decode(z).mean / torch.from_numpy(model.spec.scale).to(z.device)
        signs = torch.randint(2, mean.shape, device=z.device) * 2 - 1
        (found,) = torch.autograd.grad((mean * signs).sum(), z, create_graph=is_training)
    return found.square().sum(1)


def notebook(model: Model, x: Tensor, beta: float = 1.0) -> Terms:
    """Return the loss of the notebook that enfold grew from, with its mistakes.

        loss = −mean over pixels of log p(x|z) − β · 5e-4 · mean over latent dims of (1 + s − μ² − exp(s)),

    where s = log σ is a log standard deviation in z = μ + σ ε, but is used as a log variance here. Neither term is
    in nats per row, and the loss is no bound on anything; distortion and rate are the true ones.

    Args:
        model: The autoencoder, with a diagonal normal posterior.
        x: Raw rows, (B, *shape).
        beta: A further weight of the second term; 1 in the notebook.
    """
    q = model.encode(x)
    distortion = -model.decode(q.rsample()).log_prob(x)
    s = q.stddev.log()
    penalty = -NOTEBOOK_WEIGHT * (1 + s - q.mean.square() - s.exp()).mean(-1)
    with torch.no_grad():  # only reported
        rate = kl_divergence(q, model.prior())
    return Terms(distortion / model.spec.size + beta * penalty, distortion, rate)


@dataclass(frozen=True)
class PlainAutoencoder(Objective, name="autoencoder"):
    """The reconstruction alone: a plain autoencoder, without noise and without a prior."""

    is_plain = True
    learns_prior = False

    def build(self) -> ObjectiveFunction:
        """Return `autoencoder`."""
        return autoencoder

    def needs(self) -> Iterable[Need]:
        """Return that neither a covariance nor a prior would be learned."""
        yield Need("posterior", names_of("posterior", has_covariance=False), "without noise it learns no covariance")
        yield from super().needs()


@dataclass(frozen=True)
class RAE(Objective, name="rae"):
    """A regularized autoencoder: no noise; latent vectors near the origin and, if asked for, a smooth decoder."""

    is_plain = True
    learns_prior = False
    latent_weight: float = option(1.0, "λ_z, the weight of half the squared norm of the latent vectors", low=0.0)
    gradient_weight: float = option(0.0, "λ_g, the weight of the decoder's squared gradient; 0: off", low=0.0)

    def build(self) -> ObjectiveFunction:
        """Return `regularized_autoencoder`."""
        return partial(regularized_autoencoder, latent=self.latent_weight, gradient=self.gradient_weight)

    def needs(self) -> Iterable[Need]:
        """Return that neither a covariance nor a prior would be learned, and that z must be free to shrink."""
        plain = names_of("posterior", has_covariance=False, is_discrete=False)
        yield Need("posterior", plain, "without noise it learns no covariance, and codes cannot shrink")
        yield from super().needs()


@dataclass(frozen=True)
class Notebook(WeightedObjective, name="notebook"):
    """The loss of the notebook that enfold grew from, its mistakes included."""

    learns_prior = False

    def build(self) -> ObjectiveFunction:
        """Return `notebook`."""
        return notebook

    def needs(self) -> Iterable[Need]:
        """Return that standard deviations are independent, and that no prior would be learned."""
        independent = names_of("posterior", has_covariance=False, is_discrete=False)
        yield Need("posterior", independent, "its loss is about independent standard deviations")
        yield from super().needs()
