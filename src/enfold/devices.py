"""Where to compute: the devices at hand, and the precision that suits each."""

import ctypes
import os
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from time import perf_counter

import torch

from enfold.errors import InputError, unknown

CUDA_BFLOAT16 = (8, 0)  # the first compute capability, Ampere's, that multiplies bfloat16 in hardware
PROBE_SIZE, PROBE_TURNS = 512, 7  # rows and columns of a matrix, how often it is multiplied in each type
FREED = (-1, 2**30)  # glibc's M_TRIM_THRESHOLD: so many bytes of free memory at the heap's end are kept
LARGE = (-3, 2**25)  # glibc's M_MMAP_THRESHOLD: from so many bytes on, memory is not of the heap
KINDS = ("cpu", "cuda", "mps")
WORTH_IT = 1.3  # how much faster than float32 bfloat16 must be


@dataclass(frozen=True)
class Device:
    """A compute device.

    Attributes:
        name: As torch calls it: "cpu", "cuda:0", "mps".
        description: The processor's own name, or what is known of it.
        bfloat16: Whether it multiplies matrices in bfloat16 clearly faster than in float32.
    """

    name: str
    description: str
    bfloat16: bool


def devices() -> list[Device]:
    """Return the devices at hand, the fastest kind first."""
    found = [
        Device(f"cuda:{i}", torch.cuda.get_device_name(i), torch.cuda.get_device_capability(i) >= CUDA_BFLOAT16)
        for i in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU", bfloat16=False))
    cpu = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"
    return [*found, Device("cpu", cpu, _cpu_has_bfloat16())]


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; "auto" is the fastest at hand.

    Raises:
        InputError: There is no such device here.
    """
    here = devices()
    if name == "auto":
        return torch.device(here[0].name)
    if name == "cuda" and here[0].name.startswith("cuda"):
        return torch.device("cuda")
    names = [device.name for device in here]
    if name.partition(":")[0] in KINDS and name not in names:
        raise InputError(f"There is no {name} device here, only {', '.join(names)}. Choose one of them, or auto.")
    if name not in names:
        raise unknown("device", name, ["auto", *names])
    return torch.device(name)


def autocast_dtype(device: torch.device, precision: str) -> torch.dtype | None:
    """Return the type in which matrices are multiplied, or None for float32 throughout.

    Args:
        device: Where.
        precision: "float32", "bfloat16", or "auto": bfloat16 where it is clearly faster.

    Raises:
        InputError: The precision is unknown.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise InputError(f"The precision must be 'auto', 'float32' or 'bfloat16', got '{precision}'.")
    name = "cuda:0" if str(device) == "cuda" else str(device)
    has = any(found.bfloat16 for found in devices() if found.name == name)
    return torch.bfloat16 if precision == "bfloat16" or (precision == "auto" and has) else None


def keep_freed_memory(device: torch.device) -> None:
    """Have the C library keep what is freed for what is allocated next, on the processor and if it is glibc.

    It gives the heap's end back to the system otherwise, whose pages then come anew, zeroed one by one, at every step
    of a training: with large activations that takes a fourth of the time.
    """
    if device.type != "cpu" or sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # musl, for one, has none
        for option in (FREED, LARGE):
            library.mallopt(*option)


@contextmanager
def usual_torch() -> Generator[None]:
    """Compute with gradients, in float32 and on the processor by default, whatever the caller has set."""
    dtype = torch.get_default_dtype()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":  # each call into torch is slower inside
            stack.enter_context(torch.device("cpu"))
        if dtype != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, dtype)
        yield


@contextmanager
def same_random_state(device: torch.device | None = None) -> Generator[None]:
    """Put torch's random state, of the processor and of the device, back afterwards."""
    generators = [torch.default_generator, *_generators(device)]
    outside = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        for generator, state in zip(generators, outside, strict=True):
            generator.set_state(state)


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Generator[None]:
    """Draw torch's random numbers from a seed inside, and put the caller's random state back afterwards."""
    with same_random_state(device):
        reseed(seed, device)
        yield


def reseed(seed: int, device: torch.device | None = None) -> None:
    """Draw torch's random numbers, of the processor and of the device, from a seed from here on."""
    for generator in (torch.default_generator, *_generators(device)):
        generator.manual_seed(seed)


def _generators(device: torch.device | None) -> tuple[torch.Generator, ...]:
    if device is None or device.type == "cpu":
        return ()
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index  # pyright: ignore[reportUnnecessaryComparison]
        return (torch.cuda.default_generators[index],)
    return (torch.mps._get_default_mps_generator(),)  # pyright: ignore[reportPrivateUsage]


@cache
def _cpu_has_bfloat16() -> bool:
    """Return whether it pays to multiply in bfloat16: processors that can, may do so at half of float32's speed."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    if not (capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")):
        return False
    square = torch.ones(PROBE_SIZE, PROBE_SIZE)
    half = square.bfloat16()
    turns = [(_seconds(square), _seconds(half)) for _ in range(PROBE_TURNS)]
    best, best_half = map(min, zip(*turns, strict=True))  # whatever disturbs a turn only makes it longer
    return best > WORTH_IT * best_half


def _seconds(square: torch.Tensor) -> float:
    began = perf_counter()
    torch.mm(square, square)
    return perf_counter() - began


if hasattr(os, "register_at_fork"):
    # the threads that multiply matrices do not survive a fork: a child that waited for them would wait for ever
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
