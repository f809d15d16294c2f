"""The methods: each is fitted to rows, places new rows on its map, and may reconstruct them."""

import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np
import torch

from enfold.config import Config
from enfold.data.dataset import Dataset
from enfold.inference import chunks, decode_means, encode_means, in_one
from enfold.learning import Prepared, learn
from enfold.recipes import recipe
from enfold.rows import Examples, affordable, drawn, selected
from enfold.spec import Spec
from enfold.training import Progress, epochs_for

UMAP_RECONSTRUCTIONS, UMAP_DIMENSIONS = 200, (2, 3)  # its inverse is slow, and triangulates the map
TSNE_DIMENSIONS = 2
FEWEST_ROWS = 100  # for UMAP and t-SNE, whose default number of neighbors would be most of fewer rows
NOTEBOOK_PACE = 1.9e-6  # seconds for each value of each image and pass, on two processor cores


@dataclass(frozen=True)
class Reduction:
    """A fitted method.

    Attributes:
        place: Raw rows, (n, *shape) → their places on the map, (n, d).
        reconstruct: Places on the map → raw rows, float32; None if the method cannot decode.
        seconds: How long fitting took.
        fitted: The numbers of the training rows that it was fitted to, in order.
        known: The places of those rows, (len(fitted), d), if `place` would put them elsewhere.
        reconstructed_rows: How many rows to reconstruct at most, if that is slow; None: all.
    """

    place: Callable[[Examples], np.ndarray]
    reconstruct: Callable[[np.ndarray], np.ndarray] | None
    seconds: float
    fitted: np.ndarray
    known: np.ndarray | None = None
    reconstructed_rows: int | None = None


@dataclass(frozen=True)
class Job:
    """What to fit a method to, and how.

    Attributes:
        data: The rows to fit to.
        config: The settings; methods other than enfold's use only `latent_dim` and `seed`.
        device: Where to train networks.
    """

    data: Prepared
    config: Config
    device: str = "auto"

    @property
    def training(self) -> Dataset:
        """The rows to fit to."""
        return self.data.seen

    @property
    def spec(self) -> Spec:
        """What the rows are, with the offsets and scales of the training rows."""
        return self.data.spec


Fit = Callable[[Job], Iterator[Progress | Reduction]]  # the progress of a network; at the end the fitted method


@dataclass(frozen=True)
class Method:
    """A method of dimensionality reduction.

    Attributes:
        title: What to call it.
        about: What it is, in a few words.
        places: How it places new rows on the map.
        decodes: How it reconstructs rows from the map.
        fit: Fits it.
        recipe: The settings to start from.
        package: The package that it needs, as pip calls it.
        unsuited: Returns why it cannot do a job; empty if it can.
        pace: Seconds for each value of each row and epoch on two processor cores, if it takes minutes.
    """

    title: str
    about: str
    places: str
    decodes: str
    fit: Fit
    recipe: str = "default"
    package: str = ""
    unsuited: Callable[[Job], str] = lambda job: ""
    pace: float = 0.0

    @property
    def is_installed(self) -> bool:
        """Whether the package that it needs is installed."""
        try:
            return not self.package or bool(metadata.version(self.package))
        except metadata.PackageNotFoundError:
            return False

    def config(self, settings: dict[str, Any]) -> Config:
        """Return the settings of its recipe, with some replaced."""
        return recipe(self.recipe).config.with_settings(settings)

    def expected_seconds(self, job: Job) -> float:
        """Return about how long it takes; 0 if that is unknown or short."""
        rows = len(job.training)
        return self.pace * job.spec.size * rows * epochs_for(job.config, rows) if not job.config.minutes else 0.0


def fitted(method: Method, job: Job) -> Reduction:
    """Return the method fitted to the job."""
    *_, last = method.fit(job)
    assert isinstance(last, Reduction)
    return last


