"""Whatever lies in the place of a run's files, opening the run ends with a message that names the file."""

import json
import os
import re
import shutil
import socket
import struct

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import enfold
from enfold import InputError
from enfold.checkpoints import checkpoints
from enfold.cli import main
from enfold.files import DEEPEST, check_file, parse_json
from enfold.inference import reconstructed_means
from enfold.metrics.calibration import read_calibration
from enfold.sections import read_sections

FILES = (
    *("config.toml", "spec.json", "run.json", "split.json", "metrics.json", "history.jsonl", "model.safetensors"),
    *("calibration.safetensors", "sections/clusters.json"),
)


@pytest.fixture
def copy(digits_run, tmp_path):
    return shutil.copytree(digits_run.folder, tmp_path / "run")


def read_all(folder):
    run = enfold.open(folder, device="cpu")
    return run.model, run.metrics, run.history, run.split, read_sections(folder), read_calibration(folder)


def is_refused_by_name(folder, name):
    with pytest.raises(InputError) as caught:
        read_all(folder)
    return name.split("/")[-1] in str(caught.value).removeprefix(str(folder))


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith("safetensors")])
@pytest.mark.parametrize("depth", [DEEPEST + 10, 990, 100_000])
def test_deeply_nested_files_are_refused_by_name(copy, name, depth):
    """Also those that Python can still read, but not print."""
    nested = "[" * depth + "]" * depth
    text = f"recipe = {nested}" if name == "config.toml" else f'{{"epoch": {nested}, "format": {nested}}}\n'
    (copy / name).write_text(text)
    assert is_refused_by_name(copy, name)


def test_many_dotted_names_take_no_time(copy):
    (copy / "config.toml").write_text(".".join(["a"] * 200_000) + " = 1")
    assert is_refused_by_name(copy, "config.toml")


def a_socket(path):
    with socket.socket(socket.AF_UNIX) as one:  # its file stays
        os.chdir(path.parent)
        one.bind(path.name)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "put",
    [os.mkfifo, os.mkdir, a_socket, lambda path: path.symlink_to("/dev/zero")],
    ids=["pipe", "folder", "socket", "device"],
)
def test_what_is_no_file_is_refused_by_name(copy, name, put, monkeypatch):
    monkeypatch.chdir(copy)
    (copy / name).unlink()
    put(copy / name)
    if name == "config.toml":
        with pytest.raises(InputError, match="not a run folder"):
            enfold.open(copy)
    else:
        assert is_refused_by_name(copy, name)


def test_links_lead_to_files(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("a", "b", "loop", "missing"):  # the last two, whoever opens them finds missing
        assert check_file(tmp_path / name) == tmp_path / name


@pytest.mark.parametrize("text", ['"\\ud800"', "[" * 60 + "]" * 60, "[" * 200_000, "9" * 5000, "{"])
def test_json_that_could_not_be_written_again_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_json(text)
    assert parse_json('{"a": ["\\ud83d\\ude00", 1.5, null]}') == {"a": ["😀", 1.5, None]}


@pytest.mark.parametrize(
    "change",
    [{"shape": [1, 2**40, 8]}, {"shape": [True, 8, 8]}, {"conditions": [10**400]}, {"columns": [{"scale": 10**400}]}],
)
def test_numbers_that_no_data_has_are_refused(copy, change):
    values = json.loads((copy / "spec.json").read_text())
    if "columns" in change:
        change = {"columns": [values["columns"][0] | change["columns"][0]]}
    (copy / "spec.json").write_text(json.dumps(values | change))
    assert is_refused_by_name(copy, "spec.json")


@pytest.mark.parametrize("number", [10**400, 1e308, [1], "1"])
def test_metrics_that_are_no_numbers_are_refused(copy, number):
    for where in ("train_seconds", "standard_errors"):
        values = json.loads((copy / "metrics.json").read_text())
        values[where] = {"rate": number} if where == "standard_errors" else number
        (copy / "metrics.json").write_text(json.dumps(values))
        assert is_refused_by_name(copy, "metrics.json")


@pytest.mark.parametrize("wild", [3e38, 1e25])
def test_weights_that_are_finite_but_make_nan_are_refused(copy, digits, wild):
    """One tensor after the other: either the model gives numbers, or its file is said to be damaged."""
    path, refused = copy / "model.safetensors", []
    weights = load_file(path)
    for name, value in weights.items():
        save_file({**weights, name: torch.full_like(value, wild)}, path)
        try:
            assert np.isfinite(reconstructed_means(enfold.open(copy, device="cpu").model, digits.x[:200])).all()
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert set(refused) == {f"{path} is damaged: the model gives NaN or infinity. Restore it or fit again."}


@pytest.mark.parametrize("name", ["model", "calibration"])
def test_a_header_of_many_tensors_is_not_parsed(copy, peak_of, name):
    """50 MB of names of empty tensors would become more than a gigabyte."""
    entries = (f'"{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(900_000))
    header = f"{{{','.join(entries)}}}".encode()
    (copy / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    opened = f"from enfold.metrics.calibration import read_calibration\nrun = enfold.open({str(copy)!r}, 'cpu')"
    read = {"model": "run.model", "calibration": "read_calibration(run.folder)"}[name]
    refused = f"{opened}\ntry:\n    {read}\nexcept enfold.InputError:\n    pass\nelse:\n    raise SystemExit(1)"
    assert peak_of(refused) - peak_of(f"{opened}\nrun.untrained()") < 50


@pytest.mark.parametrize("setting", ["width = 30000", "latent_dim = 100000000", "depth = 4000000000"])
def test_settings_that_ask_for_all_memory_are_refused(copy, setting):
    """Before it is taken: the file of the weights says how many there are."""
    text = re.sub(rf"^{setting.split()[0]} = .*$", setting, (copy / "config.toml").read_text(), flags=re.MULTILINE)
    assert setting in text
    (copy / "config.toml").write_text(text)
    with pytest.raises(InputError, match="they are fewer than"):
        read_all(copy)


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors, values: values["counters"].update(step="many"),
        lambda tensors, values: values.update(counters=[1]),
        lambda tensors, values: values.update(history="x"),
        lambda tensors, values: tensors.update({"optimizer/0/exp_avg": torch.zeros(7)}),
        lambda tensors, values: tensors.update({"optimizer/9999/exp_avg": torch.zeros(7)}),
        lambda tensors, values: values.update(deep=json.loads("[" * 60 + "]" * 60)),
    ],
)
def test_damaged_checkpoints_are_refused(copy, damage, capsys):
    assert checkpoints(copy)
    for path in checkpoints(copy):
        tensors = load_file(path)
        with safe_open(path, framework="pt") as file:
            values = json.loads(file.metadata()["enfold"])
        damage(tensors, values)
        save_file(tensors, path, {"enfold": json.dumps(values)})
    for name in ("metrics.json", "report.html"):
        (copy / name).unlink()
    assert main(["resume", str(copy), "--device", "cpu"]) == 2
    assert "are damaged" in capsys.readouterr().err
