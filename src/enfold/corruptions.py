"""Ways to change examples before they are learned from: (x, spec, level) → x, all in raw units."""

from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from enfold.spec import Spec


def gaussian(x: Tensor, spec: Spec, level: float) -> Tensor:
    """Return examples with normal noise; intensities are clipped to their range.

    Args:
        x: Raw examples, (B, *shape).
        spec: What they are.
        level: The noise's deviation, in units of each column's scale.
    """
    noisy = x.float() + level * _scale(x, spec) * torch.randn_like(x, dtype=torch.float32)
    return _in_range(noisy, spec)


def masking(x: Tensor, spec: Spec, level: float) -> Tensor:
    """Return examples of which some values are replaced by nothing: by 0, or by a real column's mean.

    (Vincent, Larochelle, Bengio & Manzagol 2008, "Extracting and composing robust features with denoising
    autoencoders".)

    Args:
        x: Raw examples, (B, *shape).
        spec: What they are.
        level: The chance of each value to be replaced.
    """
    offset = torch.from_numpy(spec.offset).to(x.device)
    return torch.where(_chosen(x, level), offset, x.float())


def salt_and_pepper(x: Tensor, spec: Spec, level: float) -> Tensor:
    """Return examples of which some values are the lowest or the highest, by chance.

    For real columns those are two deviations from the mean.

    Args:
        x: Raw examples, (B, *shape).
        spec: What they are.
        level: The chance of each value to be replaced.
    """
    offset, scale = torch.from_numpy(spec.offset).to(x.device), _scale(x, spec)
    low, high = (offset, offset + scale) if spec.kind == "intensity" else (offset - 2 * scale, offset + 2 * scale)
    extreme = torch.where(_chosen(x, 0.5), low, high)
    return torch.where(_chosen(x, level), extreme, x.float())


def binarised(x: Tensor, spec: Spec) -> Tensor:
    """Return intensities as binary pixels, 0 or the scale, on with the chance that the intensity says.

    (Salakhutdinov & Murray 2008, "On the quantitative analysis of deep belief networks", section 5.1.)

    Args:
        x: Raw intensities, (B, *shape).
        spec: What they are.
    """
    scale = float(spec.scale[0])
    return (torch.rand_like(x, dtype=torch.float32) * scale < x) * scale


def binarised_once(x: np.ndarray, spec: Spec, seed: int) -> np.ndarray:
    """Return intensities as binary pixels, as `binarised` does, but always the same for the same row.

    A row's chance is drawn from the seed and what the row holds, so that it does not depend on what is read with it.

    Args:
        x: Raw intensities, (n, *shape).
        spec: What they are.
        seed: Of the chance.
    """
    scale, out = float(spec.scale[0]), np.empty_like(x)
    for row, binary in zip(x, out, strict=True):
        chance = np.random.default_rng([seed, crc32(row.tobytes())]).random(row.shape)
        binary[...] = (chance * scale < row) * scale
    return out


def _scale(x: Tensor, spec: Spec) -> Tensor:
    return torch.from_numpy(spec.scale).to(x.device)


def _chosen(x: Tensor, chance: float) -> Tensor:
    return torch.rand_like(x, dtype=torch.float32) < chance


def _in_range(x: Tensor, spec: Spec) -> Tensor:
    return x.clamp(0, float(spec.scale.min())) if spec.kind == "intensity" else x
