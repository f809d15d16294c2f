"""Whatever objective, prior and posterior go together, all of the model learns and comes back as it was saved."""

from itertools import product

import numpy as np
import pytest
import torch

import enfold
from enfold import Column, Config, InputError, Spec, build
from enfold.data.split import Split
from enfold.options import CHOICES, option_fields
from enfold.run import Run, create_run, open_run, save_weights

OBJECTIVES, PRIORS, POSTERIORS = (
    [name for name in CHOICES[part] if name not in ("auto", "custom")] for part in ("objective", "prior", "posterior")
)
CODES = ("fsq", "vq")
OPTIONS = {"components": 5, "samples": 3, "levels": 4, "codebook_size": 4}
TABLE = Spec((3,), (Column("value", "real"),) * 3)
PIXELS = Spec((1, 4, 6), (Column("pixel", "intensity", scale=255.0),), "uint8")
COLORS = Spec((3, 4, 6), (Column("pixel", "intensity", scale=255.0),), "uint8")


def small(**settings):
    """Small settings, with those of the options that the choices have."""
    sizes = {} if settings.get("network") == "notebook" else {"width": 8, "depth": 1}
    config = Config.of(**sizes, **settings)
    known = [each.name for choice in config.choices.values() for each in option_fields(choice)]
    return config.with_settings({name: value for name, value in OPTIONS.items() if name in known})


def goes_together(**settings):
    try:
        return bool(Config.of(**settings))
    except InputError:
        return False


COMBINATIONS = [
    (objective, prior, posterior)
    for objective, prior, posterior in product(OBJECTIVES, PRIORS, POSTERIORS)
    if goes_together(objective=objective, prior=prior, posterior=posterior)
]


def is_exempt(objective, name):
    """Whether a parameter rightly learns nothing: a plain autoencoder draws no noise, so no scale counts."""
    return objective in ("autoencoder", "rae") and "raw_sigma" in name


def test_a_prior_that_would_learn_nothing_is_refused():
    with pytest.raises(InputError, match="nothing teaches a prior"):
        build.autoencoder(Config.of(objective="mmd", beta=0, prior="mixture"), PIXELS)


def test_the_combinations_are_many():
    """Five continuous objectives with five priors and two posteriors, or one posterior of the ELBO's codes."""
    assert len([each for each in COMBINATIONS if each[2] not in CODES]) == 5 * 5 * 2 + 3
    assert {each[0] for each in COMBINATIONS if each[2] in CODES} == {"elbo", "autoencoder"}


@pytest.mark.parametrize(("objective", "prior", "posterior"), COMBINATIONS)
def test_every_parameter_has_a_gradient_and_comes_back_as_saved(tmp_path, objective, prior, posterior):
    """With noise on all parameters, as some begin where their gradient is zero."""
    config = small(objective=objective, prior=prior, posterior=posterior)
    run = Run(tmp_path / "run", config, TABLE, "cpu")
    model = run.untrained()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    x = 2 * torch.randn(64, 3)
    terms = config.objective.build()(model, x)
    assert all(term.shape == (64,) and torch.isfinite(term).all() for term in terms.named.values())
    terms.loss.mean().backward()
    for name, parameter in model.named_parameters():
        learns = parameter.grad is not None and bool(parameter.grad.any())
        assert learns or is_exempt(objective, name), name
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name
    create_run(run, Split(64, np.arange(3), sha256=""))
    save_weights(run, model.state_dict())
    again = open_run(run.folder, "cpu").model
    assert torch.equal(model.encode(x).mean, again.encode(x).mean)
    z = torch.randn(5, 2)
    assert torch.equal(model.decode(z).mean, again.decode(z).mean)
    drawn = model.prior().sample((6,))
    assert torch.equal(model.prior().log_prob(drawn), again.prior().log_prob(drawn))


LIKELIHOODS = [
    ("bernoulli", PIXELS),
    ("continuous_bernoulli", PIXELS),
    ("logistic", PIXELS),
    ("logistic", COLORS),
    ("normal", PIXELS),
    ("normal_each", COLORS),
    ("normal_each", TABLE),
]


