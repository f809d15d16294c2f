"""Noise of unknown kind and level is drawn as it says and is removed, and what is left is written as asked for."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA

import enfold
from enfold import AE, Column, InputError, Spec
from enfold.cli import main
from enfold.corruptions import mixed
from enfold.files import write_folder
from enfold.metrics.denoising import Projection, similarity
from enfold.sections import read_sections
from enfold.sections.denoising import doubtful, noisy

LEVEL = 0.6


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run of the recipe."""
    out = tmp_path_factory.mktemp("runs") / "denoise"
    return enfold.fit("digits", recipe="denoise", out=out, epochs=60, width=128, holdout=200, device="cpu")


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    """A run on a table of four columns that lie on a line."""
    folder = tmp_path_factory.mktemp("table")
    along = np.random.default_rng(0).normal(size=(300, 1))
    frame = pl.DataFrame(10 + along * [1.0, 2.0, 3.0, 4.0], ["a", "b", "c", "d"])
    frame.write_csv(folder / "line.csv")
    settings = {"epochs": 30, "width": 32, "latent_dim": 2, "device": "cpu"}
    return enfold.fit(folder / "line.csv", recipe="denoise", out=folder / "run", **settings)


@pytest.fixture
def source(tmp_path, digits):
    """Digits with noise, as whole numbers in a file."""
    x = noisy(digits.x[:30], lambda x: mixed(x, digits.spec, LEVEL))
    np.savez(tmp_path / "noisy.npz", x=np.rint(x).astype(np.uint8))
    return tmp_path / "noisy.npz"


def denoising_of(run):
    [section] = [each for each in read_sections(run.folder) if each.name == "denoising"]
    return section


def test_mixed_noise_is_of_two_kinds_as_often_and_of_all_levels_up_to_the_highest():
    """2,000 rows: five standard errors of a share are 0.056, of the mean of half of them, uniform, 0.027."""
    torch.manual_seed(0)
    spec = Spec((1000,), (Column("value", "real"),) * 1000)
    noise = mixed(torch.zeros(2000, 1000), spec, LEVEL)
    extreme = (noise.abs() == 2) | (noise == 0)
    is_salted = extreme.all(1)
    assert is_salted.double().mean().item() == pytest.approx(0.5, abs=0.056)
    shares, deviations = (noise[is_salted] != 0).double().mean(1), noise[~is_salted].double().std(1)
    for levels in (shares, deviations):
        assert levels.mean().item() == pytest.approx(LEVEL / 2, abs=0.027)
        assert levels.min() < 0.01
        assert LEVEL - 0.01 < levels.max() < 1.1 * LEVEL  # a row's own scatter comes to the highest


def test_the_best_rank_is_that_of_trying_all(digits):
    x = digits.x.reshape(-1, 64) / 16
    random = np.random.default_rng(0)
    tuned, fitted = x[:300], x[300:]
    rows = tuned + 0.5 * random.normal(size=tuned.shape)
    errors = []
    for rank in range(1, 65):
        pca = PCA(rank, svd_solver="full").fit(fitted)
        errors.append(np.mean((pca.inverse_transform(pca.transform(rows)) - tuned) ** 2))
    projection = Projection.of(fitted)
    best = projection.best_rank(rows, tuned)
    assert best == np.argmin(errors) + 1
    assert np.mean((projection.denoised(rows, best) - tuned) ** 2) == pytest.approx(min(errors), rel=1e-6)


def test_similarity_is_psnr_of_images_and_rmse_of_tables(digits, table_run):
    clean = digits.x[:10] / 16
    assert similarity(clean, clean + 0.1, digits.spec)["psnr"] == (pytest.approx(20), pytest.approx(0, abs=1e-9))
    rows = np.zeros((10, 4))
    assert similarity(rows, rows + 0.1, table_run.spec)["rmse"][0] == pytest.approx(0.1)


def test_much_of_the_noise_is_removed_and_the_report_says_how_much(run):
    section = denoising_of(run)
    assert list(section.values["noise"]) == ["Gaussian, σ = 0.25", "Gaussian, σ = 0.5", "salt and pepper, 30%"]
    gain = {
        name: each["model"]["psnr"]["value"] - each["noisy"]["psnr"]["value"]
        for name, each in section.values["noise"].items()
    }
    assert gain["Gaussian, σ = 0.5"] > 5
    assert gain["salt and pepper, 30%"] > 5
    strong = section.values["noise"]["Gaussian, σ = 0.5"]
    assert strong["model"]["psnr"]["value"] > strong["components"]["psnr"]["value"]
    assert section.picture.startswith(b"\x89PNG")
    assert len(section.table) == 1 + 3 * 3
    assert section.title in (run.folder / "report.html").read_text("utf-8")


def test_any_other_run_that_learned_from_damage_is_shown_that_damage(tmp_path):
    settings = {"corruption": "masking", "noise_level": 0.3, "epochs": 1, "width": 8, "device": "cpu"}
    section = denoising_of(enfold.fit("digits", out=tmp_path / "masked", **settings))
    assert list(section.values["noise"]) == ["masking, 0.3"]


