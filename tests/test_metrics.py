"""Each metric against a closed form, another library's answer or an invariance; each error against its coverage."""

import math
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

from enfold import Autoencoder, Column, Config, Spec, build
from enfold.metrics import clustering
from enfold.metrics.embedding import linear_probe_accuracy, trustworthiness_of_rows
from enfold.metrics.information import active_units, active_units_error, information_of_rows
from enfold.metrics.intervals import bootstrap_error, decimals, mean_error, share_error
from enfold.metrics.likelihood import bits_meaning, bits_of_rows, bound_of_rows, log_likelihood
from enfold.metrics.reconstruction import peak_signal_to_noise, squared_error, structural_similarity
from enfold.nets.likelihoods import BernoulliPixels, NormalValues
from enfold.priors import StandardNormal

D, K = 6, 2


class Posterior(nn.Module):
    """q(z|x) = N(a x, s²), or with `full` the same as a MultivariateNormal."""

    def __init__(self, weight, std, full=False):
        super().__init__()
        self.weight, self.std = nn.Parameter(torch.as_tensor(weight).float()), std
        self.full = full

    def forward(self, x):
        mean = x.float().flatten(1) @ self.weight
        std = torch.full_like(mean, self.std)
        if self.full:
            return MultivariateNormal(mean, scale_tril=torch.diag_embed(std))
        return Independent(Normal(mean, std), 1)


@pytest.fixture(scope="module")
def linear_gaussian():
    """A linear decoder with normal noise, an encoder that is not its exact posterior, rows drawn from the model."""
    torch.manual_seed(0)
    spec = Spec((D,), (Column("value", "real"),))
    decoder = nn.Sequential(nn.Linear(K, D), NormalValues(spec))
    weight, sigma = decoder[0].weight.detach(), decoder[1].log_sigma.exp().item()
    inverse = torch.linalg.inv(torch.eye(K) + weight.T @ weight / sigma**2)
    encoder = Posterior(weight @ inverse / sigma**2 * 0.9, 1.3 * inverse.diagonal().max().sqrt().item())
    model = Autoencoder(encoder, decoder, StandardNormal(K), spec).eval()
    x = model.decode(torch.randn(1000, K)).sample()
    exact = MultivariateNormal(decoder[0].bias, weight @ weight.T + sigma**2 * torch.eye(D))
    return model, x.numpy(), exact


def test_more_draws_are_a_tighter_bound_and_many_are_the_likelihood(linear_gaussian):
    """The steps are differences of the same rows, each above zero by more than three standard errors."""
    model, x, exact = linear_gaussian
    truth = exact.log_prob(torch.from_numpy(x)).detach().double().numpy()
    bounds = [-bound_of_rows(model, x)["negative_elbo"]]
    bounds += [log_likelihood(model, x, k) for k in (5, 50)]
    for lower, higher in zip(bounds, [*bounds[1:], truth], strict=True):
        step = higher - lower
        assert step.mean() > (3 * mean_error(step) if higher is not truth else -3 * mean_error(step))
    many = log_likelihood(model, x, 2000) - truth
    assert abs(many.mean()) < 3 * mean_error(many) + 1e-3  # its bias is about var(w) / 2 K
    assert mean_error(many) < 0.01


def test_the_error_covers_the_likelihood_of_all_rows(linear_gaussian):
    """E log p(x) is minus the entropy; a thousand rows' estimate is within three standard errors."""
    model, x, exact = linear_gaussian
    found = log_likelihood(model, x, 500)
    assert abs(found.mean() + exact.entropy().item()) < 3 * mean_error(found)


