"""Posteriors are the distributions that they claim to be; codes are rounded, and gradients pass the rounding."""

import pytest
import torch
from torch.distributions import Independent, Laplace, Normal, kl_divergence

from enfold import Config, InputError, build
from enfold.distributions import Code, detached, joined, moved, rate
from enfold.nets.posteriors import COMMITMENT, DiagonalNormal, FiniteScalar, FullNormal, VectorQuantized
from enfold.priors import MixturePrior, StandardNormal

H = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def full():
    torch.manual_seed(0)
    return FullNormal(5, 3)


def test_a_full_posterior_without_covariance_is_the_diagonal_one(full):
    diagonal = DiagonalNormal(5, 3)
    with torch.no_grad():
        full.below.weight.zero_()
        full.below.bias.zero_()
    diagonal.load_state_dict({name: each for name, each in full.state_dict().items() if "below" not in name})
    p, z, noise = StandardNormal(3)(), torch.randn(4, 6, 3), torch.randn(3)
    q, same = full(H), diagonal(H)
    torch.testing.assert_close(q.log_prob(z), same.log_prob(z))
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(same, p))
    torch.testing.assert_close(moved(q, noise), moved(same, noise))


def test_the_kl_of_a_full_posterior_is_the_monte_carlo_mean(full):
    """200,000 draws for each of 6 posteriors agree within 5 standard errors."""
    torch.manual_seed(1)
    q = full(3 * H)
    p = Independent(Normal(torch.tensor([0.5, -1.0, 0.0]), torch.tensor([1.0, 2.0, 0.7])), 1)
    z = q.sample(torch.Size([200_000]))
    ratios = q.log_prob(z) - p.log_prob(z)
    assert ((kl_divergence(q, p) - ratios.mean(0)).abs() < 5 * ratios.std(0) / 200_000**0.5).all()


def test_noise_stands_for_draws_from_a_full_posterior(full):
    """The covariance of 100,000 moved draws: the standard error of each entry is below 0.01."""
    torch.manual_seed(0)
    noise = torch.randn(100_000, 3)
    single = full(3 * H[:1])
    found = torch.cov(moved(single, noise).T)
    torch.testing.assert_close(found, single.covariance_matrix[0], atol=0.05, rtol=0)


def test_the_rate_without_a_closed_form_is_unbiased():
    """A mixture of one standard normal has no closed form in torch, but that of the standard normal is its own."""
    torch.manual_seed(0)
    q, p = DiagonalNormal(5, 2)(H), MixturePrior(2, 1)
    with torch.no_grad():
        p.mu.zero_()
        draws = rate(q, p(), q.rsample(torch.Size([20_000])))
    torch.testing.assert_close(draws.mean(0), kl_divergence(q, StandardNormal(2)()), atol=0.05, rtol=0)  # 5 errors


@pytest.mark.parametrize("kind", [DiagonalNormal, FullNormal])
def test_a_detached_posterior_is_the_same_without_gradients(kind):
    q = kind(5, 3)(H)
    z = q.sample()
    torch.testing.assert_close(detached(q).log_prob(z), q.log_prob(z))
    assert not detached(q).log_prob(z).requires_grad


@pytest.mark.parametrize("head", [DiagonalNormal(5, 3), FullNormal(5, 3), FiniteScalar(5, 3, 4)])
def test_the_posteriors_of_two_batches_are_those_of_one(head):
    with torch.no_grad():
        whole, parts = head(H), [head(H[:4]), head(H[4:])]
        both, noise = joined(*parts), torch.randn(3)
    assert isinstance(whole, type(both))
    torch.testing.assert_close(both.mean, whole.mean)
    torch.testing.assert_close(both.log_prob(whole.mean), whole.log_prob(whole.mean))
    torch.testing.assert_close(moved(both, noise), moved(whole, noise))


def test_a_posterior_of_an_unknown_kind_is_refused():
    q = Independent(Laplace(torch.zeros(2, 3), torch.ones(2, 3)), 1)
    for ask in (detached, lambda q: joined(q, q), lambda q: moved(q, torch.zeros(3))):
        with pytest.raises(InputError, match="Expected a posterior that is normal or a code, got a Laplace"):
            ask(q)


