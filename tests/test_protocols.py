"""The protocols of the literature: test sets of their own, and pixels that are binarized."""

import json
import os
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest

import enfold
from conftest import after_an_epoch, without_pictures
from enfold import InputError, build, report
from enfold.cli import main
from enfold.corruptions import binarized_once
from enfold.data import arrays, dataset, load_like
from enfold.inference import encode_means
from enfold.metrics import as_evaluated
from enfold.rows import Rows

SMALL = {"epochs": 1, "width": 16, "depth": 1, "device": "cpu"}
GRAY = enfold.Spec((1, 8, 8), (enfold.Column("pixel", "intensity", scale=255.0),), "uint8")


@pytest.fixture(scope="module")
def gray():
    return np.random.default_rng(0).integers(0, 256, (6000, 1, 8, 8), dtype=np.uint8)


@pytest.fixture
def files(tmp_path, digits):
    for name, rows in (("train", slice(0, 300)), ("test", slice(300, 400))):
        np.savez(tmp_path / f"{name}.npz", x=digits.x[rows], y=digits.labels[rows])
    return str(tmp_path / "train.npz"), str(tmp_path / "test.npz")


def weights(run):
    return (run.folder / "model.safetensors").read_bytes()


def test_mnist_has_its_own_training_and_test_sets():
    whole, train, test = map(enfold.load, ("mnist", "mnist-train", "mnist-test"))
    assert (len(train), len(test)) == (60_000, 10_000)
    np.testing.assert_array_equal(whole.x[:60_000], train.x)
    np.testing.assert_array_equal(whole.labels[60_000:], test.labels)


@without_pictures()
def test_the_test_rows_are_held_out_and_no_others(tmp_path, files, digits):
    run = enfold.fit(files[0], test=files[1], out=tmp_path / "run", **SMALL)
    assert (run.split.rows, run.split.held_out.tolist()) == (400, list(range(300, 400)))
    assert (run.metrics["rows"], run.config.holdout, run.spec.sources) == (100, 100, files)
    model = build.autoencoder(run.config, run.spec)
    for _ in enfold.train(model, digits.x[:300], run.config, held_out=digits.x[300:400]):
        pass
    for name, value in run.model.state_dict().items():
        assert value.equal(model.state_dict()[name]), name


@without_pictures()
def test_the_command_of_the_report_gives_the_same_weights(tmp_path, files, digits):
    run = enfold.fit(files[0], test=enfold.load(files[1]), out=tmp_path / "a", **SMALL)
    words = shlex.split(report.command_line(run))
    assert words[:5] == ["enfold", "fit", files[0], "--test", files[1]]
    assert "holdout" not in " ".join(words)
    assert main([*words[1:], "--device", "cpu", "--out", str(tmp_path / "b")]) == 0
    assert weights(run) == weights(enfold.open(tmp_path / "b"))
    assert main(["evaluate", str(tmp_path / "b"), "--device", "cpu"]) == 0


@pytest.mark.parametrize("as_arrays", [False, True])
@without_pictures()
def test_an_interrupted_fit_with_test_rows_is_gone_on_with(tmp_path, files, as_arrays):
    data = [enfold.load(file).x if as_arrays else file for file in files]
    run = enfold.fit(data[0], test=data[1], out=tmp_path / "run", **SMALL)
    before = weights(run)
    (run.folder / "report.html").unlink()
    if as_arrays:
        with pytest.raises(InputError, match="test="):
            enfold.resume(run.folder)
    run = enfold.resume(run.folder, **(dict(zip(("data", "test"), data, strict=True)) if as_arrays else {}))
    assert weights(run) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that asks a process to stop")
@without_pictures()
def test_a_process_that_is_stopped_says_how_to_go_on_and_ends_alike(tmp_path, files):
    words = [
        "fit",
        files[0],
        "--test",
        files[1],
        "--binarize",
        "static",
        "--epochs",
        "40",
        "--device",
        "cpu",
        "--out",
    ]
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    code = "import torch; torch.set_num_threads(1); from enfold.cli import main; raise SystemExit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words, str(stopped)], stderr=subprocess.PIPE, env=environment
    )
    after_an_epoch(stopped, process)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode in (0, 143)
    assert main(["resume", str(stopped)]) == 0
    assert main([*words, str(whole)]) == 0
    assert weights(enfold.open(stopped)) == weights(enfold.open(whole))


