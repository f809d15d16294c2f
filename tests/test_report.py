import ast
import html
import json
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

import enfold
from enfold import build, recipes, report
from enfold.config import Config, parse_settings
from enfold.data.dataset import Dataset
from enfold.data.split import Split
from enfold.metrics import registry
from enfold.objectives import elbo
from enfold.recipes import RECIPES
from enfold.run import Run, create_run, open_run
from enfold.sections import read_sections
from enfold.spec import ARRAY, Column, Spec

METRICS = {
    **dict.fromkeys(registry.METRICS),
    "standard_errors": {},
    "rows": 20,
    "negative_elbo": 147.24,
    "distortion": 138.13,
    "rate": 9.11,
    "active_units": 2,
    "reconstruction_mse": 0.0412,
    "knn_accuracy": 0.757,
    "train_seconds": 53.2,
    "rows_per_second": 1410.4,
}
EPOCH = {"epoch": 1, "seconds": 1.0, "train_loss": 3.0, "train_distortion": 2.0, "train_rate": 1.0}
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """What a browser makes of the page: its tags, the addresses in them, its text; fails on bad nesting."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.places, self.text, self.open = [], [], [], "", []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]
        self.places += [value for name, value in attributes if name == "id"]
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def make_run(tmp_path):
    """Makes a run folder with figures and without weights, as if a model had been fitted."""

    def make(config, spec, **metrics):
        run = Run(tmp_path / "run", config, spec, "cpu")
        create_run(run, Split(200, np.arange(20), sha256=""))
        known = {"mistakes": recipes.mistakes(config)}
        (run.folder / "metrics.json").write_text(json.dumps({**METRICS, **known, **metrics}))
        (run.folder / "history.jsonl").write_text(json.dumps(EPOCH) + "\n")
        return run

    return make


def dataset(spec, n=20, labels=None):
    random = np.random.default_rng(0)
    x = (random.uniform(size=(n, *spec.shape)) * spec.scale).astype(spec.dtype)
    return Dataset(x, np.full(n, np.nan) if labels is None else labels, spec)


GRAY = Spec((1, 4, 4), (Column("pixel", "intensity", scale=255.0),), "uint8", (), ("mnist",))
COLOR = Spec((3, 4, 6), (Column("pixel", "intensity"),), sources=("pictures.npy",))
TABLE = Spec((3,), tuple(Column(f"c{i}", "real") for i in range(3)), sources=("a b.csv",), label="kind's")
SMALL = Config.of(latent_dim=2)


def page_of(run):
    return Page(report.write_report(run).read_text("utf-8"))


@pytest.mark.parametrize(("spec", "latent_dim"), [(GRAY, 8), (COLOR, 1), (TABLE, 2)])
def test_any_run_gets_its_six_pictures_and_a_page(make_run, spec, latent_dim):
    config = replace(SMALL, latent_dim=latent_dim)
    run, data = make_run(config, spec), dataset(spec)
    report.draw(run, build.autoencoder(config, spec), data, data)
    for name in report.PICTURES:
        with Image.open(run.folder / "figures" / f"{name}.png") as picture:
            picture.verify()
    page = page_of(run)
    assert page.tags.count("img") == 6
    assert "is not in the run folder" not in page.text


MEMBERS = [
    *({"prior": name, "components": 3} for name in ("mixture", "vamp")),
    *({"prior": name} for name in ("realnvp", "spline")),
    *({"posterior": name} for name in ("full", "fsq", "vq")),
    *({"likelihood": name} for name in ("continuous_bernoulli", "normal", "normal_each", "logistic")),
    {"network": "conv", "width": 8},
    *({"corruption": name} for name in ("gaussian", "masking", "salt_and_pepper", "mixed")),
    {"condition": "label"},
    {"condition": "label", "posterior": "fsq"},
]


@pytest.mark.parametrize("settings", MEMBERS, ids=str)
def test_every_member_of_the_family_gets_its_pictures_and_all_its_parameters_are_listed(make_run, settings):
    config = SMALL.with_settings(settings)
    spec = replace(GRAY, shape=(1, 8, 8), conditions=(0.0, 1.0) if "condition" in settings else ())
    run, data = make_run(config, spec), dataset(spec, labels=np.arange(20.0) % 2)
    model = build.autoencoder(config, spec)
    report.draw(run, model, data, data)
    assert page_of(run).tags.count("img") == 6
    found = report.layers(model)
    assert sum(each["parameters"] for each in found) == sum(p.numel() for p in model.parameters())
    assert all(each["shape"] for each in found)


def test_the_page_says_what_the_model_is_given_and_what_it_is(make_run):
    spec = replace(GRAY, conditions=(0.0, 1.0))
    text = page_of(make_run(SMALL.with_settings({"condition": "label", "objective": "iwae"}), spec)).text
    assert "Training sees" not in text
    assert "The model is given them, so the map need not show them" in text
    assert "iwae *" in text


def test_a_plain_autoencoder_shows_nothing_that_a_prior_would_have_to_give(make_run):
    config = replace(SMALL, objective="autoencoder")
    run, data = make_run(config, GRAY, negative_elbo=None, rate=None), dataset(GRAY)
    report.draw(run, build.autoencoder(config, GRAY), data, data)
    assert not (run.folder / "figures" / "generated.png").exists()
    page = page_of(run)
    assert page.tags.count("img") == 4
    assert "negative ELBO" not in page.text


def test_the_samples_are_those_that_are_to_be_shown(make_run):
    run, data = make_run(SMALL, GRAY), dataset(GRAY)
    model = build.autoencoder(SMALL, GRAY)
    sizes = []
    for shown in (None, data[np.array([3, 1, 2, 0])]):
        report.draw(run, model, data, data, shown=shown)
        with Image.open(run.folder / "figures" / "samples.png") as picture:
            sizes.append(picture.size)
    assert sizes[0] != sizes[1]  # eight columns, and two


def test_pictures_show_rows_as_they_are_evaluated(make_run):
    """Gray rows and the same rows made binary before give the same pictures, to the byte."""
    config = SMALL.with_settings({"binarize": "static"})
    run, data, model = make_run(config, GRAY), dataset(GRAY), build.autoencoder(config, GRAY)
    pictures = []
    for rows in (data, data.changed(lambda x: build.rows_to_evaluate(config, GRAY, x))):
        report.draw(run, model, rows, rows)
        pictures.append({path.name: path.read_bytes() for path in (run.folder / "figures").iterdir()})
    assert pictures[0] == pictures[1]


def test_the_page_asks_for_nothing_outside_itself(digits_run):
    text = report.write_report(digits_run).read_text("utf-8")
    page = Page(text)
    pictures = [address for address in page.addresses if address.startswith("data:image/png;base64,")]
    links = [address.removeprefix("#") for address in page.addresses if address.startswith("#")]
    assert len(pictures) == 6 + len(read_sections(digits_run.folder))
    assert len(pictures) + len(links) == len(page.addresses)
    assert set(links) <= set(page.places)
    assert not {"script", "link", "iframe", "base"} & set(page.tags)
    without_pictures = re.sub(r"data:image/png;base64,[\w+/=]+", "", text)
    assert not re.search(r"https?:|//|url\(|@import", without_pictures)


def test_names_from_the_data_are_text_and_never_markup(make_run):
    evil = "<script>alert(1)</script>"
    quote = '"><img src=x onerror=alert(1)>'
    columns = (Column(evil, "real"), Column(quote, "real"))
    spec = Spec((2,), columns, classes=(evil, quote), sources=(f"{quote}.csv", evil), label=quote)
    run = make_run(replace(SMALL, recipe=evil), spec)
    data = dataset(spec, labels=np.arange(20.0) % 2)
    report.draw(run, build.autoencoder(SMALL, spec), data, data)
    page = page_of(run)
    assert "script" not in page.tags
    assert page.tags.count("img") == 6
    assert evil in page.text
    assert quote in page.text


def test_the_figures_that_are_known_are_on_the_page_and_the_others_are_not(make_run):
    page = page_of(make_run(SMALL, GRAY, knn_accuracy=None))
    for text in ("147.24 nats", "138.13 nats", "9.11 nats", "2 of 2", "0.0412", "53.2 s", "1,410 images/s"):
        assert text in page.text
    assert "5-NN accuracy" not in page.text
    assert "None" not in page.text


def test_an_error_stands_beside_its_figure_where_it_is_known(make_run):
    errors = {"negative_elbo": 0.514, "knn_accuracy": 0.0213}
    page = page_of(make_run(SMALL, GRAY, standard_errors=errors))
    for text in ("147.24 ± 0.51 nats", "75.7% ± 2.1%", "± is one standard error"):
        assert text in page.text
    assert page.text.count("±") == 3


def test_the_page_says_first_what_was_found(digits_run):
    """Before any picture, and before any word of the field's own."""
    text = report.write_report(digits_run).read_text("utf-8")
    first = Page(text[text.index("<header>") : text.index("</header>") + len("</header>")]).text
    values = next(each for each in read_sections(digits_run.folder) if each.name == "reduction").values
    accuracies = [f"{values[method]['knn_accuracy']:.0%}" for method in ("this model", "PCA")]
    assert re.search(rf"The map keeps neighbors .* PCA: {accuracies[0]} .* with PCA {accuracies[1]}", first)
    assert not re.search(r"ELBO|nats|\brate\b|distortion|posterior", first)


