"""Residual perceptrons for rows of any shape."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from enfold.nets.network import Network
from enfold.options import option

FEW_INPUTS = 784  # of a row; more of them are scaled down


class ManyInputs(nn.Linear):
    """A linear layer from n > 784 inputs, V x · 784 / n, that learns as slowly as one from 784.

    Adam moves every weight by about the learning rate, and so a sum over n inputs by up to n times as much. Of a
    large image the first steps would throw the latent means far from the prior, for long. Weights that begin larger
    and count for less keep the steps alike, as a rate that falls as 1 / n would (Yang et al. 2022, "Tensor Programs
    V", of a layer's width).
    """

    def __init__(self, inputs: int, width: int):
        super().__init__(inputs, width)
        self.share = FEW_INPUTS / inputs
        with torch.no_grad():
            self.weight /= self.share

    def forward(self, input: Tensor) -> Tensor:  # (B, inputs) → (B, width)
        """Return the sums."""
        return F.linear(input * self.share, self.weight, self.bias)


class Residual(nn.Module):
    """A residual layer: h + ReLU(W h + b) (He, Zhang, Ren & Sun 2016)."""

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
    """Return a network from rows of `size` values, of any shape, to `width` features."""
    first = (ManyInputs if size > FEW_INPUTS else nn.Linear)(size, width), nn.ReLU()
    return nn.Sequential(nn.Flatten(), *first, *(Residual(width) for _ in range(depth)))


def mlp_decoder(latent_dim: int, width: int, depth: int, shape: tuple[int, ...]) -> nn.Sequential:
    """Return a network from latent vectors to arrays of the `shape` of a row."""
    hidden = SineFeatures(latent_dim, width), *(Residual(width) for _ in range(depth))
    return nn.Sequential(*hidden, nn.Linear(width, math.prod(shape)), nn.Unflatten(1, shape))


@dataclass(frozen=True)
class MLP(Network, name="mlp"):
    """Residual perceptrons, for images and tables."""

    width: int = option(256, "units of each hidden layer", low=1)
    depth: int = option(3, "residual layers on each side", low=0)

    def encoder(self, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        """Return `mlp_encoder`."""
        return mlp_encoder(math.prod(shape), self.width, self.depth), self.width

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        """Return `mlp_decoder`."""
        return mlp_decoder(inputs, self.width, self.depth, shape)
