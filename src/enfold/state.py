"""All that training changes, so that it can be kept, given back, and gone on with."""

import math
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from enfold import build
from enfold.config import Config
from enfold.errors import InputError
from enfold.model import Autoencoder, Conditioned
from enfold.objectives import Learner, Losses, Terms
from enfold.processes import ALONE, Processes, like, own

STEPS_BETWEEN_TICKS = 10  # of several processes: agreeing on the time takes a message


class NotFinite(ArithmeticError):
    """A loss or a weight became NaN or infinite."""


class Diverged(InputError):
    """Training cannot go on: its losses are not finite, whatever the learning rate."""

    shared = True


def finite(losses: Losses) -> Losses:
    """Return the losses.

    Raises:
        NotFinite: One of them is NaN or infinite.
    """
    if not all(map(math.isfinite, losses.named.values())):
        raise NotFinite
    return losses


@dataclass
class Counters:
    """What training counts.

    Attributes:
        step: Steps taken.
        seen: Rows of the epoch under way.
        terms: The names of the objective's terms, once they are known.
        seconds: Since training began, without the time between an interruption and its resumption.
        setbacks: How often the loss was not finite.
        best: The lowest held-out loss of an epoch; None before the first.
        stale: Epochs since then.
        finished: Whether nothing is left to do.
    """

    step: int = 0
    seen: int = 0
    terms: list[str] = field(default_factory=list)
    seconds: float = 0.0
    setbacks: int = 0
    best: float | None = None
    stale: int = 0
    finished: bool = False


class State:
    """A model in training: its weights, their average, the best so far, the optimizer and the counters.

    There are no random states in it: the randomness of a step is a function of the seed and the step's number.

    Args:
        model: The model that learns, on its device.
        config: The settings.
        processes: Those that train it together, each with a state of its own.
    """

    def __init__(self, model: Autoencoder, config: Config, processes: Processes = ALONE):
        self.model, self.processes = model, processes
        self.average = deepcopy(model) if config.ema else None
        task = build.task(config, model.spec)
        self.learner = processes.connect(Learner(model, task))
        self._averaged = processes.connect(Learner(self.average, task)) if self.average else None
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = config.optimizer.build(self.parameters)
        self._blend = get_ema_multi_avg_fn(config.ema)
        self.best: dict[str, Tensor] = {}
        self.totals = torch.zeros(0, device=model.device)  # of the terms over the epoch under way
        self._recent = torch.zeros_like(self.totals)  # those of this process that are not yet among the totals
        self.counters = Counters()
        self._since = time.perf_counter()

    @property
    def learned(self) -> Autoencoder:
        """The model that counts: the average of the weights if there is one."""
        return self.average or self.model

    def held_out_terms(self, model: Conditioned, x: Tensor) -> Terms:
        """Return the terms of rows by the model that counts, given the classes that `model` is given."""
        return (self._averaged or self.learner)(x, model.condition)

    def add(self, terms: Terms) -> None:
        """Add a batch's terms to the epoch's, without waiting for the device."""
        sums = torch.stack([term.detach().sum() for term in terms.named.values()])
        if len(self._recent) != len(sums):  # the first ones
            self.totals, self._recent = torch.zeros_like(sums), torch.zeros_like(sums)
            self.counters.terms = [*terms.named]
        self._recent += sums
        self.counters.seen += len(terms.loss) * self.processes.count

    def means(self) -> Losses:
        """Return the means over the epoch so far, in all processes.

        Raises:
            NotFinite: One of them is NaN or infinite.
        """
        self.totals += self.processes.total(self._recent)
        self._recent.zero_()
        means = (self.totals / self.counters.seen).tolist()
        return finite(Losses.of(dict(zip(self.counters.terms, means, strict=True))))

    def begin_epoch(self) -> None:
        """Forget the epoch's terms."""
        self.totals.zero_()
        self._recent.zero_()
        self.counters.seen = 0

    def end_epoch(self, held_out: Losses | None) -> None:
        """Note whether the epoch was the best so far.

        Raises:
            NotFinite: The loss or a weight is NaN or infinite.
        """
        if not self.is_finite():
            raise NotFinite
        if held_out is None:
            return
        loss = finite(held_out).loss
        improved = self.counters.best is None or loss < self.counters.best
        self.counters.stale = 0 if improved else self.counters.stale + 1
        if improved:
            self.counters.best = loss
            self.best = {name: value.clone() for name, value in self.learned.state_dict().items()}

    def follow(self) -> None:
        """Move the average towards the weights after a step (Polyak & Juditsky 1992), if there is one.

        What else changes, such as the statistics of batch normalization, is taken over.
        """
        if self.average is not None:
            self._blend(list(self.average.parameters()), list(self.model.parameters()), None)
            for there, here in zip(self.average.buffers(), self.model.buffers(), strict=True):
                there.copy_(here)

    def is_finite(self) -> bool:
        """Return whether every weight is, in every process."""
        bad = any(not torch.isfinite(own(parameter)).all() for parameter in self.parameters)
        return not self.processes.agreed(bad)[0]

    def tick(self, *, now: bool = False) -> float:
        """Return the seconds since training began, and count them.

        They are the same in all processes, which may do different things otherwise, and so up to date at some steps
        alone, and whenever it must be now.
        """
        if now or self.processes.count == 1 or self.counters.step % STEPS_BETWEEN_TICKS == 0:
            self.counters.seconds = self.processes.broadcast(time.perf_counter() - self._since)
        return self.counters.seconds

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that training changes by a name of its own; they go on changing."""
        found = {"totals": self.totals, **_under("model", self.model.state_dict()), **_under("best", self.best)}
        if self.average is not None:
            found |= _under("average", self.average.state_dict())
        for i, parameter in enumerate(self.parameters):
            found |= _under(f"optimizer/{i}", self.optimizer.state.get(parameter, {}))
        return found

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return copies of the tensors and of the counters."""
        return {name: value.detach().clone() for name, value in self.tensors().items()}, asdict(self.counters)

    def restore(self, tensors: dict[str, Tensor], counters: dict[str, Any]) -> None:
        """Take up the tensors and counters of a snapshot.

        Raises:
            RuntimeError, KeyError, TypeError: They belong to another model or to other settings.
        """
        _load(self.model, _below("model", tensors))
        if self.average is not None:
            _load(self.average, _below("average", tensors))
        there = self.learned.state_dict()
        self.best = {name: like(value, there[name]) for name, value in _below("best", tensors).items()}
        self.totals = tensors["totals"].to(self.model.device, copy=True)
        self._recent = torch.zeros_like(self.totals)
        self.optimizer.state.clear()
        for i, parameter in enumerate(self.parameters):
            for name, value in _below(f"optimizer/{i}", tensors).items():
                each = value.shape == parameter.shape  # of its entries has one, unlike the number of steps
                copy = like(value, parameter) if each else value.to(parameter.device, copy=True)
                self.optimizer.state[parameter][name] = copy
        self.counters = Counters(**counters)
        self._since = time.perf_counter() - self.counters.seconds

    def conclude(self, keep: str) -> None:
        """Put the weights to keep, "last" or "best", into the model."""
        kept = self.best if keep == "best" and self.best else self.learned.state_dict()
        self.model.load_state_dict(kept)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": value for name, value in tensors.items()}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")
    }


def _load(model: Autoencoder, tensors: dict[str, Tensor]) -> None:
    there = model.state_dict()
    model.load_state_dict({name: like(value, there.get(name, value)) for name, value in tensors.items()})
