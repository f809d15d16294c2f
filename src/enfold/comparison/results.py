"""What a comparison compares, its results, and how they are saved."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enfold.config import Config
from enfold.data import Dataset
from enfold.errors import InputError, unknown
from enfold.files import check_file, read_json, write, write_json
from enfold.learning import Prepared, prepared
from enfold.metrics.intervals import Measurement
from enfold.reductions import COMPARED, METHODS, Job, Method, Result, best
from enfold.rows import sha256
from enfold.spec import Spec
from enfold.version import __version__

if TYPE_CHECKING:
    import polars as pl

SETTINGS = ("latent_dim", "holdout", "seed", "epochs", "minutes", "rows")
HELD_OUT = 10_000  # rows to compare on, at most


@dataclass(frozen=True)
class Setup:
    """The rows and the settings that all methods share.

    Attributes:
        data: The rows to fit to.
        held_out: The rows to compare on, in memory.
        settings: As `compare` was given them; always with `latent_dim`, `holdout` and `seed`.
    """

    data: Prepared
    held_out: Dataset
    settings: dict[str, Any]

    @property
    def spec(self) -> Spec:
        """What the rows are, with the offsets and scales of the training rows."""
        return self.data.spec

    def job(self, method: Method, device: str = "auto") -> Job:
        """Return the job of a method."""
        shared = {name: value for name, value in self.settings.items() if name != "rows"}
        return Job(self.data, method.config(shared), device)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What must be equal for a result to be used again, as values for JSON."""
        return {
            "sources": list(self.spec.sources),
            **self.settings,
            "training_rows": len(self.data.seen),
            "held_out_rows": len(self.held_out),
            "training_sha256": sha256(self.data.seen.x),
            "held_out_sha256": sha256(self.held_out.x),
            "labels_sha256": sha256(np.concatenate([self.data.seen.labels, self.held_out.labels])),
            "enfold": __version__,
        }


@dataclass(frozen=True)
class Comparison:
    """Several methods on the same held-out rows.

    Attributes:
        setup: The rows and the settings.
        results: The result of each method, by its name.
        left_out: Why other methods could not be used.
    """

    setup: Setup
    results: Mapping[str, Result]
    left_out: Mapping[str, str]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row of plain values for each method: its name, its metrics and their errors, and what it can do."""
        return [
            {
                "method": name,
                **{each: result.metrics[each].value for each in COMPARED},
                **{f"{each}_error": result.metrics[each].error for each in COMPARED if each != "train_seconds"},
                "places_new_points": METHODS[name].places,
                "decodes": METHODS[name].decodes if result.reconstructed_rows else "no",
                "training_rows": result.fitted,
                "reconstructed_rows": result.reconstructed_rows,
            }
            for name, result in self.results.items()
        ]

    @property
    def table(self) -> "pl.DataFrame":
        """The rows as a data frame."""
        import polars as pl

        return pl.DataFrame(self.rows, infer_schema_length=None)

    @property
    def best(self) -> dict[str, list[str]]:
        """For each metric the best methods: the best first, then those within two standard errors of it."""
        return best({name: result.metrics for name, result in self.results.items()})


def set_up(data: Dataset, test: Dataset | None, settings: Mapping[str, Any]) -> Setup:
    """Return the rows and the settings of a comparison.

    Args:
        data: The rows.
        test: The rows to hold out; None: a share of `data`.
        settings: Those of `SETTINGS` that are given; None counts as not given.

    Raises:
        InputError: A setting is unknown or out of range, or too few rows are left.
    """
    for name in settings:
        if name not in SETTINGS:
            raise unknown("setting of a comparison", name, SETTINGS)
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in settings.items() if v is not None}
    given = {"latent_dim": 2, "seed": 0, "holdout": 0.1} | plain
    rows = given.get("rows")
    if rows is not None and (not isinstance(rows, int) or rows < 2):
        raise InputError(f"Expected rows to be a whole number of training rows, at least 2, got {rows!r}. Change it.")
    config = Config().with_settings({name: value for name, value in given.items() if name != "rows"})
    ready = prepared(data, config, test, at_most=rows)
    unseen = ready.unseen
    assert unseen is not None
    if test is not None:  # shuffled, as some metrics are of the first rows, and a test set may be sorted
        unseen = unseen[np.random.default_rng(config.seed).permutation(len(test))]
        given = {**given, "holdout": len(test)}
    return Setup(ready, unseen[:HELD_OUT].changed(np.asarray), given)


def write_result(folder: Path, name: str, result: Result, setup: Setup) -> None:
    """Write the result of a method into a comparison's folder."""
    arrays = io.BytesIO()
    np.savez_compressed(arrays, z=result.z, reconstructed=result.reconstructed)
    write(folder / "methods" / f"{name}.npz", arrays.getvalue())
    values = {"fitted": result.fitted, "reconstructed_rows": result.reconstructed_rows}
    values |= {"metrics": {name: [*each] for name, each in result.metrics.items()}, "setup": setup.facts}
    write_json(folder / "methods" / f"{name}.json", values)  # last: it means that the result is complete


def read_result(folder: Path, name: str, setup: Setup) -> Result | None:
    """Return the result of a method from an earlier call, or None.

    Raises:
        InputError: The folder holds another comparison, or a damaged file.
    """
    path = folder / "methods" / f"{name}.json"
    if not path.exists():
        return None
    values = read_json(path)
    known, now = values.get("setup"), setup.facts
    if known != now:
        was = known if isinstance(known, dict) else {}
        other = next(each for each in now | was if was.get(each) != now.get(each))
        values = f"'{other}' was {was.get(other)} and is now {now.get(other)}"
        what = "its rows had other values or labels" if other.endswith("sha256") else values
        raise InputError(
            f"{folder} holds another comparison: {what}. Choose another folder with --out, or delete that one."
        )
    try:
        with np.load(check_file(path.with_suffix(".npz")), allow_pickle=False) as arrays:
            z, reconstructed = arrays["z"], arrays["reconstructed"]
        metrics = {each: Measurement(*values["metrics"][each]) for each in COMPARED}
        if (
            z.shape != (len(setup.held_out), setup.settings["latent_dim"])
            or reconstructed.shape[1:] != setup.spec.shape
        ):
            raise ValueError("shape")
        return Result(metrics, int(values["fitted"]), int(values["reconstructed_rows"]), z, reconstructed)
    except Exception as error:  # NumPy raises errors of many kinds for damaged files
        raise InputError(
            f"{path} or the .npz beside it is damaged ({error!r}). Delete both to run the method again."
        ) from error
