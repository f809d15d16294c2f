"""Residual perceptrons for examples of any shape."""

import math

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """A layer that adds to what it is given: h + ReLU(W h + b) (He, Zhang, Ren & Sun 2016)."""

    def __init__(self, width: int):
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:  # (B, width) → (B, width)
        """Return the sum."""
        return h + torch.relu(self.linear(h))


class SineFeatures(nn.Module):
    """Learned Fourier features of a latent vector: √2 sin(W z + b), with W ~ N(0, 2 / d) and b uniform at first.

    A function of two coordinates is hard for ReLUs to bend finely enough; sines have it bend everywhere. (Rahimi &
    Recht 2007, "Random features for large-scale kernel machines"; Tancik et al. 2020, "Fourier features let networks
    learn high frequency functions in low dimensional domains".) The phases of two draws from the prior differ as much
    in many dimensions d as in two: else a posterior's noise leaves nothing of what it says at first. The features are
    computed in float32, since bfloat16 would round z to a grid coarser than a posterior's width.
    """

    def __init__(self, latent_dim: int, width: int):
        super().__init__()
        self.linear = nn.Linear(latent_dim, width)
        nn.init.normal_(self.linear.weight, std=math.sqrt(2 / latent_dim))
        nn.init.uniform_(self.linear.bias, -math.pi, math.pi)

    def forward(self, z: Tensor) -> Tensor:  # (B, latent_dim) → (B, width)
        """Return the features; their mean square is one."""
        with torch.autocast(z.device.type, enabled=False):
            return math.sqrt(2) * torch.sin(self.linear(z))


def mlp_encoder(size: int, width: int, depth: int) -> nn.Sequential:
    """Return a network from examples of `size` values, of any shape, to `width` features."""
    first = nn.Linear(size, width), nn.ReLU()
    return nn.Sequential(nn.Flatten(), *first, *(Residual(width) for _ in range(depth)))


def mlp_decoder(latent_dim: int, width: int, depth: int, shape: tuple[int, ...]) -> nn.Sequential:
    """Return a network from latent vectors to arrays of the `shape` of an example."""
    hidden = SineFeatures(latent_dim, width), *(Residual(width) for _ in range(depth))
    return nn.Sequential(*hidden, nn.Linear(width, math.prod(shape)), nn.Unflatten(1, shape))
