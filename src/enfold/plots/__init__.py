"""Pictures: arrays → `matplotlib.figure.Figure`, without pyplot and without global state."""

from enfold.plots.clusters import clusters
from enfold.plots.curves import curves
from enfold.plots.examples import generated, reconstructions, samples
from enfold.plots.images import sheet
from enfold.plots.latent import latent_map
from enfold.plots.manifold import manifold
from enfold.plots.nearness import nearness
from enfold.plots.style import png

__all__ = [
    "clusters",
    "curves",
    "generated",
    "latent_map",
    "manifold",
    "nearness",
    "png",
    "reconstructions",
    "samples",
    "sheet",
]