def test_a_run_without_noise_has_no_such_section(digits_run):
    assert "denoising" not in [each.name for each in read_sections(digits_run.folder)]


def test_tables_are_denoised_in_their_own_units(table_run, tmp_path, capsys):
    section = denoising_of(table_run)
    assert section.picture == b""
    assert section.table[0] == ("noise", "method", "RMSE")
    source, out = table_run.spec.sources[0], tmp_path / "clean.csv"
    assert main(["denoise", str(table_run.folder), source, "-o", str(out)]) == 0
    clean, given = pl.read_csv(out), pl.read_csv(source)
    assert clean.columns == given.columns
    np.testing.assert_allclose(clean, table_run.model.reconstruct(given.to_numpy()).detach(), rtol=1e-5)  # float32


def test_the_command_writes_what_python_computes(run, source, tmp_path, capsys):
    x = np.load(source)["x"]
    expected = run.model.reconstruct(x).detach().numpy()
    assert main(["denoise", str(run.folder), str(source), "-o", str(tmp_path / "clean"), "--json"]) == 0
    said = {"out": str(tmp_path / "clean"), "rows": 30, "doubtful": doubtful(run, x, expected)}
    assert json.loads(capsys.readouterr().out) == said
    paths = sorted((tmp_path / "clean").iterdir())
    assert [path.name for path in paths] == [f"{i:05}.png" for i in range(30)]
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    np.testing.assert_allclose(images, expected[:, 0] * 255 / 16, atol=0.51)  # rounded to whole numbers
    assert main(["denoise", str(run.folder), str(source), "-o", str(tmp_path / "clean.npz")]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "clean.npz")["x"], expected, atol=0.51)


def test_rows_with_more_noise_than_was_learned_are_called_doubtful(run, digits, tmp_path, capsys):
    """Salt and pepper in place of every value, and digits with dark and light exchanged, after ten usual ones."""
    random = np.random.default_rng(0)
    strange = np.concatenate([16 * random.integers(0, 2, (5, 1, 8, 8)), 16 - digits.x[10:15]])
    np.save(tmp_path / "x.npy", np.concatenate([digits.x[:10], strange]).astype(np.uint8))
    assert main(["denoise", str(run.folder), str(tmp_path / "x.npy"), "-o", str(tmp_path / "clean.npy")]) == 0
    assert "10 are doubtful" in capsys.readouterr().out
    assert doubtful(run, digits.x[:10], run.model.reconstruct(digits.x[:10]).detach().numpy()) == []
    assert doubtful(replace(run, folder=tmp_path), digits.x, digits.x) is None


@pytest.mark.parametrize(
    ("of", "out", "message"),
    [
        ("run", "clean.gif", "or no ending, for a folder"),
        ("run", "clean.csv", "clean.csv' cannot hold gray images"),
        ("run", "full", "it exists already"),
        ("run", "noisy.npz/clean", "File exists. Choose another place"),
        ("digits_run", "clean", "Fit with --recipe denoise"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(request, source, tmp_path, capsys, of, out, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    folder = request.getfixturevalue(of).folder
    assert main(["denoise", str(folder), str(source), "-o", str(tmp_path / out)]) == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_tables_go_into_no_folder(table_run, tmp_path, capsys):
    out = tmp_path / "clean"
    assert main(["denoise", str(table_run.folder), table_run.spec.sources[0], "-o", str(out)]) == 2
    assert "Use .csv or" in capsys.readouterr().err


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    def files():
        yield "0.png", b"0"
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        write_folder(tmp_path / "new", files())
    assert list(tmp_path.iterdir()) == []
    write_folder(tmp_path / "new", [("0.png", b"0")])
    assert (tmp_path / "new" / "0.png").read_bytes() == b"0"


def test_an_estimator_denoises_if_it_learned_to(digits):
    rows = np.rint(noisy(digits.x, lambda x: mixed(x, digits.spec, LEVEL)) * 15).astype(np.uint8).reshape(-1, 64)
    clean = digits.x.reshape(-1, 64) * 15
    model = AE(None, recipe="denoise", epochs=20, random_state=0, device="cpu").fit(clean[:1500])
    assert model.transform(rows[:3]).shape == (3, enfold.RECIPES["denoise"].config.latent_dim)
    found = model.denoise(rows[1500:])
    np.testing.assert_array_equal(found, model.inverse_transform(model.transform(rows[1500:])))
    assert np.mean((found - clean[1500:]) ** 2) < 0.5 * np.mean((rows[1500:] - np.float32(clean[1500:])) ** 2)
    with pytest.raises(InputError, match="recipe='denoise'"):
        AE(epochs=1).fit(clean[:50]).denoise(rows)
    with pytest.raises(InputError, match=r"enfold\.VAE"):
        AE(recipe="default").fit(clean[:50])
