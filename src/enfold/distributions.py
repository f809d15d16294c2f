"""Only what torch.distributions lacks."""

import torch
import torch.nn.functional as F
from torch import Size, Tensor
from torch.distributions import Bernoulli, Distribution, constraints


class IntensityBernoulli(Distribution):
    """Binary pixels that are seen as grey: an intensity x in 0…`scale` says how often its pixel is on.

    With b ~ Bernoulli(x / scale), the log-probability is the mean over b of the binary pixel's:

        log p(x) = E_b[log p(b)] = (x / scale) log π + (1 − x / scale) log(1 − π),   π = sigmoid(logits).

    So on grey images it is the expected log-likelihood of images that are binarised anew each time they are seen
    (Salakhutdinov & Murray 2008, "On the quantitative analysis of deep belief networks", section 5.1), and an
    evidence bound built on it bounds that likelihood. On x in {0, scale} it is the Bernoulli distribution.

    Args:
        logits: Any shape.
        scale: The intensity that stands for "always on".
    """

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012  # pyright: ignore
    has_rsample = False

    def __init__(self, logits: Tensor, scale: float = 1.0):
        self.logits, self.scale = logits, scale
        super().__init__(logits.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        """The expected intensity, in raw units."""
        return torch.sigmoid(self.logits) * self.scale

    @property
    def variance(self) -> Tensor:
        """The variance of the binary pixel, in squared raw units."""
        probability = torch.sigmoid(self.logits)
        return probability * (1 - probability) * self.scale**2

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-probability of each value, in nats, with the shape of `logits`."""
        chance = value.to(self.logits.dtype) / self.scale
        logits, chance = torch.broadcast_tensors(self.logits, chance)
        return -F.binary_cross_entropy_with_logits(logits, chance, reduction="none")

    def sample(self, sample_shape=Size()) -> Tensor:  # noqa: B008 - the protocol of torch.distributions
        """Return binary pixels, 0 or `scale`."""
        return Bernoulli(logits=self.logits, validate_args=False).sample(sample_shape) * self.scale
