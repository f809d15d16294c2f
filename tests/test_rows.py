"""Rows that are read when they are needed: the same as in memory, in little memory."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import enfold
from enfold import InputError, build, train
from enfold.data import arrays, dataset
from enfold.rows import Rows, drawn, sha256

CONFIG = enfold.Config.of(width=32, depth=1, epochs=2, batch_size=100)


@pytest.fixture
def unread(monkeypatch):
    """Takes every file for too large to be read at once."""
    monkeypatch.setattr(dataset, "IN_MEMORY", -1)
    monkeypatch.setattr(arrays, "IN_MEMORY", -1)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (1000, 6, 6), dtype=np.uint8)


@pytest.fixture
def shards(tmp_path, images):
    folder = tmp_path / "shards"
    folder.mkdir()
    for i, part in enumerate(np.array_split(images, [300, 301, 800])):
        np.save(folder / f"part{i}.npy", part)
        np.save(folder / f"part{i}.labels.npy", part[:, 0, 0] % 10)
    return folder


def weights(data):
    model = build.autoencoder(CONFIG, data.spec)
    for _ in train(model, data.x, CONFIG, held_out=data.x[:100]):
        pass
    return torch.cat([value.flatten() for value in model.state_dict().values()])


def test_shards_are_their_rows_one_after_another(unread, shards, images):
    data = enfold.load(shards)
    assert isinstance(data.x, Rows)
    np.testing.assert_array_equal(np.asarray(data.x)[:, 0], images)
    np.testing.assert_array_equal(data.labels, images[:, 0, 0] % 10)
    assert len(data.x.read.files) == 4  # one reader of all files rather than a reader for each


@given(rows=st.lists(st.integers(-1000, 999), min_size=1, max_size=40))
def test_any_rows_in_any_order_are_those_of_the_array(tmp_path_factory, images, rows):
    path = tmp_path_factory.getbasetemp() / "any.npy"
    if not path.exists():
        np.save(path, images)
    unread = arrays.from_array(np.load(path, mmap_mode="r")).x
    assert isinstance(unread, Rows)
    np.testing.assert_array_equal(unread[np.array(rows)][:, 0], images[rows])
    np.testing.assert_array_equal(unread[rows[0] : rows[-1]][:, 0], images[rows[0] : rows[-1]])
    np.testing.assert_array_equal(unread.select(rows)[np.arange(len(rows))[::-1]][:, 0], images[rows][::-1])


def test_a_checksum_is_of_all_values_or_of_drawn_rows_of_much_data(unread, shards, images, monkeypatch):
    x = enfold.load(shards).x
    assert sha256(x) == sha256(images[:, None]) == hashlib.sha256(images.tobytes()).hexdigest()
    monkeypatch.setattr("enfold.rows.IN_MEMORY", 1000)
    monkeypatch.setattr("enfold.rows.CHECKED_ROWS", 100)
    assert sha256(x) == sha256(images[:, None]) == hashlib.sha256(images[drawn(1000, 100)].tobytes()).hexdigest()


def test_training_on_unread_rows_gives_the_same_weights_to_the_last_bit(unread, shards, images):
    """So every batch has the rows that it has in memory: the shuffle goes across all shards."""
    data = enfold.load(shards)
    assert isinstance(data.x, Rows)
    assert torch.equal(weights(data), weights(enfold.load(images)))


def test_parquet_is_csv_in_another_file(unread, tmp_path):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=50), "label": rng.integers(0, 3, 50), "b": rng.normal(size=50)})
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet", row_group_size=7)
    csv, parquet = enfold.load(tmp_path / "t.csv"), enfold.load(tmp_path / "t.parquet")
    np.testing.assert_array_equal(np.asarray(parquet.x), csv.x)
    np.testing.assert_array_equal(parquet.labels, csv.labels)
    assert parquet.spec.columns == csv.spec.columns
    assert parquet.spec.label == "label"


def test_pixels_and_lists_in_parquet_are_images(tmp_path, images):
    names = [f"pixel{i}" for i in range(36)]
    flat = images.reshape(-1, 36)
    pl.DataFrame(flat, schema=names, orient="row").write_parquet(tmp_path / "columns.parquet")
    pl.DataFrame({"image": flat.tolist()}, schema={"image": pl.List(pl.UInt8)}).write_parquet(tmp_path / "l.parquet")
    for name in ("columns.parquet", "l.parquet"):
        np.testing.assert_array_equal(enfold.load(tmp_path / name).x[:, 0], images)


def test_the_moments_of_unread_columns_are_numpys(unread, tmp_path):
    x = (np.random.default_rng(0).normal(size=(5000, 3)) * [1, 10, 0.01] + [0, 1e4, 5]).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    data = enfold.load(tmp_path / "x.npy")
    spec = data.spec.standardized(data.x)
    np.testing.assert_allclose(spec.offset, x.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(spec.scale, x.std(0, dtype=np.float64), rtol=1e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells how much memory a process has had")
def test_a_large_file_is_trained_on_in_little_memory(tmp_path):
    """290 MB on disk; beside what training on a small file takes, less than 100 MB in memory."""
    code = (
        "import json, re, sys, enfold, torch; from pathlib import Path; torch.set_num_threads(1)\n"
        "data = enfold.load(sys.argv[1]); config = enfold.Config.of(width=16, depth=0, batch_size=512, epochs=1)\n"
        "model = enfold.build.autoencoder(config, data.spec)\n"
        "for each in enfold.train(model, data.x, config): pass\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]\n"  # not that of its parent
        "print(json.dumps([len(data), type(data.x).__name__, int(peak) / 1024]))"
    )
    peaks = []
    for rows, kind in ((5_000, "ndarray"), (70_000, "Rows")):
        path = tmp_path / f"{rows}.npy"
        np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(rows, 64, 64)).flush()
        out = subprocess.run([sys.executable, "-c", "import enfold.build\n" + code, path], capture_output=True)
        *read, peak = json.loads(out.stdout)
        assert read == [rows, kind]
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 100


def test_shards_of_other_shapes_are_refused(shards, images):
    np.save(shards / "z.npy", images[:, :5])
    with pytest.raises(InputError, match="rows of one kind"):
        enfold.load(shards)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": ["x", "y"]}, "expected numbers"),
        ({"a": [1.0, None]}, "got nothing"),
        ({"a": [1.0, float("inf")]}, "a finite number"),
        ({"pixel0": [0, 256]}, "from 0 to 255"),
        ({"a": [[1, 2], [3]]}, "a list of 2 numbers"),
        ({"a": [[1, 2]], "b": [1]}, "Keep one"),
        ({"a": pl.Series([], dtype=pl.Float64)}, "no rows"),
        ({"a": pl.repeat(0, 40_000_000, dtype=pl.UInt8, eager=True)}, r"claims 40,000,000 rows in \d\d,"),
    ],
)
def test_parquet_that_is_not_as_it_must_be(tmp_path, content, message):
    pl.DataFrame(content).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match=message):
        enfold.load(tmp_path / "x.parquet")


def test_a_truncated_parquet_file(tmp_path):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": [1.0, 2.0]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="Parquet"):
        enfold.load(path)
