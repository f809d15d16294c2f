"""Pictures: arrays → `matplotlib.figure.Figure`, without pyplot and without global state."""

from enfold.plots.anomalies import Unusual, anomalies
from enfold.plots.clusters import clusters
from enfold.plots.comparison import Panel, maps, reconstructed_by
from enfold.plots.copies import copies
from enfold.plots.curves import curves
from enfold.plots.examples import generated, reconstructions, samples
from enfold.plots.images import sheet
from enfold.plots.interpolation import Strips, lines, strips
from enfold.plots.latent import latent_map
from enfold.plots.manifold import manifold
from enfold.plots.style import png

__all__ = [
    "Panel",
    "Strips",
    "Unusual",
    "anomalies",
    "clusters",
    "copies",
    "curves",
    "generated",
    "latent_map",
    "lines",
    "manifold",
    "maps",
    "png",
    "reconstructed_by",
    "reconstructions",
    "samples",
    "sheet",
    "strips",
]
