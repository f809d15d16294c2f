"""Distributions of pixels, p(x|z), that torch.distributions lacks."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, constraints

SMALLEST_LOG_SCALE = -7.0  # of a logistic, with intensities in −1…1
FLAT_LOGIT = 0.05  # below it, series to the second power are exact in float32


class _Intensities(Distribution):
    """Intensities in 0…`scale`, with a logit for each."""

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012  # pyright: ignore
    has_rsample = False

    def __init__(self, logits: Tensor, scale: float = 1.0):
        self.logits, self.scale = logits, scale
        super().__init__(logits.shape, validate_args=False)

    def _log_bernoulli(self, value: Tensor) -> Tensor:
        chance = value.to(self.logits.dtype) / self.scale
        return chance * self.logits + F.logsigmoid(-self.logits)


class IntensityBernoulli(_Intensities):
    """Binary pixels given as gray values: an intensity x in 0…`scale` is the probability that its pixel is on.

    With b ~ Bernoulli(x / scale), the log-probability is the mean over b of the binary pixel's:

        log p(x) = E_b[log p(b)] = (x / scale) log π + (1 − x / scale) log(1 − π),   π = sigmoid(logits).

    So on gray images it is the expected log-likelihood of images that are binarized at random each time
    (Salakhutdinov & Murray 2008, "On the quantitative analysis of deep belief networks", section 5.1), and an
    evidence bound built on it bounds that likelihood. On x in {0, scale} it is the Bernoulli distribution.

    Args:
        logits: Any shape.
        scale: The intensity of a pixel that is always on.
    """

    @property
    def mean(self) -> Tensor:
        """The expected intensity, in raw units."""
        return torch.sigmoid(self.logits) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of each value, in nats, with the shape of `logits`."""
        return self._log_bernoulli(value)

    def sample(self, sample_shape: list[int] | tuple[int, ...] = ()) -> Tensor:
        """Return binary pixels, 0 or `scale`."""
        return Bernoulli(logits=self.logits, validate_args=False).sample(sample_shape) * self.scale