@without_pictures()
def test_columns_of_the_test_table_may_be_in_another_order(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 2))
    np.savetxt(tmp_path / "a.csv", x[:30], delimiter=",", header="u,v", comments="")
    np.savetxt(tmp_path / "b.csv", x[30:, ::-1], delimiter=",", header="v,u", comments="")
    run = enfold.fit(tmp_path / "a.csv", test=tmp_path / "b.csv", out=tmp_path / "run", **SMALL)
    again = load_like(run.spec, *run.spec.sources)
    np.testing.assert_array_equal(again.x, x.astype(np.float32))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["digits", "--test", "digits", "--holdout", "0.1"], "Give one"),
        (["digits", "--test", "mnist-test"], "of shape (1, 8, 8)"),
        (["--test", "mnist-test"], "Name a source to train on"),
        (["digits", "--binarize", "often"], "'binarize' must be none, static or dynamic, got 'often'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_tables_cannot_be_binarized(tmp_path):
    with pytest.raises(InputError, match="Only pixels"):
        enfold.fit(np.zeros((20, 3)), out=tmp_path / "run", binarize="static", **SMALL)
    assert not (tmp_path / "run").exists()


def test_pixels_are_on_as_often_as_their_intensity_says(gray):
    """Within 4 standard errors for each of 256 intensities, which a fair draw is for 59 seeds of 60."""
    on = binarized_once(gray, GRAY)
    assert on.dtype == np.uint8
    assert set(np.unique(on)) == {0, 255}
    n = np.bincount(gray.ravel(), minlength=256)
    share = np.bincount(gray.ravel(), on.ravel() / 255, 256) / n
    chance = np.arange(256) / 255
    assert np.all(np.abs(share - chance) <= 4 * np.sqrt(chance * (1 - chance) / n))


def test_pixels_and_rows_are_drawn_apart():
    """Correlations of 2,000 draws have an error of 1 / √2000; the largest of 2,016 pairs stays below 5 of them."""
    x = np.full((2000, 1, 8, 8), 128, np.uint8)
    x[:, 0, 0, :2] = np.stack(np.divmod(np.arange(2000), 256), 1)  # no two rows alike
    on = binarized_once(x, GRAY).reshape(2000, -1)[:, 2:] > 0
    for each in (on, on[:62].T):
        correlations = np.corrcoef(each, rowvar=False)[np.triu_indices(each.shape[1], 1)]
        assert np.abs(correlations).max() < 5 / np.sqrt(len(each))


def test_binary_pixels_stay_as_they_are(gray):
    on = binarized_once(gray, GRAY)
    np.testing.assert_array_equal(binarized_once(on, GRAY), on)


@pytest.mark.parametrize("divisor", [1, 255])
def test_rows_are_the_same_at_every_reading_in_memory_and_in_files(tmp_path, monkeypatch, gray, divisor):
    x = gray if divisor == 1 else (gray / np.float32(divisor)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    known = enfold.load(x)
    for module in (dataset, arrays):
        monkeypatch.setattr(module, "IN_MEMORY", -1)
    unread = enfold.load(tmp_path / "x.npy")
    found, expected = binarized_once(unread.x, unread.spec), binarized_once(known.x, known.spec)
    assert isinstance(found, Rows)
    some = np.random.default_rng(0).permutation(len(x))[:777]
    for rows in (some, some[::-1], slice(0, len(x))):
        np.testing.assert_array_equal(found[rows], expected[rows])


@without_pictures()
def test_a_model_that_saw_binary_rows_is_given_such_by_every_command(tmp_path, files):
    run = enfold.fit(files[0], out=tmp_path / "run", binarize="dynamic", **SMALL)
    binary = as_evaluated(enfold.load(files[1]), run.config, run.spec).x
    assert set(np.unique(binary)) == {0, 255}
    commands = ["encode -o z.npy", "reconstruct -o pairs.npz", "interpolate --rows 3,7 -o way.npz"]
    commands += ["traverse --row 3 --dimensions 0 -o along.npz"]
    for name, *options, out in map(str.split, commands):
        assert main([name, str(run.folder), files[1], *options, str(tmp_path / out)]) == 0
    means = encode_means(run.model, binary)
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), means)
    np.testing.assert_array_equal(np.load(tmp_path / "pairs.npz")["x"], binary)
    np.testing.assert_allclose(np.load(tmp_path / "way.npz")["z"][0, [0, -1]], means[[3, 7]], atol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "along.npz")["z"][0, :, 1], means[3, 1], atol=1e-5)


@pytest.mark.parametrize("binarize", ["static", "dynamic"])
@without_pictures()
def test_figures_are_those_of_binary_rows(tmp_path, digits, binarize):
    run = enfold.fit(digits, out=tmp_path / "run", binarize=binarize, **SMALL)
    held_out = run.split.held_out
    rows = digits[held_out]
    binary = enfold.Dataset(binarized_once(rows.x, rows.spec), rows.labels, rows.spec)
    plain = run.config.with_settings({"binarize": "none"})
    expected = enfold.metrics.evaluate(run.model, plain, binary)
    for name in ("negative_elbo", "reconstruction_mse"):
        assert run.metrics[name] == expected[name]
    last = json.loads((run.folder / "history.jsonl").read_text().splitlines()[-1])
    assert abs(last["held_out_distortion"] - expected["distortion"]) < 0.5  # nats, of other draws of z


def test_training_on_static_pixels_is_training_on_the_binary_array(digits):
    config = enfold.Config.of(binarize="static", width=16, depth=1, epochs=1)
    models = []
    for x, changes in ((digits.x, {}), (binarized_once(digits.x, digits.spec), {"binarize": "none"})):
        models.append(build.autoencoder(config, digits.spec))
        for _ in enfold.train(models[-1], x, config.with_settings(changes)):
            pass
    a, b = (model.state_dict() for model in models)
    assert all(a[name].equal(b[name]) for name in a)
