import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import enfold
from conftest import without_pictures
from enfold import build, latent
from enfold.cli import main
from enfold.config import Config
from enfold.distributions import UniformCodes
from enfold.errors import InputError
from enfold.inference import decode_means
from enfold.model import Autoencoder
from enfold.nets.heads import Normalize
from enfold.priors import Flow, MixturePrior, StandardNormal
from enfold.spec import Column, Spec

TABLE = Spec((2,), (Column("a", "real"), Column("b", "real")))


class Given(nn.Module):
    """q(z|x) = N(x, 0.3²): a posterior that is known, and so is its aggregate."""

    def forward(self, x):
        return Independent(Normal(x, torch.full_like(x, 0.3)), 1)


def model_with(prior):
    return Autoencoder(
        nn.Sequential(Normalize(TABLE), Given()), nn.Sequential(nn.Linear(2, 2), Given()), prior, TABLE
    )


@pytest.fixture(scope="module")
def known():
    return model_with(StandardNormal(2))


@pytest.fixture(scope="module")
def rows():
    """Two clouds far apart, at ±4."""
    random = np.random.default_rng(0)
    return (random.choice([-4.0, 4.0], (2000, 1)) + 0.5 * random.normal(size=(2000, 2))).astype(np.float32)


@pytest.fixture(scope="module")
def codes_and_rows(digits):
    config = Config.of(latent_dim=2, posterior="fsq", levels=8)
    return build.autoencoder(config, digits.spec), digits.x


def test_the_aggregate_has_the_width_of_the_posteriors(known, rows):
    """Var z = Var E[z|x] + E Var[z|x]; the tolerance is four standard errors of a variance of 2,000 draws."""
    z = latent.aggregate(known, rows)
    expected = rows.var(0) + 0.3**2
    np.testing.assert_allclose(z.var(0), expected, rtol=4 * math.sqrt(2 / 2000))
    np.testing.assert_allclose(latent.aggregate(known, rows, means=True), rows, atol=1e-6)


def test_the_mixture_has_the_mean_and_the_variance_of_what_it_was_fitted_to(known, rows):
    """A step of expectation maximization keeps both (but for the floor of the covariances)."""
    z = latent.aggregate(known, rows)
    p = latent.sampler(known, "mixture", rows)
    np.testing.assert_allclose(p.mean, z.mean(0), atol=1e-3)
    np.testing.assert_allclose(p.variance, z.var(0, correction=0), rtol=1e-3)


def test_the_flow_and_the_mixture_find_two_clouds_where_the_prior_has_one(known, rows):
    z = latent.aggregate(known, rows, seed=1)
    likelihood = {kind: latent.sampler(known, kind, rows).log_prob(z).mean().item() for kind in latent.SAMPLERS}
    exact = (0.5 * (_cloud(-4).log_prob(z).exp() + _cloud(4).log_prob(z).exp())).log().mean().item()
    assert likelihood["mixture"] == pytest.approx(exact, abs=0.05)  # some 100 parameters, 2,000 rows
    assert likelihood["flow"] == pytest.approx(exact, abs=0.25)  # a continuous map cannot quite tear a normal apart
    assert likelihood["prior"] < exact - 5


def _cloud(place):
    return Independent(Normal(torch.full((2,), float(place)), math.hypot(0.5, 0.3)), 1)


@pytest.mark.parametrize("kind", ["prior", "mixture"])
def test_a_sampler_is_the_same_for_the_same_seed_and_leaves_torchs_alone(known, rows, kind):
    state = torch.get_rng_state()
    first, again = (latent.draws(latent.sampler(known, kind, rows[:200]), 50, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)
    assert not np.array_equal(first, latent.draws(latent.sampler(known, kind, rows[:200]), 50, seed=4))


def test_a_tempered_normal_is_a_power_of_its_density():
    """p_T ∝ p^(1/T²), so that log p_T − log p / T² is the same everywhere."""
    p, z = StandardNormal(3)(), torch.randn(20, 3)
    difference = latent.tempered(p, 0.5).log_prob(z) - p.log_prob(z) / 0.25
    np.testing.assert_allclose(difference, difference[0].expand(20), atol=1e-4)


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf])
def test_what_is_no_temperature_and_no_number_of_draws_is_refused(temperature):
    with pytest.raises(InputError, match="above 0"):
        latent.tempered(StandardNormal(3)(), temperature)
    with pytest.raises(InputError, match="at least 1"):
        latent.draws(StandardNormal(3)(), 0)


def test_a_tempered_mixture_keeps_its_places_and_weights_and_a_flow_its_map():
    mixture = MixturePrior(2, 5)()
    cool = latent.tempered(mixture, 0.5)
    assert torch.equal(cool.mixture_distribution.probs, mixture.mixture_distribution.probs)
    assert torch.equal(cool.component_distribution.mean, mixture.component_distribution.mean)
    np.testing.assert_allclose(
        *(0.5**i * each.component_distribution.stddev.detach() for i, each in ((1, mixture), (0, cool)))
    )
    flow = Flow(2)()
    warm, cold = (latent.draws(latent.tempered(flow, t), 50) for t in (1.0, 0.5))
    bent = [flow.transform(torch.from_numpy(each)).detach() for each in (warm, cold)]
    np.testing.assert_allclose(0.5 * bent[0], bent[1], atol=1e-3)  # splines are inverted to some digits


