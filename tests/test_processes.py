"""Several processes train as one does: real ones, connected by gloo on the processor."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import enfold
from conftest import WITHOUT_PICTURES, after_an_epoch, without_pictures
from enfold import InputError, build
from enfold.batches import Source
from enfold.processes import Processes, launch
from enfold.state import State
from enfold.training import _Plan

ENFOLD = str(Path(sys.executable).with_name("enfold"))

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
EPOCHS = 8
GRADIENTS = """
import sys, numpy as np, torch, enfold
from enfold import build
from enfold.processes import launch
from enfold.state import State
strategy, folder = sys.argv[1:]
data = enfold.load("digits")
processes = launch(torch.device("cpu"), devices=2, strategy=strategy)
for network in ({"network": "mlp", "width": 16}, {"network": "notebook"}):
    config = enfold.Config.of(objective="autoencoder", **network)
    state = State(build.autoencoder(config, data.spec), config, processes)
    parts = processes.shard(torch.arange(64)).split(16)
    for part in parts:
        (state.learner(torch.from_numpy(data.x[part.numpy()])).loss.mean() / len(parts)).backward()
    gradients = processes.whole({str(i): p.grad for i, p in enumerate(state.parameters) if p.grad is not None})
    processes.lead(lambda: np.savez(f"{folder}/{config.network.name}.npz", **gradients))
"""

TELLING_THREADS = """
import sys, torch.distributed
from pathlib import Path

disconnect = torch.distributed.destroy_process_group

def disconnect_and_tell():
    disconnect()
    names = [each.read_text().strip() for each in Path("/proc/self/task").glob("*/comm")]
    sys.stderr.write(f"threads left: {[name for name in names if 'gloo' in name]}\\n")

