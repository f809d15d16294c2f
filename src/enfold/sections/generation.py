"""Whether what the model makes up is new."""

import numpy as np
import torch

from enfold import latent, plots
from enfold.data.dataset import Dataset
from enfold.inference import decode_means
from enfold.metrics.copies import Copies, copies
from enfold.metrics.intervals import share_error
from enfold.rows import affordable, drawn, selected
from enfold.run import Run
from enfold.sections.section import Section

DRAWS = 1000  # at most
HELD_OUT = 1000  # rows, at most, to compare with
COMPARED = 100_000  # training rows, at most: all of many would take longer than the training
SHOWN = 12  # of the draws, those nearest to a training row
PAIRS = (
    "The lower row of images is the nearest to the draw above it of the training rows that were compared; a copy of "
    "one of them would show. "
)
COPIES_TRUST = (
    "Draws are shown without the noise of p(x|z), which makes them smoother than data, and nearer to all of it. A "
    "large share says that the model repeats rows, or that it makes only the most ordinary ones. A "
    "small share does not prove that what is made is good."
)


def generation(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return how many draws from the prior are near copies of training rows; None of a plain autoencoder."""
    if run.config.is_plain:
        return None
    model, spec = run.model, run.model.spec
    draws, rows = (affordable(spec.size, at_most) for at_most in (DRAWS, HELD_OUT))
    z = latent.prior_samples(model, draws)
    condition = torch.arange(draws) % len(spec.conditions) if spec.conditions else None
    made = decode_means(model, z, condition)
    some = training[drawn(len(training), COMPARED)]
    found = copies(made, some.x, selected(held_out.x, drawn(len(held_out), rows)), spec)
    first = np.argsort(found.distances, kind="stable")[:SHOWN]
    pairs = (made[first], np.asarray(some.x[found.nearest[first]])) if spec.is_image else None
    are_drawn = f" {len(some):,} of the {len(training):,} training rows were compared, drawn by chance."
    return Section(
        "generation",
        "Is what it makes up new?",
        (
            f"{copies_text(found, 'the prior')}{are_drawn if len(some) < len(training) else ''}",
            f"{PAIRS if spec.is_image else ''}{COPIES_TRUST}",
        ),
        alt="Distances of draws to their nearest training row beside those of held-out rows, and the nearest pairs",
        values=copies_values(found),
        picture=plots.png(plots.nearness(found.distances, found.held_out, found.threshold, pairs, spec)),
    )


def copies_text(found: Copies, source: str) -> str:
    """Return in a sentence how many of the new examples are near copies."""
    n = len(found.distances)
    error = share_error(found.share, n)
    plus_minus = f" (± {error:.1%})" if error else ""
    rows = "row" if found.near == 1 else f"{found.near:,}"
    return (
        f"{round(found.share * n):,} of {n:,} draws from {source}, {found.share:.1%}{plus_minus}, lie as near to a "
        f"training row as the nearest {rows} of {len(found.held_out):,} held-out rows; of new rows of the data "
        f"{found.expected_share:.1%} (± {found.expected_share_error:.1%}) would."
    )


def copies_values(found: Copies) -> dict[str, float]:
    """Return the figures of how near new examples are to training rows."""
    n = len(found.distances)
    return {
        "draws": n,
        "copies": round(found.share * n),
        "share": found.share,
        "expected_share": found.expected_share,
        "expected_share_error": found.expected_share_error,
        "threshold": found.threshold,
    }
