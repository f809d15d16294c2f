"""Corruptions of rows in training: (x, spec, level) → x, all in raw units."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from enfold.options import Choice, option
from enfold.rows import Examples, mapped, pieces
from enfold.spec import Spec

Change = Callable[[Tensor], Tensor]  # of raw rows, (B, *shape) → (B, *shape)

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ over the golden ratio, Weyl's sequence of SplitMix64


def gaussian(x: Tensor, spec: Spec, level: float | Tensor) -> Tensor:
    """Return rows with Gaussian noise; intensities are clipped to their range.

    Args:
        x: Raw rows, (B, *shape).
        spec: Of the rows.
        level: The noise's standard deviation, in units of each column's scale.
    """
    noisy = x.float() + level * _scale(x, spec) * torch.randn_like(x, dtype=torch.float32)
    return _in_range(noisy, spec)


def masking(x: Tensor, spec: Spec, level: float) -> Tensor:
    """Return rows with some values replaced by 0, or by the mean of a real column.

    (Vincent, Larochelle, Bengio & Manzagol 2008, "Extracting and composing robust features with denoising
    autoencoders".)

    Args:
        x: Raw rows, (B, *shape).
        spec: Of the rows.
        level: The probability of each value to be replaced.
    """
    offset = torch.from_numpy(spec.offset).to(x.device)
    return torch.where(_chosen(x, level), offset, x.float())


def salt_and_pepper(x: Tensor, spec: Spec, level: float | Tensor) -> Tensor:
    """Return rows with some values replaced at random by the lowest or the highest.

    For real columns those are two standard deviations from the mean.

    Args:
        x: Raw rows, (B, *shape).
        spec: Of the rows.
        level: The probability of each value to be replaced.
    """
    offset, scale = torch.from_numpy(spec.offset).to(x.device), _scale(x, spec)
    low, high = (offset, offset + scale) if spec.kind == "intensity" else (offset - 2 * scale, offset + 2 * scale)
    extreme = torch.where(_chosen(x, 0.5), low, high)
    return torch.where(_chosen(x, level), extreme, x.float())


def mixed(x: Tensor, spec: Spec, level: float) -> Tensor:
    """Return rows with Gaussian noise or salt and pepper, with equal probability, each at a random level.

    Args:
        x: Raw rows, (B, *shape).
        spec: Of the rows.
        level: The highest; those of the rows are uniform in 0…`level`.
    """
    one_each = (len(x), *(1 for _ in spec.shape))
    levels, is_normal = level * torch.rand(one_each, device=x.device), torch.rand(one_each, device=x.device) < 0.5
    return torch.where(is_normal, gaussian(x, spec, levels), salt_and_pepper(x, spec, levels))


def binarized(x: Tensor, spec: Spec) -> Tensor:
    """Return intensities as binary pixels, 0 or the scale, on with the chance that the intensity says.

    (Salakhutdinov & Murray 2008, "On the quantitative analysis of deep belief networks", section 5.1.)

    Args:
        x: Raw intensities, (B, *shape).
        spec: Of the rows.
    """
    scale = float(spec.scale[0])
    return (torch.rand_like(x, dtype=torch.float32) * scale < x) * scale


def binarized_once(x: Examples, spec: Spec) -> Examples:
    """Return intensities as binary pixels, 0 or the scale, drawn as by `binarized` but the same at every reading.

    The draws are a function of the row's content, so that a row is the same wherever it is, in memory or in a
    file, and rows that are equal stay equal. Binary pixels stay as they are.

    Args:
        x: Raw intensities, (n, *shape).
        spec: Of the rows.
    """
    return mapped(x, _drawn, float(spec.scale[0]))


def _drawn(x: np.ndarray, scale: float) -> np.ndarray:
    out = np.where(x >= scale, x.dtype.type(scale), x.dtype.type(0))
    for start, part in pieces(x):
        flat = part.reshape(len(part), -1)
        rows, pixels = np.nonzero((flat > 0) & (flat < scale))  # the others are certain, and most
        is_on = _uniform(_digests(flat)[rows], pixels) * scale < flat[rows, pixels]
        out.reshape(len(x), -1)[start + rows[is_on], pixels[is_on]] = scale
    return out


def _digests(rows: np.ndarray) -> np.ndarray:
    """Return a number for the content of each row, (n,) uint64."""
    found = b"".join(blake2b(row.data, digest_size=8).digest() for row in np.ascontiguousarray(rows))
    return np.frombuffer(found, "<u8").astype(np.uint64)


def _uniform(seeds: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return for each seed, uint64, the number at a place of its stream, in [0, 1).

    (SplitMix64: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".)
    """
    z = seeds + (places.astype(np.uint64) + np.uint64(1)) * GOLDEN
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


def _scale(x: Tensor, spec: Spec) -> Tensor:
    return torch.from_numpy(spec.scale).to(x.device)


def _chosen(x: Tensor, chance: float | Tensor) -> Tensor:
    return torch.rand_like(x, dtype=torch.float32) < chance


def _in_range(x: Tensor, spec: Spec) -> Tensor:
    return x.clamp(0, float(spec.scale.min())) if spec.kind == "intensity" else x


@dataclass(frozen=True)
class Corruption(Choice, part="corruption"):
    """Noise on the input of the encoder, which the model learns to remove."""

    def build(self, spec: Spec) -> Change | None:
        """Return what the encoder is given instead of rows, (B, *shape) raw; None: the rows."""
        raise NotImplementedError


@dataclass(frozen=True)
class Nothing(Corruption, name="none"):
    """No corruption: the encoder sees the rows as they are."""

    def build(self, spec: Spec) -> Change | None:
        """Return None."""
        return None


@dataclass(frozen=True)
class Gaussian(Corruption, name="gaussian"):
    """Gaussian noise."""

    noise_level: float = option(0.25, "its standard deviation, in units of each column's scale", low=0.0)

    def build(self, spec: Spec) -> Change | None:
        """Return `gaussian`."""
        return partial(gaussian, spec=spec, level=self.noise_level)


@dataclass(frozen=True)
class Masking(Corruption, name="masking"):
    """Some values are set to 0, or to the mean of their column."""

    noise_level: float = option(0.25, "the probability of each value to be hidden", low=0.0, high=1.0)

    def build(self, spec: Spec) -> Change | None:
        """Return `masking`."""
        return partial(masking, spec=spec, level=self.noise_level)


@dataclass(frozen=True)
class SaltAndPepper(Corruption, name="salt_and_pepper"):
    """Some values are set to the lowest or the highest value."""

    noise_level: float = option(0.25, "the probability of each value to be replaced", low=0.0, high=1.0)

    def build(self, spec: Spec) -> Change | None:
        """Return `salt_and_pepper`."""
        return partial(salt_and_pepper, spec=spec, level=self.noise_level)


@dataclass(frozen=True)
class Mixed(Corruption, name="mixed"):
    """gaussian or salt_and_pepper, at a level drawn for each row."""

    noise_level: float = option(0.25, "the highest level", low=0.0, high=1.0)

    def build(self, spec: Spec) -> Change | None:
        """Return `mixed`."""
        return partial(mixed, spec=spec, level=self.noise_level)
