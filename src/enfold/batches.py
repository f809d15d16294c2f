"""Batches of a data set, one for each step of training."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
import torch
from torch import Tensor

from enfold.config import Config
from enfold.data.dataset import Dataset
from enfold.inference import conditions
from enfold.neighbors import NeighborGraph, neighbor_graph
from enfold.rows import Examples, rows_at_once, unmapped
from enfold.spec import Spec


@dataclass(frozen=True)
class Batch:
    """Examples that are learned from at once.

    Attributes:
        x: Raw rows, (B, *shape).
        condition: The class of each, (B,) integers, for a conditional model.
        near: A neighbor of each, (B, *shape), if the model keeps neighbors.
    """

    x: Tensor
    condition: Tensor | None = None
    near: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(self.x.to(device), *(None if each is None else each.to(device) for each in self._parts[1:]))

    def split(self, size: int) -> list["Batch"]:
        """Return the batch as several with at most `size` rows each."""
        parts = (repeat(None) if each is None else each.split(size) for each in self._parts)
        return [Batch(x, *rest) for x, *rest in zip(*parts, strict=False) if x is not None]

    @property
    def _parts(self) -> tuple[Tensor | None, ...]:
        return self.x, self.condition, self.near

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Source:
    """Where batches come from.

    Attributes:
        x: Raw rows, (n, *shape), in memory or in files.
        condition: The class of each, (n,) integers, for a conditional model.
        graph: Their neighbors, if the model keeps them.
    """

    x: Examples
    condition: Tensor | None = None
    graph: NeighborGraph | None = None

    def __len__(self) -> int:
        return len(self.x)

    @staticmethod
    def of(data: Examples | Dataset, spec: Spec, config: Config | None = None) -> "Source":
        """Return the source of a data set's batches, with its neighbor graph if the settings ask for one."""
        x, labels = (data.x, data.labels) if isinstance(data, Dataset) else (data, np.full(len(data), np.nan))
        graph = neighbor_graph(x, spec, config.n_neighbors, config.seed) if config and config.n_neighbors else None
        return Source(x, conditions(labels, spec), graph)

    def changed(self, f: Callable[[Examples], Examples]) -> "Source":
        """Return the source with its rows taken through a function."""
        return replace(self, x=f(self.x))

    def order(self, rows: Tensor, seed: int) -> Tensor:
        """Return what to read in an epoch, (n,), or with a neighbor of each row (n, 2).

        Args:
            rows: The rows in the order in which they are learned from, (n,).
            seed: Of the neighbors.
        """
        return rows if self.graph is None else torch.stack([rows, self.graph.partners(rows, seed)], 1)

    def batches(self, order: Tensor, size: int) -> Iterator[Batch]:
        """Yield the rows of an order, `size` at once."""
        steps = order.split(size)
        wanted = order if order.ndim == 1 else torch.cat([step.T.flatten() for step in steps])
        width = 1 if order.ndim == 1 else 2
        for step, x in zip(steps, examples(self.x, wanted, size * width), strict=True):
            rows = step if order.ndim == 1 else step[:, 0]
            condition = None if self.condition is None else self.condition[rows]
            parts = x.split(len(rows))
            yield Batch(parts[0], condition, *parts[1:])


def examples(x: Examples, rows: Tensor, size: int) -> Iterator[Tensor]:
    """Yield raw rows in the order of their row numbers, `size` at once.

    `Rows` are read for many batches at once, each file's in order, which spares most of the seeking, and while
    the batches before are at work.
    """
    x = unmapped(x) if isinstance(x, np.ndarray) else x
    if isinstance(x, np.ndarray):
        known = torch.from_numpy(np.ascontiguousarray(x))
        yield from (known[some] for some in rows.split(size))
        return
    with ThreadPoolExecutor(1) as reader:
        pieces = rows.split(size * max(1, rows_at_once(x) // size))
        reads = (reader.submit(x.__getitem__, some.numpy()) for some in pieces)
        ahead = next(reads, None)
        while ahead is not None:
            here, ahead = ahead.result(), next(reads, None)
            yield from torch.from_numpy(here).split(size)
