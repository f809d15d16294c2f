"""Objectives bound what they claim to bound, and estimate without bias what they claim to estimate."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from enfold import Autoencoder, Column, Config, InputError, Spec, build, train
from enfold.distributions import log_ratio
from enfold.nets.heads import Normalize
from enfold.nets.likelihoods import NormalValues
from enfold.nets.posteriors import DiagonalNormal
from enfold.objectives import Learner, elbo, importance_weighted, maximum_mean_discrepancy, mmd, total_correlation
from enfold.objectives.bounds import log_likelihood_given
from enfold.objectives.neighbors import EXPONENT, STRETCH, UNIT, neighbor_loss
from enfold.objectives.penalized import KERNEL_SCALES, dip_vae
from enfold.objectives.plain import autoencoder, regularized_autoencoder
from enfold.objectives.terms import Task
from enfold.priors import MixturePrior, StandardNormal
from enfold.state import State
from enfold.training import epoch_values

D, K = 3, 2
SPEC = Spec((D,), (Column("value", "real"),))


class Fixed(nn.Module):
    """An encoder that gives each example a posterior of its own, whatever the example is."""

    def __init__(self, mean, sigma):
        super().__init__()
        self.mean, self.sigma = nn.Parameter(mean), sigma

    def forward(self, x):
        return Independent(Normal(self.mean, self.sigma.expand_as(self.mean)), 1)


@pytest.fixture
def linear():
    """A linear-Gaussian model, whose posterior is not the true one."""
    torch.manual_seed(3)
    encoder = nn.Sequential(Normalize(SPEC), DiagonalNormal(D, K))
    return Autoencoder(encoder, nn.Sequential(nn.Linear(K, D), NormalValues(SPEC)), StandardNormal(K), SPEC)


def many(x, times):
    return x.expand(times, *x.shape).flatten(0, 1)


def exact(model, x):
    """Integrated over z: x ~ N(b, W Wᵀ + σ² I)."""
    layer, head = model.decoder
    covariance = layer.weight @ layer.weight.T + head.log_sigma.exp() ** 2 * torch.eye(D)
    return MultivariateNormal(layer.bias, covariance).log_prob(x)


def test_bounds_rise_with_the_draws_towards_the_likelihood(linear):
    """Of two examples, by 20,000 to 2,000 draws; each step is many standard errors, about 0.01 to 0.05 nats, wide."""
    x = torch.tensor([[1.5, -1.0, 0.5], [0.0, 1.0, -2.0]])
    torch.manual_seed(0)
    with torch.no_grad():
        steps = [-elbo(linear, many(x, 20_000)).loss.view(-1, 2).mean(0)]
        for samples in (1, 5, 50):
            bound = importance_weighted(linear, many(x, 20_000 if samples < 50 else 2000), samples=samples)
            steps.append(-bound.loss.view(-1, 2).mean(0))
        likelihood = exact(linear, x)
    torch.testing.assert_close(steps[1], steps[0], atol=0.2, rtol=0)  # with one draw it is the ELBO
    assert (steps[1] + 0.1 < steps[2]).all()
    assert (steps[2] + 0.1 < steps[3]).all()
    assert (steps[3] < likelihood + 0.01).all()
    assert (likelihood - steps[3] < 0.3 * (likelihood - steps[0])).all()


def test_with_the_true_posterior_every_bound_is_the_likelihood(linear):
    """Each draw's weight is p(x) then, so nothing is left to chance but float32's rounding."""
    layer, head = linear.decoder
    with torch.no_grad():  # columns at right angles, so that the true posterior has independent coordinates
        layer.weight.copy_(torch.tensor([[1.0, 0.5], [1.0, -0.5], [0.0, 2.0]]))
        precision = torch.eye(K) + layer.weight.T @ layer.weight / head.log_sigma.exp() ** 2
        x = torch.randn(5, D)
        mean = (x - layer.bias) @ layer.weight / head.log_sigma.exp() ** 2 @ precision.inverse().T
        linear.encoder = Fixed(mean, precision.diagonal().rsqrt())
        for samples in (1, 7):
            loss = importance_weighted(linear, x, samples=samples).loss
            torch.testing.assert_close(-loss, exact(linear, x), atol=1e-3, rtol=0)


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_the_doubly_reparameterized_gradient_is_that_of_the_bound(linear, beta):
    """For the encoder, the decoder and a learned prior, over 40,000 times 5 draws: within 5 standard errors."""
    linear.prior = MixturePrior(K, 3)
    x = torch.tensor([[1.5, -1.0, 0.5]])

    def plain(model, x):
        q = model.encode(x)
        z = q.rsample(torch.Size([5]))
        log_w = log_likelihood_given(model, x, z) - beta * log_ratio(q, model.prior(), z)
        return -(log_w.logsumexp(0) - math.log(5))

    def gradients(loss_of, times=40, rows=1000):
        found = []
        for _ in range(times):
            linear.zero_grad()
            loss_of(linear, many(x, rows)).mean().backward()
            found.append(torch.cat([p.grad.flatten() for p in linear.parameters()]))
        stacked = torch.stack(found)
        return stacked.mean(0), stacked.var(0) / times

    torch.manual_seed(0)
    expected, noise = gradients(plain)
    found, less_noise = gradients(lambda model, x: importance_weighted(model, x, beta, samples=5).loss)
    assert ((found - expected).abs() < 5 * (noise + less_noise).sqrt() + 1e-5).all()
    assert found.abs().min() > 0


def test_the_value_of_the_bound_is_that_of_its_weights(linear):
    """A single draw: the loss is distortion + beta rate."""
    terms = importance_weighted(linear, torch.randn(4, D), 0.5, samples=1)
    torch.testing.assert_close(terms.loss, terms.distortion + 0.5 * terms.rate)


@pytest.mark.parametrize("objective", [elbo, mmd, total_correlation])
@pytest.mark.parametrize("beta", [0.0, 0.5, 4.0])
def test_beta_weighs_the_rate(linear, objective, beta):
    """The same draws with and without a rate: the losses differ by beta times the closed form."""
    x = torch.randn(20, D)
    torch.manual_seed(0)
    terms = objective(linear, x, beta)
    torch.manual_seed(0)
    without = objective(linear, x, 0.0)
    expected = kl_divergence(linear.encode(x), linear.prior())
    torch.testing.assert_close(terms.rate, expected)
    torch.testing.assert_close(terms.loss - without.loss, beta * expected, atol=2e-4, rtol=1e-4)


def test_free_bits_cost_nothing_until_they_are_used(linear):
    """Below the free bits the rate has no gradient and a constant price; above them it is as if there were none."""
    x = torch.randn(20, D)

    def at(free_bits):
        torch.manual_seed(0)
        linear.zero_grad()
        terms = elbo(linear, x, free_bits=free_bits)
        (terms.loss - terms.distortion).mean().backward()
        return terms, linear.encoder[1].mu.weight.grad

    terms, free = at(0.0)
    mean = terms.rate.mean().item()
    used, gradient = at(0.9 * mean)
    torch.testing.assert_close((used.loss, gradient), (terms.loss, free))
    unused, gradient = at(1.1 * mean)
    torch.testing.assert_close(unused.loss - unused.distortion, torch.full((20,), 1.1 * mean))
    assert gradient is None or not gradient.any()
    torch.testing.assert_close(unused.rate, terms.rate)


@pytest.mark.parametrize(("share", "epochs"), [(0.5, 4), (1.0, 1), (0.0, 2)])
def test_the_rate_warms_up_within_the_run(digits, share, epochs):
    """The weight is (step + 1/2) / steps / share, at most one: at the end it is whole, however short the run."""
    config = Config.of(
        width=8, depth=0, epochs=epochs, batch_size=128, kl_warmup=share, beta=2.0, precision="float32"
    )
    model, seen = build.autoencoder(config, digits.spec), []
    objective = config.objective.build()

    def noted(model, x, beta):
        seen.append(beta)
        return objective(model, x, beta)

    config = config.with_settings({"objective": noted, "beta": 2.0, "kl_warmup": share})
    state = State(model, config)
    for _ in train(model, digits.x[:640], config, state=state):
        pass
    steps = 5 * epochs
    expected = [2.0 * min(1.0, (step + 0.5) / steps / share) if share else 2.0 for step in range(steps)]
    assert seen == pytest.approx(expected)


def gaussian_posteriors(correlation, n, sigma, seed=0):
    """Posteriors whose means and widths make the aggregate a standard normal of that correlation."""
    torch.manual_seed(seed)
    spread = torch.tensor([[1.0, correlation], [correlation, 1.0]]) - sigma**2 * torch.eye(2)
    return torch.randn(n, 2) @ torch.linalg.cholesky(spread).T, torch.tensor(sigma)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_total_correlation_is_that_of_normals(linear, correlation):
    """−1/2 log(1 − ρ²), of which posteriors as wide as 0.6 leave ρ ≤ 0.64.

    The batch's estimate is biased: a kernel sum of n posteriors is too high at its own draws, by about 1/n times the
    ratio of the joint's volume to a posterior's, 1 / (2 · 0.6²) ≈ 3 for each draw; with 2,000 that is below 0.002.
    The standard error of the mean over 2,000 draws is below 0.015.
    """
    mean, sigma = gaussian_posteriors(correlation, 2000, 0.6)
    linear.encoder = Fixed(mean, sigma)
    x = torch.randn(2000, D)
    with torch.no_grad():
        terms = total_correlation(linear, x, weight=2.0)
    found = ((terms.loss - terms.distortion - terms.rate) / 2).mean().item()
    assert found == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=0.05)


def kernel_mean(variance):
    """E[Σ_s C_s / (C_s + v χ²)] of a normal difference in two dimensions, by an integral over χ² ~ Exp(1/2)."""
    t = torch.linspace(0, 80, 400_001, dtype=torch.float64)
    density = 0.5 * torch.exp(-t / 2)
    return sum(torch.trapezoid(density * (c / (c + variance * t)), t).item() for c in (4 * s for s in KERNEL_SCALES))


def test_the_discrepancy_is_unbiased():
    """The mean over 2,000 pairs of small samples, within 5 standard errors of the exact one: 0 for equal ones.

    For N(0, I) and N(0, 4 I), E k(a, a′) is of differences of variance 2, E k(b, b′) of 8, E k(a, b) of 5.
    """
    torch.manual_seed(0)
    for scale in (1.0, 2.0):
        pairs = [(torch.randn(10, 2), scale * torch.randn(14, 2)) for _ in range(2000)]
        found = torch.stack([maximum_mean_discrepancy(a, b) for a, b in pairs]).double()
        expected = kernel_mean(2) + kernel_mean(2 * scale**2) - 2 * kernel_mean(1 + scale**2)
        assert abs(found.mean().item() - expected) < 5 * found.std().item() / 2000**0.5
    assert expected > 0.05


@pytest.mark.parametrize("objective", ["mmd", "beta_tcvae", "iwae", "elbo"])
def test_an_epoch_may_end_in_a_batch_of_one(linear, objective):
    terms = Config.of(objective=objective).objective.build()(linear, torch.randn(1, D))
    assert all(torch.isfinite(term).all() and term.shape == (1,) for term in terms.named.values())


def test_the_neighbor_loss_is_umaps(linear):
    """With a batch of two and means that are given: −log s(z, z′) − 5 log(1 − s(z, z_j′)), by hand."""
    linear.encoder = Fixed(torch.tensor([[0.1, 0.0], [0.0, 0.3], [0.1, 0.1], [0.0, 0.0]]), torch.tensor(1.0))
    x = torch.zeros(2, D)

    def similarity(squared):
        return 1 / (1 + STRETCH * squared**EXPONENT)

    found = neighbor_loss(linear, x, x)
    near, apart = (0.1**2, 0.3**2), (0.1**2, 0.1**2 + 0.2**2)  # of each row, to its own neighbor and to the other's
    for row in range(2):
        expected = -math.log(similarity(near[row] / UNIT**2)) - 5 * math.log(1 - similarity(apart[row] / UNIT**2))
        assert found[row].item() == pytest.approx(expected, rel=1e-4)


def test_neighbors_and_binary_pixels_reach_the_learner(linear):
    """The loss is the objective's plus the weighted neighbor loss, of examples that were changed alike."""
    seen = []

    def change(x):
        seen.append(x)
        return x + 1

    x, near = torch.zeros(4, D), torch.ones(4, D)
    learner = Learner(linear, Task(elbo, binarize=change, neighbor_weight=3.0))
    torch.manual_seed(0)
    with_neighbors = learner(x, near=near)
    assert [each.mean().item() for each in seen] == [0.0, 1.0]
    torch.manual_seed(0)
    alone = learner(x)
    torch.testing.assert_close(with_neighbors.loss - alone.loss, 3 * neighbor_loss_again(linear, x + 1, near + 1))


