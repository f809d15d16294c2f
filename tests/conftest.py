import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # before SciPy is imported; scikit-learn checks array inputs only then
os.environ["OMP_NUM_THREADS"] = "1"  # the tests run side by side, and threads of several processes hinder each other

import gzip
import struct
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
import torch

import enfold
from enfold.data.split import Split
from enfold.run import create_run, open_run, save_weights


def after_an_epoch(folder, process):
    """Wait until a process that fits has written an epoch into the run's history."""
    history = folder / "history.jsonl"
    while not history.exists() or not history.stat().st_size:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


PICTURES = "enfold.report.draw", "enfold.sections.write_sections"
WITHOUT_PICTURES = f"""
import enfold.report, enfold.sections
{" = ".join(PICTURES)} = lambda *given, **named: None
"""  # what `without_pictures` does, at the beginning of the script of a process of its own


@contextmanager
def without_pictures():
    """Let fits end without pictures and sections, which take seconds each; for tests of what else they do."""
    with pytest.MonkeyPatch.context() as patch:
        for name in PICTURES:
            patch.setattr(name, lambda *given, **named: None)
        yield


@pytest.fixture(scope="session")
def digits():
    return enfold.load("digits")


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    """A small finished run, to be read by many tests and changed by none."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    return enfold.fit("digits", out=out, epochs=20, holdout=200, device="cpu")


@pytest.fixture(scope="session")
def random_run(tmp_path_factory):
    """Makes the run of a model with random weights, none of them zero."""

    def make(spec, **settings):
        sizes = {} if settings.get("network") == "notebook" else {"width": 32, "depth": 1}
        config = enfold.Config.of(**sizes, **settings)
        run = enfold.Run(tmp_path_factory.mktemp("runs") / "random", config, spec, "cpu")
        create_run(run, Split(2, np.array([0]), sha256=""))
        torch.manual_seed(0)
        weights = run.untrained().state_dict()
        noisy = {name: (each + 0.05 * torch.randn(each.shape)).contiguous() for name, each in weights.items()}
        save_weights(run, noisy)
        return open_run(run.folder, "cpu")

    return make


@pytest.fixture
def peak_of():
    """Runs Python code in a process of its own, and gives the most memory that it took, in MB."""
    peak = "import re; print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"  # not its parent's

    def run(code):
        code = f"import torch, enfold; torch.set_num_threads(1)\n{code}\n{peak}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split()[-1]) / 1024

    return run


@pytest.fixture
def write_idx():
    """Writes an array as an IDX file, gzipped if its name says so."""

    def write(path, array):
        array = np.asarray(array, np.uint8)
        content = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


@pytest.fixture
def write_kaggle():
    """Writes images, and labels if there are any, as Kaggle's Digit Recognizer does."""

    def write(path, x, labels=None):
        rows = x.reshape(len(x), -1)
        names = [f"pixel{i}" for i in range(rows.shape[1])]
        if labels is not None:
            rows, names = np.column_stack([labels, rows]), ["label", *names]
        with path.open("w") as file:
            file.write(",".join(names) + "\n")
            np.savetxt(file, rows, fmt="%d", delimiter=",")
        return path

    return write
