"""Checkpoints: the state of a training in files, of which the newest two are kept."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from enfold.errors import InputError
from enfold.files import check_file, parse_json, write
from enfold.state import State

KEPT = 2
FOLDER = "checkpoint"


def save_checkpoint(run_folder: Path, state: State, history: Callable[[], list[dict[str, Any]]]) -> None:
    """Write a state into a run folder, whole or not at all, and remove all checkpoints but the newest two.

    Processes that train together do so together; the first one writes.

    Args:
        run_folder: The run's folder.
        state: What to save.
        history: Gives the run's history up to the state.

    Raises:
        InputError: The file cannot be written; the checkpoints that are there stay as they are.
    """
    tensors, counters = state.processes.whole(state.tensors()), asdict(state.counters)
    state.processes.lead(lambda: _write(run_folder, tensors, {"counters": counters, "history": history()}))


def load_checkpoint(run_folder: Path, state: State) -> list[dict[str, Any]]:
    """Take up the newest checkpoint that is whole, or leave the state as it is if there is none.

    Returns:
        The run's history up to the checkpoint.

    Raises:
        InputError: There are checkpoints, but none of them is whole and of these settings.
    """
    found = state.processes.broadcast(checkpoints(run_folder))
    for path in reversed(found):
        known = _read(path, state)
        if state.processes.agreed(known is None)[0] or known is None:
            continue
        try:
            state.restore(known[0], known[1]["counters"])
            return known[1]["history"]
        except (ValueError, TypeError, KeyError, RuntimeError):
            continue
    if found:
        raise InputError(
            f"The checkpoints in {run_folder / FOLDER} are damaged or belong to other settings. Restore them and "
            "config.toml, or fit again."
        )
    return []


def checkpoints(run_folder: Path) -> list[Path]:
    """Return the checkpoints in a run folder, the newest last."""
    return sorted(each for each in (run_folder / FOLDER).glob("*.safetensors") if each.stem.isdecimal())


def _read(path: Path, state: State) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return a checkpoint's tensors and metadata, or None if it is damaged."""
    try:
        with safe_open(check_file(path), framework="pt") as file:
            metadata = parse_json(file.metadata()["enfold"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            is_whole = isinstance(metadata["history"], list) and _is_whole(metadata["counters"], tensors, state)
            return (tensors, metadata) if is_whole else None
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


def _is_whole(counters: dict[str, Any], tensors: dict[str, Tensor], state: State) -> bool:
    """Return whether the counters are of their kinds, and optimizer states scalar or of their parameters' shapes."""
    kept = [(name.split("/")[1], each) for name, each in tensors.items() if name.startswith("optimizer/")]
    have_shapes = all(not each.ndim or each.shape == state.parameters[int(i)].shape for i, each in kept)
    terms = counters["terms"]
    have_names = isinstance(terms, list) and all(isinstance(name, str) for name in terms)
    numbers = [each for name, each in counters.items() if name != "terms"]
    return have_shapes and have_names and all(isinstance(each, int | float | None) for each in numbers)


def _write(run_folder: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    there = checkpoints(run_folder)
    number = int(there[-1].stem) + 1 if there else 1
    content = safetensors.torch.save(tensors, {"enfold": json.dumps(metadata)})  # one entry: several have no order
    write(run_folder / FOLDER / f"{number:06}.safetensors", content)
    for old in there[: 1 - KEPT]:
        old.unlink(missing_ok=True)
