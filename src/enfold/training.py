"""Training is a generator: `train(...)` yields `Progress`, and whoever iterates decides what to do with it."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from enfold import build
from enfold.config import Config
from enfold.devices import autocast_dtype, reseed, same_random_state
from enfold.model import Autoencoder, batches
from enfold.objectives import Losses, Terms, mean_losses
from enfold.rows import Examples, pieces
from enfold.state import Counters, Diverged, NotFinite, State

T = TypeVar("T")
Step = Callable[[torch.Tensor, float], Terms]  # a step's raw examples, the share of training that is done

SECONDS_BETWEEN_REPORTS = 0.2
AUTO_EXAMPLES = 1_300_000  # what epochs="auto" aims at in all
AUTO_EPOCHS = (1, 300)  # and within which it stays
MOST_SETBACKS = 3
SLOWDOWN = 0.25  # of the learning rate at each setback
NOTHING = Losses(math.nan, math.nan, math.nan)  # the means of an epoch that was thrown away
NOISE, ORDER = 1, 2  # streams of random numbers, apart from that of the initial weights


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
        ends_epoch: Whether the pass over the data has just ended.
        note: What people should know of, such as a lowered learning rate.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds: float
    examples_per_second: float
    train: Losses
    held_out: Losses | None = None
    ends_epoch: bool = False
    note: str = ""


def train(
    model: Autoencoder,
    x: Examples,
    config: Config,
    *,
    held_out: Examples | None = None,
    state: State | None = None,
) -> Iterator[Progress]:
    """Train the model in place, and yield the progress several times a second and at the end of every epoch.

    The same model, data, settings and seed give the same weights on the same machine, whatever is done between
    the yields, and however often training is interrupted at a yield and gone on with from its state.

    Args:
        model: What to train, on its device.
        x: Raw examples, (n, *shape); they stay as they are until their step.
        config: The objective, the optimizer, the schedule, and the rest.
        held_out: Raw examples to evaluate on after every epoch, (m, *shape).
        state: Where to go on from; without it, from the beginning. It is up to date at every yield.

    Raises:
        InputError: The loss became NaN or infinite again and again, or a name in the settings is unknown.
    """
    state = state or State(model, config)
    step = _stepper(state, config)
    return _apart(_epochs(state, config, x, held_out, step), model.device)


def epochs_for(config: Config, n: int) -> int:
    """Return how many passes over `n` examples the settings ask for."""
    if config.epochs != "auto":
        return config.epochs
    fewest, most = AUTO_EPOCHS
    return min(max(round(AUTO_EXAMPLES / n), fewest), most)


def steps_in_epoch(config: Config, n: int) -> int:
    """Return how many steps a pass over `n` examples has."""
    return math.ceil(n / (config.batch_size * config.accumulate))


class _Plan:
    """How long training takes, and in which steps."""

    def __init__(self, config: Config, examples: int):
        self.config, self.examples = config, examples
        self.size = config.batch_size * config.accumulate
        self.batches, self.epochs = steps_in_epoch(config, examples), epochs_for(config, examples)

    def done(self, step: float, seconds: float) -> float:
        """Return the share of training that is done."""
        if self.config.minutes:
            return min(seconds / (60 * self.config.minutes), 1.0)
        return step / (self.epochs * self.batches)

    def is_over(self, counters: Counters) -> bool:
        """Return whether nothing is left to do, at the end of an epoch or of the time."""
        gave_up = 0 < self.config.patience <= counters.stale
        return gave_up or self.done(counters.step, counters.seconds) >= 1

    def steps(self, counters: Counters) -> int:
        """Return how many steps there will be in all, estimated by the speed so far if a time is given."""
        if counters.finished:
            return counters.step
        if self.config.minutes:
            return max(counters.step, round(counters.step / max(self.done(0, counters.seconds), 1e-9)))
        return self.epochs * self.batches

    def rows(self, epoch: int, first: int) -> torch.Tensor:
        """Return the rows of an epoch in its order, from a step's first one on."""
        generator = torch.Generator().manual_seed(int(_stream(self.config.seed, ORDER, epoch).generate_state(1)[0]))
        return torch.randperm(self.examples, generator=generator)[first * self.size :]


def _epochs(state: State, config: Config, x: Examples, held_out: Examples | None, step: Step) -> Iterator[Progress]:
    plan, objective = _Plan(config, len(x)), build.objective(config)

    def evaluate() -> Losses | None:
        return None if held_out is None else mean_losses(state.learned, objective, held_out)

    while not state.counters.finished:
        good = state.snapshot()
        try:
            yield from _epoch(state, plan, step, x, evaluate)
        except NotFinite:
            _set_back(state, *good, x)
            yield _progress(state, plan, note="The loss was not finite: back, with a quarter of the learning rate.")
    state.conclude(config.keep)


