"""A user's own encoder, decoder, prior and objective are fitted, saved as weights, and asked for where needed."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import enfold
from conftest import without_pictures
from enfold import Config, InputError, build, fitting
from enfold.checkpoints import save_checkpoint
from enfold.cli import main
from enfold.data.split import Split
from enfold.inference import encode_means
from enfold.objectives import ELBO, Objective, elbo
from enfold.run import Run, create_run, open_run, save_weights
from enfold.state import State


def encoder(width=16):
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Dropout(0.1))


def decoder(inputs=2):
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8)))


class Shifted(nn.Module):
    """A normal prior whose mean is learned."""

    def __init__(self, latent_dim=2):
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(latent_dim))

    def forward(self):
        return Independent(Normal(self.mu, torch.ones_like(self.mu)), 1)


def twice(model, x, beta=1.0):
    terms = elbo(model, x, beta)
    return terms._replace(loss=2 * terms.loss)


ALL = {"encoder": encoder(), "decoder": decoder(), "prior": Shifted(), "objective": twice}
MODULES = {name: ALL[name] for name in ("encoder", "decoder", "prior")}
QUICK = {"epochs": 2, "device": "cpu", "ema": 0.9}


@pytest.fixture(scope="module")
@without_pictures()
def run(tmp_path_factory):
    return enfold.fit("digits", out=tmp_path_factory.mktemp("runs") / "run", **QUICK, **ALL)


def test_a_run_with_own_parts_is_the_same_when_it_is_opened_with_them(run, digits):
    again = enfold.open(run.folder, device="cpu", **MODULES)
    np.testing.assert_array_equal(encode_means(again.model, digits.x), encode_means(run.model, digits.x))
    z = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    with torch.no_grad():
        assert torch.equal(again.model.decode(z).mean, run.model.decode(z).mean)
        assert torch.equal(again.model.prior().mean, run.model.prior().mean)
    assert run.model.prior.mu.abs().min() > 0  # it has learned


def test_the_users_objects_stay_as_they_were(run):
    """Every model has a copy, so that two runs may be open with the same object."""
    for name, fresh in (("encoder", encoder()), ("decoder", decoder())):
        for parameter, first in zip(ALL[name].state_dict().values(), fresh.state_dict().values(), strict=True):
            assert torch.equal(parameter, first)
    assert not ALL["prior"].mu.any()


def test_what_needs_no_model_needs_no_object(run):
    opened = enfold.open(run.folder)
    assert opened.metrics == run.metrics
    assert opened.config.custom == ["encoder", "decoder", "prior", "objective"]
    assert len(opened.history) == 2
    assert "encoder=encoder, decoder=decoder" in (run.folder / "report.html").read_text("utf-8")


def test_a_missing_object_is_asked_for(run):
    with pytest.raises(InputError, match=r"encoder and the decoder and the prior .* encoder=…, decoder=…, prior=…"):
        _ = enfold.open(run.folder).model
    with pytest.raises(InputError, match=r"The decoder of this model .* enfold.open\(folder, decoder=…\)"):
        _ = enfold.open(run.folder, encoder=ALL["encoder"], prior=ALL["prior"]).model


def test_another_object_is_refused(run):
    with pytest.raises(InputError, match="another model's weights"):
        _ = enfold.open(run.folder, **{**MODULES, "encoder": encoder(17)}).model


def test_an_object_for_a_named_part_is_refused(run, digits, tmp_path):
    small_run = tmp_path / "run"
    create_run(Run(small_run, Config(), digits.spec, "cpu"), Split(9, np.arange(3), sha256=""))
    with pytest.raises(InputError, match="encoder=auto"):
        enfold.open(small_run, encoder=encoder())
    with pytest.raises(InputError, match="encode=… was passed"):
        enfold.open(run.folder, encode=encoder())


@pytest.mark.parametrize("command", ["encode", "summary", "evaluate", "report", "sample"])
def test_the_command_line_says_that_it_needs_python(run, command, capsys):
    more = {"encode": ["digits", "--out", "z.csv"], "sample": ["--out", "x.png"]}.get(command, [])
    assert main([command, str(run.folder), *more]) == 2
    assert "Pass what was passed to enfold.fit in Python again" in capsys.readouterr().err


@without_pictures()
def test_an_interrupted_fit_goes_on_with_the_objects_to_the_same_weights(run, tmp_path, monkeypatch):
    """Stopped after the first of two epochs, whose checkpoint has the statistics of batch normalization too."""
    monkeypatch.setattr(fitting, "MOST_TIME_SAVING", 10.0)

    class Stop(Exception):
        pass

    def stopping(items):
        for item in items:
            yield item
            if item.epoch == 2:
                raise Stop

    folder = tmp_path / "run"
    with pytest.raises(Stop):
        enfold.fit("digits", out=folder, watch=stopping, **QUICK, **ALL)
    with pytest.raises(InputError, match=r"objective"):
        enfold.resume(folder, **MODULES)
    assert open_run(folder).resumption == (
        f'enfold.resume("{folder}", encoder=encoder, decoder=decoder, prior=prior, objective=objective)'
    )
    enfold.resume(folder, **ALL)
    assert (folder / "model.safetensors").read_bytes() == (run.folder / "model.safetensors").read_bytes()


def test_tied_weights_stay_tied_and_can_be_saved(tmp_path, digits):
    """A decoder of the encoder's weights: one parameter in two places."""
    first = nn.Linear(64, 16)

    class Transposed(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 16)
            self.first = first

        def forward(self, z):
            return (torch.tanh(self.inner(z)) @ self.first.weight).view(-1, 1, 8, 8)

    own = {"encoder": nn.Sequential(nn.Flatten(), first, nn.Tanh()), "decoder": Transposed()}
    config = Config.of(**own, epochs=1)
    run = Run(tmp_path / "run", config, digits.spec, "cpu")
    create_run(run, Split(300, np.arange(3), sha256=""))
    state = State(run.untrained(), config)
    for _ in enfold.train(state.model, digits.x[:300], config, state=state):
        save_checkpoint(run.folder, state, list)
    save_weights(run, state.processes.whole(state.model.state_dict()))
    model = enfold.open(run.folder, device="cpu", **own).model
    assert model.encoder[1][1].weight is model.decoder[0].first.weight
    state.model.eval()
    assert torch.equal(model.reconstruct(digits.x[:5]), state.model.reconstruct(digits.x[:5]))


