"""Nothing is lost: a fit that is killed, stopped or out of space continues where it was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

import enfold
from conftest import WITHOUT_PICTURES, after_an_epoch, without_pictures
from enfold import InputError, build, fitting, training
from enfold.checkpoints import checkpoints, load_checkpoint, save_checkpoint
from enfold.objectives import elbo
from enfold.run import only_process
from enfold.state import State

SETTINGS = {"epochs": 5, "width": 64, "ema": 0.9, "clip": 5.0, "batch_size": 32, "device": "cpu"}
CHILD = f"""{WITHOUT_PICTURES}
import json, sys, torch, enfold
from enfold import fitting
torch.set_num_threads(1)
fitting.SECONDS_BETWEEN_CHECKPOINTS, fitting.MOST_TIME_SAVING = 0.01, 10.0  # so that kills meet many of them

def counted(items):
    for item in items:
        print(item.step, flush=True)
        yield item

from enfold import training
from enfold.errors import InputError, Interrupted
training.SECONDS_BETWEEN_REPORTS = 0.005
folder, settings = sys.argv[1], json.loads(sys.argv[2])
try:
    if settings:
        enfold.fit("digits", out=folder, watch=counted, **settings)
    else:
        enfold.resume(folder, watch=counted)
except Interrupted as stop:
    print(stop, file=sys.stderr)
    sys.exit(128 + stop.signal)
except InputError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def child(folder, settings=None, **options):
    arguments = [sys.executable, "-c", CHILD, str(folder), json.dumps(settings or {})]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def steps_until(process, step):
    """Read the steps that a child prints until there are so many."""
    for line in process.stdout:
        if int(line) >= step:
            return


@pytest.fixture(scope="module")
@without_pictures()
def uninterrupted(tmp_path_factory):
    run = enfold.fit("digits", out=tmp_path_factory.mktemp("whole") / "run", **SETTINGS)
    return (run.folder / "model.safetensors").read_bytes()


def test_a_fit_that_is_killed_again_and_again_ends_with_the_same_weights(tmp_path, uninterrupted):
    """SIGKILL at random moments, with a checkpoint written every hundredth of a second, so also during one."""
    folder, moments = tmp_path / "run", random.Random(0)
    process = child(folder, SETTINGS)
    for step in (30, 90, 150, 210):
        steps_until(process, step)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.communicate()
        process = child(folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert (folder / "model.safetensors").read_bytes() == uninterrupted
    assert enfold.open(folder).history["epoch"].to_list() == list(range(1, 6))
    assert len(checkpoints(folder)) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that asks a process to stop")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@without_pictures()
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, uninterrupted, number):
    folder = tmp_path / "run"
    settings = [word for name, value in SETTINGS.items() if name != "device" for word in ("--set", f"{name}={value}")]
    arguments = [
        Path(sys.executable).with_name("enfold"),
        "fit",
        "digits",
        "--out",
        folder,
        "--device",
        "cpu",
        *settings,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=environment) as process:
        after_an_epoch(folder, process)
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == 128 + number, errors
    assert f"enfold resume {folder}" in errors
    assert "Traceback" not in errors
    with pytest.raises(InputError, match=f"not finished. Continue with: enfold resume {folder}"):
        _ = enfold.open(folder).model
    enfold.resume(folder)
    assert (folder / "model.safetensors").read_bytes() == uninterrupted


@without_pictures()
def test_a_full_disk_leaves_the_last_checkpoint_to_go_on_from(tmp_path, uninterrupted):
    """A limit on the size of files stands for a full disk: both make a write fail part of the way."""
    resource = pytest.importorskip("resource", reason="this system has no limit on the size of files")
    folder = tmp_path / "run"
    process = child(folder, SETTINGS)
    steps_until(process, 100)
    process.kill()
    process.communicate()
    size = max(path.stat().st_size for path in checkpoints(folder))
    kept = [path.read_bytes() for path in checkpoints(folder)]

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    full = child(folder, preexec_fn=limit)
    _, errors = full.communicate()
    assert full.returncode == 2
    assert "Free some space" in errors
    assert f"enfold resume {folder}" in errors
    assert [path.read_bytes() for path in checkpoints(folder)] == kept
    enfold.resume(folder)
    assert (folder / "model.safetensors").read_bytes() == uninterrupted


