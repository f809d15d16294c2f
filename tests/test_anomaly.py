"""Scores that rise with what is unusual, and p-values that are what they say."""

import json
import math
import shutil

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.distance import cdist
from scipy.stats import chisquare, ks_2samp, multivariate_normal
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.distributions import Independent, Normal

import enfold
from enfold import AE, VAE, Autoencoder, Column, InputError, Spec
from enfold.cli import main
from enfold.metrics.anomaly import (
    SCORES,
    Anomalies,
    Reference,
    least_p_value,
    limit,
    negative_log_likelihoods,
    p_values,
)
from enfold.metrics.calibration import read_calibration
from enfold.priors import StandardNormal
from enfold.sections import read_sections

NUMBERS = st.lists(st.integers(-5, 5), min_size=1, max_size=30)


@pytest.fixture(scope="module")
def vae(digits):
    """Fitted to the first 1,000 digits."""
    return VAE(8, epochs=20, random_state=0, device="cpu").fit(digits.x[:1000])


def anomalies(vae, x):
    return Anomalies(vae.model_, vae.reference_, x)


def test_p_values_of_exchangeable_scores_are_uniform():
    """All 20 values that p can have with 19 held-out scores are equally frequent."""
    scores = np.random.default_rng(0).standard_cauchy((20_000, 20))
    p = [p_values(row[:1], row[1:])[0] for row in scores]
    counts = np.bincount(np.rint(np.multiply(p, 20)).astype(int), minlength=21)
    assert counts[0] == 0
    assert chisquare(counts[1:]).pvalue > 0.001


def test_p_values_stay_valid_with_ties():
    scores = np.random.default_rng(0).poisson(1.0, (20_000, 20)).astype(float)
    p = np.array([p_values(row[:1], row[1:])[0] for row in scores])
    for level in np.arange(1, 21) / 20:
        error = math.sqrt(level * (1 - level) / len(p))
        assert (p <= level + 1e-9).mean() <= level + 4 * error


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_a_p_value_counts_the_held_out_scores_that_are_as_high(scores, held_out):
    p = p_values(np.array(scores, float), np.array(held_out, float))
    counted = [(1 + sum(each >= score for each in held_out)) / (1 + len(held_out)) for score in scores]
    np.testing.assert_allclose(p, counted)
    assert all(p[i] <= p[j] for i in range(len(p)) for j in range(len(p)) if scores[i] >= scores[j])


@pytest.mark.parametrize("score", SCORES)
def test_fresh_rows_score_as_held_out_ones_do(vae, digits, score):
    mixed = np.random.default_rng(0).permutation(digits.x[1000:])
    held_out, fresh = (vae.anomaly_scores(part, score=score) for part in np.split(mixed, [400]))
    assert ks_2samp(held_out, fresh).pvalue > 0.001


def test_scores_are_the_same_at_every_call_and_beside_other_rows(vae, digits):
    x = digits.x[1000:1300]
    for score in SCORES:
        found = vae.anomaly_scores(x, score=score)
        np.testing.assert_array_equal(vae.anomaly_scores(x, score=score), found)
        backwards = vae.anomaly_scores(x[::-1][:150], score=score)
        np.testing.assert_allclose(backwards, found[::-1][:150], rtol=1e-3, atol=1e-3)  # products in float32


class Exact(nn.Module):
    """The posterior of x = W z + b + σ ε, with W of orthogonal columns."""

    def __init__(self, loadings, offset, sigma):
        super().__init__()
        self.loadings, self.offset, self.sigma = nn.Parameter(loadings), offset, sigma

    def forward(self, x):
        precision = 1 + self.loadings.square().sum(0) / self.sigma**2
        mean = (x - self.offset) @ self.loadings / self.sigma**2 / precision
        return Independent(Normal(mean, precision.rsqrt().expand_as(mean)), 1)


class Linear(Exact):
    def forward(self, z):
        return Independent(Normal(z @ self.loadings.T + self.offset, self.sigma), 1)


@pytest.fixture(scope="module")
def linear():
    torch.manual_seed(0)
    loadings = torch.linalg.qr(torch.randn(5, 2))[0] * torch.tensor([2.0, 0.7])
    parts = loadings, torch.arange(5.0), 0.5
    return Autoencoder(Exact(*parts), Linear(*parts), StandardNormal(2), Spec((5,), (Column("value", "real"),) * 5))


def test_the_likelihood_of_a_linear_model_is_that_of_its_normal(linear):
    """With the exact posterior every importance weight is p(x): the estimate has no error but rounding."""
    x = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32) * 3
    loadings = linear.decoder.loadings.detach().double().numpy()
    p = multivariate_normal(np.arange(5.0), loadings @ loadings.T + 0.25 * np.eye(5))
    np.testing.assert_allclose(negative_log_likelihoods(linear, x), -p.logpdf(x), rtol=1e-4)
    known = Reference(np.zeros((1, 2), np.float32), 1.0, negative_log_likelihood=7.0)
    typicality = Anomalies(linear, known, x).scores("typicality")
    np.testing.assert_allclose(typicality, np.abs(-p.logpdf(x) - 7), rtol=1e-3, atol=1e-3)