def test_of_codes_codes_are_drawn_as_often_as_they_occur(codes_and_rows):
    model, x = codes_and_rows
    prior = model.prior()
    drawn = torch.from_numpy(latent.draws(latent.sampler(model, "mixture", x), 2000))
    assert torch.equal(prior.nearest(drawn), drawn)
    found = latent.aggregate(model, x)
    np.testing.assert_allclose(drawn.mean(0), found.mean(0), atol=0.1)
    with pytest.raises(InputError, match="has none"):
        latent.tempered(prior, 0.5)


def test_the_nearest_code_is_found_part_by_part():
    codes = UniformCodes(torch.tensor([[[0.0], [1.0]], [[0.0], [2.0]]]))
    near = codes.nearest(torch.tensor([[0.4, 1.2], [0.6, 0.8]]))
    assert near.tolist() == [[0.0, 2.0], [1.0, 0.0]]
    assert codes.spacing.tolist() == [1.0, 2.0]


def test_what_cannot_be_fitted_is_said(known, rows):
    with pytest.raises(InputError, match="did you mean 'mixture'"):
        latent.sampler(known, "mixtur", rows)
    with pytest.raises(InputError, match="at least 2 rows"):
        latent.sampler(known, "flow")


def test_the_manifold_walks_through_the_priors_quantiles(known):
    """Exact for normal priors; of others, the quantiles of 20,000 draws, to four standard errors at 5%."""
    expected = torch.special.ndtri(torch.linspace(0.05, 0.95, 20, dtype=torch.float64)).float().numpy()
    np.testing.assert_array_equal(latent.manifold(known).horizontal, expected)
    prior = MixturePrior(2, 1)
    with torch.no_grad():
        prior.mu.copy_(torch.tensor([[3.0, -5.0]]))
        prior.log_sigma.copy_(torch.tensor([[2.0, 0.5]]).log())
    grid = latent.manifold(model_with(prior))
    error = 4 * math.sqrt(0.05 * 0.95 / 20_000) / math.exp(-(1.645**2) / 2) * math.sqrt(2 * math.pi)
    np.testing.assert_allclose(grid.horizontal, 3 + 2 * expected, atol=2 * error)
    np.testing.assert_allclose(grid.vertical, -5 + 0.5 * expected, atol=0.5 * error)


def test_the_manifold_of_codes_shows_each_code(codes_and_rows):
    model, _ = codes_and_rows
    grid = latent.manifold(model)
    assert grid.x.shape[:2] == (8, 8)
    np.testing.assert_allclose(grid.horizontal, np.linspace(-1, 1, 8), atol=1e-6)


def test_the_manifold_of_a_conditional_model_is_of_the_class_asked_for(digits):
    model = build.autoencoder(Config.of(latent_dim=1), replace(digits.spec, conditions=(0.0, 1.0)))
    grid = latent.manifold(model, (0,), condition=1)
    expected = decode_means(model, grid.horizontal[:, None], torch.ones(20, dtype=torch.int64))
    np.testing.assert_array_equal(grid.x[0], expected)


@pytest.fixture(scope="module")
@without_pictures()
def conditional(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "conditional"
    return enfold.fit("digits", out=out, epochs=10, condition="label", device="cpu")


def test_a_class_that_is_asked_for_is_made(conditional, tmp_path, digits):
    """The nearest mean of a class tells of nearly every sample which one was asked for."""
    means = np.stack([digits.x[digits.labels == label].mean(0).ravel() for label in range(10)])
    for sampler in ("prior", "mixture"):
        path = tmp_path / f"{sampler}.npz"
        arguments = ["--label", "3", "--sampler", sampler, "-n", "50", "-o", str(path)]
        assert main(["sample", str(conditional.folder), *arguments]) == 0
        with np.load(path) as arrays:
            apart = np.square(arrays["x"].reshape(50, 1, -1) - means).sum(-1)
        assert (apart.argmin(1) == 3).mean() > 0.9


def test_without_a_label_all_classes_are_made_in_turn(conditional, tmp_path, digits):
    assert main(["sample", str(conditional.folder), "-n", "50", "-o", str(tmp_path / "x.npz")]) == 0
    means = np.stack([digits.x[digits.labels == label].mean(0).ravel() for label in range(10)])
    with np.load(tmp_path / "x.npz") as arrays:
        apart = np.square(arrays["x"].reshape(50, 1, -1) - means).sum(-1)
    assert (apart.argmin(1) == np.arange(50) % 10).mean() > 0.8


def test_the_seed_decides_what_a_sampler_draws(digits_run, tmp_path):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        arguments = [
            "--sampler",
            "mixture",
            "--temperature",
            "0.8",
            "--seed",
            seed,
            "-o",
            str(tmp_path / f"{name}.png"),
        ]
        assert main(["sample", str(digits_run.folder), *arguments]) == 0
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("which", "arguments", "message"),
    [
        ("conditional", ["--label", "11"], "Known: 0, 1, 2"),
        ("digits", ["--label", "1"], "without labels"),
        ("digits", ["--sampler", "flaw"], "did you mean 'flow'"),
        ("digits", ["--temperature", "0"], "above 0"),
        ("array", ["--sampler", "flow"], "cannot be read again"),
        ("plain", [], "no prior"),
    ],
)
@without_pictures()
def test_what_cannot_be_sampled_ends_with_a_message(
    conditional, digits_run, digits, tmp_path, capsys, which, arguments, message
):
    folders = {"conditional": conditional.folder, "digits": digits_run.folder}
    if which not in folders:
        data, recipe = (digits.x, "default") if which == "array" else ("digits", "autoencoder")
        folders[which] = enfold.fit(data, recipe=recipe, out=tmp_path / "run", epochs=1, device="cpu").folder
    assert main(["sample", str(folders[which]), *arguments, "-o", str(tmp_path / "s.png")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "s.png").exists()
