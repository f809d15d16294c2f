"""The terms that objectives return for each row, and their means."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from enfold.corruptions import Change
from enfold.devices import seeded
from enfold.distributions import Code
from enfold.errors import InputError
from enfold.inference import conditioned_chunks, evaluating, in_one
from enfold.model import Autoencoder, Conditioned, Model
from enfold.objectives.neighbors import neighbor_loss
from enfold.options import Choice, Custom, Need, names_of, option
from enfold.rows import Examples

EVALUATION_SEED = 0  # the same noise at every evaluation, so that epochs can be compared


class Terms(NamedTuple):
    """The terms of an objective for each row of a batch; (B,) each.

    Attributes:
        loss: What training minimizes.
        distortion: −log p(x|z), in nats.
        rate: KL(q(z|x) ‖ p(z)), in nats. Distortion + rate is the negative ELBO.
        penalties: Other terms of the loss by name, weighted.
    """

    loss: Tensor
    distortion: Tensor
    rate: Tensor
    penalties: Mapping[str, Tensor] = {}

    @property
    def named(self) -> dict[str, Tensor]:
        """Every term by its name."""
        return {"loss": self.loss, "distortion": self.distortion, "rate": self.rate, **self.penalties}


def joined_terms(parts: Sequence[Terms]) -> Terms:
    """Return the terms of several batches as those of one."""
    named = {name: torch.cat([each.named[name] for each in parts]) for name in parts[0].named}
    return Terms(*(named.pop(name) for name in Terms._fields[:3]), penalties=named)


class ObjectiveFunction(Protocol):
    """Returns the terms of raw rows, (B, *shape), for a model; beta is the weight of the rate."""

    def __call__(self, model: Model, x: Tensor, /, beta: float = 1.0) -> Terms:  # noqa: D102
        ...


@dataclass(frozen=True)
class Objective(Choice, part="objective"):
    """What training minimizes."""

    is_plain: ClassVar[bool] = False  # whether only the mean of q(z|x) is used, without a rate
    needs_density: ClassVar[bool] = False  # whether it asks for the density of q(z|x)
    learns_prior: ClassVar[bool] = True

    def build(self) -> ObjectiveFunction:
        """Return the function (model, x, beta) → Terms."""
        raise NotImplementedError

    def kl_weight(self, done: float) -> float:
        """Return the weight of the rate after a share of training, 0…1."""
        return 1.0

    def needs(self) -> Iterable[Need]:
        """Return what it needs of the posterior and the prior."""
        if self.needs_density:
            yield Need("posterior", names_of("posterior", is_discrete=False), "it needs the density of q(z|x)")
        if not self.learns_prior:
            yield Need("prior", names_of("prior", is_learned=False), "it does not learn a prior")


@dataclass(frozen=True)
class WeightedObjective(Objective):
    """An objective in which the rate has a weight."""

    beta: float = option(1.0, "the weight of the rate (KL divergence); 1 gives a bound of the likelihood", low=0.0)
    kl_warmup: float = option(0.0, "the share of training in which that weight rises from 0", low=0.0, high=1.0)

    def kl_weight(self, done: float) -> float:
        """Return the weight of the rate after a share of training, 0…1."""
        return self.beta * (min(1.0, done / self.kl_warmup) if self.kl_warmup else 1.0)

    def needs(self) -> Iterable[Need]:
        """Return what it needs of the posterior and the prior, which learns only by the rate."""
        yield from super().needs()
        if not self.beta:
            fixed = (*names_of("prior", is_learned=False), "custom")  # which may be fixed as well
            yield Need("prior", fixed, "with beta=0 nothing teaches a prior")


@dataclass(frozen=True)
class CustomObjective(Custom, WeightedObjective, name="custom"):
    """Your own function, passed in Python: (model, x, beta) → Terms."""

    kind, meaning = Callable, "a function (model, x, beta) → Terms"

    def build(self) -> ObjectiveFunction:
        """Return the function."""
        return self.value


class Losses(NamedTuple):
    """Means of the terms over rows: the loss, and the others in nats per row."""

    loss: float
    distortion: float
    rate: float
    penalties: Mapping[str, float] = {}

    @staticmethod
    def of(named: Mapping[str, float]) -> "Losses":
        """Return the losses whose names and values are given."""
        known = {name: named[name] for name in Losses._fields[:3]}
        return Losses(**known, penalties={name: each for name, each in named.items() if name not in known})

    @property
    def named(self) -> dict[str, float]:
        """Every one by its name."""
        return {"loss": self.loss, "distortion": self.distortion, "rate": self.rate, **self.penalties}


@dataclass(frozen=True)
class Task:
    """The objective and how its input is changed.

    Attributes:
        objective: What to minimize: an `ObjectiveFunction`, or the user's function, which may return anything.
        beta: The weight of the rate in it, after warmup.
        binarize: Binarizes the rows, at random in each batch.
        corrupt: Corrupts the input of the encoder; the decoder explains the clean row.
        neighbor_weight: The weight of preserving neighbors.
    """

    objective: Callable[[Model, Tensor, float], object]
    beta: float = 1.0
    binarize: Change | None = None
    corrupt: Change | None = None
    neighbor_weight: float = 0.0


class Learner(nn.Module):
    """A model and its task as one module, to be wrapped for distributed training."""

    def __init__(self, model: Autoencoder, task: Task):
        super().__init__()
        self.model, self.task = model, task

    def forward(
        self, x: Tensor, condition: Tensor | None = None, beta: float | None = None, near: Tensor | None = None
    ) -> Terms:
        """Return the terms of each row.

        Args:
            x: Raw rows, (B, *shape).
            condition: The class of each, (B,) integers, for a conditional model.
            beta: The weight of the rate; None: the task's.
            near: A neighbor of each row, (B, *shape), for a map that preserves them.

        Raises:
            InputError: The objective is the user's, and returns something else than Terms.
        """
        task = self.task
        if task.binarize is not None:
            x, near = task.binarize(x), near if near is None else task.binarize(near)
        view = Conditioned(self.model, condition, task.corrupt)
        terms = task.objective(view, x, task.beta if beta is None else beta)
        if not isinstance(terms, Terms):
            raise InputError(
                f"The objective must return enfold.Terms(loss, distortion, rate), a tensor (B,) each, got a "
                f"{type(terms).__name__}."
            )
        if near is None:
            return terms
        neighbors = task.neighbor_weight * neighbor_loss(self.model, x, near)
        return terms._replace(loss=terms.loss + neighbors, penalties={**terms.penalties, "neighbors": neighbors})


def quantization(q: Distribution) -> dict[str, Tensor]:
    """Return the penalty of a posterior's codes, (B,), by name; nothing for other posteriors.

    It moves the codebook to the features and keeps the features near it (van den Oord 2017, equation 3).
    """
    return {"quantization": q.cost} if isinstance(q, Code) and q.cost is not None else {}


def terms_of_rows(
    model: Autoencoder,
    objective: Callable[[Conditioned, Tensor], Terms],
    x: Examples,
    condition: Tensor | None = None,
    draws: int = 1,
) -> dict[str, np.ndarray]:
    """Return each row's terms by name, (n,) float64 each, in float32 and with the same noise at every call.

    Args:
        objective: Returns the terms.
        x: Raw rows, (n, *shape).
        condition: The class of each, (n,) integers, for a conditional model.
        draws: How often to draw z for each row; the terms are the means.
    """
    names: list[str] = []

    def terms_of(view: Conditioned, part: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(part).to(model.device)
        drawn = [objective(view, batch).named for _ in range(draws)]
        names[:] = drawn[0]
        terms = torch.stack([torch.stack([*each.values()]) for each in drawn])  # (draws, terms, B)
        return terms.cpu().double().mean(0).numpy().T

    with evaluating(model), seeded(EVALUATION_SEED, model.device):
        found = in_one(x, (terms_of(view, part) for view, part in conditioned_chunks(model, x, condition))).T
    return dict(zip(names, found, strict=True))
