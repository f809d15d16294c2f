"""The scikit-learn face: `VAE` and `AE` stand where `PCA` stands."""

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from enfold import build
from enfold.config import Config
from enfold.data.arrays import from_array
from enfold.devices import choose_device
from enfold.errors import InputError
from enfold.latent import Clustering, cluster, prior_samples
from enfold.metrics.likelihood import log_likelihood_bounds
from enfold.metrics.reconstruction import reconstruction_mse
from enfold.model import decode_means, encode_means
from enfold.recipes import recipe
from enfold.training import train


class _Estimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What `AE` and `VAE` share; each of them says with which settings to fit."""

    n_components: int
    image_shape: tuple[int, ...] | None
    device: str
    random_state: int | np.random.RandomState | None

    def _config(self) -> Config:
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to X. Labels are not looked at.

        Args:
            X: (n, features), or images: (n, height, width) or (n, channels, height, width). uint8 values are pixels
                in 0…255; other two-dimensional arrays are real numbers, each column standardised inside.
            y: Ignored.

        Raises:
            InputError: A parameter or the data is not as it must be.
        """
        rows, shape = _rows(X)
        rows = np.asarray(validate_data(self, rows))
        data = from_array(rows, image_shape=shape or self.image_shape)
        config = self._config()
        spec = data.spec.standardised(data.x)
        self.model_ = build.autoencoder(config, spec).to(choose_device(self.device))
        ends = [progress for progress in train(self.model_, data.x, config) if progress.ends_epoch]
        self.history_ = [{"seconds": end.seconds, **end.train._asdict()} for end in ends]
        self.n_iter_ = len(ends)
        self.shape_ = shape or rows.shape[1:]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the latent vectors of X, (n, n_components) float32: the posterior means, so always the same."""
        return encode_means(self.model_, self._examples(X))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the examples that latent vectors X, (n, n_components), stand for, in the data's own units.

        They are float32, (n, features) if the model was fitted to rows, else (n, channels, height, width).
        """
        check_is_fitted(self)
        z = np.asarray(X, np.float32)
        if z.ndim != 2 or z.shape[1] != self.model_.latent_dim:
            raise InputError(f"Expected latent vectors of shape (n, {self.model_.latent_dim}), got shape {z.shape}.")
        return decode_means(self.model_, z).reshape(-1, *self.shape_)

    def cluster(self, X: Any, n_clusters: int | Literal["auto"] = "auto") -> Clustering:
        """Return clusters of X on the map, the same at every call.

        `clusters.memberships(self.transform(new))` says how likely each of new rows is of each, (n, k).

        Args:
            X: As for `fit`.
            n_clusters: How many; "auto": as `enfold.latent.cluster` chooses.

        Raises:
            InputError: There are fewer different rows than clusters to be found.
        """
        return cluster(self.transform(X), n_clusters)

    def _examples(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        rows, _ = _rows(X)
        return np.asarray(self.model_.spec.conform(np.asarray(validate_data(self, rows, reset=False))))

    def _settings(self, **given: Any) -> dict[str, Any]:
        """Return the settings that were given, with the names that `Config` has."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        chosen = {name: value for name, value in given.items() if value is not None}
        return {"latent_dim": self.n_components, "seed": seed, **chosen}

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_dim

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class AE(_Estimator):
    """A plain autoencoder, as a scikit-learn transformer.

    It rebuilds the data through a few latent dimensions. It has no prior, so it cannot generate; `VAE` can.

    Args:
        n_components: How many latent dimensions.
        epochs: Passes over the data; None: by the data's size.
        batch_size: Examples in a step; None: the recipe's.
        learning_rate: The highest step size; None: the recipe's.
        image_shape: (height, width) or (channels, height, width) of rows that are flattened images; None: squares
            if the rows are uint8, else the data is a table of real numbers.
        device: "auto", "cpu", "cuda", "mps", …
        random_state: Seed of the weights and the training.

    Attributes:
        model_: The fitted `Autoencoder`.
        history_: For each epoch the mean loss, distortion and rate (nats per example) and the seconds so far.
        n_iter_: How many epochs were run.
        n_features_in_: How many values an example has.

    Example:
        >>> from enfold import AE, load
        >>> digits = load("digits").x[:200]
        >>> AE(epochs=1, random_state=0).fit_transform(digits).shape
        (200, 2)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.image_shape = image_shape
        self.device = device
        self.random_state = random_state

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the mean squared error of the reconstructions, in squared units of each column's scale."""
        x = self._examples(X)
        return -reconstruction_mse(self.model_, x, encode_means(self.model_, x))

    def _config(self) -> Config:
        given = self._settings(epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate)
        return recipe("autoencoder").config.with_settings(given)


class VAE(_Estimator):
    """A variational autoencoder, as a scikit-learn transformer and density model.

    Args:
        n_components: How many latent dimensions.
        recipe: The name of the settings to start from: "default", "neighbours" or "notebook".
        beta: The rate's weight in the loss; None: the recipe's.
        epochs: Passes over the data; None: the recipe's.
        batch_size: Examples in a step; None: the recipe's.
        learning_rate: The highest step size; None: the recipe's.
        image_shape: (height, width) or (channels, height, width) of rows that are flattened images; None: squares
            if the rows are uint8, else the data is a table of real numbers.
        device: "auto", "cpu", "cuda", "mps", …
        random_state: Seed of the weights, the training and `sample`.

    Attributes:
        model_: The fitted `Autoencoder`.
        history_: For each epoch the mean loss, distortion and rate (nats per example) and the seconds so far.
        n_iter_: How many epochs were run.
        n_features_in_: How many values an example has.

    Example:
        >>> from enfold import VAE, load
        >>> digits = load("digits").x[:200]
        >>> vae = VAE(epochs=1, random_state=0).fit(digits)
        >>> vae.sample(3).shape
        (3, 1, 8, 8)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        recipe: str = "default",
        beta: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.recipe = recipe
        self.beta = beta
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.image_shape = image_shape
        self.device = device
        self.random_state = random_state

    def sample(self, n_samples: int = 1) -> np.ndarray:
        """Return new examples: the means of p(x|z) at draws from the prior, in the data's own units.

        They are float32, (n, features) if the model was fitted to rows, else (n, channels, height, width); the
        same at every call if `random_state` is a number.
        """
        check_is_fitted(self)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self.inverse_transform(prior_samples(self.model_, n_samples, seed))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the evidence lower bound of each example, (n,): at most log p(x), in nats; higher is likelier.

        The noise is the same at every call.
        """
        return log_likelihood_bounds(self.model_, self._examples(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, so that a grid search looks for the likeliest model."""
        return float(self.score_samples(X).mean())

    def _config(self) -> Config:
        given = self._settings(
            beta=self.beta, epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate
        )
        config = recipe(self.recipe).config.with_settings(given)
        if config.objective == "autoencoder":
            raise InputError("The recipe 'autoencoder' has no prior to sample from and no bound. Use enfold.AE.")
        return config


def _rows(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Return images as rows, with their (channels, height, width); anything else as it is."""
    if getattr(X, "ndim", 2) <= 2:
        return X, None
    images = np.asarray(from_array(np.asarray(X)).x)
    return images.reshape(len(images), -1), images.shape[1:]
