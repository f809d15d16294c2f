"""Which clusters there are on the map."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch.distributions import MixtureSameFamily

from enfold import latent, plots
from enfold.data.dataset import Dataset, class_labels, class_name
from enfold.errors import InputError, unknown
from enfold.inference import conditions, latent_means
from enfold.latent import Clustering
from enfold.metrics.clustering import label_scores
from enfold.metrics.intervals import Measurement
from enfold.metrics.registry import METRICS
from enfold.rows import drawn
from enfold.run import Run
from enfold.sections.section import FEW, KNOWN, Section, counted, noun

MIXTURES = ("posterior", "prior")
CLEAR = 0.9  # the probability of a cluster from which on a row is called clearly in it
SHOWN = 10  # rows of each cluster


@dataclass(frozen=True)
class Found:
    """Clusters, and how sure they are.

    Attributes:
        clustering: The clusters.
        source: What they were found in, in words.
        z: The latent vectors of the rows that were given, (n, latent_dim).
        agreement: The adjusted Rand index of the clusters of either half of them; None for too few rows, for one
            cluster, and for a mixture prior.
    """

    clustering: Clustering
    source: str
    z: np.ndarray
    agreement: float | None = None


def clusters(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return the clusters of the training rows, with the held-out rows sorted into them; None for codes."""
    try:
        found = find_clusters(run, training)
    except InputError:
        return None
    return clusters_section(found, held_out, latent_means(run.model, held_out))


def find_clusters(
    run: Run, rows: Dataset, k: int | Literal["auto"] = "auto", *, by: str = "posterior", what: str = "training rows"
) -> Found:
    """Return clusters on the map of a run.

    Args:
        rows: What to find them in.
        k: How many; "auto": as `enfold.latent.cluster` chooses.
        by: "posterior": a mixture fitted to the latent means of the rows; "prior": the prior, if it is a mixture.
        what: What to call the rows.

    Raises:
        InputError: The run has codes or no such prior, or there are too few rows for so many clusters.
    """
    if by not in MIXTURES:
        raise unknown("mixture", by, MIXTURES)
    if run.config.posterior.is_discrete:
        raise InputError(
            "The latent vectors of this run are codes: rows that share one are a cluster already, and `enfold "
            "encode` writes them. Fit with another posterior to find clusters."
        )
    mixture = run.model.prior() if by == "prior" else None
    if by == "prior" and not isinstance(mixture, MixtureSameFamily):
        raise InputError(
            "The prior of this run is not a mixture. Choose --by posterior, or fit with --prior mixture."
        )
    z = latent.aggregate(run.model, rows.x, conditions(rows.labels, run.spec), means=True).numpy()
    found = latent.cluster(z, k, mixture=mixture)
    if mixture is not None:
        return Found(found, "the prior", z)
    return Found(found, f"the latent means of {found.rows:,} {what}", z, latent.agreement(z, found))


def clusters_section(found: Found, rows: Dataset, z: np.ndarray) -> Section:
    """Return the section about clusters, with rows sorted into them.

    Args:
        found: The clusters.
        rows: What to sort and to show; labels only score.
        z: Their latent means, (n, latent_dim).
    """
    memberships = found.clustering.memberships(z)
    nearest, clear = memberships.argmax(1), memberships.max(1) >= CLEAR
    scores = label_scores(nearest, rows.labels)
    values = {
        "clusters": found.clustering.k,
        "components": len(found.clustering.groups),
        "criterion": {str(n): value for n, value in found.clustering.criterion.items()},
        "rows": len(rows),
        "sizes": np.bincount(nearest, minlength=found.clustering.k).tolist(),
        "unclear": float(1 - clear.mean()),
        "agreement": found.agreement,
        **{name: each.value for name, each in scores.items()},
    }
    what = noun(rows.spec)
    gray = f"; {values['unclear']:.1%} are gray, as no cluster has {CLEAR:.0%} of their probability"
    return Section(
        "clusters",
        "Clusters",
        _finding(values, what),
        f"The map is colored by cluster{gray if values['unclear'] else ''}.",
        _trust(values, found.source, scores),
        alt="Map of the rows, colored by cluster, beside the rows nearest to each cluster's center",
        values=values,
        table=_table(memberships, rows),
        picture=_picture(found, rows, z),
    )