def neighbor_loss_again(model, x, near):
    torch.manual_seed(0)
    elbo(model, x)
    return neighbor_loss(model, x, near)


def test_dip_vae_penalizes_the_covariance_of_the_aggregate(linear):
    """By NumPy: of 4,000 draws from each posterior, whose covariance differs from the formula by noise alone."""
    torch.manual_seed(0)
    mean, sigma = torch.randn(50, K) @ torch.tensor([[1.0, 0.7], [0.0, 0.4]]), torch.tensor([0.5, 1.5])
    linear.encoder = Fixed(mean, sigma)
    drawn = (mean + sigma * torch.randn(4000, 50, K)).flatten(0, 1).detach().numpy()
    covariance = np.cov(drawn.T, bias=True)
    expected = 3.0 * 2 * covariance[0, 1] ** 2 + 5.0 * np.square(np.diag(covariance) - 1).sum()
    terms = dip_vae(linear, torch.zeros(50, D), off_diagonal=3.0, diagonal=5.0)
    np.testing.assert_allclose(terms.penalties["covariance"].detach(), expected, rtol=0.03)
    torch.testing.assert_close(terms.loss, terms.distortion + terms.rate + terms.penalties["covariance"])


def test_dip_vae_knows_full_covariances(linear):
    """A posterior that is the prior for every example has the identity as its covariance: nothing to pay."""

    class Standard(nn.Module):
        def forward(self, x):
            return MultivariateNormal(torch.zeros(len(x), K), scale_tril=torch.eye(K).expand(len(x), K, K))

    linear.encoder = Standard()
    torch.testing.assert_close(dip_vae(linear, torch.zeros(9, D)).penalties["covariance"], torch.zeros(9))


