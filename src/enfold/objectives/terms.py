"""What objectives say of each example, and how it is summed up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from enfold.devices import seeded
from enfold.inference import conditioned_chunks, evaluating, in_one
from enfold.model import Autoencoder, Conditioned, Model
from enfold.objectives.neighbors import neighbor_loss
from enfold.rows import Examples

EVALUATION_SEED = 0  # the same noise at every evaluation, so that epochs can be compared


class Terms(NamedTuple):
    """What an objective says of each example in a batch; (B,) each.

    Attributes:
        loss: What training minimizes.
        distortion: −log p(x|z), in nats.
        rate: KL(q(z|x) ‖ p(z)), in nats. Distortion + rate is the negative ELBO.
    """

    loss: Tensor
    distortion: Tensor
    rate: Tensor


class Objective(Protocol):
    """Says the terms of raw examples, (B, *shape), by a model; beta is the rate's weight."""

    def __call__(self, model: Model, x: Tensor, /, beta: float = 1.0) -> Terms:  # noqa: D102
        ...


class Losses(NamedTuple):
    """Means of the terms over examples: the loss, and the distortion and the rate in nats per example."""

    loss: float
    distortion: float
    rate: float


Change = Callable[[Tensor], Tensor]  # of raw examples, (B, *shape) → (B, *shape)


@dataclass(frozen=True)
class Task:
    """What is learned, and from what.

    Attributes:
        objective: What to minimize.
        beta: The weight of the rate in it.
        binarize: Makes the examples binary, anew each time they are seen.
        corrupt: What the encoder is given instead of an example that it must still explain.
        neighbor_weight: The weight of keeping neighbors near each other.
    """

    objective: Objective
    beta: float = 1.0
    binarize: Change | None = None
    corrupt: Change | None = None
    neighbor_weight: float = 0.0


class Learner(nn.Module):
    """A model and its task as one module, for whoever wraps modules."""

    def __init__(self, model: Autoencoder, task: Task):
        super().__init__()
        self.model, self.task = model, task

    def forward(
        self, x: Tensor, condition: Tensor | None = None, warmth: float = 1.0, near: Tensor | None = None
    ) -> Terms:
        """Return the terms of each example.

        Args:
            x: Raw examples, (B, *shape).
            condition: The class of each, (B,) integers, for a conditional model.
            warmth: The share of the rate's weight that counts yet, in 0…1.
            near: A neighbor of each example, (B, *shape), for a map that keeps them.
        """
        if self.task.binarize is not None:
            x, near = self.task.binarize(x), near if near is None else self.task.binarize(near)
        model = Conditioned(self.model, condition, self.task.corrupt)
        terms = self.task.objective(model, x, self.task.beta * warmth)
        if near is None:
            return terms
        return terms._replace(loss=terms.loss + self.task.neighbor_weight * neighbor_loss(self.model, x, near))


def terms_of_rows(
    model: Autoencoder,
    objective: Callable[[Conditioned, Tensor], Terms],
    x: Examples,
    condition: Tensor | None = None,
    draws: int = 1,
) -> np.ndarray:
    """Return each row's loss, distortion and rate, (3, n) float64, in float32 and with the same noise at every call.

    Args:
        model: The model.
        objective: Says the terms.
        x: Raw examples, (n, *shape).
        condition: The class of each, (n,) integers, for a conditional model.
        draws: How often to draw z for each row; the terms are the means.
    """

    def terms_of(model: Conditioned, part: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(part).to(model.model.device)
        terms = torch.stack([torch.stack(objective(model, batch)) for _ in range(draws)])  # (draws, 3, B)
        return terms.cpu().double().mean(0).numpy().T

    with evaluating(model), seeded(EVALUATION_SEED, model.device):
        return in_one(x, (terms_of(each, part) for each, part in conditioned_chunks(model, x, condition))).T
