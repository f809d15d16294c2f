"""How near generated rows are to known ones."""

import numpy as np
from matplotlib.figure import Figure

from enfold.plots.images import tiled, tiles
from enfold.plots.style import ACCENT, INK, bare, figure, styled
from enfold.spec import Spec

BINS = 40
WIDTH, HISTOGRAM = 9.5, 2.6  # inches


@styled()
def copies(
    distances: np.ndarray,
    held_out: np.ndarray,
    threshold: float,
    pairs: tuple[np.ndarray, np.ndarray] | None,
    spec: Spec,
) -> Figure:
    """Return histograms of distances to the nearest training row, over the nearest pairs if they are images.

    Args:
        distances: Of generated rows, (n,).
        held_out: Of rows that the model has not seen, (m,).
        threshold: The distance up to which a row is called a near copy.
        pairs: Generated images and the training images nearest to them, (k, *shape) raw each; or None.
        spec: Their shape, kind and range.
    """
    strip = None if pairs is None else tiled(tiles(np.concatenate(pairs), spec), len(pairs[0]))
    heights = [HISTOGRAM] if strip is None else [HISTOGRAM, (WIDTH - 1) * strip.shape[0] / strip.shape[1]]
    drawing = figure(WIDTH, sum(heights) + 0.5)
    top, *below = drawing.subplots(len(heights), height_ratios=heights, squeeze=False)[:, 0]
    edges = np.histogram_bin_edges(np.concatenate([distances, held_out]), BINS)
    top.hist(held_out, edges, density=True, color=INK, alpha=0.35, label="held-out rows")
    top.hist(distances, edges, density=True, histtype="step", color=ACCENT, lw=1.8, label="generated rows")
    top.axvline(threshold, color=INK, lw=1, ls=":", label="up to here: a near copy")
    top.set_xlabel("distance to the nearest training row")
    top.set_yticks([])
    top.spines["left"].set_visible(False)
    drawing.legend(loc="outside upper right", ncols=3)
    if strip is not None:
        axes, pitch = below[0], (strip.shape[0] + 1) / 2
        axes.imshow(strip)
        bare(axes)
        axes.set_yticks([pitch / 2 - 1, 1.5 * pitch - 1], ["generated", "nearest\ntraining image"], size=10)
        axes.tick_params(length=0)
    return drawing
