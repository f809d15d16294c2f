"""The convolutional network of the notebook that enfold grew from, layer by layer."""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_weight

from enfold.errors import InputError
from enfold.nets.network import Network

FEATURES = 32
LARGEST_LOGIT = math.log1p(-1e-7) - math.log(1e-7)  # of a pixel: Keras clips probabilities to 1e-7 … 1 − 1e-7


class NotebookEncoder(nn.Module):
    """Images → 32 features: four 3×3 convolutions, the second with stride 2, and a dense layer, all with ReLU.

    The image comes in turned by half a turn. So "same" padding, which with stride 2 is on the right and below, is on
    the left and above, as torch has it; every kernel is turned with the image.

    Args:
        shape: (channels, height, width), height and width even.

    Raises:
        InputError: the rows are no such images.
    """

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        channels, height, width = _checked(shape)
        self.conv1 = nn.Conv2d(channels, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(64, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 64, 3, padding=1)
        self.dense = nn.Linear(height // 2 * (width // 2) * 64, FEATURES)
        glorot(self)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, x: Tensor) -> Tensor:
        """Return the features, (B, 32)."""
        h = F.relu(convolved(turned(x), self.conv1))  # (B, C, H, W) → (B, 32, H, W); not in place, as it is a view
        h = relu(self.conv2(h))  # (B, 64, H/2, W/2)
        h = relu(self.conv3(h))
        h = relu(self.conv4(h))
        return relu(self.dense(h.permute(0, 2, 3, 1).flatten(1)))  # in the order height, width, channel


class NotebookDecoder(nn.Module):
    """Latent vectors → logits of images: a dense layer, a transposed convolution with stride 2, a convolution.

    The image is made half a turn away from upright; see `NotebookEncoder`. Keras's cross-entropy clips probabilities,
    so a pixel that the network is sure of beyond that has no gradient.

    Args:
        latent_dim: Number of latent dimensions.
        shape: (channels, height, width), height and width even.

    Raises:
        InputError: the rows are no such images.
    """

    def __init__(self, latent_dim: int, shape: tuple[int, ...]):
        super().__init__()
        channels, height, width = _checked(shape)
        self.size = (height // 2, width // 2, 64)
        self.dense = nn.Linear(latent_dim, height // 2 * (width // 2) * 64)
        self.deconv = nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1)
        self.conv = nn.Conv2d(32, channels, 3, padding=1)
        glorot(self)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, z: Tensor) -> Tensor:
        """Return the logits, (B, C, H, W), between ±16.1."""
        h = relu(self.dense(z)).unflatten(1, self.size).permute(0, 3, 1, 2)  # (B, 64, H/2, W/2)
        h = relu(doubled(h, self.deconv))  # (B, 32, H, W)
        return turned(convolved(h, self.conv)).clamp(-LARGEST_LOGIT, LARGEST_LOGIT)


def turned(x: Tensor) -> Tensor:
    """Return images, (B, C, H, W), turned by half a turn."""
    return x.flip(-2, -1)


def convolved(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """Return a convolution with "same" padding; from or to one channel, on the processor, as a product of matrices.

    That is several times faster there than oneDNN's convolution, for an array nine times as large as the images. What
    is compiled or exported has the layer itself.

    Args:
        x: (B, in, H, W).
        layer: From in to out channels, 3×3, padded by 1, with a bias.

    Returns:
        (B, out, H, W), channels last in memory; to one channel in float32 at least, whatever autocast says.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling() or 1 not in (layer.in_channels, layer.out_channels):
        return layer(x.to(memory_format=torch.channels_last))
    assert layer.bias is not None
    places = (len(x), *x.shape[2:])
    if layer.in_channels == 1:
        kernel = layer.weight.flatten(1).t().contiguous()  # (9, out)
        values = torch.addmm(layer.bias, shifted(x[:, 0]).flatten(1).t(), kernel)  # (B H W, out)
        return values.unflatten(0, places).permute(0, 3, 1, 2)
    kernel = layer.weight[0].flatten(1).flip(1).t().contiguous()  # (9, in)
    shares = kernel @ x.permute(0, 2, 3, 1).flatten(0, 2).t()  # of each pixel in the 3×3 around it: (9, B H W)
    return (_ShiftedBack.apply(shares.unflatten(1, places)) + layer.bias).unsqueeze(1)


def shifted(x: Tensor) -> Tensor:
    """Return images, (B, H, W), shifted by at most a pixel each way, (9, B, H, W), with zeros beyond their edges.

    So each pixel has the 3×3 around it in the nine images.
    """
    height, width = x.shape[1:]
    return F.pad(x, (1, 1, 1, 1)).unfold(1, height, 1).unfold(2, width, 1).permute(1, 2, 0, 3, 4).flatten(0, 1)


class _ShiftedBack(torch.autograd.Function):
    """The sum of nine images, each shifted back, (9, B, H, W) → (B, H, W), in float32 at least.

    It is the transpose of the linear map `shifted`, which therefore is its gradient.
    """

    @staticmethod
    def forward(ctx: Any, shares: Tensor) -> Tensor:
        ctx.dtype = shares.dtype
        shares = shares.to(torch.promote_types(shares.dtype, torch.float32))
        batch, height, width = shares.shape[1:]
        padded = shares.new_zeros(batch, height + 2, width + 2)
        for (i, j), share in zip(product(range(3), repeat=2), shares, strict=True):
            padded[:, i : i + height, j : j + width].add_(share)
        return padded[:, 1:-1, 1:-1]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return shifted(grad.to(ctx.dtype))


def relu(h: Tensor) -> Tensor:
    """Return the positive part, written over what it is of."""
    return F.relu(h, inplace=True)


def doubled(h: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """Return a transposed convolution with stride 2 and "same" padding, which cuts on the left and above.

    The bias is added afterwards, since oneDNN is many times slower when it adds it itself.

    Args:
        h: (B, in, H, W).
        layer: From in to out channels, 3×3, with stride 2 and a bias.

    Returns:
        (B, out, 2 H, 2 W).
    """
    assert layer.bias is not None
    return _Doubled.apply(h, layer.weight.to(h.dtype)) + layer.bias.to(h.dtype).view(-1, 1, 1)


class _Doubled(torch.autograd.Function):
    """The gradient of a convolution with stride 2 and "same" padding, as a function.

    So its own gradients are that convolution and that convolution's weight gradient. In this form oneDNN computes
    them several times faster than in the one that autograd asks for.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(h, weight)
        return F.conv_transpose2d(h, weight, stride=2, padding=1, output_padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        h, weight = ctx.saved_tensors
        return F.conv2d(grad, weight, stride=2, padding=1), conv2d_weight(grad, weight.shape, h, stride=2, padding=1)


def glorot(module: nn.Module) -> None:
    """Draw every kernel from Glorot's uniform distribution and set every bias to zero, as Keras does.

    Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", equation 16.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _checked(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3 or shape[1] % 2 or shape[2] % 2:
        raise InputError(
            f"The notebook's network takes images of even height and width, but a row has shape {shape}. "
            "Choose another network, as with --recipe default."
        )
    return shape[0], shape[1], shape[2]


@dataclass(frozen=True)
class NotebookNetwork(Network, name="notebook"):
    """The convolutions of the notebook that enfold grew from, for images of even height and width."""

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise an InputError unless they are images of even height and width."""
        _checked(shape)

    def encoder(self, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        """Return a `NotebookEncoder`."""
        return NotebookEncoder(shape), FEATURES

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        """Return a `NotebookDecoder`."""
        return NotebookDecoder(inputs, shape)

    def initialize(self, posterior: nn.Module) -> None:
        """Draw the weights as Keras does."""
        glorot(posterior)
