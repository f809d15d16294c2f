"""The scikit-learn face: `VAE` and `AE` stand where `PCA` stands."""

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from enfold import build, latent
from enfold.config import Config
from enfold.data.arrays import from_array
from enfold.devices import choose_device
from enfold.errors import InputError
from enfold.inference import decode_means, encode_means
from enfold.metrics.anomaly import Anomalies, p_values, reference
from enfold.metrics.copies import Copies, copies
from enfold.metrics.likelihood import log_likelihood_bounds
from enfold.metrics.reconstruction import reconstruction_mse
from enfold.recipes import recipe
from enfold.training import train


class _Estimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What `AE` and `VAE` share; each of them says with which settings to fit."""

    n_components: int | None
    image_shape: tuple[int, ...] | None
    device: str
    random_state: int | np.random.RandomState | None

    def _config(self) -> Config:
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to X. Labels are not looked at.

        Args:
            X: (n, features), or images: (n, height, width) or (n, channels, height, width). uint8 values are pixels
                in 0…255; other two-dimensional arrays are real numbers, each column standardized inside.
            y: Ignored.

        Raises:
            InputError: A parameter or the data is not as it must be.
        """
        rows, shape = _rows(X)
        rows = np.asarray(validate_data(self, rows))
        data = from_array(rows, image_shape=shape or self.image_shape)
        config = self._config()
        spec = data.spec.standardized(data.x)
        self.model_ = build.autoencoder(config, spec).to(choose_device(self.device))
        ends = [progress for progress in train(self.model_, data.x, config) if progress.ends_epoch]
        self.history_ = [{"seconds": end.seconds, **end.train._asdict()} for end in ends]
        self.n_iter_ = len(ends)
        self.reference_ = reference(self.model_, config, data)
        self.shape_ = shape or rows.shape[1:]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the latent vectors of X, (n, n_components) float32: the posterior means, so always the same."""
        x = self._examples(X)
        return encode_means(self.model_, x)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the examples that latent vectors X, (n, n_components), stand for, in the data's own units.

        They are float32, (n, features) if the model was fitted to rows, else (n, channels, height, width).
        """
        check_is_fitted(self)
        z = np.asarray(X, np.float32)
        if z.ndim != 2 or z.shape[1] != self.model_.latent_dim:
            raise InputError(f"Expected latent vectors of shape (n, {self.model_.latent_dim}), got shape {z.shape}.")
        return decode_means(self.model_, z).reshape(-1, *self.shape_)

    def interpolate(self, X: Any, n_steps: int = 10, *, spherical: bool = False) -> np.ndarray:
        """Return what lies between examples: decoded places on the path from each of X to the next one.

        They are float32 in the data's own units, (len(X) − 1, n_steps, features), or images if those were fitted.

        Args:
            X: The examples to go through, two or more.
            n_steps: How many places on each path, the ends included.
            spherical: Whether to go along great circles about the origin rather than straight.
        """
        means = self.transform(X)
        z = latent.interpolation(self.model_, means, n_steps, is_spherical=spherical)
        return latent.decoded(self.model_, z).reshape(*z.shape[:2], *self.shape_)

    def traverse(self, X: Any, n_steps: int = 10) -> np.ndarray:
        """Return what each latent dimension does: decoded places along it, while the others stay at their medians.

        They are float32 in the data's own units, (n_components, n_steps, features), or images if those were fitted.

        Args:
            X: Examples, through the quantiles of whose latent vectors to go, 5 % to 95 %.
            n_steps: How many places along each dimension.
        """
        means = self.transform(X)
        z = latent.traversal(self.model_, range(means.shape[1]), n_steps, means=means)
        return latent.decoded(self.model_, z).reshape(*z.shape[:2], *self.shape_)

    def cluster(self, X: Any, n_clusters: int | Literal["auto"] = "auto") -> latent.Clustering:
        """Return clusters of X on the map, the same at every call.

        Its `memberships(self.transform(new))` says how likely each of new rows is of each, (n, k).

        Args:
            X: As for `fit`.
            n_clusters: How many; "auto": as `enfold.latent.cluster` chooses.

        Raises:
            InputError: There are fewer different rows than clusters to be found.
        """
        return latent.cluster(self.transform(X), n_clusters)

    def anomaly_scores(self, X: Any, *, score: str = "combined") -> np.ndarray:
        """Return how unlike the rows that the model was fitted to each row is, (n,), the same at every call.

        Args:
            X: Rows, as for `fit`.
            score: "reconstruction": the squared error, of images as a share of their contrast; "distance": of the
                latent vector to those of the 5 nearest rows; "combined": reconstruction × (1 + distance); of a `VAE`
                also "likelihood": −log p(x) in nats, and "typicality": how far that is from the mean.

        Raises:
            InputError: There is no such score.
        """
        x = self._examples(X)
        return Anomalies(self.model_, self.reference_, x).scores(score)

    def p_values(self, X: Any, held_out: Any, *, score: str = "combined") -> np.ndarray:
        """Return how rare it is that an ordinary row has at least the score of each row, (n,) in 1/(m + 1)…1.

        Of rows drawn as the held-out ones were, a share of at most α has p ≤ α.

        Args:
            X: Rows, as for `fit`.
            held_out: Ordinary rows that the model was not fitted to, (m, …).
            score: As for `anomaly_scores`.

        Raises:
            InputError: There is no such score.
        """
        return p_values(self.anomaly_scores(X, score=score), self.anomaly_scores(held_out, score=score))

    def _examples(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        rows, _ = _rows(X)
        return np.asarray(self.model_.spec.conform(np.asarray(validate_data(self, rows, reset=False))))

    def _settings(self, **given: Any) -> dict[str, Any]:
        """Return the settings that were given, with the names that `Config` has."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        given["latent_dim"] = self.n_components
        return {"seed": seed, **{name: value for name, value in given.items() if value is not None}}

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
        n_components: How many latent dimensions; None: the recipe's.
        recipe: The name of the settings to start from: "autoencoder", or "denoise" for an autoencoder that removes
            noise, best with `n_components=None`.
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
        >>> digits = load("digits").x[:200] / 16
        >>> AE(epochs=1, random_state=0).fit_transform(digits).shape
        (200, 2)
    """

    def __init__(
        self,
        n_components: int | None = 2,
        *,
        recipe: str = "autoencoder",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.image_shape = image_shape
        self.device = device
        self.random_state = random_state

    def denoise(self, X: Any) -> np.ndarray:
        """Return what X, with noise, was without it: `inverse_transform(transform(X))`, in the data's own units.

        The noise must be of the kinds and levels of the recipe "denoise", which it need not be told; the result is
        the mean of what could be there, among things like those that the model was fitted to.

        Raises:
            InputError: The estimator was made for another recipe.
        """
        if self._config().corruption == "none":
            raise InputError(f"The recipe '{self.recipe}' learns nothing of noise. Fit AE(None, recipe='denoise').")
        return self.inverse_transform(self.transform(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the mean squared error of the reconstructions, in squared units of each column's scale."""
        x = self._examples(X)
        return -reconstruction_mse(self.model_, x, encode_means(self.model_, x))

    def _config(self) -> Config:
        given = self._settings(epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate)
        config = recipe(self.recipe).config.with_settings(given)
        if not config.is_plain:
            raise InputError(f"The recipe '{self.recipe}' is of no plain autoencoder. Use enfold.VAE.")
        return config


class VAE(_Estimator):
    """A variational autoencoder, as a scikit-learn transformer and density model.

    Args:
        n_components: How many latent dimensions; None: the recipe's.
        recipe: The name of the settings to start from: "default", "neighbors" or "notebook".
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
        >>> digits = load("digits").x[:200] / 16
        >>> vae = VAE(epochs=1, random_state=0).fit(digits)
        >>> vae.sample(3).shape
        (3, 1, 8, 8)
    """

    def __init__(
        self,
        n_components: int | None = 2,
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

    def sample(
        self, n_samples: int = 1, *, sampler: str = "prior", temperature: float = 1, X: Any = None
    ) -> np.ndarray:
        """Return new examples: the means of p(x|z) at draws of z, in the data's own units.

        They are float32, (n, features) if the model was fitted to rows, else (n, channels, height, width); the
        same at every call if `random_state` is a number.

        Args:
            n_samples: How many.
            sampler: "prior", or "mixture" or "flow", which are fitted to the latent vectors of X.
            temperature: What the draws' spread is multiplied by, above 0.
            X: Examples, for a sampler that is fitted.
        """
        check_is_fitted(self)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        x = None if X is None else self._examples(X)
        p = latent.tempered(latent.sampler(self.model_, sampler, x, seed=seed), temperature)
        return self.inverse_transform(latent.draws(p, n_samples, seed, self.model_.device))

    def copies(self, X: Any, training: Any, held_out: Any) -> Copies:
        """Return how near new examples are to the rows that the model was fitted to, beside unseen rows.

        Its `share` is of those as near to a training row as the nearest 1 % of the unseen rows; of new rows of the
        data it would be about its `expected_share`. A larger one says that the model repeats rows, or makes only
        ordinary ones, also as new examples lack the noise of data; a small one does not prove that they are good.

        Args:
            X: New examples, (n, …), as `sample` returns them.
            training: The rows that the model was fitted to, (N, …).
            held_out: Rows that it was not fitted to, (m, …).

        Raises:
            InputError: The new examples have another number of values, or NaN or infinity.
        """
        known, unseen = self._examples(training), self._examples(held_out)
        made, spec = np.asarray(X, np.float32), self.model_.spec
        if made.ndim < 2 or made[0].size != spec.size:
            raise InputError(f"Expected new examples of {spec.size} values each, got shape {made.shape}.")
        if not np.isfinite(made).all():
            raise InputError("The new examples have NaN or infinity. Drop such rows.")
        return copies(made.reshape(-1, *spec.shape), known, unseen, spec)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the evidence lower bound of each example, (n,): at most log p(x), in nats; higher is likelier.

        The noise is the same at every call.
        """
        x = self._examples(X)
        return log_likelihood_bounds(self.model_, x)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`, so that a grid search looks for the likeliest model."""
        return float(self.score_samples(X).mean())

    def _config(self) -> Config:
        given = self._settings(
            beta=self.beta, epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate
        )
        config = recipe(self.recipe).config.with_settings(given)
        if config.is_plain:
            raise InputError(f"The recipe '{self.recipe}' has no prior to sample from and no bound. Use enfold.AE.")
        return config


def _rows(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Return images as rows, with their (channels, height, width); anything else as it is."""
    if getattr(X, "ndim", 2) <= 2:
        return X, None
    images = np.asarray(from_array(np.asarray(X)).x)
    return images.reshape(len(images), -1), images.shape[1:]
