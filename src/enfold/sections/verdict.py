"""What was found and how good it is, in sentences that need no other knowledge."""

from collections.abc import Mapping, Sequence
from typing import Any

from enfold.run import Run
from enfold.sections.reduction import error_text
from enfold.sections.section import Section, noun

FOUND = ("clusters", "generation")  # the sections whose findings come last


def verdict(run: Run, sections: Sequence[Section]) -> list[str]:
    """Return what was found in sentences, the most important one first.

    Args:
        run: The run, with its metrics and its history.
        sections: Those of its report.
    """
    metrics, found = run.metrics, {each.name: each for each in sections}
    texts = [found["denoising"].finding] if "denoising" in found else []
    if "reduction" in found:
        texts += [found["reduction"].finding, error_text(found["reduction"].values)]
    else:
        texts.append(map_text(metrics, noun(run.spec)))
    texts += [found[name].finding for name in FOUND if name in found]
    active, of = metrics["active_units"], run.config.latent_dim
    if active is not None and active < of:
        texts.append(f"{active} of {of} latent dimensions carry information; the others are unused.")
    return texts


def map_text(metrics: Mapping[str, Any], what: str) -> str:
    """Return in a sentence how well the map keeps neighbors."""
    accuracy, trust = metrics["knn_accuracy"], metrics["trustworthiness"]
    if accuracy is not None:
        return f"On the map, {accuracy:.0%} of held-out {what} have the label of most of their nearest neighbors."
    if trust is not None:
        return f"The map keeps neighbors with a trustworthiness of {trust:.2f} (1 is perfect)."
    return f"Too few {what} are held out to say how well the map keeps neighbors."


def training_text(epochs: Sequence[Mapping[str, Any]]) -> str:
    """Return in a sentence how long training took, and where the held-out loss came from and went to."""
    passes = "1 epoch" if len(epochs) == 1 else f"{len(epochs)} epochs"
    losses = [each["held_out_loss"] for each in epochs if "held_out_loss" in each]
    if not losses:
        return f"Training took {passes}."
    return f"In {passes} the held-out loss went from {losses[0]:.4g} to {losses[-1]:.4g}."
