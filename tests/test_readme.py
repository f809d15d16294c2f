"""What the README says a user can type, works."""

import re
from pathlib import Path

import numpy as np

from enfold.cli import app, register

register()
README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def test_its_python_runs(tmp_path, monkeypatch, digits, write_kaggle):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("enfold.training.AUTO_EPOCHS", (1, 5))  # whatever the size of the data
    images = (digits.x * (255 / 16)).astype(np.uint8)
    write_kaggle(tmp_path / "train.csv", images[:100], digits.labels[:100].astype(int))
    write_kaggle(tmp_path / "test.csv", images[100:150])
    names = {}
    exec(re.search(r"```python\n(.*?)```", README, re.DOTALL)[1], names)
    assert names["data"].x.shape == (150, 1, 8, 8)
    assert names["z"].shape == (150, 2)
    assert names["x"].shape == (150, 1, 8, 8)
    assert names["new"].shape == (16, 1, 8, 8)
    assert names["bound"].shape == (150,)
    assert names["q"].mean.shape == (8, 2)
    assert (tmp_path / "runs" / "mine" / "report.html").exists()


def test_its_commands_exist_and_all_of_them_are_there():
    named = set(re.findall(r"^enfold (\w+)", README, re.MULTILINE))
    assert named == {name for name in app if not name.startswith("-")}


def test_its_first_lines_are_the_two_commands():
    assert re.findall(r"^make (\w+)", README, re.MULTILINE) == ["demo", "test"]


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
