"""Places in the latent space: grids to decode, the axes to show, and distributions to draw new ones from."""

from enfold.latent.grids import GRID_QUANTILES, GRID_SIDE, Manifold, manifold, quantiles, shown_axes
from enfold.latent.samplers import SAMPLERS, aggregate, draws, prior_samples, sampler, tempered

__all__ = [
    "GRID_QUANTILES",
    "GRID_SIDE",
    "SAMPLERS",
    "Manifold",
    "aggregate",
    "draws",
    "manifold",
    "prior_samples",
    "quantiles",
    "sampler",
    "shown_axes",
    "tempered",
]
