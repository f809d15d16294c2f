"""The latent space: grids and walks to decode, clusters, and distributions to draw new vectors from."""

from enfold.latent.clusters import Clustering, agreement, cluster
from enfold.latent.grids import ENDS, GRID_QUANTILES, GRID_SIDE, Manifold, manifold, quantiles, shown_axes
from enfold.latent.interpolation import along, by_activity, decoded, interpolation, spherical, straight, traversal
from enfold.latent.samplers import SAMPLERS, aggregate, draws, prior_samples, sampler, tempered

__all__ = [
    "ENDS",
    "GRID_QUANTILES",
    "GRID_SIDE",
    "SAMPLERS",
    "Clustering",
    "Manifold",
    "aggregate",
    "agreement",
    "along",
    "by_activity",
    "cluster",
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
