"""Places in the latent space: grids to decode, axes to show, clusters, and distributions to draw new ones from."""

from enfold.latent.clusters import Clustering, agreement, cluster
from enfold.latent.grids import Manifold, manifold, shown_axes
from enfold.latent.samplers import SAMPLERS, aggregate, draws, prior_samples, sampler, tempered

__all__ = [
    "SAMPLERS",
    "Clustering",
    "Manifold",
    "aggregate",
    "agreement",
    "cluster",
    "draws",
    "manifold",
    "prior_samples",
    "sampler",
    "shown_axes",
    "tempered",
]