torch.distributed.destroy_process_group = disconnect_and_tell
"""


def command(arguments):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=300, env=ENVIRONMENT)


def torchrun(processes):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
    return [*launcher, f"--nproc-per-node={processes}"]


def fit_arguments(folder, *more, epochs=EPOCHS):
    settings = ["--epochs", str(epochs), "--set", "width=32", "--set", "ema=0.9", "--device", "cpu", "--json"]
    return ["fit", "digits", "--out", str(folder), *settings, *more]


@pytest.fixture(scope="module")
def enfold_without_pictures(tmp_path_factory):
    """The beginning of a command."""
    script = tmp_path_factory.mktemp("script") / "enfold"
    script.write_text(WITHOUT_PICTURES + "from enfold.cli import main; raise SystemExit(main())")
    return [sys.executable, str(script)]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_have_the_gradient_of_one_with_the_joined_batch(tmp_path, digits, strategy):
    script = tmp_path / "gradients.py"
    script.write_text(GRADIENTS)
    done = command([sys.executable, str(script), strategy, str(tmp_path)])
    assert done.returncode == 0, done.stderr
    for network in ({"network": "mlp", "width": 16}, {"network": "notebook"}):
        config = enfold.Config.of(objective="autoencoder", **network)
        state = State(build.autoencoder(config, digits.spec), config)
        state.learner(torch.from_numpy(digits.x[:64])).loss.mean().backward()
        found = np.load(tmp_path / f"{config.network.name}.npz")
        for i, parameter in enumerate(state.parameters):
            if parameter.grad is None:  # of the scale, which a plain autoencoder does not use
                assert str(i) not in found or not found[str(i)].any()
                continue
            expected = parameter.grad.numpy()
            np.testing.assert_allclose(found[str(i)], expected, atol=1e-5 * np.abs(expected).max())  # of rounding


@pytest.fixture(scope="module")
def by_torchrun(tmp_path_factory):
    """The output of a fit by two processes that torchrun started, and the run."""
    folder = tmp_path_factory.mktemp("torchrun") / "run"
    done = command([*torchrun(2), ENFOLD, *fit_arguments(folder)])
    assert done.returncode == 0, done.stderr
    return done.stdout, enfold.open(folder)


def test_the_first_process_alone_writes_and_prints(by_torchrun):
    output, run = by_torchrun
    assert json.loads(output)["metrics"] == run.metrics
    assert run.history["epoch"].to_list() == list(range(1, EPOCHS + 1))


@without_pictures()
def test_two_processes_learn_what_one_does(tmp_path, by_torchrun):
    """They take the same batches in the same order, with other noise."""
    alone = enfold.fit("digits", out=tmp_path / "one", epochs=EPOCHS, width=32, ema=0.9, device="cpu").metrics
    assert abs(by_torchrun[1].metrics["negative_elbo"] - alone["negative_elbo"]) < 0.02 * alone["negative_elbo"]


def test_processes_that_enfold_starts_and_a_signal_stops_end_as_those_of_torchrun(
    tmp_path, by_torchrun, enfold_without_pictures
):
    errors = fit_and_stop(enfold_without_pictures, tmp_path / "run")
    assert errors.count(f"enfold resume {tmp_path / 'run'}") == 1
    assert "Traceback" not in errors
    alone = command([*torchrun(1), ENFOLD, "resume", str(tmp_path / "run")])
    assert "was begun by 2 processes" in alone.stderr
    weights = resumed(enfold_without_pictures, tmp_path / "run").read_bytes()
    assert weights == (by_torchrun[1].folder / "model.safetensors").read_bytes()


def test_processes_with_a_part_of_the_weights_each_learn_the_same(tmp_path, by_torchrun, enfold_without_pictures):
    fit_and_stop(enfold_without_pictures, tmp_path / "run", "--strategy", "fsdp")
    weights = load_file(by_torchrun[1].folder / "model.safetensors")
    for name, value in load_file(resumed(enfold_without_pictures, tmp_path / "run")).items():
        torch.testing.assert_close(value, weights[name], rtol=0, atol=1e-3)  # Adam's steps make much of rounding


def fit_and_stop(enfold_without_pictures, folder, *more):
    """Fit with two processes, and stop them by a signal to the first; return what they say."""
    if os.name == "nt":
        pytest.skip("Windows has no signal that asks a process to stop")
    arguments = [*enfold_without_pictures, *fit_arguments(folder, "--devices", "2", *more)]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        after_an_epoch(folder, process)
        process.terminate()
        errors = process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert not (folder / "model.safetensors").exists()
    return errors


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which processes another one started")
@pytest.mark.parametrize(("killed", "strategy"), [("first", "ddp"), ("second", "ddp"), ("second", "fsdp")])
def test_when_one_of_the_processes_is_killed_the_other_says_how_to_go_on(
    tmp_path, enfold_without_pictures, killed, strategy
):
    """And neither torch nor Lightning says anything."""
    folder = tmp_path / "run"
    arguments = fit_arguments(folder, "--devices", "2", "--strategy", strategy, epochs=100_000)
    with subprocess.Popen(
        [*enfold_without_pictures, *arguments], stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        after_an_epoch(folder, process)
        (second,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(process.pid if killed == "first" else int(second), signal.SIGKILL)
        first, *lines, last = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == (-signal.SIGKILL if killed == "first" else 2)
    assert first.startswith("−ELBO = ")
    assert all(line.startswith("epoch") for line in lines), lines
    assert last.startswith("enfold: One of the 2 processes was killed or lost")
    assert last.endswith(f"Continue with: enfold resume {folder}")


@pytest.mark.skipif(os.name == "nt", reason="Windows gives no process another parent")
def test_a_process_that_the_first_one_left_before_they_were_connected_ends_too(tmp_path):
    script = tmp_path / "second.py"
    script.write_text("import torch; from enfold.processes import launch; launch(torch.device('cpu'), devices=2)")
    gone = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "9", "LOCAL_RANK": "1", "NODE_RANK": "0", "WORLD_SIZE": "2"}
    environment = {**ENVIRONMENT, **gone, "ENFOLD_FIRST_PROCESS": "1234567890"}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("enfold: the first process has ended")


def resumed(enfold_without_pictures, folder):
    """Finish a fit, and return the file with its weights."""
    done = command([*enfold_without_pictures, "resume", str(folder), "--json"])
    assert done.returncode == 0, done.stderr
    return folder / "model.safetensors"


def test_a_shard_of_an_epoch_does_not_depend_on_where_it_is_gone_on_with():
    plan = _Plan(enfold.Config.of(batch_size=2), 5, SecondOfTwo())
    data = Source(np.arange(5))
    whole = plan.rows(data, epoch=0, first=0)
    assert len(whole) == 3  # of 5 rows, the first comes again
    assert torch.equal(plan.rows(data, epoch=0, first=1), whole[1:])
    assert torch.equal(plan.rows(data, epoch=0, first=2), whole[2:])


class SecondOfTwo(Processes):
    count, rank = 2, 1


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which threads a process has")
def test_what_processes_cannot_share_is_refused_by_the_first_alone(tmp_path):
    """And their connection leaves no threads, for which the end of Python might wait for ever."""
    script = tmp_path / "enfold"
    script.write_text(TELLING_THREADS + "from enfold.cli import main; raise SystemExit(main())")
    arguments = fit_arguments(tmp_path / "run", "--set", "batch_size=33", "--devices", "2")
    done = command([sys.executable, str(script), *arguments])
    assert done.stderr.count("2 processes cannot share batches of 33") == 1
    assert done.stderr.count("threads left: []") == 2
    assert not (tmp_path / "run").exists()


def test_an_unknown_strategy_is_refused():
    with pytest.raises(InputError, match="ddp"):
        launch(torch.device("cpu"), devices=2, strategy="ddq")
