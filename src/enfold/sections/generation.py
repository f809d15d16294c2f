"""Whether generated rows are new."""

import numpy as np
import torch

from enfold import latent, plots
from enfold.data.dataset import Dataset
from enfold.inference import decode_means
from enfold.metrics.copies import Copies, copies
from enfold.metrics.intervals import share_error
from enfold.rows import affordable, drawn, selected
from enfold.run import Run
from enfold.sections.section import Section, noun

DRAWS = 1000  # at most
HELD_OUT = 1000  # rows, at most, to compare with
COMPARED = 100_000  # training rows, at most: all of many would take longer than the training
SHOWN = 12  # generated images, those nearest to a training image
COPIES_TRUST = (
    "Generated rows lack the noise of data, which makes them smoother, and nearer to all of it. A large share means "
    "that the model repeats training rows, or that it generates only the most ordinary ones. A small share does not "
    "prove that generated rows are good."
)


def generation(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return how many draws from the prior are near copies of training rows; None for a plain autoencoder."""
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
    are_drawn = f" {len(some):,} of {len(training):,} training rows were compared, drawn at random."
    of_pairs = f" The images are the {len(first)} generated ones closest to a training image." if pairs else ""
    what = noun(spec)
    return Section(
        "generation",
        f"Are generated {what} new?",
        f"{found.share:.1%} of generated {what} are near copies of training {what}; of unseen {what}, "
        f"{found.expected_share:.1%} are.",
        f"A model that copies its training {what} has a peak at the left.{of_pairs}",
        f"{copies_text(found, 'the prior')}{are_drawn if len(some) < len(training) else ''} {COPIES_TRUST}",
        alt="Distances of generated and of held-out rows to their nearest training row, and the nearest pairs",
        values=copies_values(found),
        picture=plots.png(plots.copies(found.distances, found.held_out, found.threshold, pairs, spec)),
    )


def copies_text(found: Copies, source: str) -> str:
    """Return in words how many of the generated rows are near copies."""
    n = len(found.distances)
    error = share_error(found.share, n)
    plus_minus = f" ± {error:.1%}" if error else ""
    return (
        f"{round(found.share * n):,} of {n:,} draws from {source} ({found.share:.1%}{plus_minus}) are near copies: "
        f"as close to a training row as the closest {found.near:,} of {len(found.held_out):,} held-out rows. For "
        f"comparison: {found.expected_share:.1%} ± {found.expected_share_error:.1%} of unseen rows are that close."
    )


def copies_values(found: Copies) -> dict[str, float]:
    """Return the numbers of near copies, for programs."""
    n = len(found.distances)
    names = ("share", "expected_share", "expected_share_error", "threshold")
    return {"draws": n, "copies": round(found.share * n), **{name: getattr(found, name) for name in names}}