def test_the_likelihood_does_not_depend_on_how_many_draws_are_decoded_at_once(linear_gaussian):
    """Sums of float64 in another order, of terms that float32 products of other sizes give."""
    model, x, _ = linear_gaussian
    state = torch.get_rng_state()
    found = [log_likelihood(model, x[:300], 100, at_once=step) for step in (1, 7, 100, None, None)]
    for each in found[1:]:
        np.testing.assert_allclose(each, found[0], rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(found[3], found[4])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_likelihood_decodes_few_vectors_at_once_however_small_the_examples_are(linear_gaussian):
    """A decoder's hidden layers are as wide for two values as for hundreds: 4,096 vectors take some megabytes."""
    model, x, _ = linear_gaussian
    seen = []
    hook = model.decoder.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    log_likelihood(model, x[:128], 100)
    hook.remove()
    assert sum(seen) == 128 * 100
    assert max(seen) <= 2**12


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps freed memory as it likes")
def test_the_likelihood_takes_the_memory_of_the_draws_before():
    """Else the system gives every step of some draws its pages anew: thousands of them."""
    code = """
import resource, numpy as np, torch, enfold
from enfold import build
from enfold.metrics import log_likelihood
torch.set_num_threads(1)
x = np.zeros((128, 1, 28, 28), np.uint8)
spec = enfold.Spec((1, 28, 28), (enfold.Column("pixel", "intensity", scale=255.0),), "uint8")
model = build.autoencoder(enfold.Config.of(width=32, depth=1), spec)
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    log_likelihood(model, x, 100, at_once=10)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert int(done.stdout) < 500, done.stderr


@pytest.mark.parametrize("posterior", ["fsq", "vq"])
def test_the_likelihood_of_codes_is_their_bound(digits, posterior):
    model = build.autoencoder(Config.of(width=32, depth=1, posterior=posterior), digits.spec)
    x = digits.x[:150]
    expected = -bound_of_rows(model, x)["negative_elbo"]
    np.testing.assert_allclose(log_likelihood(model, x, 30), expected, rtol=1e-5)


def test_the_information_in_codes_is_their_entropy(digits):
    model = build.autoencoder(Config.of(width=32, depth=1, posterior="fsq", levels=4), digits.spec)
    found = information_of_rows(model, digits.x[:500])
    with torch.no_grad():
        codes = model.encode(digits.x[:500]).mean.numpy().round(3)
    shares = np.unique(codes, axis=0, return_counts=True)[1] / 500
    assert found["information"].mean() == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-5)
    assert found["marginal"].mean() == pytest.approx(2 * math.log(4) - found["information"].mean(), abs=1e-5)


@pytest.mark.parametrize("full", [False, True])
def test_information_and_marginal_are_those_of_normal_channels(full):
    """Channels z = x + s ε of x ~ N(0, 1): I = ½ ln(1 + 1/s²) each, and q(z) = N(0, 1 + s²) in closed form."""
    s, n = 0.5, 2000
    x = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    spec = Spec((2,), (Column("value", "real"),))
    model = Autoencoder(Posterior(torch.eye(2), s, full), nn.Identity(), StandardNormal(2), spec)
    found = information_of_rows(model, x)
    information = 2 * 0.5 * math.log(1 + 1 / s**2)
    marginal = 2 * 0.5 * (s**2 - math.log(1 + s**2))
    bias = (1 + 1 / s**2) / n  # about the number of distinguishable points over that of the rows
    for name, expected in (("information", information), ("marginal", marginal)):
        assert abs(found[name].mean() - expected) < 3 * mean_error(found[name]) + bias
    np.testing.assert_allclose(found["information"] + found["marginal"], found["rate"], atol=1e-9)
    rate = 0.5 * (x.astype(np.float64) ** 2 + s**2 - 1 - 2 * math.log(s)).sum(1)
    np.testing.assert_allclose(found["rate"], rate, rtol=1e-5)


def test_information_is_at_most_what_tells_the_rows_apart():
    x = np.arange(64, dtype=np.float32)[:, None]
    model = Autoencoder(
        Posterior(torch.eye(1), 1e-3), nn.Identity(), StandardNormal(1), Spec((1,), (Column("a", "real"),))
    )
    assert information_of_rows(model, x)["information"].mean() == pytest.approx(math.log(64), abs=1e-5)


def test_the_error_of_active_units_is_that_of_units_near_the_threshold():
    """Four units are far from it; one at the threshold is active in half of all samples: its error is ½."""
    scales = np.array([1.0, 0.5, 0.001, 0.0, 0.1])
    points = np.random.default_rng(0).normal(size=(400, 5)) * scales
    points[:, 4] *= 0.1 / points[:, 4].std() * 1.0001
    assert active_units(points) == 3
    assert active_units_error(points[:, :4]) == 0
    assert active_units_error(points) == pytest.approx(0.5, abs=0.03)


class Constant(nn.Module):
    """z → zeros of a shape."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, z):
        return torch.zeros(len(z), *self.shape)


def blind(spec, head):
    """A model that knows nothing: its posterior is its prior."""
    encoder = Posterior(torch.zeros(spec.size, 1), 1.0)
    return Autoencoder(encoder, nn.Sequential(Constant(spec.shape), head), StandardNormal(1), spec)


PIXELS = Spec((1, 4, 4), (Column("pixel", "intensity", scale=255.0),), "uint8")


def test_a_pixel_of_which_nothing_is_known_has_one_bit():
    x = np.random.default_rng(0).choice([0, 255], (50, 1, 4, 4)).astype(np.uint8)
    np.testing.assert_allclose(bits_of_rows(blind(PIXELS, BernoulliPixels(PIXELS)), x), 1, rtol=1e-6)


def test_bits_under_a_normal_density_are_those_of_its_cells():
    """In a cell of a tenth of σ the density hardly bends: Jensen's inequality costs less than the draws' noise."""
    x = np.random.default_rng(0).integers(0, 11, (40, 1, 4, 4)).astype(np.uint8)
    head, sigma = NormalValues(PIXELS), 10.0
    head.log_sigma.data.fill_(math.log(sigma / 255))
    exact = -np.log2(norm.cdf((x + 0.5) / sigma) - norm.cdf((x - 0.5) / sigma)).mean()
    noise = math.sqrt(np.mean(x.astype(float) ** 2) / sigma**4 / 12 / 4 / x.size) / math.log(2)
    assert abs(bits_of_rows(blind(PIXELS, head), x).mean() - exact) < 4 * noise


@pytest.mark.parametrize(
    ("likelihood", "meaning"),
    [("bernoulli", None), ("continuous_bernoulli", None), ("logistic", "mass"), ("normal", "cells")],
)
def test_bits_have_a_meaning_where_whole_intensities_have_a_probability(digits, likelihood, meaning):
    model = build.autoencoder(Config.of(width=16, depth=1, likelihood=likelihood), digits.spec)
    assert bits_meaning(model, digits.x[:200]) == meaning
    binary = (digits.x[:200] > 8) * np.uint8(16)
    assert bits_meaning(model, binary) == ("mass" if likelihood == "bernoulli" else meaning)


def images(n=3, channels=2, height=13, width=16):
    random = np.random.default_rng(0)
    a = random.uniform(size=(n, channels, height, width))
    return a, np.clip(a + 0.2 * random.normal(size=a.shape), 0, 1)


def test_structural_similarity_is_that_of_every_window_by_itself():
    a, b = images()
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    expected = np.zeros(3)
    for i in range(3):
        found = []
        for c in range(2):
            for top in range(3):
                for left in range(6):
                    p, q = (each[i, c, top : top + 11, left : left + 11] for each in (a, b))
                    m, o = (window * p).sum(), (window * q).sum()
                    vp, vq = (window * (p - m) ** 2).sum(), (window * (q - o) ** 2).sum()
                    both = (window * (p - m) * (q - o)).sum()
                    similar = (2 * m * o + 1e-4) * (2 * both + 9e-4)
                    found.append(similar / ((m**2 + o**2 + 1e-4) * (vp + vq + 9e-4)))
        expected[i] = np.mean(found)
    np.testing.assert_allclose(structural_similarity(a, b), expected, rtol=1e-9)


def test_structural_similarity_of_equals_is_one_and_of_others_less():
    a, b = images()
    np.testing.assert_allclose(structural_similarity(a, a), 1, rtol=1e-12)
    assert (structural_similarity(a, b) < 0.9).all()
    np.testing.assert_allclose(structural_similarity(a, b), structural_similarity(b, a), rtol=1e-12)


def test_the_signal_to_noise_ratio_is_in_decibel():
    a, b = images()
    np.testing.assert_allclose(squared_error(a, b), ((a - b) ** 2).mean((1, 2, 3)))
    assert peak_signal_to_noise(0.01) == pytest.approx(20)
    assert peak_signal_to_noise(0.0) is None


def grouped(n=300, k=4):
    """Points near the corners of a square, and the corner of each."""
    random = np.random.default_rng(0)
    labels = random.integers(0, k, n)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])[labels]
    return corners + 0.02 * random.normal(size=(n, 2)), labels