@without_pictures()
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    process = child(folder, SETTINGS)
    steps_until(process, 200)
    process.kill()
    process.communicate()
    newest = checkpoints(folder)[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    enfold.resume(folder)
    assert (folder / "model.safetensors").read_bytes() == uninterrupted


def test_checkpoints_of_other_settings_are_refused(tmp_path, digits):
    config = enfold.Config.of(width=16)
    state = State(build.autoencoder(config, digits.spec), config)
    save_checkpoint(tmp_path, state, list)
    other = enfold.Config.of(width=32)
    with pytest.raises(InputError, match="other settings"):
        load_checkpoint(tmp_path, State(build.autoencoder(other, digits.spec), other))


def test_a_loss_that_is_not_finite_in_the_first_epoch_leaves_its_checkpoints(tmp_path, digits, monkeypatch):
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(training, "SECONDS_BETWEEN_REPORTS", 0.0)
    calls = count()

    def breaking(model, x, beta=1.0):
        terms = elbo(model, x, beta)
        return terms if next(calls) < 5 else terms._replace(loss=terms.loss * np.nan)

    folder = tmp_path / "run"
    with pytest.raises(InputError, match="checkpoints of its first epoch are kept"):
        enfold.fit(digits.x, objective=breaking, out=folder, epochs=1, width=16, device="cpu")
    assert checkpoints(folder)
    assert not (folder / "model.safetensors").exists()


def test_a_second_process_is_refused(tmp_path, digits_run):
    with only_process(digits_run):
        process = child(digits_run.folder)
        _, errors = process.communicate()
        assert process.returncode == 2
        assert "Another process" in errors


def test_a_finished_run_is_left_as_it_is(digits_run):
    before = (digits_run.folder / "report.html").stat().st_mtime_ns
    assert enfold.resume(digits_run.folder).metrics == digits_run.metrics
    assert (digits_run.folder / "report.html").stat().st_mtime_ns == before


@without_pictures()
def test_a_conditional_model_is_resumed_with_its_labels(tmp_path, digits):
    settings = {"epochs": 1, "width": 16, "device": "cpu", "condition": "label"}
    run = enfold.fit(digits[:200], out=tmp_path / "run", **settings)
    weights = (run.folder / "model.safetensors").read_bytes()
    (run.folder / "report.html").unlink()
    with pytest.raises(InputError, match="had labels"):
        enfold.resume(run.folder, data=digits.x[:200])
    again = enfold.resume(run.folder, data=digits[:200])
    assert (run.folder / "model.safetensors").read_bytes() == weights
    assert again.config == run.config  # whatever precision was found best


@without_pictures()
def test_a_device_that_is_gone_is_named_with_one_that_is_here(tmp_path, digits):
    run = enfold.fit(digits.x, out=tmp_path / "run", epochs=1, width=16, device="cpu")
    begun = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps({**begun, "device": "cuda:7"}))
    assert enfold.resume(run.folder, data=digits.x).is_finished
    (run.folder / "report.html").unlink()
    with pytest.raises(InputError, match=r"began on cuda:7, which is not here.*--device cpu"):
        enfold.resume(run.folder, data=digits.x)
    assert enfold.resume(run.folder, data=digits.x, device="cpu").is_finished


@without_pictures()
def test_an_array_must_be_given_again(tmp_path, digits):
    run = enfold.fit(digits.x, out=tmp_path / "run", epochs=1, width=16, device="cpu")
    weights = (run.folder / "model.safetensors").read_bytes()
    (run.folder / "report.html").unlink()
    with pytest.raises(InputError, match="data="):
        enfold.resume(run.folder)
    enfold.resume(run.folder, data=digits.x)
    assert (run.folder / "model.safetensors").read_bytes() == weights


def test_a_checkpoint_has_no_pickle_and_every_tensor(tmp_path, digits):
    config = enfold.Config.of(width=16, ema=0.9, epochs=1)
    state = State(build.autoencoder(config, digits.spec), config)
    for _ in enfold.train(state.model, digits.x, config, held_out=digits.x[:50], state=state):
        pass
    save_checkpoint(tmp_path, state, list)
    tensors = load_file(checkpoints(tmp_path)[-1])
    kinds = {name.split("/")[0] for name in tensors}
    assert kinds == {"model", "average", "best", "optimizer", "totals"}
    weights = len(list(state.model.parameters()))
    assert sum(name.startswith("optimizer/") for name in tensors) == 3 * weights
    assert all(np.isfinite(value.numpy()).all() for value in tensors.values())
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["000001.safetensors"]
