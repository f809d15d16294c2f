"""The files that the explorer's page reads: a manifest, arrays of a run and its rows, and the model as ONNX."""

import json
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import torch

from enfold.data import Dataset, load_like
from enfold.data.dataset import class_labels, class_name
from enfold.errors import InputError
from enfold.export import as_onnx
from enfold.fitting import read_again
from enfold.inference import conditioned_chunks, conditions, evaluating, in_one
from enfold.latent import GRID_QUANTILES, GRID_SIDE, cluster, draws, quantiles
from enfold.metrics import as_evaluated
from enfold.metrics.anomaly import SCORES, Anomalies, p_values
from enfold.metrics.calibration import FILE as CALIBRATION
from enfold.metrics.calibration import read_calibration
from enfold.metrics.reconstruction import reconstruction_measures, squared_error
from enfold.report import title
from enfold.rows import IN_MEMORY
from enfold.run import Run
from enfold.version import __version__

FORMAT = 3  # of the manifest
SIDE = 128  # of the grid of the prior's density
MARGIN = 0.05  # around rows and prior, as a fraction of the grid's sides
REACH = (0.001, 0.999)  # the grid covers the prior between these quantiles
DRAWS = 20_000  # from the prior, to estimate these quantiles
MOST_ACTIVE = 6  # latent dimensions; each pair of them gets a grid
FILES = {  # the file of each array, and its type there
    "means": ("means.f32", "<f4"),
    "standardDeviations": ("standard-deviations.f32", "<f4"),
    "labels": ("labels.i16", "<i2"),
    "numericLabels": ("numeric-labels.f32", "<f4"),
    "rowNumbers": ("rows.i32", "<i4"),
    "heldOut": ("held-out.u8", "|u1"),
    "error": ("error.f32", "<f4"),
    "anomaly": ("anomaly.f32", "<f4"),
    "clusters": ("clusters.i16", "<i2"),
    "uint8 examples": ("examples.u8", "|u1"),
    "float32 examples": ("examples.f32", "<f4"),
}

Files = dict[str, bytes | memoryview]


