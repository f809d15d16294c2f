"""The first module of an encoder, and wrappers that condition a network on the class."""

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
        """Return the normalized values."""
        return (x.float() - self.offset) / self.scale

    def inverse(self, h: Tensor) -> Tensor:  # (B, *shape) → (B, *shape)
        """Return raw values from normalized ones."""
        return h * self.scale + self.offset


class ConditionalEncoder(nn.Module):
    """An encoder conditioned on the class: x, y → q(z|x, y) (Sohn, Lee & Yan 2015).

    Args:
        net: Raw rows → features, (B, features).
        posterior: Features and a one-hot class, (B, features + classes), → q.
        features: Number of features of the net.
        classes: Number of classes.
    """

    def __init__(self, net: nn.Module, posterior: nn.Module, features: int, classes: int):
        super().__init__()
        self.net, self.posterior, self.classes = net, posterior, classes
        self.mix = nn.Linear(features + classes, features)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Distribution:
        """Return q(z|x, y) for classes y, (B,); −1 or None where unknown."""
        h = self.net(x)
        return self.posterior(
            torch.relu(self.mix(torch.cat([h, one_hot(condition, h.shape[0], self.classes).to(h)], 1)))
        )


class ConditionalDecoder(nn.Module):
    """A decoder conditioned on the class: z, y → p(x|z, y).

    Args:
        net: Latent vectors and a one-hot class, (B, latent_dim + classes), → p.
        classes: Number of classes.
    """

    def __init__(self, net: nn.Module, classes: int):
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Distribution:
        """Return p(x|z, y) for classes y, (B,); −1 or None where unknown."""
        return self.net(torch.cat([z, one_hot(condition, z.shape[0], self.classes).to(z)], 1))


def one_hot(condition: Tensor | None, rows: int, classes: int) -> Tensor:
    """Return one-hot classes, (rows, classes); zeros where the class is −1 or there is no condition."""
    if condition is None:
        return torch.zeros(rows, classes)
    return F.one_hot(condition + 1, classes + 1)[:, 1:]