def test_every_section_begins_with_one_sentence_and_has_three_more_at_most(digits_run):
    for section in read_sections(digits_run.folder):
        assert len(sentences(section.finding)) == 1, section.name
        assert len(sentences(section.notes)) <= 3, section.name
        assert section.finding in page_of(digits_run).text


def sentences(text):
    return re.findall(r"[^.]+(?:\.(?=\S)[^.]*)*\.(?=\s|$)", text)


def test_numbers_have_a_real_minus_sign(make_run):
    text = report.template("report").environment.filters["prose"]("-log p(x) is -3.5 of a-1, `--set x=-1`")
    assert str(text) == "-log p(x) is −3.5 of a-1, <code>--set x=-1</code>"


def test_a_notebook_run_says_what_is_wrong_with_it_as_long_as_its_objective_is_the_notebooks(make_run, tmp_path):
    notebook = RECIPES["notebook"].config
    page = page_of(make_run(notebook, GRAY, notebook_loss=0.17894))
    assert all(" ".join(each.split()) in page.text for each in recipes.mistakes(notebook))
    assert "0.1789" in page.text
    fixed = Run(tmp_path / "fixed", replace(notebook, objective="elbo"), GRAY, "cpu")
    create_run(fixed, Split(200, np.arange(20), sha256=""))
    values = {**METRICS, "mistakes": recipes.mistakes(fixed.config)}
    (fixed.folder / "metrics.json").write_text(json.dumps(values))
    (fixed.folder / "history.jsonl").write_text(json.dumps(EPOCH) + "\n")
    assert "known to be wrong" not in page_of(fixed).text


