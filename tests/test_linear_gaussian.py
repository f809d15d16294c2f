"""A linear VAE with normal noise is probabilistic PCA, whose likelihood and subspace are known in closed form.

Tipping & Bishop 1999, "Probabilistic principal component analysis"; Lucas et al. 2019, "Don't blame the ELBO!",
section 4: at its optimum the linear VAE's ELBO is the log-likelihood itself.
"""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import nn
from torch.distributions import MultivariateNormal

from enfold import Autoencoder, Column, Config, Spec, train
from enfold.metrics.likelihood import log_likelihood_bounds
from enfold.nets.heads import Normalize
from enfold.nets.likelihoods import NormalValues
from enfold.nets.posteriors import DiagonalNormal
from enfold.priors import StandardNormal

D, K = 6, 2


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, K))
    loadings = rng.normal(size=(K, D)) * [[2.0], [1.0]]
    return (z @ loadings + 0.5 * rng.normal(size=(4000, D)) + rng.normal(size=D)).astype(np.float32)


@pytest.fixture(scope="module")
def model(data):
    torch.manual_seed(0)
    spec = Spec((D,), (Column("value", "real"),)).standardized(data)  # one scale for all columns, as in PPCA
    encoder = nn.Sequential(Normalize(spec), DiagonalNormal(D, K))
    decoder = nn.Sequential(nn.Linear(K, D), NormalValues(spec))
    model = Autoencoder(encoder, decoder, StandardNormal(K), spec)
    config = Config.of(learning_rate=0.02, batch_size=500, epochs=300, precision="float32")
    for _ in train(model, data, config):
        pass
    return model.eval()


def exact_log_likelihood(model, data):
    """Integrated over z: x ~ N(b, W Wᵀ + σ² I)."""
    layer, head = model.decoder
    covariance = layer.weight @ layer.weight.T + head.log_sigma.exp() ** 2 * torch.eye(D)
    x = (torch.from_numpy(data) - head.units.offset) / head.units.scale
    return (MultivariateNormal(layer.bias, covariance).log_prob(x).mean() - D * head.units.scale.log()).item()


def test_it_reaches_the_likelihood_of_probabilistic_pca(model, data):
    """No linear model with normal noise is likelier; stochastic training comes within 0.005 nats."""
    best = PCA(K).fit(data).score(data)
    found = exact_log_likelihood(model, data)
    assert best - 0.005 < found <= best + 1e-3


def test_its_elbo_is_the_likelihood(model, data):
    """The posterior is exact at the optimum; 32 draws of noise for all rows leave an error below 0.1 nats."""
    assert log_likelihood_bounds(model, data).mean() == pytest.approx(exact_log_likelihood(model, data), abs=0.1)


def test_its_decoder_spans_the_principal_subspace(model, data):
    components = PCA(K).fit(data).components_
    angles = subspace_angles(model.decoder[0].weight.detach().numpy(), components.T)
    assert np.rad2deg(angles.max()) < 2
