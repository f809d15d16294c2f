"""The processes that train one model together: this one alone, or several on one machine or on many."""

import atexit
import gc
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed
from torch import Tensor, nn

from enfold.errors import InputError, unknown

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.strategy import Strategy
    from torch.distributed.device_mesh import DeviceMesh

T = TypeVar("T")

PATIENCE = timedelta(hours=6)  # of the processes that wait while the first one evaluates and draws
FIRST = "ENFOLD_FIRST_PROCESS"  # tells those that the first process starts which it is
SECONDS_TO_END = 0.1  # after which a process that was killed is surely no parent any more
NOT_FOR_USERS = (
    "`broadcast_buffers` is deprecated",  # what it is to give way to does something else
    "FSDP2-wrapped module .* returned a view tensor",  # which nothing changes in place
)


@dataclass(frozen=True)
class Processes:
    """The processes that train one model together. Each calls the same methods in the same order.

    Attributes:
        fabric: What connects them; None if this process is alone.
        num_nodes: How many machines they are on.
    """

    fabric: "Fabric | None" = None
    num_nodes: int = 1

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return self.fabric.world_size if self.fabric else 1

    @property
    def device(self) -> str | None:
        """The device of this one, if they were given one each."""
        return str(self.fabric.device) if self.fabric else None

    @cached_property
    def rank(self) -> int:
        """The number of this one; the first, 0, leads: it alone writes."""
        return self.fabric.global_rank if self.fabric else 0

    def connect(self, module: nn.Module) -> nn.Module:
        """Return a module whose gradients are the means over the processes; call it before the optimizer is made."""
        return self.fabric.setup_module(module) if self.fabric else module

    def shard(self, rows: Tensor) -> Tensor:
        """Return this process's part of the rows, (n,): every so many-th, and as many as in the other parts.

        If the processes do not divide n, the first rows come again, as in torch's DistributedSampler.
        """
        n = len(rows)
        return rows if self.count == 1 else rows[torch.arange(self.rank, n + -n % self.count, self.count) % n]

    def total(self, x: Tensor) -> Tensor:
        """Return the sum over the processes; `x` may be overwritten."""
        return self.fabric.all_reduce(x.to(self.fabric.device), reduce_op="sum") if self.fabric else x  # pyright: ignore

    def agreed(self, *flags: int) -> tuple[int, ...]:
        """Return the greatest of each flag over the processes."""
        if not self.fabric:
            return flags
        values = torch.tensor(flags, device=self.fabric.device)
        return tuple(self.fabric.all_reduce(values, reduce_op="max").tolist())  # pyright: ignore

    def broadcast(self, value: T) -> T:
        """Return what the first process has as the value."""
        return self.fabric.broadcast(value) if self.fabric else value

    def lead(self, act: Callable[[], T]) -> T:
        """Act in the first process alone, while the others wait for it, and return what that returned.

        Raises:
            InputError: The first process raised it; so do all.
            RuntimeError: The first process raised another error, so the others cannot continue.
        """
        if self.rank > 0:
            found: Any = self.broadcast(None)
            if isinstance(found, Exception):
                raise found
            return found
        try:
            found = act()
        except BaseException as error:
            if isinstance(error, InputError):
                error.shared = True
                self.broadcast(error)
            else:
                self.broadcast(RuntimeError(f"the first process failed: {error!r}"))
            raise
        return self.broadcast(found)

    @contextmanager
    def together(self, resumption: str) -> Generator[None]:
        """Work together with the others, of which none may end before.

        Args:
            resumption: The command that goes on with the work.

        Raises:
            InputError: One of them has ended.
        """
        try:
            yield
        except RuntimeError as error:
            if not (isinstance(error, torch.distributed.DistError) or "gloo" in str(error)):
                raise
            gone = InputError(
                f"One of the {self.count} processes was killed or lost, so that the others cannot go on; a machine "
                f"that runs out of memory may do that. The last checkpoint is kept. Continue with: {resumption}"
            )
            if self.fabric:  # Lightning kills this process too as soon as it sees that one of its own has ended
                getattr(self.fabric.strategy.launcher, "procs", []).clear()
            time.sleep(SECONDS_TO_END if self.rank else 0)
            gone.shared = not _is_orphan()  # else the first process cannot speak
            raise gone from error

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return, in the first process, the tensors on the processor, each put together if it is in parts.

        Tensors that share their memory are copied, since no file has the same memory twice.
        """
        joined, places = {}, set()
        for name, value in tensors.items():
            value = value.full_tensor() if _is_in_parts(value) else value  # pyright: ignore
            if self.rank == 0:
                value = value.detach().cpu().contiguous()
                joined[name] = value.clone() if value.data_ptr() in places else value
                places.add(value.data_ptr())
        return joined


ALONE = Processes()


def launch(device: torch.device, *, devices: int = 1, num_nodes: int = 1, strategy: str = "ddp") -> Processes:
    """Start the processes that are asked for, unless torchrun or a cluster's scheduler has, and connect them.

    Processes that are started here run the same command or script from its beginning.

    Args:
        device: Of the kind that every process has one of, such as "cuda".
        devices: How many processes on each machine; torchrun's own number counts if it started this one.
        num_nodes: How many machines; the same.
        strategy: "ddp": every process has all weights (Li et al. 2020, "PyTorch Distributed"); "fsdp": each has a
            part of the weights and of what the optimizer keeps of them (Zhao et al. 2023, "PyTorch FSDP").

    Raises:
        InputError: They cannot be had here.
    """
    if strategy not in STRATEGIES:
        raise unknown("strategy", strategy, STRATEGIES)
    if by_torchrun := torch.distributed.is_torchelastic_launched():
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        num_nodes = int(os.environ["WORLD_SIZE"]) // devices
    if devices * num_nodes == 1 and not by_torchrun:
        return ALONE
    if not Path(sys.argv[0]).is_file():
        raise InputError("Several processes need a command or a script to start, not lines typed into Python.")
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    logging.getLogger("lightning_fabric.utilities").setLevel(logging.WARNING)
    for message in NOT_FOR_USERS:
        warnings.filterwarnings("ignore", message)
    chosen = STRATEGIES[strategy](devices * num_nodes)
    try:
        fabric = Fabric(accelerator=device.type, devices=devices, num_nodes=num_nodes, strategy=chosen)
        with _while_parent_lives():
            fabric.launch()
    except (MisconfigurationException, RuntimeError, ValueError, TypeError) as error:
        wanted = f"{devices} of {device.type} on {num_nodes} machine{'s' if num_nodes > 1 else ''}"
        raise InputError(
            f"The processes cannot be started: {wanted} were asked for, but {error} Ask for fewer with --devices, "
            "and run a command or a script rather than a notebook."
        ) from error
    atexit.register(_disconnect)
    return Processes(fabric, num_nodes)


def leads() -> bool:
    """Return whether this process is alone or the first of those at work together."""
    if torch.distributed.is_initialized():
        return torch.distributed.get_rank() == 0
    return not torch.distributed.is_torchelastic_launched() or os.environ["RANK"] == "0"


def own(tensor: Tensor) -> Tensor:
    """Return the part of a tensor that is in this process: all of it, unless it is in parts."""
    return tensor.to_local() if _is_in_parts(tensor) else tensor  # pyright: ignore[reportAttributeAccessIssue]


def like(value: Tensor, other: Tensor) -> Tensor:
    """Return a copy of a value where the other tensor of its shape is, laid out as that: in memory and in parts."""
    if _is_in_parts(other) and not _is_in_parts(value):
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(value.to(other.device), other.device_mesh, other.placements)  # pyright: ignore
    return torch.empty_like(other).copy_(value)


@contextmanager
def _while_parent_lives() -> Generator[None]:
    """End this process with the first one, if that started it: it would wait six hours to be connected."""
    connected = Event()

    def watch() -> None:
        while not connected.wait(1):
            if _is_orphan():
                print("enfold: the first process has ended, and so does this one. Begin again.", file=sys.stderr)
                os._exit(1)

    if not int(os.environ.get("LOCAL_RANK", 0)):
        os.environ[FIRST] = str(os.getpid())
    Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        connected.set()


def _is_orphan() -> bool:
    """Return whether the first process started this one and has ended."""
    here = str(os.getpid()), str(os.getppid())
    return os.environ.get(FIRST, here[0]) not in here


def _disconnect() -> None:
    """End the threads of the connection while Python still runs: one that asks for it later aborts the process.

    Only torch's own reference lets others run while it ends them. Were a wrapped model the last to have one, the
    collector would wait for a thread that waits for Python, for ever.
    """
    if torch.distributed.is_initialized():
        gc.collect()
        torch.distributed.destroy_process_group()


def _is_in_parts(tensor: Tensor) -> bool:
    return hasattr(tensor, "full_tensor")  # a DTensor, whose module is large to import


def _ddp(processes: int) -> "Strategy":
    from lightning_fabric.strategies.ddp import DDPStrategy

    # with a static graph parameters may be unused, as the scale of a plain autoencoder's posterior is
    return DDPStrategy(static_graph=True, broadcast_buffers=False, timeout=PATIENCE)


def _fsdp(processes: int) -> "Strategy":
    from lightning_fabric.strategies.model_parallel import ModelParallelStrategy

    return ModelParallelStrategy(_in_parts, data_parallel_size=processes, tensor_parallel_size=1, timeout=PATIENCE)


def _in_parts(learner: Any, mesh: "DeviceMesh") -> nn.Module:
    from torch.distributed.fsdp import fully_shard

    for parameter in learner.parameters():
        parameter.data = parameter.data.contiguous()  # torch cannot part them otherwise
    halves = [half for half in (learner.model.encoder, learner.model.decoder) if isinstance(half, nn.Sequential)]
    nets = [net for half in halves for net in list(half)[:-1] if list(net.parameters())]
    for module in (*nets, learner):  # not the heads alone: torch finds no tensors to watch in a distribution
        fully_shard(module, mesh=mesh["data_parallel"])
    return learner


STRATEGIES = {"ddp": _ddp, "fsdp": _fsdp}
