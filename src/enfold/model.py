"""The autoencoder: an encoder x → q(z|x), a decoder z → p(x|z) and a prior p(z), all of them distributions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from enfold.errors import InputError
from enfold.spec import Spec


class Autoencoder(nn.Module):
    """An encoder, a decoder and a prior for data in raw units.

    The encoder's first module scales raw values and the decoder's distribution gives raw values back, so nobody
    else needs to know how the data is scaled.

    A conditional model, one whose `spec.conditions` names classes, also takes a `condition`: the position of each
    row's class in `spec.conditions`, (B,) integers, −1 where the class is unknown.

    Args:
        encoder: Raw rows (B, *spec.shape) → q(z|x) over (latent_dim,); a conditional one also takes a condition.
        decoder: Latent vectors (B, latent_dim) → p(x|z) over spec.shape, in raw units; a conditional one also takes
            a condition.
        prior: () → p(z) over (latent_dim,).
        spec: The shape, kind and range of the data.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, prior: nn.Module, spec: Spec):
        super().__init__()
        self.encoder, self.decoder, self.prior, self.spec = encoder, decoder, prior, spec

    def encode(self, x: Tensor | np.ndarray, condition: Tensor | np.ndarray | None = None) -> Distribution:
        """Return q(z|x), or q(z|x, y) of a conditional model, for raw rows x, (B, *shape).

        Raises:
            InputError: The model is conditional and no condition is given, or the other way round.
        """
        return self.encoder(self._here(x), *self._classes(condition))

    def decode(self, z: Tensor | np.ndarray, condition: Tensor | np.ndarray | None = None) -> Distribution:
        """Return p(x|z), or p(x|z, y) of a conditional model, for latent vectors z, (B, latent_dim).

        Raises:
            InputError: As for `encode`.
        """
        return self.decoder(self._here(z).float(), *self._classes(condition))

    def reconstruct(self, x: Tensor | np.ndarray, condition: Tensor | np.ndarray | None = None) -> Tensor:
        """Return the mean of p(x|z) at the mean of q(z|x), (B, *shape), in raw units."""
        return self.decode(self.encode(x, condition).mean, condition).mean

    def sample(self, n: int, condition: Tensor | np.ndarray | None = None) -> Tensor:
        """Return the means of p(x|z) at `n` draws from the prior, (n, *shape), in raw units."""
        return self.decode(self.prior().sample((n,)), condition).mean

    def _here(self, x: Tensor | np.ndarray) -> Tensor:
        x = torch.as_tensor(np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x)
        return x.to(self.device, torch.float32 if x.is_floating_point() else x.dtype)

    def _classes(self, condition: Tensor | np.ndarray | None) -> tuple[Tensor, ...]:
        if (condition is None) == bool(self.spec.conditions):
            raise InputError(
                f"This model is conditioned on one of {len(self.spec.conditions)} classes and was given none. Pass "
                "condition=…, for each row the position of its class in model.spec.conditions, or -1 where it is "
                "unknown; enfold.inference.conditions(labels, model.spec) returns it."
                if condition is None
                else "This model is not conditioned on a class and was given one. Leave out the condition."
            )
        if condition is None:
            return ()
        if isinstance(condition, Tensor):  # unchecked, as training and export pass it
            return (condition.to(self.device),)
        classes, n = np.asarray(condition), len(self.spec.conditions)
        if classes.ndim != 1 or not np.isin(classes, range(-1, n)).all():
            raise InputError(
                f"Expected a whole number from -1 to {n - 1} for each row as condition, got {condition}."
            )
        return (torch.as_tensor(classes.astype(np.int64)).to(self.device),)

    @property
    def latent_dim(self) -> int:
        """Number of latent dimensions."""
        return self.prior().event_shape[0]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device


@dataclass(frozen=True)
class Conditioned:
    """A model and the condition of one batch, so that objectives need not handle conditions.

    Attributes:
        model: The model.
        condition: The batch's condition, (B,) integers; None for other models.
        corrupt: Corrupts the input of the encoder; None: no corruption.
    """

    model: Autoencoder
    condition: Tensor | None = None
    corrupt: Callable[[Tensor], Tensor] | None = None

    def encode(self, x: Tensor | np.ndarray) -> Distribution:
        """Return q(z|x) for the batch's raw rows, (B, *shape)."""
        return self.model.encode(x if self.corrupt is None else self.corrupt(torch.as_tensor(x)), self.condition)

    def decode(self, z: Tensor | np.ndarray) -> Distribution:
        """Return p(x|z) for latent vectors, (B, latent_dim), or (K · B, latent_dim), batch after batch."""
        known = self.condition
        return self.model.decode(z, None if known is None else known.repeat(len(z) // len(known)))

    @property
    def prior(self) -> nn.Module:
        """The model's prior, () → p(z)."""
        return self.model.prior

    @property
    def spec(self) -> Spec:
        """What a row is."""
        return self.model.spec


Model = Autoencoder | Conditioned  # what an objective takes
