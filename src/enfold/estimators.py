"""The scikit-learn face: `VAE` and `AE` stand where `PCA` stands."""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from enfold import latent
from enfold.config import Config
from enfold.data.arrays import from_array
from enfold.errors import InputError
from enfold.inference import decode_means, encode_means
from enfold.learning import learn, prepared
from enfold.metrics.anomaly import Anomalies, p_values, reference
from enfold.metrics.copies import Copies, copies
from enfold.metrics.likelihood import log_likelihood_bounds
from enfold.metrics.reconstruction import reconstruction_mse
from enfold.recipes import recipe as named_recipe
from enfold.training import epoch_values
from enfold.version import __version__

OWN_PARAMETERS = ("n_components", "recipe", "settings", "image_shape", "device", "random_state")
SETTING_OF = {"n_components": "latent_dim", "recipe": "recipe", "random_state": "seed"}  # where the names differ


class _Estimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """What `AE` and `VAE` share."""

    usual_recipe: ClassVar[str]

    def __init__(
        self,
        n_components: int | None = 2,
        *,
        recipe: str | None = None,
        network: Any = None,
        encoder: Any = None,
        decoder: Any = None,
        posterior: Any = None,
        prior: Any = None,
        likelihood: Any = None,
        objective: Any = None,
        optimizer: Any = None,
        schedule: Any = None,
        corruption: Any = None,
        beta: float | None = None,
        learning_rate: float | None = None,
        n_neighbors: int | None = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        patience: int | None = None,
        settings: Mapping[str, Any] | None = None,
        image_shape: tuple[int, ...] | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_components = n_components
        self.recipe = recipe
        self.network = network
        self.encoder = encoder
        self.decoder = decoder
        self.posterior = posterior
        self.prior = prior
        self.likelihood = likelihood
        self.objective = objective
        self.optimizer = optimizer
        self.schedule = schedule
        self.corruption = corruption
        self.beta = beta
        self.learning_rate = learning_rate
        self.n_neighbors = n_neighbors
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.settings = settings
        self.image_shape = image_shape
        self.device = device
        self.random_state = random_state

    def _config(self) -> Config:
        """Return the settings to fit with.

        Raises:
            InputError: A parameter is not as it must be.
        """
        given = {name: value for name, value in self.get_params(deep=False).items() if name not in OWN_PARAMETERS}
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        own = {**{name: name for name in given}, **{of: name for name, of in SETTING_OF.items()}}
        if twice := own.keys() & (self.settings or {}):
            raise InputError(f"In `settings`, '{min(twice)}' is a parameter of its own. Pass {own[min(twice)]}=…")
        every = {"seed": seed, "latent_dim": self.n_components, **given, **(self.settings or {})}
        started = named_recipe(self.recipe or self.usual_recipe).config
        return started.with_settings({name: value for name, value in every.items() if value is not None})

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model to X. Labels are not used.

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
        ready = prepared(data, config, holds_out=config.chooses_epoch)
        state, training = learn(ready, config, self.device)
        ends = [progress for progress in training if progress.ends_epoch]
        self.model_, self.config_ = state.model, config
        self.history_ = [epoch_values(end) for end in ends]
        self.n_iter_ = len(ends)
        self.reference_ = reference(self.model_, config, data)
        self.shape_ = shape or rows.shape[1:]
        return self

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {**state, "_enfold_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        written_by = state.pop("_enfold_version", "of an unknown version")
        if written_by != __version__:
            warnings.warn(
                f"This {type(self).__name__} was pickled by enfold {written_by}, and this is enfold {__version__}. "
                "Its results may differ or fail: fit it again, or install that version.",
                stacklevel=2,
            )
        super().__setstate__(state)

    def transform(self, X: Any) -> np.ndarray:
        """Return the latent vectors of X, (n, n_components) float32: the posterior means, so always the same."""
        x = self._examples(X)
        return encode_means(self.model_, x)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decode latent vectors X, (n, n_components), into rows in the data's own units.

        They are float32, (n, features) if the model was fitted to rows, else (n, channels, height, width).
        """
        check_is_fitted(self)
        z = np.asarray(X, np.float32)
        if z.ndim != 2 or z.shape[1] != self.model_.latent_dim:
            raise InputError(f"Expected latent vectors of shape (n, {self.model_.latent_dim}), got shape {z.shape}.")
        return decode_means(self.model_, z).reshape(-1, *self.shape_)

    def interpolate(self, X: Any, n_steps: int = 10, *, spherical: bool = False) -> np.ndarray:
        """Return decoded interpolations from each row of X to the next one.

        They are float32 in the data's own units, (len(X) − 1, n_steps, features), or images if those were fitted.

        Args:
            X: The rows to go through, two or more.
            n_steps: Number of steps from a row to the next, both included.
            spherical: Whether to interpolate along great circles around the origin instead of straight lines.
        """
        means = self.transform(X)
        z = latent.interpolation(self.model_, means, n_steps, is_spherical=spherical)
        return latent.decoded(self.model_, z).reshape(*z.shape[:2], *self.shape_)

    def traverse(self, X: Any, n_steps: int = 10) -> np.ndarray:
        """Return what each latent dimension does: decoded points along it, with the others at their medians.

        They are float32 in the data's own units, (n_components, n_steps, features), or images if those were fitted.

        Args:
            X: Rows; each dimension goes from the 5% to the 95% quantile of their latent vectors.
            n_steps: Number of points along each dimension.
        """
        means = self.transform(X)
        z = latent.traversal(self.model_, range(means.shape[1]), n_steps, means=means)
        return latent.decoded(self.model_, z).reshape(*z.shape[:2], *self.shape_)

    def cluster(self, X: Any, n_clusters: int | Literal["auto"] = "auto") -> latent.Clustering:
        """Return clusters of X on the map, the same at every call.

        Its `memberships(self.transform(new))` are the probabilities that new rows are in each cluster, (n, k).

        Args:
            X: As for `fit`.
            n_clusters: How many; "auto": as `enfold.latent.cluster` chooses.

        Raises:
            InputError: There are fewer distinct rows than clusters.
        """
        return latent.cluster(self.transform(X), n_clusters)

    def anomaly_scores(self, X: Any, *, score: str = "combined") -> np.ndarray:
        """Return how unlike the training rows each row is, (n,); the same at every call.

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
        """Return the p-value of each row's score among held-out rows, (n,) in 1/(m + 1)…1.

        Of rows from the same distribution as the held-out ones, a share of at most α has p ≤ α.

        Args:
            X: Rows, as for `fit`.
            held_out: Ordinary rows that were not used in training, (m, …).
            score: As for `anomaly_scores`.

        Raises:
            InputError: There is no such score.
        """
        return p_values(self.anomaly_scores(X, score=score), self.anomaly_scores(held_out, score=score))

    def _examples(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        rows, _ = _rows(X)
        return np.asarray(self.model_.spec.conform(np.asarray(validate_data(self, rows, reset=False))))

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_dim

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class AE(_Estimator):
    """A plain autoencoder, as a scikit-learn transformer.

    It reconstructs the data through a few latent dimensions. It has no prior, so it cannot generate; `VAE` can.

    Args:
        n_components: Number of latent dimensions; None: the recipe's.
        recipe: The settings to start from; None: "autoencoder". "denoise" is an autoencoder that removes noise, best
            with `n_components=None`.
        network, …, random_state: As for `VAE`.

    Attributes:
        model_: The fitted `Autoencoder`.
        history_: For each epoch its number, the seconds so far and the mean terms, named as in `Run.history`.
        n_iter_: Number of epochs.
        n_features_in_: Number of values in a row.

    Example:
        >>> from enfold import AE, load
        >>> digits = load("digits").x[:200] / 16
        >>> AE(epochs=1, random_state=0).fit_transform(digits).shape
        (200, 2)
    """

    usual_recipe = "autoencoder"

    def denoise(self, X: Any) -> np.ndarray:
        """Return X without its noise: `inverse_transform(transform(X))`, in the data's own units.

        The noise may have any kind and level that the recipe "denoise" trains with; neither needs to be given.

        Raises:
            InputError: The estimator has no corruption to learn from.
        """
        check_is_fitted(self)
        if self.config_.corruption.name == "none":
            raise InputError("This model was trained without noise. Fit AE(None, recipe='denoise').")
        return self.inverse_transform(self.transform(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the mean squared error of the reconstructions, in squared units of each column's scale."""
        x = self._examples(X)
        return -reconstruction_mse(self.model_, x, encode_means(self.model_, x))

    def _config(self) -> Config:
        config = super()._config()
        if not config.is_plain:
            raise InputError(f"With objective={config.objective.name} it is not a plain autoencoder. Use enfold.VAE.")
        return config


class VAE(_Estimator):
    """A variational autoencoder, as a scikit-learn transformer and density model.

    Every setting of `enfold recipes` can be reached, and so be searched: choices by name or with options, such as
    `prior="vamp"` or `prior=enfold.priors.Vamp(components=50)`, and the others in `settings`.

    Args:
        n_components: Number of latent dimensions; None: the recipe's.
        recipe: The settings to start from; None: "default".
        network, encoder, decoder, posterior, prior, likelihood, objective, optimizer, schedule, corruption: Choices;
            None: the recipe's. Encoder, decoder, prior and objective may be custom objects.
        beta: The weight of the rate (the KL divergence) in the loss; None: the recipe's.
        learning_rate: The highest step size; None: the recipe's.
        n_neighbors: Number of nearest neighbors that the map preserves; None: the recipe's.
        batch_size: Rows in a batch; None: the recipe's.
        epochs: Passes over the data; None: by the data's size.
        patience: Epochs without a lower held-out loss after which training stops; a tenth of the rows is held out
            for it (`settings={"holdout": 0.2}` for more). None: the recipe's.
        settings: Any other settings and options by name, such as `{"objective.free_bits": 1, "keep": "best"}`.
        image_shape: (height, width) or (channels, height, width) of rows that are flattened images; None: squares
            if the rows are uint8, else the data is a table of real numbers.
        device: "auto", "cpu", "cuda", "mps", …
        random_state: Seed of the weights, the training and `sample`.

    Attributes:
        model_: The fitted `Autoencoder`.
        history_: For each epoch its number, the seconds so far and the mean terms, named as in `Run.history`.
        n_iter_: Number of epochs.
        n_features_in_: Number of values in a row.

    Example:
        >>> from enfold import VAE, load
        >>> digits = load("digits").x[:200] / 16
        >>> vae = VAE(prior="mixture", epochs=1, random_state=0).fit(digits)
        >>> vae.sample(3).shape
        (3, 1, 8, 8)
    """

    usual_recipe = "default"

    def sample(
        self, n_samples: int = 1, *, sampler: str = "prior", temperature: float = 1, X: Any = None
    ) -> np.ndarray:
        """Generate new rows: the means of p(x|z) at draws of z, in the data's own units.

        They are float32, (n, features) if the model was fitted to rows, else (n, channels, height, width); the
        same at every call if `random_state` is a number.

        Args:
            n_samples: Number of rows.
            sampler: "prior", or "mixture" or "flow", which are fitted to the latent vectors of X.
            temperature: Factor on the standard deviation of the draws, above 0.
            X: Training rows, for a sampler that is fitted.
        """
        check_is_fitted(self)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        x = None if X is None else self._examples(X)
        p = latent.tempered(latent.sampler(self.model_, sampler, x, seed=seed), temperature)
        return self.inverse_transform(latent.draws(p, n_samples, seed, self.model_.device))

    def copies(self, X: Any, training: Any, held_out: Any) -> Copies:
        """Return how near generated rows are to training rows, compared with unseen rows.

        `share` is the share that is as near to a training row as the nearest 1% of unseen rows are; of unseen rows it
        is about `expected_share`. A larger share means that the model copies rows or generates only typical ones,
        which have no noise. A small share does not prove that they are good.

        Args:
            X: Generated rows, (n, …), as `sample` returns them.
            training: The training rows, (N, …).
            held_out: Rows that were not used in training, (m, …).

        Raises:
            InputError: The generated rows have another number of values, or NaN or infinity.
        """
        known, unseen = self._examples(training), self._examples(held_out)
        made, spec = np.asarray(X, np.float32), self.model_.spec
        if made.ndim < 2 or made[0].size != spec.size:
            raise InputError(f"Expected generated rows of {spec.size} values each, got shape {made.shape}.")
        if not np.isfinite(made).all():
            raise InputError("The generated rows have NaN or infinity. Drop such rows.")
        return copies(made.reshape(-1, *spec.shape), known, unseen, spec)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the evidence lower bound (ELBO) of each row, (n,), in nats: a lower bound of log p(x).

        It is the same at every call.
        """
        x = self._examples(X)
        return log_likelihood_bounds(self.model_, x)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`; a grid search maximizes it."""
        return float(self.score_samples(X).mean())

    def _config(self) -> Config:
        config = super()._config()
        if config.is_plain:
            raise InputError("A plain autoencoder has no prior and no ELBO. Use enfold.AE.")
        return config


def _rows(X: Any) -> tuple[Any, tuple[int, ...] | None]:
    """Return images as rows, with their (channels, height, width); other arrays unchanged."""
    if getattr(X, "ndim", 2) <= 2:
        return X, None
    images = np.asarray(from_array(np.asarray(X)).x)
    return images.reshape(len(images), -1), images.shape[1:]