def test_a_missing_picture_is_left_out_with_a_note(make_run):
    page = page_of(make_run(SMALL, GRAY))
    assert "img" not in page.tags
    for name in report.PICTURES:
        assert f"figures/{name}.png is not in the run folder" in page.text


def test_the_page_needs_neither_weights_nor_data(make_run):
    run = make_run(SMALL, GRAY)
    assert not (run.folder / "model.safetensors").exists()
    assert report.write_report(open_run(run.folder, "cpu")).stat().st_size > 0


def test_the_same_folder_gives_the_same_page(digits_run):
    first, second = (report.write_report(digits_run).read_bytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ["default", "notebook"])
def test_the_layers_parameters_are_all_the_models(name):
    spec = enfold.Spec((1, 28, 28), (Column("pixel", "intensity", scale=255.0),), "uint8")
    model = build.autoencoder(RECIPES[name].config, spec)
    state = torch.get_rng_state()
    found = report.layers(model)
    assert sum(each["parameters"] for each in found) == sum(p.numel() for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks for module in model.modules())
    if name == "notebook":
        assert sum(each["parameters"] for each in found) == 550_629
        assert {each["name"]: each["shape"] for each in found}["encoder.1.conv2"] == "64 × 14 × 14"


def test_the_page_has_the_parameter_total(make_run):
    run = make_run(SMALL, GRAY)
    total = sum(p.numel() for p in build.autoencoder(SMALL, GRAY).parameters())
    assert f"{total:,}" in page_of(run).text


@pytest.mark.parametrize("spec", [GRAY, COLOR, TABLE], ids=["gray", "color", "table"])
@pytest.mark.parametrize("name", list(RECIPES))
def test_the_command_line_gives_the_settings_and_the_data_back(make_run, spec, name):
    config = RECIPES[name].config.with_settings(
        {"latent_dim": 5, "learning_rate": 1e-5, "holdout": 0.25, "epochs": 7}
    )
    words = shlex.split(report.command_line(make_run(config, spec)))
    assert words[:2] == ["enfold", "fit"]
    options = words.index("--recipe")
    assert tuple(words[2:options]) == spec.sources
    pairs = list(zip(words[options::2], words[options + 1 :: 2], strict=True))
    settings = parse_settings([value for option, value in pairs if option == "--set"])
    assert RECIPES[dict(pairs)["--recipe"]].config.with_settings(settings) == config
    assert dict(pairs).get("--label", "") == spec.label
    assert dict(pairs).get("--image-shape") == {COLOR: "3x4x6"}.get(spec)


def test_a_recipe_as_it_is_needs_no_settings(make_run):
    run = make_run(RECIPES["notebook"].config, GRAY)
    assert report.command_line(run) == "enfold fit mnist --recipe notebook"


def test_data_from_an_array_are_repeated_in_python(make_run):
    run = make_run(replace(SMALL, latent_dim=8, epochs=3), replace(GRAY, sources=(ARRAY,)))
    assert report.command_line(run) == "enfold.fit(data, recipe='default', latent_dim=8, epochs=3)"
    assert html.escape("enfold.fit(data", quote=False) in page_of(run).text


def test_changed_settings_are_marked(make_run):
    text = report.write_report(make_run(replace(SMALL, latent_dim=8), GRAY)).read_text("utf-8")
    assert re.findall(r"<th>([\w.]+)</th><td>[^<]* \*</td>", text) == ["latent_dim"]


@pytest.mark.parametrize(
    "settings", [{"prior": "vamp", "components": 5}, {"objective": elbo, "beta": 0.5}], ids=["prior", "objective"]
)
def test_the_python_that_repeats_a_run_is_python(tmp_path, settings):
    spec = Spec((1, 8, 8), (Column("pixel", "intensity", scale=16.0),))
    run = Run(tmp_path / "run", Config.of(**settings), spec, "cpu")
    create_run(run, Split(2, np.array([0]), ""))
    call = ast.parse(report.command_line(run), mode="eval").body
    options = next(each.value for each in call.keywords if each.arg is None)
    parts = {each.arg: settings[each.arg] for each in call.keywords if each.arg in settings}
    assert Config().with_settings({**parts, **ast.literal_eval(options)}) == run.config
