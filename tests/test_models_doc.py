"""What docs/models.md says can be set, can be, and nothing that can be chosen is missing there."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from enfold import build
from enfold.config import Config, parse_settings
from enfold.latent import SAMPLERS
from enfold.options import CHOICES
from enfold.spec import Column, Spec

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "models.md").read_text("utf-8")
COMMANDS = re.findall(r"^enfold fit digits(.*)$", TEXT, re.MULTILINE)
CALLS = re.findall(r"`(enfold\.fit\(.*?\))`", TEXT)
IMAGES = Spec((1, 8, 8), (Column("pixel", "intensity", scale=16.0),), "uint8")
LABELED = Spec((1, 8, 8), IMAGES.columns, "uint8", conditions=(0.0, 1.0))
PARTS = ["objective", "prior", "posterior", "likelihood", "network", "corruption"]
MOST_BYTES, MOST_BYTES_IN_ALL = 60_000, 1_500_000


def settings_of(command):
    words = shlex.split(command)
    pairs = list(zip(words[::2], words[1::2], strict=True))
    assert {option for option, _ in pairs} <= {"--set", "--latent-dim"}
    return parse_settings([value if option == "--set" else f"latent_dim={value}" for option, value in pairs])


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_line_builds_a_model_and_a_task(command):
    config = Config().with_settings(settings_of(command))
    spec = LABELED if config.condition == "label" else IMAGES
    build.autoencoder(config, spec)
    build.task(config, spec)


def test_python_and_the_command_line_say_the_same():
    calls = [ast.parse(call, mode="eval").body for call in CALLS]
    keywords = [{each.arg: ast.literal_eval(each.value) for each in call.keywords} for call in calls]
    assert keywords == [settings_of(command) for command in COMMANDS]


@pytest.mark.parametrize("part", PARTS)
def test_every_name_is_there(part):
    for name in set(CHOICES[part]) - {"auto", "custom"}:
        assert re.search(rf"[`=]{name}`", TEXT), name


def test_every_sampler_is_there():
    assert all(f"`{name}`" in TEXT or f"--sampler {name}" in TEXT for name in SAMPLERS[1:])


def test_its_links_lead_somewhere_and_its_pictures_are_small():
    headings = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    targets = set(re.findall(r"\]\(([^)]+)\)", TEXT))
    for target in targets:
        assert target[1:] in anchors if target.startswith("#") else (DOCS / target).exists(), target
    sizes = {path: path.stat().st_size for path in (DOCS / "images" / "models").glob("*.png")}
    assert {f"images/models/{path.name}" for path in sizes} <= targets
    assert max(sizes.values()) < MOST_BYTES
    assert sum(sizes.values()) < MOST_BYTES_IN_ALL
