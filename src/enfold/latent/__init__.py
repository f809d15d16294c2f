"""Places in the latent space: grids and paths to decode, and distributions to draw new ones from."""

from enfold.latent.grids import ENDS, GRID_QUANTILES, GRID_SIDE, Manifold, manifold, quantiles, shown_axes
from enfold.latent.paths import along, by_activity, decoded, interpolation, spherical, straight, traversal
from enfold.latent.samplers import SAMPLERS, aggregate, draws, prior_samples, sampler, tempered

__all__ = [
    "ENDS",
    "GRID_QUANTILES",
    "GRID_SIDE",
    "SAMPLERS",
    "Manifold",
    "aggregate",
    "along",
    "by_activity",
    "decoded",
    "draws",
    "interpolation",
    "manifold",
    "prior_samples",
    "quantiles",
    "sampler",
    "shown_axes",
    "spherical",
    "straight",
    "tempered",
    "traversal",
]
