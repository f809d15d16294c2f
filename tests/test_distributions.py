"""Each likelihood sums or integrates to one, and has the moments that it claims."""

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from enfold import Config
from enfold.data.arrays import from_array
from enfold.distributions import IntensityBernoulli
from enfold.nets.posteriors import DiagonalNormal


@pytest.mark.parametrize("scale", [1.0, 16.0, 255.0])
def test_bernoulli_sums_to_one_over_binary_pixels(scale):
    p = IntensityBernoulli(torch.linspace(-8, 8, 9), scale)
    total = p.log_prob(torch.tensor(0.0)).exp() + p.log_prob(torch.tensor(scale)).exp()
    torch.testing.assert_close(total, torch.ones(9))


def test_the_log_probability_of_gray_is_the_mean_over_binarizations():
    """Closed form against Monte Carlo: 200,000 binarizations have a standard error below 0.005 nats here."""
    logits, gray = torch.tensor([-1.0, 0.3, 2.0]), torch.tensor([0.1, 0.5, 0.9])
    draws = torch.bernoulli(gray.expand(200_000, 3), generator=torch.Generator().manual_seed(0))
    expected = Bernoulli(logits=logits).log_prob(draws).mean(0)
    torch.testing.assert_close(IntensityBernoulli(logits, 255.0).log_prob(gray * 255), expected, atol=0.02, rtol=0)


def test_bernoulli_has_the_mean_of_its_samples():
    p = IntensityBernoulli(torch.tensor([-1.0, 0.5]), 255.0)
    torch.manual_seed(0)
    draws = p.sample(torch.Size([100_000]))
    assert set(draws.unique().tolist()) == {0.0, 255.0}
    torch.testing.assert_close(draws.mean(0), p.mean, rtol=0.01, atol=0)


def test_normal_integrates_to_one_in_raw_units():
    """A table's column in raw units of mean 100 and standard deviation 20: the density is per raw unit."""
    x = torch.tensor([[60.0], [80.0], [100.0], [120.0], [140.0]])
    spec = from_array(x.numpy()).spec.standardized(x.numpy())
    p = Config.of(likelihood="normal").likelihood.build(spec)(torch.tensor([[0.7]]))
    grid = torch.linspace(-500, 700, 100_001)[:, None]
    density = p.log_prob(grid).exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1, abs=1e-4)
    assert p.mean.item() == pytest.approx(100 + 0.7 * x.std(correction=0).item(), abs=1e-3)


def test_likelihoods_sum_over_everything_inside_an_example(digits):
    p = Config.of(likelihood="auto").likelihood.build(digits.spec)(torch.zeros(3, 1, 8, 8))
    assert p.log_prob(torch.from_numpy(digits.x[:3])).shape == (3,)
    torch.testing.assert_close(p.log_prob(torch.from_numpy(digits.x[:3])), torch.full((3,), -64 * 0.693147))


def test_kl_in_closed_form_is_the_monte_carlo_mean():
    """400,000 draws: the standard error is below 0.004 nats."""
    torch.manual_seed(0)
    q = DiagonalNormal(5, 3)(torch.randn(1, 5))
    p = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
    z = q.sample(torch.Size([400_000]))
    estimate = (q.log_prob(z) - p.log_prob(z)).mean().item()
    assert kl_divergence(q, p).item() == pytest.approx(estimate, abs=0.015)
