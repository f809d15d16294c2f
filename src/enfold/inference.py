"""What a model says of any number of rows: batch by batch, without gradients, in bounded memory."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat

import numpy as np
import torch
from torch import Tensor, nn

from enfold.data.dataset import Dataset, class_name
from enfold.devices import usual_torch
from enfold.errors import InputError, first_of
from enfold.model import Autoencoder, Conditioned
from enfold.rows import Examples
from enfold.spec import Spec

ROWS_AT_ONCE = 128  # bounds memory, and keeps what convolutions make in cache


def conditions(labels: np.ndarray, spec: Spec) -> Tensor | None:
    """Return the position of each row's label among those that a conditional model knows, (n,) int64.

    It is −1, unknown, where there is no label, and where training never saw it.

    Args:
        labels: Their names, or their numbers as in a `Dataset`, (n,); NaN where there is none.
        spec: The model's; None is returned if it has no conditions.

    Raises:
        InputError: The labels are names, and the model knows none of them.
    """
    if not spec.conditions:
        return None
    labels, known = np.asarray(labels), np.array(spec.conditions)
    if labels.dtype.kind not in "biuf":
        numbers = {class_name(each, spec): each for each in known}
        if not numbers.keys() & {*map(str, labels)}:
            raise InputError(f"The model knows none of these labels. It is conditioned on {first_of(numbers)}.")
        labels = np.array([numbers.get(str(name), np.nan) for name in labels])
    place = np.searchsorted(known, labels).clip(max=len(known) - 1)
    return torch.from_numpy(np.where(known[place] == labels, place, -1))


def encode_means(
    model: Autoencoder, x: Examples, condition: Tensor | None = None, dtype: torch.dtype | None = None
) -> np.ndarray:
    """Return the means of q(z|x) of raw rows, (n, latent_dim) float32, a bounded number at once.

    Args:
        x: Raw rows, (n, *shape).
        condition: The class of each, (n,) integers, for a conditional model.
        dtype: In which the network multiplies matrices, as `autocast_dtype` chooses it; None: float32.
    """
    with torch.autocast(model.device.type, dtype, enabled=dtype is not None):
        return _in_chunks(lambda model, part: model.encode(part).mean, x, model, condition)


def latent_means(model: Autoencoder, rows: Dataset, dtype: torch.dtype | None = None) -> np.ndarray:
    """Return the means of q(z|x) of a data set's rows, of which a conditional model is given the classes.

    Args:
        rows: The rows, with labels numbered as the model's.
        dtype: As for `encode_means`.

    Returns:
        (n, latent_dim), float32.
    """
    return encode_means(model, rows.x, conditions(rows.labels, model.spec), dtype)


def decode_means(model: Autoencoder, z: np.ndarray, condition: Tensor | None = None) -> np.ndarray:
    """Return the means of p(x|z) of latent vectors, (n, *shape) float32 in raw units, a bounded number at once."""
    return _in_chunks(lambda model, part: model.decode(part).mean, z, model, condition)


def reconstructed_means(model: Autoencoder, x: Examples, condition: Tensor | None = None) -> np.ndarray:
    """Return the means of p(x|z) at the means of q(z|x) of raw rows, (n, *shape) float32 in raw units."""
    return decode_means(model, encode_means(model, x, condition), condition)


@contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """Switch to evaluation, without gradients, and back."""
    was_training = model.training
    model.eval()
    try:
        with usual_torch(), torch.inference_mode():
            yield
    finally:
        model.train(was_training)


def chunks(x: Examples) -> Iterator[np.ndarray]:
    """Yield the rows in order, a bounded number at once."""
    for start in range(0, max(len(x), 1), ROWS_AT_ONCE):
        yield np.ascontiguousarray(x[start : start + ROWS_AT_ONCE])


def conditioned_chunks(
    model: Autoencoder, x: Examples, condition: Tensor | None
) -> Iterator[tuple[Conditioned, np.ndarray]]:
    """Yield the rows in order, a bounded number at once, each time with the model and their condition, (n,)."""
    assert condition is None or len(condition) == len(x), "expected a class for each row"
    parts = repeat(None) if condition is None else condition.to(model.device).split(ROWS_AT_ONCE)
    for part, classes in zip(chunks(x), parts, strict=False):
        yield Conditioned(model, classes), part


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
    f: Callable[[Conditioned, np.ndarray], Tensor], rows: Examples, model: Autoencoder, condition: Tensor | None
) -> np.ndarray:
    with evaluating(model):
        parts = conditioned_chunks(model, rows, condition)
        return in_one(rows, (f(each, part).cpu().numpy() for each, part in parts))
