"""Training is a generator: `train(...)` yields `Progress`, and whoever iterates decides what to do with it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch

from enfold import build
from enfold.batches import Batch, Source
from enfold.config import Config
from enfold.data.dataset import Dataset
from enfold.devices import autocast_dtype, keep_freed_memory, reseed, same_random_state, usual_torch
from enfold.errors import InputError
from enfold.model import Autoencoder
from enfold.objectives import Losses, Terms, joined_terms, terms_of_rows
from enfold.processes import Processes
from enfold.rows import Examples, pieces, selected
from enfold.state import Counters, Diverged, NotFinite, State

T = TypeVar("T")
Step = Callable[[Batch, float], Terms]  # a step's rows, the share of training that is done

SECONDS_BETWEEN_REPORTS = 0.2
AUTO_EXAMPLES = 650_000  # what epochs="auto" aims at in all
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
        rows_per_second: Over the epoch so far, without its evaluation.
        train: Means over the epoch so far.
        held_out: Means over the held-out rows, at the end of an epoch; otherwise None.
        ends_epoch: Whether the pass over the data has just ended.
        note: What people should know of, such as a lowered learning rate.
        stage: What is under way: "training", or what follows it.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds: float
    rows_per_second: float
    train: Losses
    held_out: Losses | None = None
    ends_epoch: bool = False
    note: str = ""
    stage: str = "training"


def train(
    model: Autoencoder,
    data: Examples | Dataset,
    config: Config,
    *,
    held_out: Examples | Dataset | None = None,
    state: State | None = None,
) -> Iterator[Progress]:
    """Train the model in place, and yield the progress several times a second and at the end of every epoch.

    The same model, data, settings and seed give the same weights on the same machine, whatever is done between
    the yields, and however often training is interrupted at a yield and gone on with from its state. Memory
    that is freed on the processor stays with this process from then on, up to 1 GiB.

    Args:
        model: What to train, on its device.
        data: Raw rows, (n, *shape), with labels for a conditional model; they stay as they are until their step.
        config: The objective, the optimizer, the schedule, and the rest.
        held_out: Those to evaluate on after every epoch, (m, *shape).
        state: Where to go on from; without it, from the beginning. It is up to date at every yield.

    Raises:
        InputError: The loss became NaN or infinite again and again, a name in the settings is unknown, or the
            processes cannot share a batch evenly.
    """
    state = state or State(model, config)
    state.processes.lead(lambda: _check_shares(config, state.processes.count))
    keep_freed_memory(model.device)
    seen = Source.of(data, model.spec, config).changed(partial(build.rows_to_learn, config, model.spec))
    unseen = None if held_out is None else Source.of(held_out, model.spec)
    unseen = unseen and unseen.changed(partial(build.rows_to_evaluate, config, model.spec))
    step = _stepper(state, config)
    return _apart(_epochs(state, config, seen, unseen, step), model.device)


def epoch_values(progress: Progress) -> dict[str, float]:
    """Return what is kept of an epoch: its number, the seconds so far, and its mean terms by name."""
    values = {"epoch": progress.epoch, "seconds": round(progress.seconds, 3)}
    for rows, losses in (("train", progress.train), ("held_out", progress.held_out)):
        values |= {f"{rows}_{name}": value for name, value in (losses.named if losses else {}).items()}
    return values


def epochs_for(config: Config, n: int) -> int:
    """Return how many passes over `n` rows the settings ask for."""
    if config.epochs != "auto":
        return config.epochs
    fewest, most = AUTO_EPOCHS
    return min(max(round(AUTO_EXAMPLES / n), fewest), most)


def steps_in_epoch(config: Config, n: int) -> int:
    """Return how many steps a pass over `n` rows has."""
    return math.ceil(n / (config.batch_size * config.accumulate))


class _Plan:
    """How long training takes, and in which steps."""

    def __init__(self, config: Config, n: int, processes: Processes):
        self.config, self.n, self.processes = config, n, processes
        self.size = config.batch_size * config.accumulate
        self.batches, self.epochs = steps_in_epoch(config, n), epochs_for(config, n)

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

    def rows(self, data: Source, epoch: int, first: int) -> torch.Tensor:
        """Return what this process reads in an epoch, in its order, from a step on."""
        seed, of_neighbors = map(int, _stream(self.config.seed, ORDER, epoch).generate_state(2))
        shuffled = torch.randperm(self.n, generator=torch.Generator().manual_seed(seed))
        order = self.processes.shard(data.order(shuffled, of_neighbors))
        return order[first * self.size // self.processes.count :]

    def seeds(self, epoch: int, first: int) -> list[int]:
        """Return the seeds of this process's noise in an epoch's steps, from a step on."""
        rank = self.processes.rank
        stream = _stream(self.config.seed, NOISE, epoch, *((rank,) if rank else ()))
        return stream.generate_state(self.batches)[first:].tolist()


def _epochs(state: State, config: Config, data: Source, held_out: Source | None, step: Step) -> Iterator[Progress]:
    plan = _Plan(config, len(data), state.processes)

    def evaluate() -> Losses | None:
        return None if held_out is None else _mean_losses(state, held_out)

    while not state.counters.finished:
        good = state.snapshot()
        try:
            yield from _epoch(state, plan, step, data, evaluate)
        except NotFinite:
            _set_back(state, *good, data.x)
            yield _progress(state, plan, note="The loss was not finite: back, with a quarter of the learning rate.")
    state.conclude(config.keep)


def _epoch(
    state: State, plan: _Plan, step: Step, data: Source, evaluate: Callable[[], Losses | None]
) -> Iterator[Progress]:
    """Take the steps that the epoch still has, and evaluate."""
    counters = state.counters
    epoch, first = divmod(counters.step, plan.batches)
    if first == 0:
        state.begin_epoch()
    speed = _Speed(counters)
    batches = data.batches(plan.rows(data, epoch, first), plan.size // state.processes.count)
    for batch, seed in zip(batches, plan.seeds(epoch, first), strict=True):
        reseed(seed, state.model.device)
        done = plan.done(counters.step + 0.5, counters.seconds)
        state.add(step(batch.to(state.model.device), done))
        counters.step += 1
        state.tick()
        if speed.is_due() and counters.step % plan.batches:
            yield _progress(state, plan, speed=speed.now(), train=state.means())
        if plan.config.minutes and plan.done(counters.step, counters.seconds) >= 1:
            break
    train = state.means()  # waits for the device
    state.tick(now=True)
    pace = speed.now()
    losses = evaluate()
    state.end_epoch(losses)
    state.tick(now=True)
    counters.finished = plan.is_over(counters)
    yield _progress(state, plan, held_out=losses, ends_epoch=True, train=train, speed=pace)


def _stepper(state: State, config: Config) -> Step:
    """Return the function that takes one step, at a share of training that is done."""
    learner, optimizer = state.learner, state.optimizer
    factor, dtype = config.schedule.build(), autocast_dtype(state.model.device, config.precision)
    at_once = config.batch_size // state.processes.count

    def step(rows: Batch, done: float) -> Terms:
        for group in optimizer.param_groups:
            group["lr"] = config.optimizer.learning_rate * factor(done) * SLOWDOWN**state.counters.setbacks
        beta = config.objective.kl_weight(done)
        found = []
        for batch in rows.split(at_once):
            with torch.autocast(batch.x.device.type, dtype, enabled=dtype is not None):
                found.append(learner(batch.x, batch.condition, beta, batch.near))
            (found[-1].loss.sum() / len(rows)).backward()
        if config.clip:
            torch.nn.utils.clip_grad_norm_(state.parameters, config.clip)
        optimizer.step()
        optimizer.zero_grad()
        state.follow()
        return found[0] if len(found) == 1 else joined_terms(found)

    return step


def _mean_losses(state: State, held_out: Source) -> Losses:
    """Return the mean terms over the held-out rows, of which every process takes its shard."""
    rows, processes = torch.arange(len(held_out)), state.processes
    shard = processes.shard(rows)
    some = held_out.x if len(shard) == len(rows) else selected(held_out.x, shard.numpy())
    condition = None if held_out.condition is None else held_out.condition[shard]
    terms = terms_of_rows(state.learned, state.held_out_terms, some, condition)
    count = len(rows[processes.rank :: processes.count])  # without the rows that come again
    total = processes.total(torch.tensor([each[:count].sum() for each in terms.values()], dtype=torch.float64))
    return Losses.of(dict(zip(terms, (total / len(held_out)).tolist(), strict=True)))


def _check_shares(config: Config, processes: int) -> None:
    if config.batch_size % processes:
        raise InputError(
            f"{processes} processes cannot share batches of {config.batch_size} rows evenly. Choose a "
            f"multiple of {processes}, as with --set batch_size={processes * 32}."
        )


def _set_back(state: State, tensors: dict[str, torch.Tensor], counters: dict[str, Any], x: Examples) -> None:
    """Go back to a good state, to take smaller steps.

    Raises:
        InputError: That has been tried often enough. The model is the best, or the last good one.
    """
    setbacks, step, seconds = state.counters.setbacks + 1, state.counters.step, state.tick(now=True)
    state.restore(tensors, {**counters, "setbacks": setbacks, "seconds": seconds})  # time does not go back
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

    def __init__(self, counters: Counters):
        self.counters, self.seen = counters, counters.seen
        self.began = self.last = counters.seconds

    def is_due(self) -> bool:
        """Return whether it is time to report again."""
        due = self.counters.seconds - self.last > SECONDS_BETWEEN_REPORTS
        self.last = self.counters.seconds if due else self.last
        return due

    def now(self) -> float:
        """Return the rows per second."""
        return (self.counters.seen - self.seen) / max(self.counters.seconds - self.began, 1e-9)


def _stream(seed: int, *key: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=key)


def _apart(items: Iterator[T], device: torch.device) -> Iterator[T]:
    """Yield the items; the caller's random state is as it was at every yield."""
    while True:
        with same_random_state(device), usual_torch():
            item = next(items, None)
        if item is None:
            return
        yield item
