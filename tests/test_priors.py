"""Every prior is a distribution: it integrates to one, and its draws are where its density says."""

import pytest
import torch
from torch import nn

from enfold import Config, build
from enfold.distributions import UniformCodes
from enfold.nets.posteriors import CodesPrior, DiagonalNormal, FiniteScalar, FullNormal, VectorQuantized
from enfold.priors import Flow, MixturePrior, StandardNormal, VampPrior

SIDE, REACH = 301, 9.0


def disturbed(module, seed=0, by=0.3):
    """The module with noise on all its parameters, so that nothing is as simple as it begins."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += by * torch.randn(parameter.shape, generator=generator)
    return module


def priors(latent_dim):
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), DiagonalNormal(8, latent_dim))
    full = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), FullNormal(8, latent_dim) if latent_dim > 1 else encoder[2])
    return {
        "normal": StandardNormal(latent_dim),
        "mixture": MixturePrior(latent_dim, 4),
        "vamp": VampPrior(encoder, torch.randn(4, 3)),
        "vamp of full": VampPrior(full, torch.randn(4, 3)),
        "realnvp": Flow(latent_dim, "realnvp"),
        "spline": Flow(latent_dim, "spline"),
    }


NAMES = list(priors(2))


@pytest.mark.parametrize("latent_dim", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_prior_integrates_to_one(name, latent_dim):
    """By trapezoids on ±9; the narrowest peak is some ten steps wide, so that their error is far below 1e-3."""
    p = disturbed(priors(latent_dim)[name], by=0.1)()
    side = {1: 50 * SIDE, 2: SIDE}[latent_dim]
    axis = torch.linspace(-REACH, REACH, side)
    grid = torch.stack(torch.meshgrid(*[axis] * latent_dim, indexing="ij"), -1).view(-1, latent_dim)
    with torch.no_grad():
        density = p.log_prob(grid).exp().view([side] * latent_dim)
    for _ in range(latent_dim):
        density = torch.trapezoid(density, axis)
    assert density.item() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_where_the_density_says(name):
    """The share of 20,000 draws in two quadrants, against the integral: a standard error of 0.0035."""
    p = disturbed(priors(2)[name], by=0.1)()
    torch.manual_seed(0)
    with torch.no_grad():
        drawn = p.sample(torch.Size([20_000]))
        axis = torch.linspace(-REACH, REACH, SIDE)
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1)
        density = p.log_prob(grid.view(-1, 2)).exp().view(SIDE, SIDE)
    half = SIDE // 2
    for rows, positive in ((slice(half, None), True), (slice(None, half + 1), False)):
        expected = torch.trapezoid(torch.trapezoid(density[rows][:, half:], axis[half:]), axis[rows]).item()
        found = ((drawn[:, 0] > 0) == positive) & (drawn[:, 1] > 0)
        assert found.double().mean().item() == pytest.approx(expected, abs=0.018)


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
@pytest.mark.parametrize("kind", ["realnvp", "spline"])
def test_flows_invert(kind, latent_dim):
    """Eight float32 maps there and back."""
    flow = disturbed(Flow(latent_dim, kind), by=0.1)
    z = 2 * torch.randn(500, latent_dim, generator=torch.Generator().manual_seed(0))
    transform = flow().transform
    with torch.no_grad():
        there = transform(z)
        torch.testing.assert_close(transform.inv(there), z, atol=1e-3, rtol=1e-3)
    assert (there - z).abs().max() > 0.1


def test_a_vamp_prior_with_all_data_is_the_aggregate_posterior(digits):
    """With equal weights, log p(z) = log 1/n Σ q(z|x) (Tomczak & Welling 2018, equation 8)."""
    model = build.autoencoder(Config.of(width=16, depth=1), digits.spec)
    x = torch.from_numpy(digits.x[:40]).float()
    z = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        aggregate = model.encode(x).log_prob(z.unsqueeze(1)).logsumexp(1) - torch.tensor(40.0).log()
        torch.testing.assert_close(VampPrior(model.encoder, x)().log_prob(z), aggregate, rtol=1e-5, atol=1e-5)


def test_pseudo_inputs_stay_in_range(digits):
    model = build.autoencoder(Config.of(prior="vamp", components=7, width=16), digits.spec)
    disturbed(model.prior, by=5.0)
    assert model.prior.pseudo_inputs.shape == (7, 1, 8, 8)
    assert 0 <= model.prior.pseudo_inputs.min() < model.prior.pseudo_inputs.max() <= digits.spec.scale[0]
    assert not set(map(id, model.prior.parameters())) & set(map(id, model.encoder.parameters()))


@pytest.mark.parametrize("posterior", [FiniteScalar(4, 3, 5), VectorQuantized(4, 6, 7, 3)])
def test_codes_are_a_uniform_distribution_over_all_of_them(posterior):
    """The probabilities of all codes sum to one; draws have the codes of each codebook equally often."""
    p = CodesPrior(posterior)()
    assert isinstance(p, UniformCodes)
    books, choices, _ = p.books.shape
    everything = torch.cartesian_prod(*[torch.arange(choices)] * books)
    codes = p.books[torch.arange(books), everything].flatten(1)
    assert len(codes.detach().unique(dim=0)) == choices**books
    assert p.log_prob(codes).exp().sum().item() == pytest.approx(1, abs=1e-5)
    torch.manual_seed(0)
    drawn = p.sample(torch.Size([20_000]))
    assert drawn.shape == (20_000, p.event_shape[0])
    assert not drawn.requires_grad
    counts = torch.unique(drawn[:, : p.books.shape[2]], dim=0, return_counts=True)[1]
    torch.testing.assert_close(counts / 20_000, torch.full((choices,), 1 / choices), atol=0.02, rtol=0)  # 5 errors
