"""Arrays → p(x|z): the last module of a decoder, whose `shape` is that of the arrays."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributions, nn
from torch.distributions import Independent

from enfold.distributions import ContinuousIntensity, IntensityBernoulli, LogisticMixture
from enfold.errors import InputError
from enfold.nets.heads import Normalize
from enfold.options import Choice
from enfold.spec import Spec

SMALLEST_LOG_SIGMA = -7.0  # of a standardized column: keeps densities of constant columns finite
MIXED = 5  # logistic distributions for each pixel
INITIAL_LOG_SIGMA = -1.0  # of a standardized column; from 0, the rate costs more than it gains and z collapses


class BernoulliPixels(nn.Module):
    """Logits → independent intensities in 0…scale; see `IntensityBernoulli`."""

    kind = IntensityBernoulli
    takes_logits = True

    def __init__(self, spec: Spec):
        super().__init__()
        self.shape, self.scale = spec.shape, float(spec.scale[0])

    def forward(self, h: Tensor) -> "Independent[Any]":  # (B, *shape) → over (*shape,)
        """Return the distribution."""
        return Independent(self.kind(h.float(), self.scale), len(self.shape), validate_args=False)


class ContinuousBernoulliPixels(BernoulliPixels):
    """Logits → independent densities of intensities in 0…scale; see `ContinuousIntensity`."""

    kind = ContinuousIntensity


class NormalValues(nn.Module):
    """Means → independent Gaussians in raw units, with learned standard deviations.

    These are shared by all rows and learned with the weights (σ-VAE: Rybkin, Daniilidis & Levine 2021, "Simple and
    effective VAE training with calibrated decoders").

    Args:
        spec: The shape, kind and range of the data.
        each: Whether every value of a row has its own standard deviation. Otherwise a table has one for each column,
            and an image one for all pixels.
    """

    def __init__(self, spec: Spec, *, each: bool = False):
        super().__init__()
        self.shape = spec.shape
        self.units = Normalize(spec)
        self.log_sigma = nn.Parameter(torch.full(spec.shape if each else (len(spec.columns),), INITIAL_LOG_SIGMA))

    def forward(self, h: Tensor) -> "Independent[Any]":  # (B, *shape) → over (*shape,)
        """Return the distribution."""
        mean = self.units.inverse(h.float())
        sigma = (self.log_sigma.clamp(min=SMALLEST_LOG_SIGMA).exp() * self.units.scale).expand_as(mean)
        p = distributions.Normal(mean, sigma, validate_args=False)
        return Independent(p, len(self.shape), validate_args=False)


class LogisticPixels(nn.Module):
    """Arrays → whole intensities, a mixture of discretized logistics for each pixel; see `LogisticMixture`."""

    def __init__(self, spec: Spec):
        super().__init__()
        channels = spec.shape[0]
        self.scale, self.channels = float(spec.scale[0]), channels
        self.shape = (MIXED * (1 + 2 * channels + channels * (channels - 1) // 2), *spec.shape[1:])

    def forward(self, h: Tensor) -> LogisticMixture:  # (B, *shape) → over (channels, height, width)
        """Return the distribution."""
        return LogisticMixture(h.float().unflatten(1, (MIXED, -1)), self.channels, self.scale)


@dataclass(frozen=True)
class Likelihood(Choice, part="likelihood"):
    """p(x|z), the distribution of the data that the decoder gives."""

    def build(self, spec: Spec) -> nn.Module:
        """Return the decoder's last module: arrays of its `shape` → p(x|z) over (*spec.shape,).

        Raises:
            InputError: The likelihood does not fit the data.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Auto(Likelihood, name="auto"):
    """bernoulli for pixels, normal for other numbers."""

    def build(self, spec: Spec) -> nn.Module:
        """Return the head of the likelihood that suits the data."""
        return (Bernoulli() if spec.kind == "intensity" else Normal()).build(spec)


@dataclass(frozen=True)
class Bernoulli(Likelihood, name="bernoulli"):
    """Pixels as probabilities that a binary pixel is on."""

    def build(self, spec: Spec) -> nn.Module:
        """Return a `BernoulliPixels`."""
        return BernoulliPixels(_pixels(self, spec))


@dataclass(frozen=True)
class ContinuousBernoulli(Likelihood, name="continuous_bernoulli"):
    """Pixels as real numbers between 0 and 1 (continuous Bernoulli)."""

    def build(self, spec: Spec) -> nn.Module:
        """Return a `ContinuousBernoulliPixels`."""
        return ContinuousBernoulliPixels(_pixels(self, spec))


@dataclass(frozen=True)
class Normal(Likelihood, name="normal"):
    """Gaussian values, with a learned standard deviation for each column, or one for all pixels."""

    def build(self, spec: Spec) -> nn.Module:
        """Return a `NormalValues`."""
        return NormalValues(spec)


@dataclass(frozen=True)
class NormalEach(Likelihood, name="normal_each"):
    """Gaussian values, with a learned standard deviation for each value of a row."""

    def build(self, spec: Spec) -> nn.Module:
        """Return a `NormalValues`."""
        return NormalValues(spec, each=True)


@dataclass(frozen=True)
class Logistic(Likelihood, name="logistic"):
    """Whole pixel values as a mixture of discretized logistic distributions."""

    def build(self, spec: Spec) -> nn.Module:
        """Return a `LogisticPixels`."""
        if not (spec.is_image and _pixels(self, spec).dtype == "uint8"):
            raise InputError(
                f"The logistic likelihood is for images of whole pixel values, but this is {spec}, {spec.dtype}. "
                "Choose likelihood=bernoulli or likelihood=normal."
            )
        return LogisticPixels(spec)


def _pixels(likelihood: Likelihood, spec: Spec) -> Spec:
    if spec.kind != "intensity":
        raise InputError(
            f"The {likelihood.name} likelihood needs values between 0 and a known maximum, such as pixels, but this "
            f"is {spec}. Choose likelihood=normal."
        )
    return spec
