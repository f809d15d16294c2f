"""Checkpoints: the state of a training in files, of which the newest two are kept."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from enfold.errors import InputError
from enfold.files import write
from enfold.processes import whole
from enfold.state import State

KEPT = 2
FOLDER = "checkpoint"


def save_checkpoint(run_folder: Path, state: State, history: list[dict[str, Any]]) -> None:
    """Write a state into a run folder, whole or not at all, and remove all checkpoints but the newest two.

    Processes that train together do so together; the first one writes.

    Args:
        run_folder: The run's folder.
        state: What to save.
        history: The run's history up to the state.

    Raises:
        InputError: The file cannot be written; the checkpoints that are there stay as they are.
    """
    tensors = whole(state.tensors())
    metadata = {"counters": asdict(state.counters), "history": history}
    state.processes.lead(lambda: _write(run_folder, tensors, metadata))


def load_checkpoint(run_folder: Path, state: State) -> list[dict[str, Any]]:
    """Take up the newest checkpoint that is whole, or leave the state as it is if there is none.

    Returns:
        The run's history up to the checkpoint.

    Raises:
        InputError: There are checkpoints, but none of them is whole and of these settings.
    """
    found = checkpoints(run_folder)
    for path in reversed(found):
        try:
            with safe_open(path, framework="pt") as file:
                known = json.loads(file.metadata()["enfold"])
                state.restore({name: file.get_tensor(name) for name in file.keys()}, known["counters"])  # noqa: SIM118
            return known["history"]
        except (OSError, SafetensorError, ValueError, TypeError, KeyError, RuntimeError):
            continue
    if found:
        raise InputError(
            f"The checkpoints in {run_folder / FOLDER} are damaged or belong to other settings. Restore them and "
            "config.toml, or fit again."
        )
    return []


def checkpoints(run_folder: Path) -> list[Path]:
    """Return the checkpoints in a run folder, the newest last."""
    return sorted((run_folder / FOLDER).glob("[0-9]*.safetensors"))


def _write(run_folder: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    there = checkpoints(run_folder)
    number = int(there[-1].stem) + 1 if there else 1
    content = safetensors.torch.save(tensors, {"enfold": json.dumps(metadata)})  # one entry: several have no order
    write(run_folder / FOLDER / f"{number:06}.safetensors", content)
    for old in there[: 1 - KEPT]:
        old.unlink(missing_ok=True)