def rows_in_memory(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the training rows, and the rows, (n, values) float32 in units of each column's scale.

    If they would take more than 256 MB, as many as fit are drawn.
    """
    numbers = drawn(len(job.training), affordable(job.spec.size, len(job.training)), job.config.seed)
    some = selected(job.training.x, numbers)
    return numbers, in_one(some, (job.spec.vectors(part) for part in chunks(some)))


def _network(job: Job) -> Iterator[Progress | Reduction]:
    state, training = learn(replace(job.data, unseen=None), job.config, job.device)
    seconds, model = 0.0, state.model
    for progress in training:
        seconds = progress.seconds
        yield progress
    numbers = np.arange(len(job.training))
    yield Reduction(partial(encode_means, model), partial(decode_means, model), seconds, numbers)


def _pca(job: Job) -> Iterator[Reduction]:
    from sklearn.decomposition import PCA

    numbers, x = rows_in_memory(job)
    began = time.perf_counter()
    pca = PCA(job.config.latent_dim, random_state=job.config.seed).fit(x)
    seconds = time.perf_counter() - began

    def place(x: Examples) -> np.ndarray:
        return in_one(x, (pca.transform(job.spec.vectors(part)) for part in chunks(x)))

    yield Reduction(place, lambda z: job.spec.examples(pca.inverse_transform(z)), seconds, numbers)


def _umap(job: Job) -> Iterator[Reduction]:
    with quiet():
        from umap import UMAP

        numbers, x = rows_in_memory(job)
        began = time.perf_counter()
        umap = UMAP(n_components=job.config.latent_dim, random_state=job.config.seed).fit(x)
        seconds = time.perf_counter() - began

    def place(x: Examples) -> np.ndarray:
        with quiet():
            return np.asarray(umap.transform(job.spec.vectors(np.asarray(x))))

    def reconstruct(z: np.ndarray) -> np.ndarray:
        with quiet():
            return job.spec.examples(np.asarray(umap.inverse_transform(z)))

    back = reconstruct if job.config.latent_dim in UMAP_DIMENSIONS else None
    yield Reduction(place, back, seconds, numbers, np.asarray(umap.embedding_), UMAP_RECONSTRUCTIONS)


def _tsne(job: Job) -> Iterator[Reduction]:
    with quiet():
        from openTSNE import TSNE

        numbers, x = rows_in_memory(job)
        began = time.perf_counter()
        tsne = TSNE(job.config.latent_dim, random_state=job.config.seed, n_jobs=torch.get_num_threads()).fit(x)
        seconds = time.perf_counter() - began

    def place(x: Examples) -> np.ndarray:
        with quiet():
            return np.asarray(tsne.transform(job.spec.vectors(np.asarray(x))))

    yield Reduction(place, None, seconds, numbers, np.asarray(tsne))


@contextmanager
def quiet() -> Generator[None]:
    """Silence the warnings of other libraries, which the user cannot fix."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _more_than_values(job: Job) -> str:
    most = min(job.spec.size, affordable(job.spec.size, len(job.training)))
    return f"it gives at most {most} dimensions here" if job.config.latent_dim > most else ""


def _no_notebook_images(job: Job) -> str:
    spec = job.spec
    if spec.is_image and spec.kind == "intensity" and not spec.shape[1] % 2 and not spec.shape[2] % 2:
        return ""
    return f"it needs images of even height and width whose values have a known range, not {spec}"


def _too_few_rows(job: Job) -> str:
    few = len(job.training) < FEWEST_ROWS
    return f"it needs at least {FEWEST_ROWS} training rows, not {len(job.training)}" if few else ""


def _no_tsne(job: Job) -> str:
    many = job.config.latent_dim > TSNE_DIMENSIONS
    return f"it gives at most {TSNE_DIMENSIONS} dimensions" if many else _too_few_rows(job)


METHODS = {  # from cheap to expensive
    "pca": Method(
        "PCA",
        "principal components, by scikit-learn: the best linear map",
        "yes",
        "linearly",
        _pca,
        unsuited=_more_than_values,
    ),
    "autoencoder": Method(
        "plain autoencoder",
        "the network of enfold's default, without noise and without a prior",
        "yes",
        "yes",
        _network,
        "autoencoder",
    ),
    "default": Method(
        "enfold's default",
        "a variational autoencoder: the recipe default",
        "yes",
        "yes, generates too",
        _network,
    ),
    "neighbors": Method(
        "enfold's neighbors",
        "the same, trained to keep neighbors as UMAP does: the recipe neighbors",
        "yes",
        "yes, generates too",
        _network,
        "neighbors",
    ),
    "umap": Method(
        "UMAP",
        "umap-learn with its default settings",
        "by optimization",
        "slowly",
        _umap,
        package="umap-learn",
        unsuited=_too_few_rows,
    ),
    "tsne": Method(
        "t-SNE",
        "openTSNE with its default settings",
        "into the fixed map",
        "no",
        _tsne,
        package="openTSNE",
        unsuited=_no_tsne,
    ),
    "notebook": Method(
        "notebook's VAE",
        "the convolutional network of the notebook that enfold grew from, with its mistakes",
        "yes",
        "yes, generates too",
        _network,
        "notebook",
        unsuited=_no_notebook_images,
        pace=NOTEBOOK_PACE,
    ),
}