def prepare(run: Run, *sources: Any, rows: int | None = None) -> Files:
    """Return the files that the page reads, by name.

    Args:
        *sources: The rows to show, as `enfold.load` takes them. By default all rows of the run, training and
            held-out, read again from its sources.
        rows: The largest number of rows to show. They are drawn at random with a fixed seed, held-out rows first. By
            default all rows, or as many as fit in 256 MB.

    Raises:
        InputError: The run was fitted to an array and no source is given, a source cannot be read or does not match
            the run, `rows` is below 1, or the model cannot be exported to ONNX.
    """
    if rows is not None and rows < 1:
        raise InputError(f"Expected at least 1 row to show, got {rows}. Leave out --rows to show all.")
    model, (data, held_out) = as_onnx(run), _data(run, sources)
    numbers = _chosen(len(data), held_out, rows or max(1, IN_MEMORY * len(data) // data.x.nbytes))
    shown = as_evaluated(data[numbers], run.config, run.spec)
    arrays = {"rowNumbers": numbers, **_encoded(run, shown), **_anomaly(run, shown), **_labels(shown)}
    arrays |= _clusters(run, arrays["means"])
    arrays |= {} if held_out is None else {"heldOut": np.isin(numbers, held_out)}
    latent = _latent(run, arrays["means"])
    planes, densities = _prior(run, arrays["means"], latent["pca"])
    about = {**_about(run, shown, title(data.spec)), **latent, "prior": planes}
    files = _files(about, {**arrays, "examples": np.asarray(shown.x).reshape(len(shown), -1)})
    return {**files, **densities, "encoder.onnx": model.encoder, "decoder.onnx": model.decoder}


def _files(about: dict[str, object], arrays: dict[str, np.ndarray]) -> Files:
    """Return the manifest and the arrays that it describes."""
    files, entries = {}, {}
    for name, array in arrays.items():
        file, kind = FILES.get(name) or FILES[f"{array.dtype} {name}"]
        stored = np.ascontiguousarray(array, kind)
        entries[name] = {"file": file, "type": str(stored.dtype), "shape": stored.shape}
        files[file] = stored.reshape(-1).view(np.uint8).data
    manifest = json.dumps({**about, "arrays": entries}, allow_nan=False, ensure_ascii=False)
    return {"manifest.json": manifest.encode(), **files}


def _data(run: Run, sources: tuple[Any, ...]) -> tuple[Dataset, np.ndarray | None]:
    """Return the rows and, if they are those of the run, the numbers of the held-out ones."""
    if sources:
        return load_like(run.spec, *sources), None
    if run.spec.is_array:
        raise InputError(
            "Expected a source of rows, got none: this run was fitted to an array, which is not stored. Name a "
            "source after the run: a file, a folder, or a data set such as mnist; in Python also an array."
        )
    return read_again(run), run.split.held_out


def _chosen(n: int, held_out: np.ndarray | None, most: int) -> np.ndarray:
    """Return the numbers of at most `most` rows, in ascending order."""
    drawn = np.random.default_rng(0).permutation(n)
    if held_out is not None:
        drawn = drawn[np.argsort(~np.isin(drawn, held_out), kind="stable")]
    return np.sort(drawn[:most])


def _encoded(run: Run, rows: Dataset) -> dict[str, np.ndarray]:
    """Return the posterior mean, its standard deviation and the reconstruction error of each row."""
    model, classes = run.model, conditions(rows.labels, run.spec)
    with evaluating(model):
        posteriors = (each.encode(part) for each, part in conditioned_chunks(model, rows.x, classes))
        found = in_one(rows.x, (torch.stack([q.mean, q.stddev], 1).cpu().numpy() for q in posteriors))
    means, stddevs = np.ascontiguousarray(found[:, 0]), found[:, 1]
    (error,) = reconstruction_measures(model, rows.x, means, [squared_error], classes)
    is_deterministic = run.config.is_plain or not stddevs.any()
    return {"means": means, "error": error, **({} if is_deterministic else {"standardDeviations": stddevs})}


def _anomaly(run: Run, rows: Dataset) -> dict[str, np.ndarray]:
    """Return 1 − p-value of each row's anomaly score, if the run has held-out rows to calibrate it."""
    if not (run.folder / CALIBRATION).exists():
        return {}
    calibration = read_calibration(run.folder)
    found = Anomalies(run.model, calibration.reference, rows.x, conditions(rows.labels, run.spec))
    return {"anomaly": 1 - p_values(found.scores(), calibration.held_out[SCORES[0]])}


def _clusters(run: Run, means: np.ndarray) -> dict[str, np.ndarray]:
    """Return the cluster of each row, unless the latent space is discrete or the rows are too few."""
    if run.config.posterior.is_discrete:
        return {}
    try:
        return {"clusters": cluster(means).memberships(means).argmax(1)}
    except InputError:
        return {}


def _labels(rows: Dataset) -> dict[str, np.ndarray]:
    """Return the labels, as positions among the classes (−1: unlabeled) or as numbers (NaN: unlabeled)."""
    found = class_labels(rows.labels)
    if found is not None:
        return {"labels": np.where(rows.labeled, np.searchsorted(found, rows.labels), -1)}
    return {"numericLabels": rows.labels} if rows.labeled.any() else {}


def _about(run: Run, rows: Dataset, name: str) -> dict[str, object]:
    spec, found = run.spec, class_labels(rows.labels)
    return {
        "format": FORMAT,
        "title": name,
        "recipe": run.config.recipe,
        "version": __version__,
        "rows": len(rows),
        "latentDim": run.config.latent_dim,
        "shape": spec.shape,
        "isImage": spec.is_image,
        "kind": spec.kind,
        "columns": [{"name": each.name, "offset": each.offset, "scale": each.scale} for each in spec.columns],
        "classes": [] if found is None else [class_name(label, rows.spec) for label in found],
        "conditions": [class_name(label, spec) for label in spec.conditions],
    }


def _latent(run: Run, means: np.ndarray) -> dict[str, Any]:
    """Return the variance of each latent dimension, its quantiles, and the principal components."""
    levels = np.linspace(*GRID_QUANTILES, GRID_SIDE)
    with evaluating(run.model):
        _, along = quantiles(run.model.prior() if run.config.has_prior else means, GRID_SIDE, run.model.device)
    return {
        "activity": means.var(0, dtype=np.float64).tolist(),
        "quantiles": {"levels": levels.tolist(), "values": along.T.tolist()},
        "pca": _principal(means) if means.shape[1] > 2 else None,
    }


def _principal(means: np.ndarray) -> dict[str, object]:
    """Return the first two principal components, with signs that make the largest entry of each positive."""
    center = means.mean(0, dtype=np.float64)
    _, axes = np.linalg.eigh((means - center).T @ (means - center))
    two = axes.T[:-3:-1]
    two = two * np.sign(np.take_along_axis(two, np.abs(two).argmax(1)[:, None], 1))
    return {"mean": center.tolist(), "components": two.tolist()}


def _prior(run: Run, means: np.ndarray, pca: dict[str, Any] | None) -> tuple[list[dict[str, object]], Files]:
    """Return planes through the latent space, and the prior's log density on each, (SIDE, SIDE) float32.

    A plane covers all rows and nearly all of the prior. On a pair of dimensions, the others are at the prior's
    medians; the plane of the principal components goes through the mean of the rows.
    """
    if means.shape[1] < 2 or not run.config.has_prior or run.config.posterior.is_discrete:
        return [], {}
    planes, files = [], {}
    with evaluating(run.model):
        prior, device = run.model.prior(), run.model.device
        drawn, middle = draws(prior, DRAWS, device=device), quantiles(prior, 2, device)[0]
        for axes, origin, directions in _planes(means, middle, pca):
            rows, ends = (means - origin) @ directions.T, np.quantile((drawn - origin) @ directions.T, REACH, axis=0)
            low, high = np.fmin(rows.min(0), ends[0]), np.fmax(rows.max(0), ends[1])
            room = np.maximum(MARGIN * (high - low), np.finfo(np.float32).eps)
            extent = np.stack([low - room, high + room], 1)
            x, y = np.linspace(extent[:, 0], extent[:, 1], SIDE).T
            z = origin + np.stack([np.tile(x, SIDE), np.repeat(y, SIDE)], 1) @ directions
            file = f"prior{len(planes)}.f32"
            planes.append({"axes": axes, "extent": extent.tolist(), "side": SIDE, "file": file})
            files[file] = prior.log_prob(torch.from_numpy(z).float().to(device)).cpu().numpy().astype("<f4").tobytes()
    return planes, files


def _planes(
    means: np.ndarray, middle: np.ndarray, pca: dict[str, Any] | None
) -> Iterator[tuple[tuple[int, ...] | str, np.ndarray, np.ndarray]]:
    """Yield the axes, the origin, (latent_dim,), and the directions, (2, latent_dim), of each plane."""
    latent_dim = len(middle)
    for axes in combinations(sorted(np.argsort(-means.var(0), kind="stable")[:MOST_ACTIVE].tolist()), 2):
        directions = np.eye(latent_dim)[list(axes)]
        yield axes, np.where(directions.any(0), 0, middle), directions
    if pca is not None:
        yield "pca", np.array(pca["mean"]), np.array(pca["components"])
