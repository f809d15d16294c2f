"""The run folder: all that is known of a fit, in files that a person can read."""

import json
import os
import platform
import shlex
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from filelock import FileLock, Timeout

from enfold import build
from enfold.config import Config
from enfold.data.split import Split
from enfold.devices import autocast_dtype, choose_device
from enfold.errors import InputError
from enfold.files import (
    check_file,
    is_number,
    parse_json,
    path_name,
    read_json,
    remove_leftovers,
    write,
    write_json,
)
from enfold.metrics.registry import damaged
from enfold.model import Autoencoder
from enfold.spec import Spec
from enfold.training import Progress, epoch_values
from enfold.version import __version__
from enfold.weights import WEIGHTS, load_weights, no_larger_than

if TYPE_CHECKING:
    import polars as pl

ENVIRONMENT = ["device", "precision", "directory"]  # what `run.json` must tell
FORMAT = 1  # of the folder; a higher one was written by a newer enfold
LONGEST_SETTINGS = 2**14  # bytes of config.toml; enfold writes some 2,000, and reading takes time as their square


@dataclass(frozen=True)
class Run:
    """A fit and its folder.

    Attributes:
        folder: Holds `config.toml`, `spec.json`, `run.json`, `split.json`, `model.safetensors`, `history.jsonl`,
            `metrics.json`, `calibration.safetensors`, `sections/`, `figures/`, `report.html` and `checkpoint/`.
        config: The settings.
        spec: The shape, kind and range of the data.
        device: Where `model` is put; "auto" is the fastest at hand.
    """

    folder: Path
    config: Config
    spec: Spec
    device: str = "auto"

    @cached_property
    def model(self) -> Autoencoder:
        """The trained model.

        Raises:
            InputError: The fit is not finished, the weights are missing, damaged, or another model's, or a custom
                object is missing.
        """
        path = self._of_finished(WEIGHTS)
        return load_weights(self.untrained(), path).eval()

    def untrained(self) -> Autoencoder:
        """Return the model before training."""
        with no_larger_than(self.folder / WEIGHTS):
            return build.autoencoder(self.config, self.spec).to(choose_device(self.device))

    @property
    def resumption(self) -> str:
        """The command that resumes the fit; with custom objects, the call in Python."""
        objects = "".join(f", {name}={name}" for name in self.config.custom)
        if objects:
            return f'enfold.resume("{self.folder}"{objects})'
        return f"enfold resume {shlex.quote(str(self.folder))}"

    def _of_finished(self, name: str) -> Path:
        """Return the path of a file that is there when the fit is finished.

        Raises:
            InputError: It is not.
        """
        path = self.folder / name
        if not path.exists() and not self.is_finished:
            raise InputError(f"The fit in {self.folder} is not finished. Continue with: {self.resumption}")
        return path

    @property
    def is_finished(self) -> bool:
        """Whether the fit has come to its end."""
        return (self.folder / "metrics.json").exists() and (self.folder / "report.html").exists()

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics on the held-out rows, with their standard errors.

        Raises:
            InputError: The fit is not finished, or the metrics are damaged.
        """
        path = self._of_finished("metrics.json")
        found = read_json(path)
        if wrong := damaged(found):
            raise InputError(f"{path} is damaged: '{wrong}' is not as it must be. Fit again.")
        return found

    @property
    def environment(self) -> dict[str, Any]:
        """The device, the versions and the platform of the fit, and the directory in which it was begun."""
        path = self.folder / "run.json"
        found = read_json(path)
        wrong = [name for name in ENVIRONMENT if not isinstance(found.get(name), str)]
        if wrong:
            raise InputError(f"{path} is damaged: '{wrong[0]}' is not as it must be. Restore it or fit again.")
        return found

    def placed(self, source: str) -> str:
        """Return where a source is that was named in the directory in which the fit was begun."""
        path = Path(self.environment["directory"], source)
        return str(path) if path.exists() else source

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """What was recorded of each epoch, as in `history.jsonl`.

        Raises:
            InputError: It is missing or damaged.
        """
        path = check_file(self.folder / "history.jsonl")
        try:
            lines = path.read_text("utf-8").splitlines(keepends=True)
            found = [parse_json(line) for line in lines if line.endswith("\n")]  # a torn last line is no epoch
            if not all(_is_epoch(each) for each in found):
                raise ValueError("a line is no epoch")
            return found
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is missing or damaged ({error}). Restore it or fit again.") from error

    @property
    def history(self) -> "pl.DataFrame":
        """A table of the epochs, a row for each.

        Raises:
            InputError: It is missing or damaged.
        """
        import polars as pl  # here alone, as it takes 70 MB of memory

        return pl.DataFrame(self.epochs, infer_schema_length=None)

    @property
    def split(self) -> Split:
        """Which rows were held out."""
        path = self.folder / "split.json"
        found = read_json(path)
        try:
            return Split.from_dict(found)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{path} is damaged ({error!r}). Restore it or fit again.") from error


def _is_epoch(values: Any) -> bool:
    return isinstance(values, dict) and "epoch" in values and all(map(is_number, values.values()))


def create_run(run: Run, split: Split) -> None:
    """Write all that is known before the training into a new run's folder.

    Args:
        split: Which rows are held out.

    Raises:
        InputError: The folder cannot be written.
    """
    folder = run.folder
    write(folder / "config.toml", run.config.to_toml())
    write_json(folder / "spec.json", run.spec.to_dict())
    write_json(folder / "split.json", split.to_dict())
    write_json(folder / "run.json", _environment(run))
    rewrite_history(run, [])


def claim(folder: Path) -> bool:
    """Make a folder for a run, unless something is there, and return whether it was made.

    Of processes that claim the same folder at the same time, one gets it.

    Raises:
        InputError: The folder cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except (OSError, ValueError) as error:
        if isinstance(error, FileExistsError) and os.path.lexists(folder):
            return False
        raise InputError(f"The folder {folder} cannot be made ({error}). Choose another with --out.") from error
    return True


