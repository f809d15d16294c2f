"""Walks through the latent space: from one point to another, and along one dimension at a time."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from enfold.errors import InputError
from enfold.inference import decode_means
from enfold.latent.grids import on_codes, quantiles
from enfold.model import Autoencoder

MOST_STEPS = 1000
PARALLEL = 1e-6  # the sine of an angle below which float32 vectors do not determine a great circle


def straight(a: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """Return (1 − t) a + t b for `steps` even t from 0 to 1, (steps, latent_dim) float32."""
    t = np.linspace(0, 1, steps)[:, None]
    return ((1 - t) * a + t * b).astype(np.float32)


def spherical(a: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """Return points on the great circle from a to b, in even steps of the angle and of the norm.

    For vectors of one norm this is slerp (White 2016, "Sampling generative networks", section 2.1). In many
    dimensions nearly all of a standard normal distribution lies at one distance from the origin, which a straight
    line leaves. If a and b point in the same or in opposite directions, or one is zero, no great circle is
    determined, and the line is straight.

    Args:
        a: The start, (latent_dim,).
        b: The end, (latent_dim,).
        steps: The number of points, both ends included: (steps, latent_dim) float32.
    """
    begin, end = (each.astype(np.float64) for each in (a, b))
    norms = np.linalg.norm(begin), np.linalg.norm(end)
    if min(norms) == 0:
        return straight(a, b, steps)
    u, v = begin / norms[0], end / norms[1]
    cosine = u @ v
    across = v - cosine * u
    sine = np.linalg.norm(across)
    if sine < PARALLEL:
        return straight(a, b, steps)
    angle = np.linspace(0, np.arctan2(sine, cosine), steps)[:, None]
    found = np.linspace(*norms, steps)[:, None] * (np.cos(angle) * u + np.sin(angle) * across / sine)
    found[0], found[-1] = a, b
    return found.astype(np.float32)


def along(start: np.ndarray, axis: int, values: np.ndarray) -> np.ndarray:
    """Return a point with one coordinate set to each of the values, (values, latent_dim) float32."""
    found = np.tile(np.asarray(start, np.float32), (len(values), 1))
    found[:, axis] = values
    return found


def interpolation(model: Autoencoder, points: np.ndarray, steps: int, *, is_spherical: bool = False) -> np.ndarray:
    """Return latent vectors between each point and the next one, (points − 1, steps, latent_dim) float32.

    For a model with codes each of them is the nearest code.

    Args:
        points: Latent vectors, (points, latent_dim), two or more.
        steps: The number of steps from a point to the next, both ends included.
        is_spherical: Whether to go along great circles instead of straight lines.

    Raises:
        InputError: There are fewer than two points or steps, or more than 1,000 steps.
    """
    _check_steps(steps)
    if len(points) < 2:
        raise InputError(f"An interpolation needs two rows or more, got {len(points)}. Name more.")
    between = spherical if is_spherical else straight
    return _on_codes(model, np.stack([between(*ends, steps) for ends in pairwise(points)]))


def traversal(
    model: Autoencoder,
    axes: Sequence[int],
    steps: int,
    *,
    means: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Return latent vectors along one dimension at a time while the others stay, (axes, steps, latent_dim) float32.

    A dimension goes through the prior's quantiles, 5% to 95%, in even steps of probability. For a model with codes
    each vector is the nearest code.

    Args:
        axes: The dimensions.
        steps: The number of steps along each.
        means: Latent vectors, (n, latent_dim), whose quantiles are used instead, as for a plain autoencoder.
        start: Where the other dimensions stay, (latent_dim,); by default at the medians.

    Raises:
        InputError: There is no such dimension, or there are fewer than two steps or more than 1,000.
    """
    _check_steps(steps)
    wrong = [axis for axis in axes if not 0 <= axis < model.latent_dim]
    if wrong or not len(axes):
        given = wrong[0] if wrong else "none"
        raise InputError(f"Expected latent dimensions from 0 to {model.latent_dim - 1}, got {given}.")
    with torch.inference_mode():
        medians, values = quantiles(model.prior() if means is None else means, steps, model.device)
    begin = medians if start is None else start
    return _on_codes(model, np.stack([along(begin, axis, values[:, axis]) for axis in axes]))


def decoded(model: Autoencoder, z: np.ndarray, condition: torch.Tensor | None = None) -> np.ndarray:
    """Return the means of p(x|z) along walks, (walks, steps, *shape) float32 in raw units.

    Args:
        z: Latent vectors, (walks, steps, latent_dim).
        condition: The class to decode each walk as, (walks,) integers, for a conditional model.
    """
    walks, steps, dim = z.shape
    classes = None if condition is None else condition.repeat_interleave(steps)
    return decode_means(model, z.reshape(-1, dim), classes).reshape(walks, steps, *model.spec.shape)


def by_activity(means: np.ndarray) -> list[int]:
    """Return the latent dimensions, by descending variance of the posterior means, (n, latent_dim)."""
    return np.argsort(-means.var(0), kind="stable").tolist()


def _on_codes(model: Autoencoder, z: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return on_codes(model.prior(), z.reshape(-1, z.shape[-1])).reshape(z.shape)


def _check_steps(steps: int) -> None:
    if not 2 <= steps <= MOST_STEPS:
        raise InputError(f"Expected 2 to {MOST_STEPS:,} steps, got {steps}.")
