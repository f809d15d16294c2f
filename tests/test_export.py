"""ONNX and torch give the same outputs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from enfold import Column, Config, InputError, Run, Spec
from enfold.data.split import Split
from enfold.export import as_onnx, export
from enfold.inference import decode_means, encode_means
from enfold.run import create_run, open_run, save_weights

onnxruntime = pytest.importorskip("onnxruntime")

TOLERANCE = 1e-4  # of float32 sums of a few hundred terms in another order, in units of the data's scale
GRAY = Spec((1, 8, 8), (Column("pixel", "intensity", scale=255.0),), "uint8")
ODD = Spec((1, 13, 9), (Column("pixel", "intensity"),), "float32")
COLOR = Spec((3, 8, 6), GRAY.columns, "uint8")
TABLE = Spec((4,), tuple(Column(f"column {i}", "real", offset=10.0**i, scale=0.1**i) for i in range(4)))
CONDITIONAL = Spec((1, 8, 8), GRAY.columns, "uint8", conditions=(0.0, 3.0, 7.0))
FAMILY = {  # each name of a network, a posterior and a likelihood is here once at least
    "mlp": (GRAY, {"likelihood": "normal", "latent_dim": 1}),
    "conv full": (ODD, {"network": "conv", "posterior": "full", "latent_dim": 3, "likelihood": "normal_each"}),
    "notebook": (GRAY, {"network": "notebook"}),
    "notebook in color": (COLOR, {"network": "notebook", "likelihood": "logistic"}),
    "vq": (
        CONDITIONAL,
        {"condition": "label", "posterior": "vq", "latent_dim": 4, "num_codebooks": 2, "codebook_size": 16},
    ),
    "fsq": (GRAY, {"posterior": "fsq", "latent_dim": 3, "likelihood": "continuous_bernoulli"}),
    "plain autoencoder": (TABLE, {"objective": "autoencoder"}),
    "conditional": (CONDITIONAL, {"condition": "label", "prior": "vamp", "components": 5}),
}


def ask(model, **inputs):
    return onnxruntime.InferenceSession(model).run(None, inputs)


@pytest.mark.parametrize("name", FAMILY)
def test_onnx_says_what_torch_says_of_batches_of_any_size(name, random_run):
    spec, settings = FAMILY[name]
    run = random_run(spec, **settings)
    model, onnx, random = run.model, as_onnx(run), np.random.default_rng(0)
    for n in (1, 3, 130):
        x = spec.offset + spec.scale * random.random((n, *spec.shape), np.float32)
        z = random.normal(size=(n, model.latent_dim)).astype(np.float32)
        known = {"condition": random.integers(-1, 3, n)} if spec.conditions else {}
        condition = torch.from_numpy(known["condition"]) if known else None
        mean, tril = ask(onnx.encoder, x=x, **known)
        (decoded,) = ask(onnx.decoder, z=z, **known)
        assert mean.dtype == tril.dtype == decoded.dtype == np.float32
        np.testing.assert_allclose(mean, encode_means(model, x, condition), atol=TOLERANCE)
        with torch.no_grad():
            q = model.encode(x, condition)
        variance = 0 if name == "plain autoencoder" else q.stddev.numpy() ** 2
        np.testing.assert_allclose(np.square(tril).sum(2), variance, atol=TOLERANCE)
        np.testing.assert_array_equal(np.triu(tril, 1), 0)
        expected = decode_means(model, z, condition)
        np.testing.assert_allclose((decoded - expected) / spec.scale, 0, atol=TOLERANCE)


@pytest.fixture(scope="module")
def conditional(random_run):
    return random_run(CONDITIONAL, condition="label", posterior="full")


def test_the_root_of_a_full_covariance_is_the_posteriors(conditional):
    x = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8)).astype(np.float32)
    _, tril = ask(as_onnx(conditional).encoder, x=x, condition=np.full(5, -1))
    with torch.no_grad():
        expected = conditional.model.encode(x, torch.full((5,), -1)).scale_tril.numpy()
    np.testing.assert_allclose(tril, expected, atol=TOLERANCE)
    assert np.abs(np.tril(tril, -1)).max() > 100 * TOLERANCE


def test_it_writes_a_folder_whose_readme_works_as_it_stands(conditional, tmp_path, monkeypatch):
    folder = export(conditional, tmp_path / "model")
    assert {each.name for each in folder.iterdir()} == {"encoder.onnx", "decoder.onnx", "spec.json", "README.md"}
    monkeypatch.chdir(folder)
    names = {}
    exec(re.search(r"```python\n(.*?)```", Path("README.md").read_text("utf-8"), re.DOTALL)[1], names)
    assert names["mean"].shape == (3, 2)
    assert names["scale_tril"].shape == (3, 2, 2)
    assert names["reconstruction"].shape == (3, 1, 8, 8)
    assert json.loads(Path("spec.json").read_text("utf-8"))["conditions"] == [0, 3, 7]


def test_an_empty_folder_that_is_there_is_written_into(conditional, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export(conditional, ".")
    assert {each.name for each in tmp_path.iterdir()} == {"encoder.onnx", "decoder.onnx", "spec.json", "README.md"}


def test_a_folder_that_holds_something_is_not_written_into(conditional):
    before = {path: path.read_bytes() for path in conditional.folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="it exists already"):
        export(conditional, conditional.folder)
    assert {path: path.read_bytes() for path in conditional.folder.rglob("*") if path.is_file()} == before


def test_it_is_quiet_and_as_large_as_the_weights_are_and_names_no_place_on_the_disk(digits_run, capfd):
    onnx = as_onnx(digits_run)
    assert capfd.readouterr() == ("", "")
    for part, module in ((onnx.encoder, digits_run.model.encoder), (onnx.decoder, digits_run.model.decoder)):
        weights = sum(each.numel() * each.element_size() for each in module.parameters())
        assert weights < len(part) < weights + 20_000  # for names and nodes
        assert b"site-packages" not in part
        assert b".py" not in part


class Counting(torch.nn.Module):
    """An encoder that takes the batch's size as a number, which a file for any size cannot know."""

    def forward(self, x):
        return x.flatten(1) + torch.zeros(len(x), 1)


def test_what_cannot_be_exported_is_refused(conditional, tmp_path, monkeypatch):
    config = Config.of(encoder=Counting(), width=8, depth=0)
    own = Run(tmp_path / "own", config, GRAY, "cpu")
    create_run(own, Split(2, np.array([0]), sha256=""))
    save_weights(own, own.untrained().state_dict())
    with pytest.raises(InputError, match=r"from x\.shape\[0\]"):
        as_onnx(open_run(own.folder, "cpu", encoder=Counting()))
    monkeypatch.setattr("enfold.errors.find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(InputError, match=r"ONNX needs onnxscript.*pip install 'enfold"):
        export(conditional, tmp_path / "model")
    assert not (tmp_path / "model").exists()
