"""The autoencoder: an encoder x → q(z|x), a decoder z → p(x|z) and a prior p(z), all of them distributions."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from itertools import repeat

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from enfold.data.dataset import Dataset
from enfold.rows import Examples
from enfold.spec import Spec

ROWS_AT_ONCE = 128  # when computing without gradients: bounds memory, and keeps what convolutions make in cache


class Autoencoder(nn.Module):
    """An encoder, a decoder and a prior for data in its own, raw units.

    The encoder's first module scales raw values and the decoder's distribution gives raw values back, so nobody
    else needs to know how the data is scaled.

    Args:
        encoder: Raw examples (B, *spec.shape) → q(z|x) over (latent_dim,); a conditional one also takes the
            classes, (B,) integers.
        decoder: Latent vectors (B, latent_dim) → p(x|z) over spec.shape, in raw units; a conditional one also takes
            the classes.
        prior: () → p(z) over (latent_dim,).
        spec: What an example is.
    """

    condition: Tensor | None = None
    corrupt: Callable[[Tensor], Tensor] | None = None

    def __init__(self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module, spec: Spec):
        super().__init__()
        self.encoder, self.decoder, self.prior, self.spec = encoder, decoder, prior, spec

    def given(self, condition: Tensor | None) -> "Autoencoder":
        """Return this model, with the same weights, for examples of known classes: q(z|x, y), p(x|z, y).

        Args:
            condition: The position of each example's class in `spec.conditions`, (B,) integers, −1 where it is not
                known; None: it is not known of any. Latent vectors may be a multiple of B, batch after batch.
        """
        view = copy(self)
        view.condition = condition
        return view

    def seeing(self, corrupt: Callable[[Tensor], Tensor] | None) -> "Autoencoder":
        """Return this model, with the same weights, with an encoder that sees examples only through a change."""
        view = copy(self)
        view.corrupt = corrupt
        return view

    def encode(self, x: Tensor | np.ndarray) -> Distribution:
        """Return q(z|x) for raw examples x, (B, *shape)."""
        x = self._here(x)
        x = x if self.corrupt is None else self.corrupt(x)
        return self.encoder(x) if self.condition is None else self.encoder(x, self.condition)

    def decode(self, z: Tensor | np.ndarray) -> Distribution:
        """Return p(x|z) for latent vectors z, (B, latent_dim)."""
        z = self._here(z).float()
        if self.condition is None:
            return self.decoder(z)
        return self.decoder(z, self.condition.repeat(len(z) // len(self.condition)))

    def reconstruct(self, x: Tensor | np.ndarray) -> Tensor:
        """Return the mean of p(x|z) at the mean of q(z|x), (B, *shape), in raw units."""
        return self.decode(self.encode(x).mean).mean

    def sample(self, n: int) -> Tensor:
        """Return the means of p(x|z) at `n` draws from the prior, (n, *shape), in raw units."""
        return self.decode(self.prior().sample((n,))).mean

    def _here(self, x: Tensor | np.ndarray) -> Tensor:
        x = torch.as_tensor(np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x)
        return x.to(self.device, torch.float32 if x.is_floating_point() else x.dtype)

    @property
    def latent_dim(self) -> int:
        """How many coordinates z has."""
        return self.prior().event_shape[0]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device


def conditions(labels: np.ndarray, spec: Spec) -> Tensor | None:
    """Return the position of each row's label among those that a conditional model knows, (n,) int64, −1 for others.

    Args:
        labels: Numbered as the model's, (n,); NaN where there is none.
        spec: The model's; None is returned if it has no conditions.
    """
    if not spec.conditions:
        return None
    known = np.array(spec.conditions)
    place = np.searchsorted(known, labels).clip(max=len(known) - 1)
    return torch.from_numpy(np.where(known[place] == labels, place, -1))


def encode_means(
    model: Autoencoder, x: Examples, condition: Tensor | None = None, dtype: torch.dtype | None = None
) -> np.ndarray:
    """Return the means of q(z|x) of raw examples, (n, latent_dim) float32, a bounded number at once.

    Args:
        model: The model.
        x: Raw examples, (n, *shape).
        condition: The class of each, (n,) integers, for a conditional model.
        dtype: In which the network multiplies matrices, as `autocast_dtype` chooses it; None: float32.
    """
    with torch.autocast(model.device.type, dtype, enabled=dtype is not None):
        return _in_chunks(lambda model, part: model.encode(part).mean, x, model, condition)


def latent_means(model: Autoencoder, rows: Dataset, dtype: torch.dtype | None = None) -> np.ndarray:
    """Return the means of q(z|x) of a data set's rows, of which a conditional model is told the classes.

    Args:
        model: The model.
        rows: The rows, with labels numbered as the model's.
        dtype: As for `encode_means`.

    Returns:
        (n, latent_dim), float32.
    """
    return encode_means(model, rows.x, conditions(rows.labels, model.spec), dtype)


def decode_means(model: Autoencoder, z: np.ndarray, condition: Tensor | None = None) -> np.ndarray:
    """Return the means of p(x|z) of latent vectors, (n, *shape) float32 in raw units, a bounded number at once."""
    return _in_chunks(lambda model, part: model.decode(part).mean, z, model, condition)


def rebuilt_means(model: Autoencoder, x: Examples, condition: Tensor | None = None) -> np.ndarray:
    """Return the means of p(x|z) at the means of q(z|x) of raw examples, (n, *shape) float32 in raw units."""
    return decode_means(model, encode_means(model, x, condition), condition)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch to evaluation, without gradients, and back."""
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def chunks(x: Examples) -> Iterator[np.ndarray]:
    """Yield the rows in order, a bounded number at once."""
    for start in range(0, max(len(x), 1), ROWS_AT_ONCE):
        yield np.ascontiguousarray(x[start : start + ROWS_AT_ONCE])


def given_chunks(
    model: Autoencoder, x: Examples, condition: Tensor | None
) -> Iterator[tuple[Autoencoder, np.ndarray]]:
    """Yield the rows in order, a bounded number at once, each time with the model given their classes, (n,)."""
    assert condition is None or len(condition) == len(x), "expected a class for each row"
    parts = repeat(None) if condition is None else condition.to(model.device).split(ROWS_AT_ONCE)
    for part, classes in zip(chunks(x), parts, strict=False):
        yield model.given(classes), part


def in_one(x: Examples, parts: Iterable[np.ndarray]) -> np.ndarray:
    """Return what was computed for each chunk of `x` as one array, (n, …).

    Small arrays kept between large ones that come and go would hold the heap apart: 0.7 GB for 260,000 examples.
    """
    out, done = np.empty(0), 0
    for part in parts:
        out = out if done else np.empty((len(x), *part.shape[1:]), part.dtype)
        out[done : done + len(part)] = part
        done += len(part)
    return out


def _in_chunks(
    f: Callable[[Autoencoder, np.ndarray], Tensor], rows: Examples, model: Autoencoder, condition: Tensor | None
) -> np.ndarray:
    with evaluating(model):
        return in_one(rows, (f(each, part).cpu().numpy() for each, part in given_chunks(model, rows, condition)))
