import math
import sys

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

import enfold
from enfold.fitting import split_again
from enfold.metrics.copies import POINTS, ROWS, copies, nearest_rows
from enfold.sections import read_sections
from enfold.sections.generation import generation
from enfold.sections.interpolation import interpolation


@pytest.mark.parametrize(("points_at_once", "rows_at_once"), [(POINTS, ROWS), (30, 7), (1, 500)])
def test_the_nearest_rows_are_those_of_scikit_learn(digits, monkeypatch, points_at_once, rows_at_once):
    monkeypatch.setattr("enfold.metrics.copies.POINTS", points_at_once)
    monkeypatch.setattr("enfold.metrics.copies.ROWS", rows_at_once)
    x, spec = digits.x[:500], digits.spec
    points = (digits.x[500:600] / 16).astype(np.float32).reshape(100, -1)
    distances, numbers = nearest_rows(points, x, spec)
    known, places = NearestNeighbors(n_neighbors=1).fit(x.reshape(500, -1) / 16).kneighbors(points)
    np.testing.assert_allclose(distances, known[:, 0], rtol=1e-5)  # float32 against float64
    assert (numbers == places[:, 0]).mean() >= 0.98  # two rows may be as near


def test_copies_are_found_and_new_rows_are_not(digits):
    training, held_out, new = digits.x[:1000], digits.x[1000:1400], digits.x[1400:]
    made = np.concatenate([new[:150], training[:50]]).astype(np.float32)
    found = copies(made, training, held_out, digits.spec)
    assert (found.distances[150:] == 0).all()
    np.testing.assert_array_equal(found.nearest[150:], np.arange(50))
    assert found.share == pytest.approx(
        50 / 200 + 150 / 200 * 0.01, abs=0.03
    )  # 1% of new ones, three standard errors


@pytest.mark.parametrize(("held_out", "near"), [(5, 1), (99, 1), (400, 4)])
def test_new_rows_are_as_near_as_is_expected_of_them(digits, held_out, near):
    """The mean and the standard deviation over 400 draws of rows; of the first the tolerance is five errors."""
    rng, shares = np.random.default_rng(0), []
    training = rng.normal(8, 3, (50, 1, 8, 8)).astype(np.float32)
    for _ in range(400):
        some, new = np.split(rng.normal(8, 3, (held_out + 100, 1, 8, 8)).astype(np.float32), [held_out])
        found = copies(new, training, some, digits.spec)
        shares.append(found.share)
    share = near / (held_out + 1)
    assert (found.near, found.expected_share) == (near, share)
    of_one = math.hypot(found.expected_share_error, math.sqrt(share * (1 - share) / 100))
    assert np.mean(shares) == pytest.approx(share, abs=5 * of_one / math.sqrt(400))
    assert np.std(shares) == pytest.approx(of_one, rel=0.2)


def test_copies_of_data_that_repeats_itself_are_found(digits):
    training, held_out = digits.x[:1000], digits.x[np.r_[:12, 1000:1388]]
    found = copies(digits.x[:50].astype(np.float32), training, held_out, digits.spec)
    assert (found.threshold, found.share, found.near) == (0, 1, 12)
    assert found.expected_share == 12 / 401


def test_an_estimators_copies_are_those_of_its_samples(digits):
    vae = enfold.VAE(epochs=2, random_state=0, device="cpu").fit(digits.x[:1000])
    made = vae.sample(50)
    found = vae.copies(made, digits.x[:1000], digits.x[1000:1400])
    expected = copies(made, digits.x[:1000], digits.x[1000:1400], vae.model_.spec)
    np.testing.assert_array_equal(found.distances, expected.distances)
    assert (found.share, found.threshold) == (expected.share, expected.threshold)
    assert vae.copies(digits.x[:50], digits.x[:1000], digits.x[1000:1400]).share == 1  # of the training rows all
    with pytest.raises(enfold.InputError, match="NaN"):
        vae.copies(made * np.nan, digits.x[:1000], digits.x[1000:1400])
    with pytest.raises(enfold.InputError, match="64 values"):
        vae.copies(made[:, :, :4], digits.x[:1000], digits.x[1000:1400])


def test_a_report_says_how_much_is_copied(digits_run):
    [section] = [each for each in read_sections(digits_run.folder) if each.name == "generation"]
    assert section.picture.startswith(b"\x89PNG")
    assert section.values["copies"] == round(section.values["share"] * section.values["draws"])
    assert "drawn at random" not in section.trust  # all rows were compared
    assert section.title in (digits_run.folder / "report.html").read_text("utf-8")


def test_a_report_compares_with_some_of_many_rows(digits_run, monkeypatch):
    monkeypatch.setattr(sys.modules[generation.__module__], "COMPARED", 300)
    held_out, training = split_again(digits_run)
    section = generation(digits_run, held_out, training)
    assert "300 of 1,597 training rows were compared, drawn at random." in section.trust


def test_large_rows_are_fewer(digits_run, monkeypatch):
    """What is decoded after training takes no more memory, however large a row is."""
    monkeypatch.setattr("enfold.rows.MOST_VALUES", 40 * 64)
    held_out, training = split_again(digits_run)
    assert generation(digits_run, held_out, training).values["draws"] == 40
    assert interpolation(digits_run, held_out, training).values["pairs"] == 2  # of ten steps, straight and spherical


def test_a_damaged_section_is_named(digits_run, tmp_path):
    (tmp_path / "sections").mkdir()
    (tmp_path / "sections" / "generation.json").write_text('{"title": 1}')
    with pytest.raises(enfold.InputError, match=r"generation\.json is damaged"):
        read_sections(tmp_path)