def test_a_stray_example_costs_much_but_no_infinity():
    head = DiagonalNormal(5, 3)
    costs = kl_divergence(head(1e6 * H), StandardNormal(3)())
    assert torch.isfinite(costs).all()
    costs.sum().backward()
    assert all(torch.isfinite(each.grad).all() for each in head.parameters())


def test_draws_of_a_full_posterior_are_exact_in_any_precision(full):
    q = full(H)
    torch.manual_seed(0)
    expected = q.rsample()
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(q.rsample(), expected, rtol=0, atol=0)


def test_a_code_far_from_its_features_is_still_that_code():
    q = Code(torch.tensor([[30_000 + 1 / 512]]), torch.tensor([[0.3]]))
    assert q.mean.item() == torch.tensor(0.3).item()
    assert q.log_prob(q.mean).tolist() == [0.0]


def test_a_single_coordinate_has_a_full_posterior_too(digits):
    model = build.autoencoder(Config.of(posterior="full", latent_dim=1, width=8), digits.spec)
    assert model.encode(digits.x[:3]).mean.shape == (3, 1)


@pytest.mark.parametrize("levels", [2, 3, 8])
def test_finite_scalars_are_the_nearest_of_so_many_levels(levels):
    torch.manual_seed(0)
    head = FiniteScalar(5, 2, levels)
    with torch.no_grad():
        head.linear.weight *= 5
    h = torch.randn(2000, 5)
    q = head(h)
    expected = torch.linspace(-1, 1, levels)
    torch.testing.assert_close(q.mean.detach().unique(), expected)
    distance = (torch.tanh(head.linear(h)).unsqueeze(-1) - expected).abs()
    torch.testing.assert_close(q.mean, expected[distance.argmin(-1)])
    torch.testing.assert_close(head.codes(), expected.expand(2, -1).unsqueeze(-1))


def test_gradients_pass_the_rounding_to_levels():
    """d code / d features is that of tanh, as if nothing were rounded (Bengio 2013)."""
    head, z = FiniteScalar(5, 2, 4), torch.randn(6, 2)
    head(H).rsample().mul(z).sum().backward()
    rounded = head.linear.weight.grad.clone()
    head.zero_grad()
    torch.tanh(head.linear(H)).mul(z).sum().backward()
    torch.testing.assert_close(rounded, head.linear.weight.grad)


@pytest.fixture
def quantized():
    torch.manual_seed(0)
    return VectorQuantized(5, 4, codebook_size=7, num_codebooks=2)


def test_each_part_is_the_nearest_code(quantized):
    q = quantized(H)
    features = quantized.linear(H).view(6, 2, 1, 2)
    nearest = (features - quantized.books).square().sum(-1).argmin(-1)  # (6, 2)
    expected = torch.stack([quantized.books[part, nearest[:, part]] for part in range(2)], 1)
    torch.testing.assert_close(q.mean, expected.flatten(1))
    assert q.log_prob(q.rsample()).tolist() == [0.0] * 6
    assert q.log_prob(q.rsample() + 1).exp().tolist() == [0.0] * 6


def test_the_cost_of_rounding_is_van_den_oords(quantized):
    """Equation 3: ‖sg[z] − e‖² + β ‖z − sg[e]‖², its value and both its gradients."""
    q = quantized(H)
    z, e = quantized.linear(H), q.rounded
    torch.testing.assert_close(q.cost, (1 + COMMITMENT) * (z - e).square().sum(1))
    q.cost.sum().backward()
    torch.testing.assert_close(quantized.linear.bias.grad, COMMITMENT * 2 * (z - e).sum(0))
    moves = torch.zeros_like(quantized.books)
    for row in range(6):
        for part in range(2):
            code = (quantized.books[part] == e[row, 2 * part : 2 * part + 2]).all(-1).nonzero().item()
            moves[part, code] += 2 * (e - z)[row, 2 * part : 2 * part + 2].detach()
    torch.testing.assert_close(quantized.books.grad, moves)


def test_gradients_pass_the_rounding_to_codes(quantized):
    quantized(H).rsample().sum().backward()
    torch.testing.assert_close(quantized.linear.bias.grad, torch.full((4,), 6.0))
    assert quantized.books.grad is None