def test_clusters_that_are_the_classes_score_one_whatever_their_numbers():
    points, labels = grouped()
    found = clustering.clusters(points, 4)
    for each in (found, np.array([2, 0, 3, 1])[found]):
        counts = clustering.counts_of(each, labels)
        for score in SCORES:
            assert score(counts) == pytest.approx(1)
            assert bootstrap_error(score, counts) == pytest.approx(0, abs=1e-12)


SCORES = (
    clustering.clustering_accuracy,
    clustering.normalized_mutual_information,
    clustering.adjusted_rand_index,
)


def test_the_scores_of_clusters_are_scikit_learns_and_the_same_for_other_numbers():
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 400)
    found = np.where(random.uniform(size=400) < 0.6, labels, random.integers(0, 7, 400))
    counts = clustering.counts_of(found, labels)
    renumbered = clustering.counts_of(random.permutation(7)[found], random.permutation(5)[labels])
    for score in SCORES:
        assert score(renumbered) == pytest.approx(score(counts), rel=1e-12)
    assert SCORES[1](counts) == pytest.approx(normalized_mutual_info_score(labels, found), rel=1e-9)
    assert SCORES[2](counts) == pytest.approx(adjusted_rand_score(labels, found), rel=1e-9)
    assert SCORES[0](counts) == pytest.approx((found == labels).mean())  # here no other matching is better


