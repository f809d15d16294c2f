"""Figures as the commands print them: a line each, with its standard error."""

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from enfold.cli.output import table

WIDTH = 100  # of the protocol's lines
FIGURES = {  # the name in metrics.json: what to call it, decimals where the error says nothing, unit
    "negative_elbo": ("negative ELBO", 2, "nats"),
    "distortion": ("distortion", 2, "nats"),
    "rate": ("rate", 2, "nats"),
    "log_likelihood": ("log-likelihood", 2, "nats"),
    "bits_per_dim": ("bits/dim", 3, "bits"),
    "notebook_loss": ("notebook's loss", 4, ""),
    "mutual_information": ("mutual information", 2, "nats"),
    "marginal_kl": ("marginal KL", 2, "nats"),
    "active_units": ("active units", 0, "of {latent_dim}"),
    "reconstruction_mse": ("reconstruction MSE", 4, ""),
    "psnr": ("PSNR", 2, "dB"),
    "ssim": ("SSIM", 3, ""),
    "knn_accuracy": ("5-nn accuracy", 3, ""),
    "linear_probe_accuracy": ("linear probe", 3, ""),
    "clustering_accuracy": ("clustering accuracy", 3, ""),
    "nmi": ("NMI", 3, ""),
    "ari": ("ARI", 3, ""),
    "trustworthiness": ("trustworthiness", 3, ""),
}
SHORT = (
    "negative_elbo",
    "distortion",
    "rate",
    "notebook_loss",
    "knn_accuracy",
    "active_units",
    "reconstruction_mse",
)


def figures(metrics: Mapping[str, Any], latent_dim: int, names: Iterable[str] = FIGURES) -> str:
    """Return the figures that are known, a line each, with ± one standard error.

    Args:
        metrics: As `enfold.metrics.evaluate` gives them, or as they are in `metrics.json`.
        latent_dim: How many latent dimensions there are.
        names: Those to show, in order.
    """
    errors = metrics.get("standard_errors", {})
    lines = [
        _line(name, metrics[name], errors.get(name), latent_dim) for name in names if metrics.get(name) is not None
    ]
    if "train_seconds" in metrics:
        speed = f"{metrics['images_per_second']:,.0f} images/s"
        lines.append(["training", f"{metrics['train_seconds']:.1f}", "", f"s, {speed}"])
    longest = max(len(line[1]) for line in lines)
    return table([], [[name, value.rjust(longest), *rest] for name, value, *rest in lines])


def protocol(metrics: Mapping[str, Any]) -> str:
    """Return how the figures were got, a paragraph for each group of them."""
    return "\n".join(textwrap.fill(text, WIDTH, subsequent_indent="  ") for text in metrics["protocol"].values())


def _line(name: str, value: float, error: float | None, latent_dim: int) -> list[str]:
    from enfold.metrics.intervals import decimals

    label, places, unit = FIGURES[name]
    places = decimals(error) if error and name != "active_units" else places
    shown = "" if error is None else f"± {error:.{decimals(error)}f}"
    return [label, f"{value:,.{places}f}", shown, unit.format(latent_dim=latent_dim)]
