"""The scores of held-out rows that a run keeps, to compare the scores of new rows with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from enfold.config import Config
from enfold.data.dataset import Dataset
from enfold.errors import InputError
from enfold.files import check_file, check_header, write
from enfold.inference import conditions
from enfold.metrics.anomaly import Anomalies, Reference, reference
from enfold.metrics.quantities import as_evaluated
from enfold.model import Autoencoder
from enfold.rows import drawn

FILE = "calibration.safetensors"
MOST_ARRAYS = 64  # of the file; enfold writes about ten
CALIBRATION_ROWS = 5_000  # of the held-out rows, at most: the smallest p-value is about one in as many


@dataclass(frozen=True)
class Calibration:
    """What new rows are compared with.

    Attributes:
        reference: What the scores use of the training rows.
        held_out: The scores of held-out rows by name, (m,) each.
    """

    reference: Reference
    held_out: dict[str, np.ndarray]


def calibrate(model: Autoencoder, config: Config, held_out: Dataset, training: Dataset) -> Calibration:
    """Return what new rows are compared with, from the training rows and at most 5,000 held-out rows.

    Args:
        config: Its settings.
        held_out: Rows that it has not seen.
        training: Rows that it was fitted to.
    """
    held_out, training = (as_evaluated(each, config, model.spec) for each in (held_out, training))
    known, some = reference(model, config, training), held_out[calibrating_rows(held_out)]
    found = Anomalies(model, known, some.x, conditions(some.labels, model.spec))
    return Calibration(known, {name: found.scores(name) for name in known.scores})


def calibrating_rows(held_out: Dataset) -> np.ndarray:
    """Return the numbers of the held-out rows whose scores the calibration keeps, in order."""
    return drawn(len(held_out), CALIBRATION_ROWS)


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write a calibration into a run folder.

    Raises:
        InputError: The folder cannot be written to.
    """
    known = calibration.reference
    arrays = {
        "reference.means": known.means,
        "reference.contrast": np.array(known.contrast),
        "reference.negative_log_likelihood": np.array(known.negative_log_likelihood),
        **{f"held_out.{name}": each for name, each in calibration.held_out.items()},
    }
    write(folder / FILE, safetensors.numpy.save({name: np.ascontiguousarray(each) for name, each in arrays.items()}))


def read_calibration(folder: Path) -> Calibration:
    """Return the calibration in a run folder.

    Raises:
        InputError: It is missing or damaged.
    """
    path = check_file(folder / FILE)
    try:
        check_header(path, MOST_ARRAYS)
        arrays = safetensors.numpy.load(path.read_bytes())
        contrast, likelihood = (arrays[f"reference.{name}"] for name in ("contrast", "negative_log_likelihood"))
        known = Reference(arrays["reference.means"], contrast.item(), likelihood.item())
        held_out = {name: arrays[f"held_out.{name}"] for name in known.scores}
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: the fit was not finished. Resume it, or fit again.") from error
    except Exception as error:  # safetensors raises its own type for damage
        raise InputError(f"{path} is damaged ({error!r}). Restore it or fit again.") from error
    if known.means.ndim != 2 or not all(each.ndim == 1 and len(each) for each in held_out.values()):
        raise InputError(f"{path} is damaged: its arrays have the wrong shapes. Restore it or fit again.")
    return Calibration(known, held_out)
