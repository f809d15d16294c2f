"""The one way from data to a fitted model: split, describe, build, train."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from enfold import build
from enfold.config import Config
from enfold.data import Dataset, load
from enfold.data.dataset import class_labels
from enfold.data.split import held_out_rows, last_rows, training_rows
from enfold.devices import choose_device, usual_torch
from enfold.errors import InputError
from enfold.processes import ALONE, Processes
from enfold.rows import as_rows, drawn
from enfold.spec import Spec
from enfold.state import State
from enfold.training import Progress, train


@dataclass(frozen=True)
class Prepared:
    """Data that a model can be fitted to.

    Attributes:
        data: All rows, in order; its spec has the offsets and scales of the training rows, and where they came from.
        seen: The rows to train on.
        unseen: The rows that are held out; None if none are.
        held_out: Their numbers, in the order in which they were drawn.
        tested: The last of the sources, if their rows are the ones that are held out.
    """

    data: Dataset
    seen: Dataset
    unseen: Dataset | None = None
    held_out: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    tested: tuple[str, ...] = ()

    @property
    def spec(self) -> Spec:
        """What the rows are."""
        return self.data.spec


def prepared(
    data: Dataset, config: Config, test: Dataset | None = None, *, at_most: int | None = None, holds_out: bool = True
) -> Prepared:
    """Return data as rows to train on and rows held out, with a spec that knows the training rows' scales.

    Args:
        data: The rows.
        config: The settings: `holdout`, `seed` and `condition`.
        test: Rows to hold out instead of some of the data's own.
        at_most: Of the training rows as many, drawn by the seed; None: all.
        holds_out: Whether rows of the data's own are held out.

    Raises:
        InputError: No row would be left, or a conditional model lacks classes.
    """
    config.network.check(data.spec.shape)
    if test is not None:
        data = load(data, test)
        held_out = last_rows(len(data), len(test))
    else:
        held_out = held_out_rows(len(data), config.holdout, config.seed) if holds_out else np.empty(0, np.int64)
    rows = training_rows(len(data), held_out)
    rows = rows if at_most is None else rows[drawn(len(rows), at_most, config.seed)]
    seen = _rows(data, rows)
    spec = _conditioned(data.spec.standardized(seen.x), seen.labels, config)
    data = replace(data, spec=spec)
    unseen = data[held_out] if len(held_out) else None
    tested = () if test is None else test.spec.sources
    return Prepared(data, replace(seen, spec=replace(spec, sources=seen.spec.sources)), unseen, held_out, tested)


def prepared_again(data: Dataset, held_out: np.ndarray) -> Prepared:
    """Return data whose spec is known already, with the rows of those numbers held out."""
    return Prepared(data, _rows(data, training_rows(len(data), held_out)), data[held_out], held_out)


def learn(
    prepared: Prepared, config: Config, device: str = "auto", processes: Processes = ALONE
) -> tuple[State, Iterator[Progress]]:
    """Return a model in training, and the iterator that trains it, which is at its beginning.

    Args:
        prepared: What to train on and to evaluate on.
        config: The settings.
        device: Where to train.
        processes: Those that train together.

    Raises:
        InputError: A choice does not fit the data, or there is no such device.
    """
    with usual_torch():
        model = build.autoencoder(config, prepared.spec).to(choose_device(device))
        state = State(model, config, processes)
        return state, train(model, prepared.seen, config, held_out=prepared.unseen, state=state)


def _rows(data: Dataset, rows: np.ndarray) -> Dataset:
    """Return some rows, which are no copy."""
    return replace(data, x=as_rows(data.x))[rows]


def _conditioned(spec: Spec, labels: np.ndarray, config: Config) -> Spec:
    """Return the spec with the labels that a conditional model knows: those of the training rows."""
    if config.condition == "none":
        return spec
    found = class_labels(labels)
    if found is None:
        raise InputError(
            "A conditional model needs labels that are classes, at most 50 whole numbers or names, and the data has "
            "none. Name the label column with --label, or set condition=none."
        )
    return replace(spec, conditions=tuple(found.tolist()))
