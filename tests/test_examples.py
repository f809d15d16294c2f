"""The examples in the docstrings run in a fresh Python, and print what they say."""

import doctest
import shutil
from importlib import import_module
from pkgutil import walk_packages

import pytest

import enfold
from conftest import without_pictures

MODULES = ["enfold", *(each.name for each in walk_packages(enfold.__path__, "enfold."))]
EXAMPLES = {each.name: each for name in MODULES for each in doctest.DocTestFinder().find(import_module(name))}
ENDLESS = {"enfold.explorer.serve"}  # until Ctrl-C


def skips(example):
    return any(doctest.SKIP in line.options for line in example.examples)


@pytest.mark.parametrize("name", sorted(name for name, each in EXAMPLES.items() if each.examples))
def test_an_example_runs(name, tmp_path, monkeypatch, digits_run):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("enfold.training.AUTO_EPOCHS", (1, 1))
    shutil.copytree(digits_run.folder, "runs/digits")
    example, said = EXAMPLES[name], []
    example.globs = {}
    with without_pictures():
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert not result.failed, "".join(said)


def test_only_what_does_not_end_is_skipped():
    assert {name for name, each in EXAMPLES.items() if skips(each)} == ENDLESS
