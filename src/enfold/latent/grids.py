"""Grids of latent vectors to decode, and the latent dimensions to show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.distributions import Distribution, Independent, Normal

from enfold.distributions import UniformCodes
from enfold.inference import decode_means
from enfold.latent.samplers import draws
from enfold.model import Autoencoder

GRID_SIDE = 20
GRID_QUANTILES = (0.05, 0.95)
ENDS = ("5%", "95%")  # as text
QUANTILE_DRAWS = 20_000  # of a prior without a formula: a quantile is then accurate to a third of a percent


@dataclass(frozen=True)
class Manifold:
    """Decoded values on a grid in the plane of two latent dimensions.

    Attributes:
        x: Raw values, (rows, columns, *shape): `x[i, j]` is decoded at `vertical[i]`, `horizontal[j]`.
        horizontal: Coordinates on the first axis, (columns,).
        vertical: Coordinates on the second axis, (rows,); a single one if there is only one axis.
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


def manifold(
    model: Autoencoder, axes: Sequence[int] = (0, 1), side: int = GRID_SIDE, *, condition: int | None = None
) -> Manifold:
    """Return decoded values on a grid through the prior's quantiles, 5% to 95%, in even steps of probability.

    The other latent dimensions stay at the prior's medians. The quantiles are exact if the prior's coordinates are
    independent Gaussians, otherwise they are those of many draws. For a prior of codes each value appears once, and
    each grid point is decoded as the nearest code.

    Args:
        axes: The one or two latent dimensions of the grid.
        side: The number of steps along each.
        condition: The position in `spec.conditions` of the class to decode, for a conditional model.
    """
    with torch.inference_mode():
        prior = model.prior()
        middle, steps = quantiles(prior, side, model.device)
    horizontal, *rest = (_distinct(prior, steps[:, axis]) for axis in axes)
    vertical = rest[0] if rest else middle[[axes[0]]]
    z = np.tile(middle, (len(vertical), len(horizontal), 1))
    z[..., axes[0]] = horizontal[None, :]
    if rest:
        z[..., axes[1]] = vertical[:, None]
    z = on_codes(prior, z.reshape(-1, model.latent_dim))
    x = decode_means(model, z, None if condition is None else torch.full((len(z),), condition))
    shape = (len(vertical), len(horizontal), *model.spec.shape)
    return Manifold(x.reshape(shape), horizontal, vertical, tuple(axes))


def quantiles(
    p: Distribution | np.ndarray, steps: int, device: torch.device | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return each coordinate's median, (latent_dim,), and its quantiles, 5% to 95%, (steps, latent_dim) float32.

    Args:
        p: A distribution over (latent_dim,), or latent vectors, (n, latent_dim).
        steps: The number of quantiles, in even steps of probability.
        device: Where the distribution is, if not on the CPU.
    """
    probability = np.array([0.5, *np.linspace(*GRID_QUANTILES, steps)])
    if isinstance(p, Independent) and isinstance(p.base_dist, Normal):
        standard = torch.special.ndtri(torch.from_numpy(probability)).float().numpy()[:, None]
        found = standard * p.base_dist.scale.cpu().numpy() + p.base_dist.loc.cpu().numpy()
    else:
        drawn = p if isinstance(p, np.ndarray) else draws(p, QUANTILE_DRAWS, device=device)
        found = np.quantile(drawn, probability, axis=0, method="inverted_cdf")  # values that occur
    return found[0], found[1:]


def on_codes(prior: Distribution, z: np.ndarray) -> np.ndarray:
    """Return the code nearest to each latent vector, (n, latent_dim), of a prior of codes; else the vectors."""
    if not isinstance(prior, UniformCodes):
        return z
    return prior.nearest(torch.from_numpy(z).to(prior.books.device)).cpu().numpy()


def _distinct(prior: Distribution, steps: np.ndarray) -> np.ndarray:
    return np.unique(steps) if isinstance(prior, UniformCodes) else steps