class ContinuousIntensity(_Intensities):
    """Gray values as densities: x / scale follows a continuous Bernoulli distribution on 0…1.

    Its density is that of Loaiza-Ganem & Cunningham 2019, "The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders", divided by `scale`, since x is in raw units.

    Args:
        logits: Any shape.
        scale: The largest intensity.
    """

    @property
    def mean(self) -> Tensor:
        """The expected intensity, in raw units: σ(l) / (2 σ(l) − 1) − 1 / l."""
        far = self._far
        exact = 0.5 + 0.5 / torch.tanh(far / 2) - 1 / far
        return torch.where(self._is_flat, 0.5 + self.logits / 12, exact) * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of each value, in nats, with the shape of `logits`."""
        # log C = log(l / tanh(l / 2)) of the logits, where torch's own formula of probabilities saturates at |l| = 16
        exact = (self._far / torch.tanh(self._far / 2)).log()
        constant = torch.where(self._is_flat, math.log(2) + self.logits.square() / 12, exact)
        return self._log_bernoulli(value) + constant - math.log(self.scale)

    def sample(self, sample_shape: list[int] | tuple[int, ...] = ()) -> Tensor:
        """Return intensities in 0…`scale`."""
        steepness = self.logits.abs().clamp(min=1e-6)  # at which the density is flat in float32
        below = torch.rand(self._extended_shape(sample_shape), device=self.logits.device)
        rising = 1 + torch.log1p(below * torch.expm1(-steepness)) / steepness  # the quantile function at 1 - below
        return torch.where(self.logits < 0, 1 - rising, rising) * self.scale

    @property
    def _is_flat(self) -> Tensor:
        return self.logits.abs() < FLAT_LOGIT

    @property
    def _far(self) -> Tensor:
        """The logits, with others where a series takes their place, so that no gradient there is NaN."""
        return torch.where(self._is_flat, 1.0, self.logits)


class LogisticMixture(Distribution):
    """Images of whole intensities: each pixel a mixture of logistic distributions, discretized to whole numbers.

    Salimans, Karpathy, Chen & Kingma 2017, "PixelCNN++", section 2: the channels of a pixel share a component, and
    the means of later channels are linear in the earlier ones' values. Intensities are seen in −1…1; the lowest and
    the highest have the tails.

    Args:
        parameters: (B, K, 1 + 2 C + C (C − 1) / 2, H, W): for each of K components a logit, C means, C log scales,
            and the coefficients of earlier channels.
        channels: C.
        scale: The highest intensity; the lowest is 0.
    """

    arg_constraints = {}  # noqa: RUF012  # pyright: ignore

    def __init__(self, parameters: Tensor, channels: int, scale: float):
        self.logits, rest = parameters[:, :, 0], parameters[:, :, 1:]  # (B, K, H, W)
        sizes = [channels, channels, rest.shape[2] - 2 * channels]
        self.means, log_scales, self.coefficients = rest.split(sizes, 2)  # (B, K, C, H, W)
        self.log_scales = log_scales.clamp(min=SMALLEST_LOG_SCALE)
        self.scale = scale
        super().__init__(parameters.shape[:1], Size((channels, *parameters.shape[-2:])), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of images, (B, C, H, W) → (B,), in nats."""
        x = (value.float() / self.scale * 2 - 1).unsqueeze(1)  # (B, 1, C, H, W)
        centered = (x - self._means_given(x)) * (-self.log_scales).exp()
        half = (-self.log_scales).exp() / self.scale  # of a step between intensities
        above, below = centered + half, centered - half
        # log(σ(a) − σ(b)) = log σ(a) + log σ(−b) + log(1 − e^(b − a)), which loses no digits in the tails
        middle = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-2 * half))
        ends = torch.where(x < -1 + 1 / self.scale, F.logsigmoid(above), F.logsigmoid(-below))
        each = torch.where((x < -1 + 1 / self.scale) | (x > 1 - 1 / self.scale), ends, middle).sum(2)
        return (each + self.logits.log_softmax(1)).logsumexp(1).sum((-2, -1))

    @property
    def mean(self) -> Tensor:
        """The expected intensities in raw units, (B, C, H, W).

        They are those of logistics limited to the range, with the channels before at their expected values.
        """
        mixed = (self._chained(self._limited_mean) * self.logits.softmax(1).unsqueeze(2)).sum(1)
        return (mixed + 1) / 2 * self.scale

    def sample(self, sample_shape: list[int] | tuple[int, ...] = ()) -> Tensor:
        """Return images of whole intensities, (*sample_shape, B, C, H, W)."""
        draws = [self._draw() for _ in range(math.prod(sample_shape))]
        return torch.stack(draws).reshape(self._extended_shape(sample_shape))

    def _draw(self) -> Tensor:
        gumbel = -torch.empty_like(self.logits).exponential_().log()
        chosen = (self.logits + gumbel).argmax(1).view(len(gumbel), 1, 1, *gumbel.shape[2:])
        chosen = chosen.expand(-1, -1, self.means.shape[2], -1, -1)
        uniform = torch.rand_like(self.means).clamp(1e-5, 1 - 1e-5)
        noise = self.log_scales.exp() * (uniform.log() - torch.log1p(-uniform))
        x = self._chained(lambda mean, channel: self._whole(mean + noise[:, :, channel])).gather(1, chosen).squeeze(1)
        return ((x + 1) / 2 * self.scale).round()

    def _means_given(self, x: Tensor) -> Tensor:
        """Return the means given an image's channels, (B, 1, C, H, W) in −1…1."""
        channels = range(self.means.shape[2])
        return torch.stack([self._mean(channel, [x[:, :, each] for each in channels]) for channel in channels], 2)

    def _chained(self, value: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Return the channels' values, each made of its mean given the values before."""
        found: list[Tensor] = []
        for channel in range(self.means.shape[2]):
            found.append(value(self._mean(channel, found), channel))
        return torch.stack(found, 2)

    def _mean(self, channel: int, known: list[Tensor]) -> Tensor:
        first = channel * (channel - 1) // 2  # of its coefficients
        mean = self.means[:, :, channel]
        for earlier in range(channel):
            mean = mean + torch.tanh(self.coefficients[:, :, first + earlier]) * known[earlier]
        return mean

    def _limited_mean(self, mean: Tensor, channel: int) -> Tensor:
        """Return the mean of a logistic that is limited to −1…1: the integral of its survival function, less one."""
        s = self.log_scales[:, :, channel].exp()
        return (s * (F.softplus((mean + 1) / s) - F.softplus((mean - 1) / s)) - 1).clamp(-1, 1)

    def _whole(self, x: Tensor) -> Tensor:
        """Return the nearest values in −1…1 that stand for whole intensities."""
        return ((x.clamp(-1, 1) + 1) / 2 * self.scale).round() / self.scale * 2 - 1
