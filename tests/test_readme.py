"""What the README says a user can type, works."""

import re
from pathlib import Path

import numpy as np

from enfold.cli import app, register

register()
README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
CODE = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
MOST_CHARACTERS = 88  # a line of code that is seen whole on the pages that show a README


def test_its_python_runs(tmp_path, monkeypatch, digits, write_kaggle):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("enfold.training.AUTO_EPOCHS", (1, 5))  # whatever the size of the data
    images = (digits.x * (255 / 16)).astype(np.uint8)
    write_kaggle(tmp_path / "train.csv", images[:100], digits.labels[:100].astype(int))
    write_kaggle(tmp_path / "test.csv", images[100:150])
    names = {}
    for language, text in CODE:
        if language == "python":
            exec(text, names)
    assert names["data"].x.shape == (150, 1, 8, 8)
    assert names["z"].shape == (150, 2)
    assert names["x"].shape == (150, 1, 8, 8)
    assert names["new"].shape == (16, 1, 8, 8)
    assert names["bound"].shape == (150,)
    assert names["scores"].shape == (150,)
    assert (tmp_path / "runs" / "mine" / "report.html").exists()
    assert names["q"].mean.shape == (150, 4)
    assert names["p"].mean.shape == (150, 1, 8, 8)
    assert names["sevens"].shape == (16, 1, 8, 8)


def test_its_commands_exist_and_all_of_them_are_there():
    named = {name for _, text in CODE for name in re.findall(r"^enfold (\w+)", text, re.MULTILINE)}
    assert named == {name for name in app if not name.startswith("-")}


def test_its_first_lines_are_the_two_commands():
    assert re.findall(r"^make (\w+)", README, re.MULTILINE) == ["demo", "test"]


def test_no_line_of_its_code_is_cut_off():
    assert [line for _, text in CODE for line in text.splitlines() if len(line) > MOST_CHARACTERS] == []


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
