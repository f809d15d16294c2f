"""Pictures: arrays → `matplotlib.figure.Figure`, without pyplot and without global state."""

from enfold.plots.anomalies import Unusual, anomalies
from enfold.plots.comparison import Panel, maps, rebuilt_by
from enfold.plots.curves import curves
from enfold.plots.examples import generated, reconstructions, samples
from enfold.plots.images import sheet
from enfold.plots.latent import latent_map
from enfold.plots.manifold import manifold
from enfold.plots.nearness import nearness
from enfold.plots.paths import Strips, lines, strips
from enfold.plots.style import png

__all__ = [
    "Panel",
    "Strips",
    "Unusual",
    "anomalies",
    "curves",
    "generated",
    "latent_map",
    "lines",
    "manifold",
    "maps",
    "nearness",
    "png",
    "rebuilt_by",
    "reconstructions",
    "samples",
    "sheet",
    "strips",
]