def check_new(folder: Path) -> None:
    """Check that a run folder can be made under that name.

    Raises:
        InputError: It exists already, or the name is no text.
    """
    path_name(folder)
    if os.path.lexists(folder):
        error = InputError(f"{folder} exists already. Choose another with --out, or move that one away.")
        error.shared = True
        raise error


def open_run(folder: str | Path, device: str = "auto", **custom: Any) -> Run:
    """Open a run folder.

    Args:
        folder: The run folder.
        device: Where to put the model.
        **custom: The custom objects passed to `fit`, under the same names: `encoder=`, `decoder=`, `prior=`,
            `objective=`. Without them, all but the model can be had.

    Raises:
        InputError: It is not a run folder, it is damaged, or a newer enfold wrote it.
    """
    folder = Path(folder)
    if not (folder / "config.toml").is_file():
        what = "is not a run folder: it has no config.toml" if folder.is_dir() else "is not a folder"
        raise InputError(f"{folder} {what}. Give a run folder, written by `enfold fit`.")
    written_by = read_json(folder / "run.json")
    if not isinstance(written_by.get("format"), int):
        raise InputError(f"{folder / 'run.json'} is damaged: it names no format. Restore it or fit again.")
    if written_by["format"] > FORMAT:
        raise InputError(
            f"{folder} was written by enfold {written_by.get('enfold')}, in format {written_by['format']}; this is "
            f"enfold {__version__}, which reads up to format {FORMAT}. Upgrade enfold."
        )
    config = _read_settings(folder / "config.toml")
    for name in custom:
        if name not in config.custom:
            made = f"{name}={getattr(config, name).name}" if name in config.choices else f"no {name}"
            raise InputError(f"{name}=… was passed, but the model was made with {made}. Leave it out.")
    return Run(folder, config.with_settings(custom), Spec.from_dict(read_json(folder / "spec.json")), device)


def _read_settings(path: Path) -> Config:
    try:
        if path.stat().st_size > LONGEST_SETTINGS:
            raise ValueError(f"it has more than {LONGEST_SETTINGS:,} bytes")
        return Config.from_toml(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"{path} is damaged ({what}). Restore it or fit again.") from error


def record(run: Run, progress: Progress) -> None:
    """Append the end of an epoch to the history."""
    path = run.folder / "history.jsonl"
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(epoch_values(progress)) + "\n")
    except OSError as error:
        raise InputError(f"Cannot write {path} ({error.strerror}). Free some space.") from error


def rewrite_history(run: Run, history: list[dict[str, Any]]) -> None:
    """Replace the history, as by what a checkpoint knew."""
    write(run.folder / "history.jsonl", "".join(json.dumps(values) + "\n" for values in history))


@contextmanager
def only_process(run: Run) -> Generator[None]:
    """Be the only process that works on a run folder; remove what a killed one left there half-written.

    Raises:
        InputError: Another one does.
    """
    lock = FileLock(run.folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"Another process is at work on {run.folder}. Wait until it has ended, or choose another folder."
        ) from error
    except OSError as error:
        raise InputError(f"Cannot write {run.folder / '.lock'} ({error.strerror}). Check the folder.") from error
    try:
        for each in (run.folder, *(path for path in run.folder.iterdir() if path.is_dir())):
            remove_leftovers(each)
        yield
    finally:
        lock.release()


def save_weights(run: Run, weights: dict[str, torch.Tensor]) -> None:
    """Write a model's weights, on the processor, into the run folder."""
    metadata = {"enfold": __version__}  # one entry: safetensors writes several in any order
    write(run.folder / WEIGHTS, safetensors.torch.save(weights, metadata))


def _environment(run: Run) -> dict[str, Any]:
    device = choose_device(run.device)
    precision = autocast_dtype(device, run.config.precision) or torch.float32
    return {
        "format": FORMAT,
        "enfold": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scikit-learn": metadata.version("scikit-learn"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": str(device),
        "precision": str(precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "directory": str(Path.cwd()).encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
    }
