"""Every likelihood sums or integrates to one over what an example may be, and its samples have its mean."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.distributions import ContinuousBernoulli

from enfold import Config
from enfold.data.arrays import from_array
from enfold.distributions import ContinuousIntensity, IntensityBernoulli, LogisticMixture
from enfold.nets.likelihoods import BernoulliPixels, NormalValues
from enfold.spec import Column, Spec


def head_of(likelihood, spec):
    return Config.of(likelihood=likelihood).likelihood.build(spec)


LOGITS = torch.tensor([-60.0, -17.0, -2.0, -0.06, -0.04, 0.0, 1e-4, 0.049, 0.051, 1.0, 9.0, 40.0])


def logistics(channels, scale, size=1, seed=0, spread=1.0):
    """Mixtures of 5 for one image of some pixels in a row, their parameters drawn at random."""
    torch.manual_seed(seed)
    values = 1 + 2 * channels + channels * (channels - 1) // 2
    return LogisticMixture(spread * torch.randn(1, 5, values, 1, size), channels, scale)


@pytest.mark.parametrize(
    ("kind", "channels", "expected"), [("intensity", 1, True), ("intensity", 3, True), ("real", 1, False)]
)
def test_pixels_are_chances_and_other_values_are_normal_unless_told_otherwise(kind, channels, expected):
    spec = Spec((channels, 4, 6), (Column("pixel", kind, scale=255.0),), "uint8" if expected else "float32")
    assert isinstance(head_of("auto", spec), BernoulliPixels) is expected
    assert isinstance(head_of("auto", spec), NormalValues) is not expected


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_continuous_bernoulli_integrates_to_one(scale):
    """In float64 by 400,000 trapezoids, whose error is below 1e-6 for the steepest density, l = 60."""
    grid = torch.linspace(0, scale, 400_001, dtype=torch.float64)[:, None]
    density = ContinuousIntensity(LOGITS.double(), scale).log_prob(grid).exp()
    torch.testing.assert_close(
        torch.trapezoid(density, grid, dim=0), torch.ones(12, dtype=torch.float64), rtol=1e-5, atol=0
    )
    mean = torch.trapezoid(density * grid, grid, dim=0)  # near zero its series leaves out l^3 / 720
    torch.testing.assert_close(ContinuousIntensity(LOGITS.double(), scale).mean, mean, rtol=1e-5, atol=0)


def test_continuous_bernoulli_is_torchs_where_that_is_exact():
    """Torch's formula of probabilities has rounding errors of 1e-4 near 1/2, and saturates at logits of 16."""
    logits, x = LOGITS[2:-1], torch.tensor([[0.0], [0.3], [1.0]])
    expected = ContinuousBernoulli(logits=logits.double()).log_prob(x.double()).float()
    torch.testing.assert_close(ContinuousIntensity(logits).log_prob(x), expected, atol=1e-4, rtol=1e-4)


def test_the_gradient_of_the_continuous_bernoulli_is_finite_everywhere():
    logits = LOGITS.clone().requires_grad_()
    ContinuousIntensity(logits).log_prob(torch.tensor([[0.0], [0.5], [1.0]])).sum().backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("kind", [ContinuousIntensity, IntensityBernoulli])
def test_samples_of_gray_have_the_mean(kind):
    """100,000 draws: the standard error is below 0.0016 of the scale."""
    torch.manual_seed(0)
    p = kind(LOGITS, 16.0)
    torch.testing.assert_close(p.sample(torch.Size([100_000])).mean(0), p.mean, atol=0.008 * 16, rtol=0)


@pytest.mark.parametrize("each", [False, True])
def test_normal_integrates_to_one_with_a_deviation_for_all_values_or_for_each(each):
    """A table of two columns in raw units of very different size, on a grid of 6 standard deviations."""
    x = np.random.default_rng(0).normal([100, -3], [20, 0.5], (50, 2)).astype(np.float32)
    head = head_of("normal_each" if each else "normal", from_array(x).spec.standardized(x))
    with torch.no_grad():
        head.log_sigma.copy_(torch.tensor([-0.5, 0.2]))
        p = head(torch.tensor([[0.3, -0.7]]))
    mean, sigma = p.mean[0], p.stddev[0]
    axes = [torch.linspace(-6, 6, 401) * sigma[i] + mean[i] for i in range(2)]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    density = p.log_prob(grid.view(-1, 2)).view(401, 401).exp()
    total = torch.trapezoid(torch.trapezoid(density, axes[1]), axes[0])
    assert total.item() == pytest.approx(1, abs=1e-4)


