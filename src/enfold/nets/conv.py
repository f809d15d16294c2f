"""Residual convolutions for images of any size and number of channels."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from enfold.errors import InputError
from enfold.nets.mlp import SineFeatures
from enfold.nets.network import Network
from enfold.options import option

FIRST_CHANNELS = 32  # at full size; they double at each halving
MOST_CHANNELS = 256
SMALLEST_SIDE = 4  # images are halved while both sides stay at least that


class ConvResidual(nn.Module):
    """A residual block of two 3×3 convolutions (He, Zhang, Ren & Sun 2016, the second paper).

    The last one starts at zero, so that the block starts as the identity.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, h: Tensor) -> Tensor:  # (B, C, H, W) → (B, C, H, W)
        """Return the sum."""
        return h + self.second(F.silu(self.first(F.silu(h))))


class Cropped(nn.Module):
    """Crops images to a size."""

    def __init__(self, height: int, width: int):
        super().__init__()
        self.size = (height, width)

    def forward(self, h: Tensor) -> Tensor:  # (B, C, ≥ height, ≥ width) → (B, C, height, width)
        """Return the upper left part."""
        return h[..., : self.size[0], : self.size[1]]


def conv_encoder(shape: tuple[int, ...], width: int, depth: int) -> nn.Sequential:
    """Return a network from images, (B, C, H, W), to features, (B, width).

    Args:
        shape: (C, H, W).
        width: Number of features.
        depth: Residual blocks at each size.
    """
    sizes, channels = _pyramid(shape)
    layers: list[nn.Module] = [nn.Conv2d(shape[0], channels[0], 3, padding=1)]
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), *(ConvResidual(after) for _ in range(depth))]
    if len(channels) == 1:
        layers += [ConvResidual(channels[0]) for _ in range(depth)]
    height, breadth = sizes[-1]
    return nn.Sequential(
        *layers, nn.SiLU(), nn.Flatten(), nn.Linear(channels[-1] * height * breadth, width), nn.SiLU()
    )


def conv_decoder(inputs: int, width: int, depth: int, shape: tuple[int, ...]) -> nn.Sequential:
    """Return a network from latent vectors, (B, inputs), to arrays of a `shape`, (B, C, H, W).

    Args:
        inputs: Number of inputs.
        width: Number of their `SineFeatures`.
        depth: Residual blocks at each size.
        shape: (C, H, W).
    """
    sizes, channels = _pyramid(shape)
    height, breadth = sizes[-1]
    start = (channels[-1], height, breadth)
    layers: list[nn.Module] = [SineFeatures(inputs, width), nn.Linear(width, math.prod(start))]
    layers += [nn.Unflatten(1, start), *(ConvResidual(channels[-1]) for _ in range(depth))]
    for size, before, after in zip(sizes[-2::-1], channels[:0:-1], channels[-2::-1], strict=True):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), Cropped(*size)]
        layers += [ConvResidual(after) for _ in range(depth)]
    return nn.Sequential(*layers, nn.SiLU(), nn.Conv2d(channels[0], shape[0], 3, padding=1))


def _pyramid(shape: tuple[int, ...]) -> tuple[list[tuple[int, int]], list[int]]:
    """Return the sizes from the image down to the smallest, and how many channels each has."""
    if len(shape) != 3:
        raise InputError(
            f"The convolutional network takes images, but a row has shape {shape}. Choose another network, as "
            "with --set network=mlp."
        )
    sizes = [(shape[1], shape[2])]
    while min(sizes[-1]) >= 2 * SMALLEST_SIDE - 1:
        sizes.append((math.ceil(sizes[-1][0] / 2), math.ceil(sizes[-1][1] / 2)))
    return sizes, [min(FIRST_CHANNELS * 2**i, MOST_CHANNELS) for i in range(len(sizes))]


@dataclass(frozen=True)
class Conv(Network, name="conv"):
    """Residual convolutions, for images of any size and number of channels."""

    width: int = option(256, "units of the layer beside the latent vector", low=1)
    depth: int = option(3, "residual blocks at each image size", low=0)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise an InputError unless they are images."""
        _pyramid(shape)

    def encoder(self, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        """Return `conv_encoder`."""
        return conv_encoder(shape, self.width, self.depth), self.width

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        """Return `conv_decoder`."""
        return conv_decoder(inputs, self.width, self.depth, shape)
