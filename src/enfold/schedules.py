"""The learning rate over time, as a factor of the highest one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import cos, pi

from enfold.options import Choice, option

Factor = Callable[[float], float]  # the share of training that is done, in 0…1 → the factor of the learning rate

ONE_CYCLE_RISE, ONE_CYCLE_START = 0.3, 0.04  # of all steps; of the highest rate


@dataclass(frozen=True)
class Schedule(Choice, part="schedule"):
    """The learning rate over time."""

    def build(self) -> Factor:
        """Return the factor of the learning rate as a function of the share of training that is done, in 0…1."""
        raise NotImplementedError


@dataclass(frozen=True)
class Cosine(Schedule, name="cosine"):
    """Linear warmup, then cosine decay to zero (Loshchilov & Hutter 2017)."""

    lr_warmup: float = option(0.1, "the share of training in which the learning rate rises", low=0.0, high=0.9)

    def build(self) -> Factor:
        """Return `cosine`."""
        return partial(cosine, warmup=self.lr_warmup)


@dataclass(frozen=True)
class OneCycle(Schedule, name="one_cycle"):
    """The one-cycle policy: a cosine rise from 1/25 over 30% of training, then decay to zero (Smith & Topin 2018)."""

    def build(self) -> Factor:
        """Return `one_cycle`."""
        return one_cycle


@dataclass(frozen=True)
class Constant(Schedule, name="constant"):
    """A constant rate."""

    def build(self) -> Factor:
        """Return a function that is 1."""
        return lambda done: 1.0


def cosine(done: float, warmup: float) -> float:
    """Return the factor of a rate that rises linearly over the warmup, then falls as half a cosine to zero."""
    if done < warmup:
        return done / warmup
    return _half_cosine((done - warmup) / (1 - warmup))


def one_cycle(done: float) -> float:
    """Return the factor of a rate that rises as a cosine from 1/25 over 30%, then falls to zero."""
    if done < ONE_CYCLE_RISE:
        return 1 - (1 - ONE_CYCLE_START) * _half_cosine(done / ONE_CYCLE_RISE)
    return _half_cosine((done - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))


def _half_cosine(done: float) -> float:
    return 0.5 + 0.5 * cos(pi * done)
