"""The first module of an encoder, and what makes a network depend on an example's class."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from enfold.spec import Spec


class Normalize(nn.Module):
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


class ConditionalEncoder(nn.Module):
    """An encoder that also knows an example's class: x, y → q(z|x, y) (Sohn, Lee & Yan 2015).

    Args:
        net: Raw examples → features, (B, features).
        posterior: Features and a one-hot class, (B, features + classes), → q.
        features: How many features the net gives.
        classes: How many classes there are.
    """

    def __init__(self, net: nn.Module, posterior: nn.Module, features: int, classes: int):
        super().__init__()
        self.net, self.posterior, self.classes = net, posterior, classes
        self.mix = nn.Linear(features + classes, features)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Distribution:
        """Return q(z|x, y) for classes y, (B,); −1 or None where the class is not known."""
        h = self.net(x)
        return self.posterior(
            torch.relu(self.mix(torch.cat([h, one_hot(condition, h.shape[0], self.classes).to(h)], 1)))
        )


class ConditionalDecoder(nn.Module):
    """A decoder that also knows the class of what it makes: z, y → p(x|z, y).

    Args:
        net: Latent vectors and a one-hot class, (B, latent_dim + classes), → p.
        classes: How many classes there are.
    """

    def __init__(self, net: nn.Module, classes: int):
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Distribution:
        """Return p(x|z, y) for classes y, (B,); −1 or None where the class is not known."""
        return self.net(torch.cat([z, one_hot(condition, z.shape[0], self.classes).to(z)], 1))


def one_hot(condition: Tensor | None, rows: int, classes: int) -> Tensor:
    """Return classes as rows with a one, (rows, classes); zeros where the class is −1 or there is no condition."""
    if condition is None:
        return torch.zeros(rows, classes)
    return F.one_hot(condition + 1, classes + 1)[:, 1:]
