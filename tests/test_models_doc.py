"""What docs/models.md says can be set, can be, and nothing that can be chosen is missing there."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import torch

import enfold
from enfold import build
from enfold.config import parse_settings
from enfold.latent import SAMPLERS
from enfold.options import CHOICES
from enfold.spec import Column, Spec

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "models.md").read_text("utf-8")
COMMANDS = re.findall(r"^enfold fit digits(.*)$", TEXT, re.MULTILINE)
CALLS = re.findall(r'`(enfold\.fit\("digits", .*?\))`', TEXT)
IMAGES = Spec((1, 8, 8), (Column("pixel", "intensity", scale=16.0),), "uint8")
LABELED = Spec((1, 8, 8), IMAGES.columns, "uint8", conditions=(0.0, 1.0))
NAMES = [name for part, choices in CHOICES.items() if part not in ("encoder", "decoder") for name in choices]
MOST_BYTES, MOST_BYTES_IN_ALL = 60_000, 1_500_000


def config_of(command):
    """Return the settings that a command line asks for."""
    words = shlex.split(command)
    recipe, pairs = "default", {}
    for option, value in zip(words[::2], words[1::2], strict=True):
        name = option.removeprefix("--").replace("-", "_")
        if name == "recipe":
            recipe = value
        else:
            pairs |= parse_settings([value if option == "--set" else f"{name}={value}"])
    return enfold.RECIPES[recipe].config.with_settings(pairs)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_line_builds_a_model_and_a_task(command):
    config = config_of(command)
    spec = LABELED if config.condition == "label" else IMAGES
    build.autoencoder(config, spec)
    build.task(config, spec)


@pytest.mark.parametrize("call", CALLS)
def test_python_and_a_command_line_say_the_same(call):
    data, *_ = ast.parse(call, mode="eval").body.args
    assert data.value == "digits"
    settings = eval(call.replace('enfold.fit("digits", ', "dict("), {"enfold": enfold})
    assert enfold.Config().with_settings(settings) in map(config_of, COMMANDS)


def test_the_custom_objective_is_one():
    names = {}
    for text in re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        if "def my_objective" in text:
            exec(text, names)
    x = torch.from_numpy(enfold.load("digits").x[:4])
    terms = names["my_objective"](build.autoencoder(enfold.Config(), IMAGES), x)
    assert torch.allclose(terms.loss, terms.distortion + terms.rate)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_there(name):
    assert re.search(rf"`(--\w+ |\w+=)?{name}`", TEXT)


def test_every_sampler_is_there():
    assert all(f"`{name}`" in TEXT or f"--sampler {name}" in TEXT for name in SAMPLERS[1:])


def test_its_links_lead_somewhere_and_its_pictures_are_small():
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    targets = {target.partition("#")[0] or target for target in re.findall(r"\]\(([^)]+)\)", TEXT)}
    for target in targets:
        assert target[1:] in anchors if target.startswith("#") else (DOCS / target).exists(), target
    sizes = {path: path.stat().st_size for path in (DOCS / "images" / "models").glob("*.png")}
    assert {f"images/models/{path.name}" for path in sizes} <= targets
    assert max(sizes.values()) < MOST_BYTES
    assert sum(sizes.values()) < MOST_BYTES_IN_ALL