def test_points_that_coincide_are_one_cluster():
    assert set(clustering.clusters(np.zeros((20, 3)), 5)) == {0}


def test_trustworthiness_is_scikit_learns_and_one_of_a_rotation():
    random = np.random.default_rng(0)
    x = random.normal(size=(150, 2))
    turn = np.linalg.qr(random.normal(size=(2, 2)))[0]
    np.testing.assert_allclose(trustworthiness_of_rows(x, x @ turn), 1)
    x = random.normal(size=(150, 8))
    found = trustworthiness_of_rows(x, x[:, :2])
    assert found.mean() == pytest.approx(trustworthiness(x, x[:, :2], n_neighbors=5), rel=1e-12)
    assert trustworthiness_of_rows(x[:10], x[:10]) is None


def test_a_linear_probe_tells_what_a_plane_divides_in_any_units():
    points, labels = grouped()
    for unit in (1.0, 1e-4):
        corners = linear_probe_accuracy(points[:200] * unit, labels[:200], points[200:] * unit, labels[200:])
        assert corners == 1
    crossed = (labels == 0) | (labels == 3)  # no line divides the diagonals
    assert linear_probe_accuracy(points[:200], crossed[:200], points[200:], crossed[200:]) < 0.8
    assert linear_probe_accuracy(points, np.zeros(300), points, labels) is None


def test_errors_cover_the_truth_as_often_as_they_say():
    """Two standard errors cover 95% of 400 samples; three standard errors of such a share are 3.3%."""
    random = np.random.default_rng(0)
    means = [random.exponential(size=200) for _ in range(400)]
    assert np.mean([abs(each.mean() - 1) < 1.96 * mean_error(each) for each in means]) == pytest.approx(
        0.95, abs=0.033
    )
    shares = random.binomial(200, 0.3, 400) / 200
    assert np.mean([abs(p - 0.3) < 1.96 * share_error(p, 200) for p in shares]) == pytest.approx(0.95, abs=0.033)


def test_the_bootstrap_finds_the_error_that_has_a_formula():
    """Two hundred resamples give a standard error to 5%; three times that."""
    counts = np.array([60, 140])
    found = bootstrap_error(lambda counts: counts[0] / counts.sum(), counts)
    assert found == pytest.approx(share_error(0.3, 200), rel=0.15)


def test_one_row_has_no_error():
    assert mean_error(np.ones(1)) is share_error(1.0, 1) is bootstrap_error(np.sum, np.ones(1, int)) is None


def test_decimals_show_two_digits_of_an_error():
    assert [decimals(error) for error in (0.51, 0.054, 12.0, 1.2, 0.0)] == [2, 3, 0, 1, 0]