@pytest.mark.parametrize(("likelihood", "spec"), LIKELIHOODS)
@pytest.mark.parametrize("network", ["mlp", "conv", "notebook"])
def test_every_network_and_likelihood_go_together(likelihood, spec, network):
    if spec is TABLE and network != "mlp":
        return
    config = small(likelihood=likelihood, network=network)
    model = build.autoencoder(config, spec)
    torch.manual_seed(0)
    x = torch.randn(8, *spec.shape) if spec is TABLE else torch.randint(256, (8, *spec.shape), dtype=torch.uint8)
    config.objective.build()(model, x).loss.mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.reconstruct(x).shape == x.shape


@pytest.mark.parametrize("posterior", ["diagonal", "full", "fsq", "vq"])
@pytest.mark.parametrize("prior", ["auto", "vamp", "spline"])
def test_training_lowers_the_loss(digits, posterior, prior):
    """Thirty steps with an average of the weights; codes and normal posteriors, fixed and learned priors."""
    if posterior in CODES and prior != "auto":
        return
    config = small(posterior=posterior, prior=prior, epochs=3, batch_size=128, ema=0.5, learning_rate=5e-3)
    model = build.autoencoder(config, digits.spec)
    ends = [each.train.loss for each in enfold.train(model, digits.x[:1280], config) if each.ends_epoch]
    assert ends[-1] < ends[0] - 1
    assert np.isfinite(ends).all()


BAD = [
    ("digits", {"posterior": "fsq", "objective": "iwae"}, "diagonal or full"),
    ("digits", {"posterior": "vq", "objective": "beta_tcvae"}, "diagonal or full"),
    ("digits", {"posterior": "vq", "objective": "mmd"}, "diagonal or full"),
    ("digits", {"posterior": "fsq", "prior": "vamp"}, "Set prior=auto"),
    ("digits", {"prior": "uniform"}, "Set posterior=fsq"),
    ("digits", {"objective": "notebook", "posterior": "full"}, "Set posterior=diagonal"),
    ("digits", {"objective": "notebook", "prior": "mixture"}, "Set prior=auto"),
    ("digits", {"objective": "autoencoder", "prior": "spline"}, "Set prior=auto"),
    ("digits", {"objective": "autoencoder", "posterior": "full"}, "Set posterior=diagonal"),
    ("digits", {"posterior": "fsq", "n_neighbors": 5}, "Set n_neighbors=0"),
    ("digits", {"condition": "label", "n_neighbors": 5}, "Set n_neighbors=0"),
    ("digits", {"posterior": "vq", "num_codebooks": 2, "latent_dim": 3}, "--latent-dim 2"),
    ("digits", {"corruption": "masking", "noise_level": 1.5}, "at most 1"),
    ("digits", {"n_neighbors": 5000}, "n_neighbors=0"),
    ("digits", {"keep": "bets"}, "did you mean 'best'"),
    ("digits", {"posterior": "fulll"}, "did you mean 'full'"),
    ("digits", {"prior": "flow"}, "realnvp"),
    ("digits", {"objective": "elbow"}, "did you mean 'elbo'"),
    ("digits", {"corruption": "noise"}, "gaussian"),
    ("digits", {"binarize": "yes"}, "dynamic"),
    ("digits", {"condition": "class"}, "label"),
    ("digits", {"encoder": "mlp"}, "auto"),
    ("digits", {"encoder": "custom"}, "encoder=…"),
    ("table", {"binarize": "dynamic"}, "binarize=none"),
    ("table", {"binarize": "static"}, "binarize=none"),
    ("table", {"likelihood": "logistic"}, "likelihood=normal"),
    ("table", {"likelihood": "continuous_bernoulli"}, "likelihood=normal"),
    ("table", {"network": "conv"}, "network=mlp"),
    ("table", {"network": "notebook"}, "--recipe default"),
    ("shares", {"likelihood": "logistic"}, "likelihood=bernoulli"),
]


@pytest.mark.parametrize(("data", "settings", "remedy"), BAD, ids=str)
def test_what_does_not_go_together_is_refused_before_anything_is_written(tmp_path, digits, data, settings, remedy):
    rng = np.random.default_rng(0)
    data = {
        "digits": digits,
        "table": rng.normal(size=(50, 3)).astype(np.float32),
        "shares": (digits.x[:50] / 16).astype(np.float32),
    }[data]
    with pytest.raises(InputError, match=remedy):
        enfold.fit(data, out=tmp_path / "run", epochs=1, device="cpu", **settings)
    assert not (tmp_path / "run").exists()
