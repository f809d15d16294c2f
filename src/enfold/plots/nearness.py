"""How near new examples are to known ones."""

import numpy as np
from matplotlib.figure import Figure

from enfold.plots.images import GRAY, sheet
from enfold.plots.style import ACCENT, INK, QUIET, bare, figure, styled
from enfold.spec import Spec

BINS = 40


@styled()
def nearness(
    distances: np.ndarray,
    held_out: np.ndarray,
    threshold: float,
    pairs: tuple[np.ndarray, np.ndarray] | None,
    spec: Spec,
) -> Figure:
    """Return histograms of distances to the nearest training row, over the nearest pairs if they are images.

    Args:
        distances: Of new examples, (n,).
        held_out: Of rows that the model has not seen, (m,).
        threshold: The distance up to which an example is called a near copy.
        pairs: New images and the training images nearest to them, (k, *shape) raw each; or None.
        spec: What they are.
    """
    strip = None if pairs is None else sheet(np.concatenate(pairs), spec, columns=len(pairs[0]))
    ratio = 0.0 if strip is None else strip.shape[0] / strip.shape[1]
    drawing = figure(10, 3.2 + 10 * ratio)
    parts = drawing.subplots(1 if strip is None else 2, height_ratios=[3.2] if strip is None else [3.2, 10 * ratio])
    top = np.atleast_1d(parts)[0]
    edges = np.histogram_bin_edges(np.concatenate([distances, held_out]), BINS)
    top.hist(held_out, edges, density=True, color=QUIET, alpha=0.35, label="held-out rows")
    top.hist(distances, edges, density=True, histtype="step", color=ACCENT, lw=1.8, label="draws")
    top.axvline(threshold, color=INK, lw=1, ls=":", label="up to here: a near copy")
    top.set_title("distance to the nearest training row")
    top.set_yticks([])
    top.spines["left"].set_visible(False)
    drawing.legend(loc="outside upper right", ncols=3)
    if strip is not None:
        parts[1].imshow(strip, **GRAY)
        bare(parts[1])
    return drawing
