"""Places in the latent space: grids to decode, and the axes to show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from enfold.devices import seeded
from enfold.model import Autoencoder, decode_means

GRID_SIDE = 20
GRID_QUANTILES = (0.05, 0.95)


@dataclass(frozen=True)
class Manifold:
    """Decoded examples on a grid in the plane of two latent axes.

    Attributes:
        x: Raw values, (rows, columns, *shape): `x[i, j]` is decoded at `vertical[i]`, `horizontal[j]`.
        horizontal: Coordinates on the first axis, (columns,).
        vertical: Coordinates on the second axis, (rows,); one 0 if there is only one axis.
        axes: The numbers of the latent dimensions shown.
    """

    x: np.ndarray
    horizontal: np.ndarray
    vertical: np.ndarray
    axes: tuple[int, ...]


def shown_axes(means: np.ndarray) -> tuple[int, ...]:
    """Return the two latent dimensions with the most variance, in order; all of them if there are at most two.

    Args:
        means: Posterior means, (n, latent_dim).
    """
    return tuple(sorted(np.argsort(-means.var(0), kind="stable")[:2].tolist()))


def manifold(model: Autoencoder, axes: Sequence[int] = (0, 1), side: int = GRID_SIDE) -> Manifold:
    """Return the examples decoded on a grid through the prior's quantiles, 5 % to 95 %, in even steps of probability.

    Further latent dimensions stay at 0.

    Args:
        model: The model; its prior is a standard normal.
        axes: The one or two latent dimensions to walk along.
        side: How many steps along each.
    """
    probability = torch.linspace(*GRID_QUANTILES, side, dtype=torch.float64)
    steps = torch.special.ndtri(probability).float().numpy()
    vertical = steps if len(axes) > 1 else np.zeros(1, np.float32)
    z = np.zeros((len(vertical), side, model.latent_dim), np.float32)
    z[..., axes[0]] = steps[None, :]
    if len(axes) > 1:
        z[..., axes[1]] = vertical[:, None]
    x = decode_means(model, z.reshape(-1, model.latent_dim))
    return Manifold(x.reshape(len(vertical), side, *model.spec.shape), steps, vertical, tuple(axes))


def prior_samples(model: Autoencoder, n: int, seed: int = 0) -> np.ndarray:
    """Return `n` latent vectors drawn from the prior, (n, latent_dim) float32; the same for the same seed."""
    with seeded(seed, model.device), torch.inference_mode():
        return model.prior().sample((n,)).cpu().numpy()