def test_the_average_has_the_statistics_of_batch_normalization(digits):
    """Those of the model, not of the beginning."""
    config = Config.of(encoder=encoder(), epochs=1, ema=0.9)
    model = build.autoencoder(config, digits.spec)
    state = State(model, config)
    for _ in enfold.train(model, digits.x, config, state=state):
        pass
    for average, last in zip(state.average.buffers(), model.buffers(), strict=True):
        assert torch.equal(average, last)
    assert model.encoder[1][2].running_mean.any()


def test_a_conditional_model_has_own_parts_too(digits):
    spec = enfold.Spec(**{**vars(digits.spec), "conditions": (0.0, 1.0, 2.0)})
    config = Config.of(encoder=encoder(), decoder=decoder(5))
    model = build.autoencoder(config, spec)
    assert model.reconstruct(digits.x[:2], torch.tensor([0, 2])).shape == (2, 1, 8, 8)


def test_an_encoder_that_learns_its_sizes_from_the_data(digits):
    lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(9))
    model = build.autoencoder(Config.of(encoder=lazy), digits.spec)
    assert model.encode(digits.x[:3]).mean.shape == (3, 2)


WRONG = [
    ({"encoder": nn.Linear(5, 3)}, "cannot take float32 arrays of shape"),
    ({"encoder": nn.Conv2d(1, 4, 3)}, "nn.Flatten"),
    ({"decoder": nn.Linear(2, 7)}, r"\(B, 1, 8, 8\)"),
    ({"decoder": decoder(3)}, "cannot take float32 arrays of shape"),
    ({"decoder": nn.Sequential(decoder(), nn.Sigmoid())}, "ends in a sigmoid"),
    ({"prior": Shifted(3)}, "event shape"),
    ({"encoder": 42}, "torch.nn.Module"),
    ({"objective": 42}, r"\(model, x, beta\)"),
    ({"encoder": nn.Linear}, "torch.nn.Module"),
    ({"objective": ELBO}, r"Pass an object of it, as in objective=ELBO\(\)"),
    ({"objective": Objective()}, "must be one of"),
    ({"prior": None}, "must be one of"),
    ({"prior": "custom"}, "stands for a Python object"),
    ({"objective": elbo, "beta": -5}, "'beta' must be"),
]


@pytest.mark.parametrize(("own", "message"), WRONG, ids=[message for _, message in WRONG])
def test_objects_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, own, message):
    with pytest.raises(InputError, match=message):
        enfold.fit("digits", out=tmp_path / "run", **QUICK, **own)
    assert not (tmp_path / "run").exists()


def test_a_custom_objective_that_is_passed_again_keeps_its_options():
    config = Config.of(objective=elbo, beta=0.5)
    again = Config.from_toml(config.to_toml()).with_settings({"objective": elbo})
    assert again == config
    assert again.objective.beta == 0.5