def _epoch(
    state: State, plan: _Plan, step: Step, x: Examples, evaluate: Callable[[], Losses | None]
) -> Iterator[Progress]:
    """Take the steps that the epoch still has, and evaluate."""
    counters = state.counters
    epoch, first = divmod(counters.step, plan.batches)
    if first == 0:
        state.begin_epoch()
    speed = _Speed(counters.seen)
    seeds = _stream(plan.config.seed, NOISE, epoch).generate_state(plan.batches)
    examples = batches(x, plan.rows(epoch, first), plan.size)
    for batch, seed in zip(examples, seeds[first:].tolist(), strict=True):
        reseed(seed, state.model.device)
        done = plan.done(counters.step + 0.5, state.tick())
        state.add(step(batch.to(state.model.device, non_blocking=True), done))
        counters.step += 1
        if speed.is_due() and counters.step % plan.batches:
            yield _progress(state, plan, speed=speed.now(counters.seen), train=state.means())
        if plan.config.minutes and plan.done(counters.step, state.tick()) >= 1:
            break
    found = {"train": state.means(), "speed": speed.now(counters.seen)}  # the means wait for the device
    losses = evaluate()
    state.end_epoch(losses)
    state.tick()
    counters.finished = plan.is_over(counters)
    yield _progress(state, plan, held_out=losses, ends_epoch=True, **found)


def _stepper(state: State, config: Config) -> Step:
    """Return the function that takes one step, at a share of training that is done."""
    model, optimizer, parameters = state.model, state.optimizer, state.parameters
    objective, schedule = build.objective(config), build.schedule(config)
    dtype = autocast_dtype(model.device, config.precision)

    def step(examples: torch.Tensor, done: float) -> Terms:
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * schedule(done) * SLOWDOWN**state.counters.setbacks
        found = []
        for batch in examples.split(config.batch_size):
            with torch.autocast(model.device.type, dtype, enabled=dtype is not None):
                found.append(objective(model, batch))
            (found[-1].loss.sum() / len(examples)).backward()
        if config.clip:
            torch.nn.utils.clip_grad_norm_(parameters, config.clip)
        optimizer.step()
        optimizer.zero_grad()
        state.follow()
        return found[0] if len(found) == 1 else Terms(*map(torch.cat, zip(*found, strict=True)))

    return step


def _set_back(state: State, tensors: dict[str, torch.Tensor], counters: dict, x: Examples) -> None:
    """Go back to a good state, to take smaller steps.

    Raises:
        InputError: That has been tried often enough. The model is the best, or the last good one.
    """
    setbacks, step = state.counters.setbacks + 1, state.counters.step
    state.restore(tensors, {**counters, "setbacks": setbacks})
    if setbacks <= MOST_SETBACKS:
        return
    state.conclude("best")
    least, most = (f([f(part) for _, part in pieces(x)]) for f in (np.min, np.max))
    raise Diverged(
        f"The loss became NaN or infinite near step {step:,}, also with a {1 / SLOWDOWN**MOST_SETBACKS:.0f}th of the "
        f"learning rate. The data's values go from {least:g} to {most:g}: check them for some far out of range. "
        "Else lower the learning rate, as with --set learning_rate=0.0001, or limit the steps, with --set clip=1."
    )


def _progress(state: State, plan: _Plan, *, speed: float = 0.0, train: Losses = NOTHING, **more: Any) -> Progress:
    seconds, step, steps = state.tick(), state.counters.step, plan.steps(state.counters)
    epoch, epochs = (max(math.ceil(count / plan.batches), 1) for count in (step, steps))
    return Progress(epoch, epochs, step, steps, seconds, speed, train, **more)


class _Speed:
    """The time since the epoch began or was gone on with."""

    def __init__(self, seen: int):
        self.seen, self.began, self.last = seen, time.perf_counter(), time.perf_counter()

    def is_due(self) -> bool:
        """Return whether it is time to report again."""
        now = time.perf_counter()
        due = now - self.last > SECONDS_BETWEEN_REPORTS
        self.last = now if due else self.last
        return due

    def now(self, seen: int) -> float:
        """Return the examples per second."""
        return (seen - self.seen) / (time.perf_counter() - self.began)


def _stream(seed: int, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=key)


def _apart(items: Iterator[T], device: torch.device) -> Iterator[T]:
    """Yield the items; the caller's random state is as it was at every yield."""
    while True:
        with same_random_state(device):
            item = next(items, None)
        if item is None:
            return
        yield item
