"""Training is a generator: `train(...)` yields `Progress`, and whoever iterates decides what to do with it."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from enfold import build
from enfold.config import Config
from enfold.devices import autocast_dtype, random_state, seeded, set_random_state
from enfold.errors import InputError
from enfold.model import Autoencoder, batches, chunks, evaluating
from enfold.objectives import Terms
from enfold.rows import Examples

T = TypeVar("T")
Step = Callable[[torch.Tensor, float], Terms]  # a batch of raw examples, the share of training that is done

SECONDS_BETWEEN_REPORTS = 0.2
AUTO_EXAMPLES = 1_300_000  # what epochs="auto" aims at in all
AUTO_EPOCHS = (1, 300)  # and within which it stays
EVALUATION_SEED = 0  # the same noise at every evaluation, so that epochs can be compared


class Losses(NamedTuple):
    """Means over examples: the loss that is minimised, the distortion and the rate in nats per example."""

    loss: float
    distortion: float
    rate: float


@dataclass(frozen=True)
class Progress:
    """How far training is.

    Attributes:
        epoch: The pass over the data that is under way, or has just ended; from 1.
        epochs: How many there will be.
        step: Steps taken in all.
        steps: How many there will be.
        seconds: Since training began.
        examples_per_second: Over the epoch so far, without its evaluation.
        train: Means over the epoch so far.
        held_out: Means over the held-out rows, at the end of an epoch; otherwise None.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds: float
    examples_per_second: float
    train: Losses
    held_out: Losses | None = None

    @property
    def ends_epoch(self) -> bool:
        """Whether the pass over the data has just ended."""
        return self.step % (self.steps // self.epochs) == 0


def train(model: Autoencoder, x: Examples, config: Config, *, held_out: Examples | None = None) -> Iterator[Progress]:
    """Train the model in place, and yield the progress several times a second and at the end of every epoch.

    The same model, data, settings and seed give the same weights on the same machine, whatever is done between
    the yields: the random numbers are drawn from a state of its own.

    Args:
        model: What to train, on its device.
        x: Raw examples, (n, *shape); they stay as they are until their step.
        config: The objective, the optimizer, the schedule, and the rest.
        held_out: Raw examples to evaluate on after every epoch, (m, *shape).

    Raises:
        InputError: The loss became NaN or infinite, or a name in the settings is unknown.
    """
    step = _stepper(model, config)
    # not the stream from which the weights were drawn
    seed = int(np.random.SeedSequence(config.seed, spawn_key=(1,)).generate_state(1)[0])
    return _with_own_randomness(_train(model, x, config, held_out, step), seed, model.device)


def mean_losses(model: Autoencoder, objective: build.Objective, x: Examples) -> Losses:
    """Return the mean terms over all rows; see `terms_of_rows`."""
    return Losses(*terms_of_rows(model, objective, x).mean(1).tolist())


def terms_of_rows(model: Autoencoder, objective: build.Objective, x: Examples, draws: int = 1) -> np.ndarray:
    """Return each row's loss, distortion and rate, (3, n) float64, in float32 and with the same noise at every call.

    Args:
        model: The model.
        objective: Says the terms.
        x: Raw examples, (n, *shape).
        draws: How often to draw z for each row; the terms are the means.
    """
    found = []
    with evaluating(model), seeded(EVALUATION_SEED, model.device):
        for part in chunks(x):
            batch = torch.from_numpy(part).to(model.device)
            terms = torch.stack([torch.stack(objective(model, batch)) for _ in range(draws)])  # (draws, 3, B)
            found.append(terms.cpu().double().mean(0).numpy())
    return np.concatenate(found, axis=1)


def epochs_for(config: Config, n: int) -> int:
    """Return how many passes over `n` examples the settings ask for."""
    if config.epochs != "auto":
        return config.epochs
    fewest, most = AUTO_EPOCHS
    return min(max(round(AUTO_EXAMPLES / n), fewest), most)


def _train(
    model: Autoencoder, x: Examples, config: Config, held_out: Examples | None, step: Step
) -> Iterator[Progress]:
    epochs, a_pass = epochs_for(config, len(x)), math.ceil(len(x) / config.batch_size)
    steps = epochs * a_pass
    taken, began = 0, time.perf_counter()
    for epoch in range(1, epochs + 1):
        meter = _Meter(model.device)
        for batch in batches(x, torch.randperm(len(x)), config.batch_size):
            meter.add(step(batch.to(model.device, non_blocking=True), (taken + 0.5) / steps))
            taken += 1
            if meter.is_due() and taken % a_pass:
                means, speed = meter.means(), meter.speed
                yield Progress(epoch, epochs, taken, steps, time.perf_counter() - began, speed, means)
        means, speed = meter.means(), meter.speed  # the means wait for the device, so that the speed is true
        after = None if held_out is None else mean_losses(model, build.objective(config), held_out)
        yield Progress(epoch, epochs, taken, steps, time.perf_counter() - began, speed, means, after)


def _stepper(model: Autoencoder, config: Config) -> Step:
    """Return the function that takes one step on a batch, at a share of training that is done."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    objective, optimizer = build.objective(config), build.optimizer(config, parameters)
    schedule = build.schedule(config)
    dtype = autocast_dtype(model.device, config.precision)

    def step(batch: torch.Tensor, done: float) -> Terms:
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * schedule(done)
        with torch.autocast(model.device.type, dtype, enabled=dtype is not None):
            terms = objective(model, batch)
        optimizer.zero_grad()
        terms.loss.mean().backward()
        optimizer.step()
        return terms

    return step


class _Meter:
    """Sums of an epoch's terms, kept on the device and read only when a report is due."""

    def __init__(self, device: torch.device):
        self.total, self.seen = torch.zeros(3, device=device), 0
        self.began = self.last_report = time.perf_counter()

    def add(self, terms: Terms) -> None:
        self.total += torch.stack([term.detach().sum() for term in terms])
        self.seen += len(terms.loss)

    def is_due(self) -> bool:
        now = time.perf_counter()
        due = now - self.last_report > SECONDS_BETWEEN_REPORTS
        self.last_report = now if due else self.last_report
        return due

    @property
    def speed(self) -> float:
        return self.seen / (time.perf_counter() - self.began)

    def means(self) -> Losses:
        means = Losses(*(self.total / self.seen).tolist())
        if not all(map(math.isfinite, means)):
            raise InputError(
                "The loss became NaN or infinite. Lower the learning rate, as with --set learning_rate=0.001, and "
                "check the data for values far out of range."
            )
        return means


def _with_own_randomness(items: Iterator[T], seed: int, device: torch.device) -> Iterator[T]:
    """Yield the items, drawn with a random state of their own; the caller's is put back at every yield."""
    with seeded(seed, device):
        own = random_state(device)
    while True:
        outside = random_state(device)
        set_random_state(own, device)
        try:
            item = next(items, None)
        finally:
            own = random_state(device)
            set_random_state(outside, device)
        if item is None:
            return
        yield item
