"""Places in the latent space: grids to decode, the axes to show, and distributions to draw new ones from."""

from enfold.latent.grids import Manifold, manifold, shown_axes
from enfold.latent.samplers import SAMPLERS, aggregate, draws, prior_samples, sampler, tempered

__all__ = [
    "SAMPLERS",
    "Manifold",
    "aggregate",
    "draws",
    "manifold",
    "prior_samples",
    "sampler",
    "shown_axes",
    "tempered",
]