def test_the_error_of_a_table_is_in_units_of_each_columns_deviation(linear):
    columns = tuple(Column(f"c{i}", "real", offset=i, scale=1.0 + i) for i in range(5))
    model = Autoencoder(linear.encoder, linear.decoder, linear.prior, Spec((5,), columns))
    x = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32)
    found = Anomalies(model, Reference(np.zeros((1, 2), np.float32), 1.0, 0.0), x)
    reconstructed = model.reconstruct(x).detach().numpy()
    expected = (((x - reconstructed) / np.arange(1, 6)) ** 2).mean(1)
    np.testing.assert_allclose(found.scores("reconstruction"), expected, rtol=1e-5)


def test_the_distance_is_to_the_five_nearest_training_rows(vae, digits):
    x = digits.x[1000:1100]
    near = np.sort(cdist(vae.transform(x), vae.transform(digits.x[:1000])), axis=1)[:, :5]
    np.testing.assert_allclose(vae.anomaly_scores(x, score="distance"), near.mean(1), rtol=1e-4)


def test_a_changed_pixel_stands_out_and_all_pixels_make_the_score(vae, digits):
    x = digits.x[1000:1200].copy()
    assert x[:, 0, 4, 0].max() == 0
    x[:, 0, 4, 0] = 16
    found = anomalies(vae, x)
    parts = found.contributions
    assert (parts.reshape(200, -1).argmax(1) == 4 * 8).mean() > 0.9
    np.testing.assert_allclose(np.abs(parts).sum((1, 2, 3)), found.scores("reconstruction"), rtol=1e-4)


def test_images_are_judged_by_what_is_in_them(vae, digits):
    """The error of an empty image is small and its likelihood high, and still it is no digit."""
    blank = np.zeros((1, *digits.spec.shape), np.uint8)
    likelihood, reconstruction = (
        vae.p_values(blank, digits.x[1000:], score=score)[0] for score in ("likelihood", "reconstruction")
    )
    assert reconstruction < 0.005 < likelihood


def test_a_model_of_one_digit_finds_the_others(digits):
    """Of 178 zeros, 120 train."""
    zeros = np.flatnonzero(digits.labels == 0)
    vae = VAE(8, epochs=100, random_state=0, device="cpu").fit(digits.x[zeros[:120]])
    rest = np.setdiff1d(np.arange(len(digits)), zeros[:120])
    assert roc_auc_score(digits.labels[rest] != 0, vae.anomaly_scores(digits.x[rest])) > 0.98


def test_a_plain_autoencoder_has_two_scores_and_their_product(digits):
    ae = AE(4, epochs=2, random_state=0, device="cpu").fit(digits.x[:500])
    found = {name: ae.anomaly_scores(digits.x[500:], score=name) for name in SCORES[:3]}
    np.testing.assert_allclose(found["combined"], found["reconstruction"] * (1 + found["distance"]))
    with pytest.raises(InputError, match="no score of this model named 'likelihood'"):
        ae.anomaly_scores(digits.x, score="likelihood")


def test_what_arithmetic_cannot_hold_is_most_unusual():
    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    vae = VAE(2, epochs=2, random_state=0, device="cpu").fit(x[:200])
    far = np.full((1, 3), 1e30, np.float32)
    for score in SCORES:
        assert vae.p_values(far, x[200:], score=score)[0] == 1 / 101


@pytest.fixture
def scored(digits_run, digits, tmp_path):
    """Writes the scores of all digits, and returns the status and the frame."""

    def run(*options):
        out = tmp_path / "scores.csv"
        status = main(["score", str(digits_run.folder), "digits", "-o", str(out), *map(str, options)])
        return status, pl.read_csv(out)

    return run


@pytest.mark.parametrize("score", SCORES)
def test_the_command_writes_what_python_computes(scored, digits_run, digits, score):
    status, frame = scored("--score", score, "--device", "cpu")
    assert status == 0
    calibration = read_calibration(digits_run.folder)
    found = Anomalies(digits_run.model, calibration.reference, digits.x).scores(score)
    assert frame.columns == ["row", "score", "p_value", "label"]
    np.testing.assert_array_equal(frame["score"], found)
    np.testing.assert_array_equal(frame["p_value"], p_values(found, calibration.held_out[score]))
    assert frame["label"].to_list() == digits.labels.astype(int).tolist()


def test_a_run_keeps_the_scores_of_its_held_out_rows(scored, digits_run):
    _, frame = scored()
    held_out = digits_run.split.held_out
    known = read_calibration(digits_run.folder).held_out["combined"]
    np.testing.assert_allclose(np.sort(frame["score"].to_numpy()[held_out]), np.sort(known), rtol=1e-4)