def _finding(values: dict[str, Any], what: str) -> str:
    if values["clusters"] == 1:
        return "No separate clusters were found."
    of_labels = (
        f"; they agree with the labels for {values['clustering_accuracy']:.0%} of {what}" if "ari" in values else ""
    )
    return f"{values['clusters']} clusters{of_labels}."


def _picture(found: Found, rows: Dataset, z: np.ndarray) -> bytes:
    added = found.z[drawn(len(found.z), KNOWN)] if len(rows) < FEW else found.z[:0]
    points = np.concatenate([z, added])
    memberships = found.clustering.memberships(points)
    nearest = memberships.argmax(1)
    shown = np.where(memberships.max(1) >= CLEAR, nearest, np.nan)
    members = [np.asarray(rows.x[each]) for each in _members(z, nearest[: len(z)], found.clustering.centers)]
    faded = np.arange(len(points)) >= len(z)
    return plots.png(plots.clusters(points, shown, members, rows.spec, latent.shown_axes(points), faded))


def _trust(values: dict[str, Any], source: str, scores: dict[str, Measurement]) -> str:
    tried, agreement = values["criterion"], values["agreement"]
    words = [f"Found in {source}. {_choice([*map(int, tried)], values['components'])}"]
    if scores:
        numbers = ", ".join(f"{METRICS[name].label} {METRICS[name].text(each)}" for name, each in scores.items())
        words.append(f"Compared with the labels, which are only used here: {numbers}.")
    if agreement is not None:
        words.append(
            f"Clusters found in either half of the rows have an adjusted Rand index of {agreement:.2f} (1: the same, "
            "0: as by chance)."
        )
    if values["clusters"] == 1:
        words.append("That does not prove that the data has no groups.")
    words.append(
        "Another training run may join or split clusters. Where the map has no gaps, clusters are cuts through one "
        "cloud, and their number is the method's choice: look at the rows, and give a number if you know it."
    )
    return " ".join(words)


def _choice(tried: list[int], components: int) -> str:
    """Return how many Gaussians there are and why, by the numbers of them of which there is a criterion."""
    if not tried:
        return f"The mixture of {counted(components, 'Gaussian')} is the prior; those that overlap were merged."
    if len(tried) == 1:
        return "No other number of Gaussians was tried: for more, there are too few rows in so many dimensions."
    return (
        f"The Bayesian information criterion chose {counted(components, 'Gaussian')} of {tried[0]} to {tried[-1]}; "
        "those that share rows were merged. A cluster that is not Gaussian needs several."
    )


def _members(z: np.ndarray, nearest: np.ndarray, centers: np.ndarray) -> list[np.ndarray]:
    """Return for each cluster the numbers of its rows nearest to the center, at most 10."""
    apart = [np.linalg.norm(z - center, axis=1) for center in centers]
    order = [np.argsort(np.where(nearest == i, each, np.inf), kind="stable") for i, each in enumerate(apart)]
    return [each[: min(SHOWN, int((nearest == i).sum()))] for i, each in enumerate(order)]


def _table(memberships: np.ndarray, rows: Dataset) -> tuple[tuple[str, ...], ...]:
    """Return a line for each cluster: its rows, how clear they are, and if they are labeled the usual class."""
    nearest, likeliest, labels = memberships.argmax(1), memberships.max(1), rows.labels
    has_classes = class_labels(labels) is not None
    lines = [("cluster", "rows", "share", "mean probability", *(["most frequent label"] if has_classes else []))]
    for i in range(memberships.shape[1]):
        inside = nearest == i
        n = int(inside.sum())
        certainty = f"{likeliest[inside].mean():.3f}" if n else ""
        usual = [_usual(labels[inside], rows)] if has_classes else []
        lines.append((str(i), f"{n:,}", f"{n / len(nearest):.1%}", certainty, *usual))
    return tuple(lines)


def _usual(labels: np.ndarray, rows: Dataset) -> str:
    values, counts = np.unique(labels[~np.isnan(labels)], return_counts=True)
    if not len(values):
        return ""
    most = counts.argmax()
    return f"{class_name(values[most], rows.spec)} ({counts[most] / counts.sum():.0%})"