def test_an_image_has_one_deviation_or_one_for_each_value():
    spec = Spec((1, 4, 6), (Column("value", "real"),))
    assert head_of("normal", spec).log_sigma.shape == (1,)
    assert head_of("normal_each", spec).log_sigma.shape == (1, 4, 6)
    assert head_of("normal_each", spec)(torch.zeros(3, 1, 4, 6)).log_prob(torch.zeros(3, 1, 4, 6)).shape == (3,)


@pytest.mark.parametrize("spread", [1.0, 5.0])
def test_the_logistic_mixture_sums_to_one_over_256_intensities(spread):
    """Eight pixels side by side; with a spread of 5 some logistics are steep, flat, or outside of the range."""
    p = logistics(1, 255.0, size=8, spread=spread)
    one = LogisticMixture(
        torch.stack([p.logits, p.means[:, :, 0], p.log_scales[:, :, 0]], 2).permute(4, 1, 2, 3, 0), 1, 255.0
    )
    total = sum(one.log_prob(torch.full((8, 1, 1, 1), value)).exp() for value in range(256))
    torch.testing.assert_close(total, torch.ones(8), atol=1e-4, rtol=0)  # 256 float32 terms, each exact to 1e-6


@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_the_logistic_mixture_sums_to_one_over_the_colors_of_a_pixel(spread):
    p = logistics(3, 4.0, spread=spread)
    colors = torch.tensor(list(itertools.product(range(5), repeat=3)), dtype=torch.uint8).view(-1, 3, 1, 1)
    total = sum(p.log_prob(color[None]).exp().item() for color in colors)
    assert total == pytest.approx(1, abs=1e-5)


def test_samples_of_colors_come_as_often_as_the_log_probability_says():
    """20,000 draws over 27 colors: no frequency is 5 standard errors from its probability.

    The second and third channels depend on the whole, limited values of those before, as the log-probability has it.
    """
    p = logistics(3, 2.0, spread=2.0, seed=1)
    torch.manual_seed(0)
    n = 20_000
    many = LogisticMixture(
        torch.cat([p.logits.unsqueeze(2), p.means, p.log_scales, p.coefficients], 2).expand(n, -1, -1, -1, -1), 3, 2.0
    )
    drawn = many.sample().view(n, 3)
    for color in itertools.product(range(3), repeat=3):
        probability = p.log_prob(torch.tensor(color).view(1, 3, 1, 1)).exp().item()
        frequency = (drawn == torch.tensor(color)).all(1).double().mean().item()
        assert abs(frequency - probability) < 5 * math.sqrt(probability / n) + 1e-4


@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_samples_of_the_logistic_mixture_have_its_mean(spread):
    """10,000 draws of 8 gray pixels: the standard error is below 1.3 of 255, that of a pixel that is on or off."""
    p = logistics(1, 255.0, size=8, spread=spread)
    torch.manual_seed(0)
    drawn = p.sample(torch.Size([10_000])).mean(0)
    torch.testing.assert_close(drawn, p.mean, atol=5, rtol=0)


@pytest.mark.parametrize("name", ["bernoulli", "continuous_bernoulli", "logistic", "normal", "normal_each"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_likelihood_gives_each_example_one_log_probability_and_a_mean_in_range(name, channels):
    spec = Spec((channels, 4, 6), (Column("pixel", "intensity", scale=255.0),), "uint8")
    head = head_of(name, spec)
    p = head(torch.randn(3, *head.shape, generator=torch.Generator().manual_seed(0)))
    x = torch.randint(256, (3, channels, 4, 6), dtype=torch.uint8)
    assert p.log_prob(x.float()).shape == (3,)
    assert p.mean.shape == (3, channels, 4, 6)
    assert p.sample().shape == (3, channels, 4, 6)
    assert "normal" in name or (p.mean.min() >= 0 and p.mean.max() <= 255)
