"""Which groups of examples there are on the map."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch.distributions import MixtureSameFamily

from enfold import latent, plots
from enfold.data.dataset import Dataset, class_labels, class_name
from enfold.errors import InputError, unknown
from enfold.inference import conditions, latent_means
from enfold.latent import Clustering
from enfold.metrics import clustering as scores
from enfold.metrics.intervals import bootstrap_error, with_error
from enfold.run import Run
from enfold.sections.section import Section

MIXTURES = ("posterior", "prior")
CLEAR = 0.9  # of a row's membership, from which on its cluster is called clear
SHOWN = 10  # members of each cluster
NAMES = {"accuracy": "accuracy", "nmi": "NMI", "ari": "ARI"}
SCORES = {
    "accuracy": scores.clustering_accuracy,
    "nmi": scores.normalized_mutual_information,
    "ari": scores.adjusted_rand_index,
}


@dataclass(frozen=True)
class Found:
    """Clusters, and what is known of them.

    Attributes:
        clustering: The clusters.
        source: What they were found in, in words.
        agreement: The adjusted Rand index of those of two halves of it; None where there are too few rows or one
            cluster, or the mixture was there before.
    """

    clustering: Clustering
    source: str
    agreement: float | None


def clusters(run: Run, held_out: Dataset, training: Dataset) -> Section | None:
    """Return the clusters of the training rows, with the held-out rows sorted into them; None of codes."""
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
        run: The run.
        rows: What to find them in.
        k: How many; "auto": as `enfold.latent.cluster` chooses.
        by: "posterior": a mixture fitted to the latent means of the rows; "prior": the prior, if it is a mixture.
        what: What to call the rows.

    Raises:
        InputError: The run has codes or no such prior, or the rows are not enough for so many clusters.
    """
    if by not in MIXTURES:
        raise unknown("mixture", by, MIXTURES)
    if run.config.posterior.is_discrete:
        raise InputError(
            "The latent vectors of this run are codes: rows that share one are a group already, and `enfold encode` "
            "writes them. Fit with another posterior to find clusters."
        )
    mixture = run.model.prior() if by == "prior" else None
    if by == "prior" and not isinstance(mixture, MixtureSameFamily):
        raise InputError(
            "The prior of this run is no mixture. Choose --by posterior, or fit with --set prior=mixture."
        )
    z = latent.aggregate(run.model, rows.x, conditions(rows.labels, run.spec), means=True)
    found = latent.cluster(z.numpy(), k, mixture=mixture)
    source = f"the latent means of {found.rows:,} {what}" if mixture is None else "the prior"
    return Found(found, source, latent.agreement(z.numpy(), found) if mixture is None else None)


def clusters_section(found: Found, rows: Dataset, z: np.ndarray) -> Section:
    """Return the section about clusters, with rows sorted into them.

    Args:
        found: The clusters.
        rows: What to sort and to show; labels only score.
        z: Their latent means, (n, latent_dim).
    """
    memberships = found.clustering.memberships(z)
    nearest, clear = memberships.argmax(1), memberships.max(1) >= CLEAR
    members = [np.asarray(rows.x[each]) for each in _nearest_members(z, nearest, found.clustering.centers)]
    picture = plots.clusters(z, np.where(clear, nearest, np.nan), members, rows.spec, latent.shown_axes(z))
    values = {
        "clusters": found.clustering.k,
        "normals": len(found.clustering.groups),
        "criterion": {str(n): value for n, value in found.clustering.criterion.items()},
        "rows": len(rows),
        "sizes": np.bincount(nearest, minlength=found.clustering.k).tolist(),
        "unclear": float(1 - clear.mean()),
        "agreement": found.agreement,
        **label_scores(nearest, rows.labels),
    }
    return Section(
        "clusters",
        "Which groups are there?",
        (clusters_text(values, found.source), _trust(values)),
        alt="Map of the rows, colored by cluster, beside the members nearest to each cluster's center",
        values=values,
        table=_table(memberships, rows),
        picture=plots.png(picture),
    )


def label_scores(found: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Return accuracy, NMI and ARI of clusters, (n,), on the rows that have a class, with standard errors.

    There are none where the labels are no classes, or all of one class.
    """
    known, classes = ~np.isnan(labels), class_labels(labels)
    if classes is None or len(classes) < 2:
        return {}
    counts = scores.counts_of(found[known], labels[known])
    errors = {name: bootstrap_error(score, counts) for name, score in SCORES.items()}
    return {name: score(counts) for name, score in SCORES.items()} | {"standard_errors": errors}


def clusters_text(values: dict[str, Any], source: str) -> str:
    """Return in words what was found."""
    text = f"{_counted(values['clusters'], 'cluster')}, of {_counted(values['normals'], 'normal')} on {source}."
    if values["unclear"]:
        text += (
            f" {values['unclear']:.1%} of {values['rows']:,} rows have less than {CLEAR:.0%} of their membership in "
            "any; they are gray in the picture."
        )
    if "accuracy" not in values:
        return text
    errors = values["standard_errors"]
    figures = (f"{name} {with_error(values[key], errors[key])}" for key, name in NAMES.items())
    return f"{text} Beside the labels, which only score: {', '.join(figures)}."


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _trust(values: dict[str, Any]) -> str:
    tried, agreement = values["criterion"], values["agreement"]
    words = [f"{_choice([*map(int, tried)])} Those that share rows were merged."]
    if agreement is not None:
        words.append(
            f"Found anew in each half of the rows, the clusters agree with an adjusted Rand index of {agreement:.2f} "
            "(1: the same, 0: as by chance)."
        )
    if values["clusters"] == 1:
        words.append("That there is one cluster does not say that the data has no groups.")
    words.append(
        "None of this tells of another training, whose map may join or part them. Where the map has no gaps, "
        "clusters are cuts through one whole, and their number is the method's, not the data's: look at the members, "
        "and name a number if you know it."
    )
    return " ".join(words)


def _choice(tried: list[int]) -> str:
    """Return why there are so many normals, by the numbers of them of which there is a criterion."""
    if not tried:
        return "The normals are the prior's own."
    if len(tried) == 1:
        return "No other number of normals was tried: for more, there are too few rows in so many dimensions."
    return (
        f"The Bayesian information criterion chose so many of {tried[0]} to {tried[-1]} normals; a group that is no "
        "normal takes several."
    )


def _nearest_members(z: np.ndarray, nearest: np.ndarray, centers: np.ndarray) -> list[np.ndarray]:
    """Return for each cluster the numbers of its rows nearest to the center, at most 10."""
    apart = [np.linalg.norm(z - center, axis=1) for center in centers]
    order = [np.argsort(np.where(nearest == i, each, np.inf), kind="stable") for i, each in enumerate(apart)]
    return [each[: min(SHOWN, int((nearest == i).sum()))] for i, each in enumerate(order)]


def _table(memberships: np.ndarray, rows: Dataset) -> tuple[tuple[str, ...], ...]:
    """Return a line for each cluster: its rows, how clear they are, and of labeled ones the usual class."""
    nearest, likeliest, labels = memberships.argmax(1), memberships.max(1), rows.labels
    has_classes = class_labels(labels) is not None
    lines = [("cluster", "rows", "share", "mean membership", *(["most frequent label"] if has_classes else []))]
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