def test_maps_show_the_most_unusual_rows(scored, digits, tmp_path):
    _, frame = scored("--maps", tmp_path / "maps.npz", "-n", 5, "--score", "reconstruction")
    with np.load(tmp_path / "maps.npz") as maps:
        np.testing.assert_array_equal(maps["row"], frame.sort("score", descending=True)["row"][:5])
        np.testing.assert_array_equal(maps["x"], digits.x[maps["row"]])
        parts = np.abs(maps["map"]).sum((1, 2, 3))
    np.testing.assert_allclose(parts, frame["score"].to_numpy()[frame["score"].arg_sort()[::-1][:5]], rtol=1e-4)
    scored("--maps", tmp_path / "maps.png", "-n", 14)
    with Image.open(tmp_path / "maps.png") as picture:
        assert picture.width > 1000


def test_rows_of_a_table_are_scored_and_drawn(tmp_path, capsys):
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    x[:, 3] = x[:, 0]
    run = enfold.fit(x, out=tmp_path / "run", epochs=60, device="cpu")
    x[7, 3] += 5
    x[8] = 1e30
    np.save(tmp_path / "x.npy", x)
    arguments = [run.folder, tmp_path / "x.npy", "-o", tmp_path / "s.csv", "--maps", tmp_path / "m.png", "--json"]
    assert main(["score", *map(str, arguments)]) == 0
    frame = pl.read_csv(tmp_path / "s.csv")
    assert json.loads(capsys.readouterr().out)["p_at_most_0.01"] == (frame["p_value"] <= 0.01).sum()
    assert frame["score"].arg_sort()[-2:].to_list() == [7, 8]
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_shows_the_most_unusual_held_out_rows(digits_run, digits):
    [section] = [each for each in read_sections(digits_run.folder) if each.name == "detection"]
    known = read_calibration(digits_run.folder)
    rows = section.values["most_unusual"]
    scores = Anomalies(digits_run.model, known.reference, digits.x[rows]).scores()
    np.testing.assert_allclose(scores, np.sort(known.held_out["combined"])[::-1][:10], rtol=1e-4)
    assert [row[0] for row in section.table[1:]] == list(SCORES)
    assert section.title in (digits_run.folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "-o", "s.txt"], ".csv"),
        (["-o", "s.csv"], "Name a source"),
        (["digits"], "--out"),
        (["digits", "-o", "s.csv", "--score", "recontruction"], "did you mean 'reconstruction'"),
        (["digits", "-o", "s.csv", "--score", "means"], "no score of this model named 'means'"),
        (["digits", "-o", "s.csv", "--maps", "maps"], ".png or .npz"),
        (["digits", "-o", "s.csv", "--maps", "maps.png", "-n", "0"], "at least 1"),
        (["digits", "-o", "s.csv", "--maps", "maps.png", "-n", "121"], "at most 120 rows"),
        (["mnist-test", "-o", "s.csv"], "8 × 8"),
    ],
)
def test_what_the_command_refuses(digits_run, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["score", str(digits_run.folder), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rows", [1, 18, 99, 100, 5000])
@pytest.mark.parametrize("level", [0.5, 0.07, 0.05, 0.01])
def test_above_its_limit_and_no_lower_a_score_has_the_p_value(rows, level):
    held_out = np.random.default_rng(0).normal(size=rows)
    if level < least_p_value(rows):
        assert p_values(np.array([np.inf]), held_out)[0] > level
        return
    at = limit(held_out, level)
    assert p_values(np.array([np.nextafter(at, np.inf)]), held_out)[0] <= level + 1e-9 < p_values([at], held_out)[0]


def test_few_held_out_rows_promise_no_lower_p_value_than_they_can_give(tmp_path, capsys):
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    run = enfold.fit(x, out=tmp_path / "run", epochs=1, width=8, holdout=30, device="cpu")
    [section] = [each for each in read_sections(run.folder) if each.name == "detection"]
    assert section.table[0] == ("score", "median", "p = 0.05", "meaning")
    assert "3% of ordinary new rows have p ≤ 0.032" in section.trust
    np.save(tmp_path / "x.npy", x)
    assert main(["score", str(run.folder), str(tmp_path / "x.npy"), "-o", str(tmp_path / "s.csv")]) == 0
    said = capsys.readouterr().out
    assert "p ≤ 0.032, the lowest that 30 held-out rows can give; 3% of ordinary rows would" in said


def test_a_damaged_calibration_is_named(digits_run, tmp_path):
    copy = shutil.copytree(digits_run.folder, tmp_path / "run")
    path = copy / "calibration.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="is damaged"):
        read_calibration(copy)
    path.unlink()
    with pytest.raises(InputError, match="is missing"):
        read_calibration(copy)