def test_a_regularized_autoencoder_pays_for_the_norm_and_the_decoders_gradient(linear):
    """The decoder is linear, so its squared Jacobian is ‖W‖²; of 20,000 signs the mean is within 3%."""
    x = torch.randn(20_000, D)
    z = linear.encode(x).mean
    plain, off = autoencoder(linear, x), regularized_autoencoder(linear, x, latent=2.0)
    torch.testing.assert_close(off.loss, plain.loss + z.square().sum(1))
    assert list(off.penalties) == ["latent_norm"]
    on = regularized_autoencoder(linear, x, latent=0.0, gradient=0.1)
    expected = 0.1 * linear.decoder[0].weight.square().sum().item()
    assert on.penalties["gradient"].mean().item() == pytest.approx(expected, rel=0.03)
    on.loss.mean().backward()
    assert linear.decoder[0].weight.grad.any()
    with torch.inference_mode():  # as evaluations do
        again = regularized_autoencoder(linear, x, latent=0.0, gradient=0.1)
    assert again.penalties["gradient"].mean().item() == pytest.approx(expected, rel=0.03)


def test_the_penalties_of_every_objective_are_in_its_history(digits):
    config = Config.of(objective="rae", gradient_weight=0.01, width=8, depth=0, epochs=1, precision="float32")
    model = build.autoencoder(config, digits.spec)
    [end] = [each for each in train(model, digits.x[:300], config, held_out=digits.x[300:400]) if each.ends_epoch]
    for losses in (end.train, end.held_out):
        assert losses.loss == pytest.approx(losses.distortion + sum(losses.penalties.values()), rel=1e-5)
        assert list(losses.penalties) == ["latent_norm", "gradient"]
    assert {"train_gradient", "held_out_latent_norm"} <= set(epoch_values(end))


def test_an_objective_that_returns_something_else_is_told_what_to_return(digits):
    config = Config.of(objective=lambda model, x, beta: model.decode(model.encode(x).mean).log_prob(x))
    model = build.autoencoder(config, digits.spec)
    with pytest.raises(InputError, match=r"must return enfold\.Terms\(loss, distortion, rate\).* got a Tensor"):
        next(train(model, digits.x[:300], config))
