"""The autoencoder: an encoder x → q(z|x), a decoder z → p(x|z) and a prior p(z), all of them distributions."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from enfold.rows import Examples, rows_at_once, unmapped
from enfold.spec import Spec

ROWS_AT_ONCE = 128  # when computing without gradients: bounds memory, and keeps what convolutions make in cache


class Autoencoder(nn.Module):
    """An encoder, a decoder and a prior for data in its own, raw units.

    The encoder's first module scales raw values and the decoder's distribution gives raw values back, so nobody
    else needs to know how the data is scaled.

    Args:
        encoder: Raw examples (B, *spec.shape) → q(z|x) over (latent_dim,).
        decoder: Latent vectors (B, latent_dim) → p(x|z) over spec.shape, in raw units.
        prior: () → p(z) over (latent_dim,).
        spec: What an example is.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module, spec: Spec):
        super().__init__()
        self.encoder, self.decoder, self.prior, self.spec = encoder, decoder, prior, spec

    def encode(self, x: Tensor | np.ndarray) -> Distribution:
        """Return q(z|x) for raw examples x, (B, *shape)."""
        return self.encoder(self._here(x))

    def decode(self, z: Tensor | np.ndarray) -> Distribution:
        """Return p(x|z) for latent vectors z, (B, latent_dim)."""
        return self.decoder(self._here(z).float())

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


def encode_means(model: Autoencoder, x: Examples) -> np.ndarray:
    """Return the means of q(z|x) of raw examples, (n, latent_dim) float32, a bounded number at once."""
    return _in_chunks(lambda part: model.encode(part).mean, x, model)


def decode_means(model: Autoencoder, z: np.ndarray) -> np.ndarray:
    """Return the means of p(x|z) of latent vectors, (n, *shape) float32 in raw units, a bounded number at once."""
    return _in_chunks(lambda part: model.decode(part).mean, z, model)


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


def batches(x: Examples, rows: Tensor, size: int) -> Iterator[Tensor]:
    """Yield raw examples in the order of their row numbers, `size` at once.

    Rows in files are read for many batches at once, each file's in order, which spares most of the seeking, and while
    the batches before are at work.
    """
    x = unmapped(x) if isinstance(x, np.ndarray) else x
    if isinstance(x, np.ndarray):
        examples = torch.from_numpy(np.ascontiguousarray(x))
        yield from (examples[some] for some in rows.split(size))
        return
    with ThreadPoolExecutor(1) as reader:
        pieces = rows.split(size * max(1, rows_at_once(x) // size))
        reads = (reader.submit(x.__getitem__, some.numpy()) for some in pieces)
        ahead = next(reads, None)
        while ahead is not None:
            here, ahead = ahead.result(), next(reads, None)
            yield from torch.from_numpy(here).split(size)


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


def _in_chunks(f: Callable[[np.ndarray], Tensor], rows: Examples, model: Autoencoder) -> np.ndarray:
    with evaluating(model):
        return in_one(rows, (f(part).cpu().numpy() for part in chunks(rows)))
