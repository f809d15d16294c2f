"""How well clusters that nobody named are the ten digits."""

import numpy as np
from models import trained
from seeds import Line, digits, table

from enfold import latent
from enfold.inference import encode_means
from enfold.metrics import clustering
from enfold.metrics.clustering import label_scores

METRICS = (
    "clustering_accuracy",
    "nmi",
    "ari",
    "training accuracy",
    "clusters by auto",
    "k-means on pixels",
    "seconds",
)


def run(seed):
    """Return how well clusters of the training rows' latent means sort the held-out rows, and k-means does."""
    data = digits()
    seen, unseen = data.seen, data.unseen
    model, _, about = trained("neighbors", {"epochs": 25}, data, seed)
    z, k = encode_means(model, seen.x), len(np.unique(seen.labels))
    found = latent.cluster(z, k)
    of_seen, of_unseen = (found.memberships(each).argmax(1) for each in (z, encode_means(model, unseen.x)))
    by_pixels = clustering.clusters(unseen.x.reshape(len(unseen), -1), k)
    of_seen, of_unseen, by_pixels = (
        {name: each.value for name, each in label_scores(*some).items()}
        for some in ((of_seen, seen.labels), (of_unseen, unseen.labels), (by_pixels, unseen.labels))
    )
    return {
        **of_unseen,
        "training accuracy": of_seen["clustering_accuracy"],
        "clusters by auto": latent.cluster(z).k,
        "k-means on pixels": by_pixels["clustering_accuracy"],
        **about,
    }


LINES = {
    "clusters": Line(
        "ten clusters on a map that keeps neighbors",
        run,
        METRICS,
        bounds={"clustering_accuracy": (0.85, 0.96), "training accuracy": (0.85, 0.96)},
        known="a VAE and then a mixture 0.48 to 0.73, VaDE 0.945 (Jiang 2017)",
        seeds=(0, 1, 2, 3, 4),
    )
}


def section(results):
    """Return what the page says of clusters."""
    return f"""## Clusters

The digits and the split are those of the maps. `enfold.latent.cluster` finds ten clusters in the latent means of
the training images, without labels, and assigns the held-out images to them. Labels are used only to score this:
accuracy under the best matching of clusters to digits, NMI and ARI. The training accuracy is that of the 65,000
training images; papers report this one. "Clusters by auto" is how many clusters are found if no number is given.
K-means clusters the pixels of the held-out images. How Gaussians are merged was chosen by looking at the maps of
seeds 0 and 1.

{table("clusters", LINES["clusters"], results["clusters"])}"""
