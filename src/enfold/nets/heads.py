"""From arrays to distributions: the last module of an encoder or a decoder, and the first one of an encoder."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from enfold.distributions import IntensityBernoulli
from enfold.spec import Spec

SMALLEST_LOG_SIGMA = -7.0  # of a standardised column: a density may not grow without bound on constant columns
INITIAL_LOG_SIGMA = -1.0  # of a standardised column; from 0 on, the rate costs more than it gains and z dies out


class Normalise(nn.Module):
    """Raw values → `(x - offset) / scale` in float32, as the spec says; and back."""

    offset: Tensor
    scale: Tensor

    def __init__(self, spec: Spec):
        super().__init__()
        self.register_buffer("offset", torch.from_numpy(spec.offset), persistent=False)
        self.register_buffer("scale", torch.from_numpy(spec.scale), persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, *shape), any type → (B, *shape), float32
        """Return the values as the network sees them."""
        return (x.float() - self.offset) / self.scale

    def inverse(self, h: Tensor) -> Tensor:  # (B, *shape) → (B, *shape)
        """Return the raw values that the network's values stand for."""
        return h * self.scale + self.offset


def at_most_one(raw: Tensor) -> Tensor:
    """Return a deviation in 0…1, the root of sigmoid(raw).

    A posterior is then never wider than the standard normal prior, and no stray example can make its rate explode.
    """
    return torch.sigmoid(raw).sqrt()


class DiagonalNormal(nn.Module):
    """Features → a normal distribution with independent coordinates: q(z|x) = N(μ(h), diag σ(h)²).

    Args:
        features: How many features come in.
        latent_dim: How many coordinates z has.
        deviation: Makes σ of a linear function of the features; with torch.exp that is log σ.
    """

    def __init__(self, features: int, latent_dim: int, deviation: Callable[[Tensor], Tensor] = at_most_one):
        super().__init__()
        self.mu = nn.Linear(features, latent_dim)
        self.raw_sigma = nn.Linear(features, latent_dim)
        self.deviation = deviation

    def forward(self, h: Tensor) -> Independent:  # (B, features) → over (latent_dim,)
        """Return the distribution, in float32 whatever the features' precision."""
        with torch.autocast(h.device.type, enabled=False):
            mu, sigma = self.mu(h.float()), self.deviation(self.raw_sigma(h.float()))
        return Independent(Normal(mu, sigma, validate_args=False), 1, validate_args=False)


class BernoulliPixels(nn.Module):
    """Logits → independent intensities in 0…scale; see `IntensityBernoulli`."""

    def __init__(self, spec: Spec):
        super().__init__()
        self.scale, self.dims = float(spec.scale[0]), len(spec.shape)

    def forward(self, h: Tensor) -> Independent:  # (B, *shape) → over (*shape,)
        """Return the distribution."""
        return Independent(IntensityBernoulli(h.float(), self.scale), self.dims, validate_args=False)


class NormalValues(nn.Module):
    """Means → independent normal values in raw units, with one learned deviation per column.

    The deviation is shared by all examples and learned with the weights (σ-VAE: Rybkin, Daniilidis & Levine 2021,
    "Simple and effective VAE training with calibrated decoders").
    """

    def __init__(self, spec: Spec):
        super().__init__()
        self.units = Normalise(spec)
        self.log_sigma = nn.Parameter(torch.full((len(spec.columns),), INITIAL_LOG_SIGMA))
        self.dims = len(spec.shape)

    def forward(self, h: Tensor) -> Independent:  # (B, *shape) → over (*shape,)
        """Return the distribution."""
        mean = self.units.inverse(h.float())
        sigma = (self.log_sigma.clamp(min=SMALLEST_LOG_SIGMA).exp() * self.units.scale).expand_as(mean)
        return Independent(Normal(mean, sigma, validate_args=False), self.dims, validate_args=False)
