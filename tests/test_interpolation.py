"""Interpolations end where they should, keep what they should, and change one thing at a time."""

import io
import json

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from torch import nn
from torch.distributions import Independent, Normal

import enfold
from conftest import without_pictures
from enfold import VAE, InputError, build, latent
from enfold.cli import main
from enfold.inference import decode_means, encode_means
from enfold.metrics.realism import unrealistic
from enfold.model import Autoencoder
from enfold.plots import sheet
from enfold.priors import StandardNormal
from enfold.sections import read_sections

random = np.random.default_rng(0)
A, B, C = random.normal(size=(3, 6)).astype(np.float32)


class Same(nn.Module):
    """Latent vectors → a normal about themselves."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, z):
        return Independent(Normal(z.float(), torch.ones_like(z, dtype=torch.float32)), 1)


@pytest.fixture(scope="module")
def same():
    """A model in whose latent space each place stands for itself."""
    spec = enfold.load(random.normal(size=(9, 6))).spec
    return Autoencoder(Same(), Same(), StandardNormal(6), spec).eval()


@pytest.fixture(scope="module")
@without_pictures()
def table_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    x = random.normal(size=(120, 3)) @ [[1, 2, 0], [0, 1, 1], [0, 0, 0.1]]
    pl.DataFrame(x, ["length", "width", "depth"]).write_csv(folder / "table.csv")
    return enfold.fit(folder / "table.csv", epochs=3, width=16, device="cpu", out=folder / "run")


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory, digits):
    out = tmp_path_factory.mktemp("plain") / "run"
    return enfold.fit(digits.x[:300], objective="autoencoder", epochs=1, width=16, device="cpu", out=out)


def found(capsys, *words):
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_straight_interpolation_is_the_weighted_mean_of_its_ends():
    t = np.array([0, 0.25, 0.5, 0.75, 1])[:, None]
    np.testing.assert_allclose(latent.straight(A, B, 5), (1 - t) * A + t * B, atol=1e-6)  # float32


@pytest.mark.parametrize("between", [latent.straight, latent.spherical])
def test_the_ends_are_exact(between):
    z = between(A, B, 7)
    assert z.dtype == np.float32
    np.testing.assert_array_equal(z[[0, -1]], [A, B])


def test_a_spherical_interpolation_has_even_steps_of_the_angle_and_of_the_norm():
    a, b = A / np.linalg.norm(A), 3 * B / np.linalg.norm(B)
    z = latent.spherical(a, b, 9).astype(float)
    norms = np.linalg.norm(z, axis=1)
    np.testing.assert_allclose(norms, np.linspace(1, 3, 9), rtol=1e-5)
    unit = z / norms[:, None]
    whole = np.arccos(unit[0] @ unit[-1])
    np.testing.assert_allclose(np.arccos((unit[1:] * unit[:-1]).sum(1)), whole / 8, rtol=1e-4)  # arccos loses digits


def test_of_one_norm_it_is_whites_slerp():
    a, b = (each / np.linalg.norm(each) * 2.5 for each in (A, B))
    angle = np.arccos(a @ b / 2.5**2)
    t = np.linspace(0, 1, 6)[:, None]
    slerp = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    np.testing.assert_allclose(latent.spherical(a, b, 6), slerp, atol=1e-5)


@pytest.mark.parametrize("b", [3 * A, -2 * A, 0 * A, A])
def test_without_one_great_circle_it_is_straight(b):
    np.testing.assert_array_equal(latent.spherical(A, b, 5), latent.straight(A, b, 5))


def test_one_coordinate_changes_and_no_other(same):
    start = np.arange(6, dtype=np.float32)
    z = latent.traversal(same, [4, 1], 5, start=start)
    changes = z != start
    assert not changes[0][:, [0, 1, 2, 3, 5]].any()
    assert not changes[1][:, [0, 2, 3, 4, 5]].any()
    expected = Normal(0, 1).icdf(torch.linspace(0.05, 0.95, 5)).numpy()
    np.testing.assert_allclose(z[0, :, 4], expected, atol=1e-6)
    np.testing.assert_allclose(latent.decoded(same, z), z, atol=1e-6)  # path by path, in order


def test_without_a_prior_it_goes_through_the_datas_quantiles(same):
    means = np.stack([np.arange(101), np.zeros(101), *np.zeros((4, 101))], 1).astype(np.float32)
    z = latent.traversal(same, [0], 3, means=means)
    np.testing.assert_array_equal(z[0, :, 0], [5, 50, 95])


def test_three_points_have_two_interpolations(same):
    z = latent.interpolation(same, np.stack([A, B, C]), 4)
    np.testing.assert_array_equal(z, [latent.straight(A, B, 4), latent.straight(B, C, 4)])


def test_interpolations_of_a_model_with_codes_are_of_codes(digits):
    spec = digits.spec
    config = enfold.Config.of(posterior="fsq", levels=8, latent_dim=3, width=8, depth=1)
    model = build.autoencoder(config, spec).eval()
    levels = np.linspace(-1, 1, 8, dtype=np.float32)
    for z in (
        latent.interpolation(model, levels[[[0, 1, 2], [7, 3, 3]]], 9, is_spherical=True),
        latent.traversal(model, [0, 2], 9),
    ):
        assert np.abs(z[..., None] - levels).min(-1).max() < 1e-6


def test_what_cannot_be_walked_is_said(same):
    with pytest.raises(InputError, match="from 0 to 5, got 6"):
        latent.traversal(same, [6], 5)
    with pytest.raises(InputError, match="dimensions from 0 to 5, got none"):
        latent.traversal(same, [], 5)
    with pytest.raises(InputError, match="2 to 1,000 steps, got 1"):
        latent.interpolation(same, np.stack([A, B]), 1)
    with pytest.raises(InputError, match="got 1"):
        latent.interpolation(same, A[None], 5)


def test_noise_is_unrealistic_and_reconstructions_are_not(digits_run, digits):
    model, held_out, training = digits_run.model, digits[1200:], digits[:1200]
    noise = random.uniform(0, 16, (2, 50, 1, 8, 8))
    assert unrealistic(model, noise, held_out, training).all()
    reconstructed = decode_means(model, encode_means(model, held_out.x))
    assert unrealistic(model, reconstructed, held_out, training).mean() == pytest.approx(
        0.05, abs=0.01
    )  # of 500 of the 597
    training_rows = training.x[None, :50].astype(np.float32)
    assert not unrealistic(model, training_rows, held_out, training).any()


def test_the_estimators_interpolations_are_those_of_their_model(digits):
    images = (digits.x[:200] * 15).astype(np.uint8)
    vae = VAE(epochs=1, random_state=0, device="cpu").fit(images.reshape(200, 64))
    rows = images[:3].reshape(3, 64)
    between = vae.interpolate(rows, 5)
    assert between.shape == (2, 5, 64)
    reconstructed = vae.inverse_transform(vae.transform(rows))
    np.testing.assert_allclose(between[:, 0], reconstructed[:2], rtol=1e-4, atol=1e-3)  # as many at once as fit
    np.testing.assert_allclose(between[:, -1], reconstructed[1:], rtol=1e-4, atol=1e-3)
    along = vae.traverse(images.reshape(200, 64), 5)
    assert along.shape == (2, 5, 64)
    np.testing.assert_allclose(along[0, 2], along[1, 2], rtol=1e-4, atol=1e-3)  # both are at the medians
    cold = vae.sample(50, temperature=1e-3, sampler="mixture", X=images.reshape(200, 64))
    assert cold.shape == (50, 64)
    with pytest.raises(InputError, match="at least 2 rows"):
        vae.sample(sampler="mixture")


def test_the_command_writes_what_python_computes(digits_run, digits, tmp_path, capsys):
    out = tmp_path / "way.npz"
    values = found(capsys, "interpolate", digits_run.folder, "digits", "--rows", "3,17,42", "--steps", 6, "-o", out)
    assert values["rows"] == [3, 17, 42]
    assert values["steps"] == 6
    assert 0 <= values["unrealistic"] <= 2 * 4
    with np.load(out) as written:
        z = latent.interpolation(digits_run.model, encode_means(digits_run.model, digits.x[[3, 17, 42]]), 6)
        np.testing.assert_allclose(written["z"], z, atol=1e-6)
        assert written["x"].dtype == np.uint8  # as the data
        np.testing.assert_allclose(written["x"], latent.decoded(digits_run.model, z), atol=0.501)


def test_files_of_a_row_each_are_ends(digits_run, digits, tmp_path, capsys):
    for i in range(2):
        np.save(tmp_path / f"{i}.npy", digits.x[[i]])
    files = [tmp_path / "0.npy", tmp_path / "1.npy"]
    assert found(capsys, "interpolate", digits_run.folder, *files, "-o", tmp_path / "a.npy")["rows"] == [0, 1]
    assert np.load(tmp_path / "a.npy").shape == (1, 10, 1, 8, 8)


def test_an_animation_goes_there_and_back(digits_run, digits, tmp_path, capsys):
    out = tmp_path / "a.gif"
    found(capsys, "interpolate", digits_run.folder, "digits", "--rows", "0,7", "--steps", 8, "-o", out)
    with Image.open(out) as animation:
        assert animation.n_frames == 2 * (8 - 1)
        assert animation.info["loop"] == 0
        frames = []
        for i in range(animation.n_frames):
            animation.seek(i)
            frames.append(np.asarray(animation.convert("L")))
    first = decode_means(digits_run.model, encode_means(digits_run.model, digits.x[:1]))
    np.testing.assert_array_equal(frames[0][::14, ::14], sheet(first, digits.spec))  # 14 times as large
    np.testing.assert_array_equal(frames[1], frames[-1])
    assert (frames[0] != frames[7]).any()
    found(capsys, "interpolate", digits_run.folder, "digits", "--rows", "0,7,9", "--steps", 8, "-o", out)
    with Image.open(out) as animation:
        assert animation.size == (112, 112)
        assert animation.n_frames == 2 * (15 - 1)  # the row in the middle is passed, not shown twice


def test_traversals_show_the_dimension_that_differs_most_first(digits_run, tmp_path, capsys):
    run, out = digits_run.folder, tmp_path / "t.npz"
    variance = encode_means(digits_run.model, enfold.load("digits").x[digits_run.split.held_out]).var(0)
    values = found(capsys, "traverse", run, "-o", out)
    assert values["dimensions"] == [int(variance.argmax()), int(variance.argmin())]
    with np.load(out) as written:
        np.testing.assert_array_equal(written["z"][0, :, values["dimensions"][1]], 0)  # the prior's median
    assert found(capsys, "traverse", run, "--dimensions", "1", "-o", out)["dimensions"] == [1]


def test_a_traversal_may_start_from_a_row(digits_run, digits, tmp_path, capsys):
    out = tmp_path / "t.npz"
    found(capsys, "traverse", digits_run.folder, "digits", "--row", 5, "--dimensions", "1", "-o", out)
    with np.load(out) as written:
        start = encode_means(digits_run.model, digits.x[5:6])[0, 0]
        np.testing.assert_allclose(written["z"][0, :, 0], start, atol=1e-6)


@pytest.mark.parametrize("words", [("interpolate", "digits", "--rows", "1,2,3"), ("traverse",)])
def test_pictures_are_pictures(digits_run, tmp_path, capsys, words):
    command, *rest = words
    for name in ("a.png", "a.gif"):
        found(capsys, command, digits_run.folder, *rest, "--steps", 4, "-o", tmp_path / name)
        with Image.open(io.BytesIO((tmp_path / name).read_bytes())) as picture:
            assert min(picture.size) >= 100


def test_a_tables_paths_are_rows_that_can_be_encoded_again(table_run, tmp_path, capsys):
    source, out = table_run.folder.parent / "table.csv", tmp_path / "way.csv"
    found(capsys, "interpolate", table_run.folder, source, "--rows", "0,1", "--steps", 5, "-o", out)
    assert pl.read_csv(out).columns == ["length", "width", "depth"]
    assert found(capsys, "encode", table_run.folder, out, "-o", tmp_path / "z.csv")["rows"] == 5
    for command in (["interpolate", source, "--rows", "0,1"], ["traverse"]):
        found(capsys, command[0], table_run.folder, *command[1:], "-o", tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@without_pictures()
def test_a_conditional_model_is_given_a_class(digits, tmp_path, capsys):
    settings = {"condition": "label", "epochs": 1, "width": 16, "device": "cpu"}
    run, out = enfold.fit("digits", **settings, out=tmp_path / "run"), tmp_path / "a.npy"
    assert main(["traverse", str(run.folder), "-o", str(out)]) == 2
    assert "Name one with --label: 0, 1, 2" in capsys.readouterr().err
    for words, given in ((["--label", 7], 7), (["digits", "--row", 3], 3)):  # row 3 is a 3
        begin = None if given == 7 else encode_means(run.model, digits.x[3:4], torch.tensor([3]))[0]
        z = latent.traversal(run.model, [1], 4, start=begin)
        found(capsys, "traverse", run.folder, *words, "--dimensions", 1, "--steps", 4, "-o", out)
        np.testing.assert_allclose(np.load(out), latent.decoded(run.model, z, torch.tensor([given])), atol=0.501)
    found(capsys, "interpolate", run.folder, "digits", "--rows", "3,4,5", "--steps", 4, "-o", out)
    classes = torch.tensor([3, 4, 5])
    z = latent.interpolation(run.model, encode_means(run.model, digits.x[3:6], classes), 4)
    np.testing.assert_allclose(np.load(out), latent.decoded(run.model, z, classes[:2]), atol=0.501)


def test_a_plain_autoencoder_goes_as_far_as_its_data(plain_run, tmp_path, capsys):
    [section] = [each for each in read_sections(plain_run.folder) if each.name == "interpolation"]
    assert list(section.values["unrealistic"]) == ["straight"]
    assert main(["traverse", str(plain_run.folder), "-o", str(tmp_path / "a.png")]) == 2
    assert "means=z" in capsys.readouterr().err


def test_what_is_not_known_is_said(plain_run, digits, tmp_path, capsys):
    np.save(tmp_path / "x.npy", digits.x[:2])
    words = ["interpolate", str(plain_run.folder), str(tmp_path / "x.npy"), "-o", str(tmp_path / "a.npy")]
    assert main(words) == 0
    assert "unknown whether the steps are realistic" in capsys.readouterr().out
    assert found(capsys, *words)["unrealistic"] is None


def test_a_report_says_what_lies_between(digits_run):
    [section] = [each for each in read_sections(digits_run.folder) if each.name == "interpolation"]
    assert section.picture.startswith(b"\x89PNG")
    assert set(section.values["unrealistic"]) == {"straight", "spherical"}
    assert section.title in (digits_run.folder / "report.html").read_text("utf-8")


def test_a_check_counts_near_copies(digits_run, tmp_path, capsys):
    words = ["sample", digits_run.folder, "-n", 100, "--check", "-o", tmp_path / "a.npz"]
    values = found(capsys, *words)
    assert values["draws"] == 100
    assert values["copies"] == round(100 * values["share"])
    assert main([*map(str, words)]) == 0
    assert f"{values['copies']} of 100 draws from the prior (" in capsys.readouterr().out


BAD = {
    "a row out of range": (["interpolate", "digits", "--rows", "3,1797"], "rows 0 to 1,796"),
    "one row": (["interpolate", "digits", "--rows", "3"], "two rows or more, got one"),
    "no rows": (["interpolate", "digits"], "has 1,797 rows"),
    "rows that are no numbers": (["interpolate", "digits", "--rows", "3,-1"], "Expected --rows as in"),
    "no source": (["interpolate"], "Name a source"),
    "another kind of data": (["interpolate", "mnist-test", "--rows", "1,2"], "was made for gray images of 8 × 8"),
    "one step": (["interpolate", "digits", "--rows", "1,2", "--steps", "1"], "2 to 1,000 steps"),
    "a class of a model without": (["interpolate", "digits", "--rows", "1,2", "--label", "3"], "without labels"),
    "an unknown dimension": (["traverse", "--dimensions", "0,2"], "from 0 to 1, got 2"),
    "dimensions that are none": (["traverse", "--dimensions", "z0"], "Expected --dimensions as in"),
    "a row of no source": (["traverse", "--row", "3"], "Name the source of the row"),
    "a traversal's row out of range": (["traverse", "digits", "--row", "1797"], "no row 1797"),
    "a row below 0": (["traverse", "digits", "--row=-1"], "counted from 0"),
    "a number of 5,000 digits": (["traverse", "--dimensions", "9" * 5000], "Expected --dimensions as in"),
    "too many for a picture": (["interpolate", "digits", "--rows", ",".join("5" * 102)], "101 lines are too many"),
    "images as csv": (["traverse"], "Only tables"),
    "an unknown suffix": (["traverse"], "whose type is unknown. Use .png or"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_a_message(digits_run, case, tmp_path, capsys):
    (command, *words), message = BAD[case]
    name = {"images as csv": "a.csv", "an unknown suffix": "a.jpg"}.get(case, "a.png")
    assert main([command, str(digits_run.folder), *words, "-o", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_tables_make_no_animation(table_run, tmp_path, capsys):
    assert main(["traverse", str(table_run.folder), "-o", str(tmp_path / "a.gif")]) == 2
    assert "Only images" in capsys.readouterr().err


@without_pictures()
def test_samples_of_an_array_cannot_be_checked(digits, tmp_path, capsys):
    run = enfold.fit(digits.x[:100], epochs=1, width=8, device="cpu", out=tmp_path / "run")
    assert main(["sample", str(run.folder), "--check", "-o", str(tmp_path / "a.npz")]) == 2
    assert "--check compares with the training data, but that was an array" in capsys.readouterr().err
    assert not (tmp_path / "a.npz").exists()
