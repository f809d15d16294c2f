"""The notebook's network, against one evaluation of it in Keras."""

import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from enfold import build
from enfold.data.arrays import from_array
from enfold.metrics.likelihood import bound_of_rows
from enfold.nets.notebook import convolved
from enfold.recipes import RECIPES

ORACLE = Path(__file__).parent / "oracle" / "notebook_oracle.npz"
CONFIG = RECIPES["notebook"].config
PLACES, CHANNELS = 14 * 14, 64  # of the flattened image
LAYERS = {
    "conv1": "encoder.1.conv1",
    "conv2": "encoder.1.conv2",
    "conv3": "encoder.1.conv3",
    "conv4": "encoder.1.conv4",
    "dense": "encoder.1.dense",
    "z_mu": "encoder.2.mu",
    "z_log_sigma": "encoder.2.raw_sigma",
    "decoder_dense": "decoder.0.dense",
    "decoder_deconv": "decoder.0.deconv",
    "decoder_conv": "decoder.0.conv",
}
# python benchmarks/rivals/keras_notebook.py steps tests/oracle/notebook_oracle.npz 20
KERAS_LOSSES = [
    0.2562539, 0.2480981, 0.2430200, 0.2437241, 0.2773450, 0.2701774, 0.2570695, 0.2511665, 0.2477990, 0.2446213,
    0.2411222, 0.2371840, 0.2332001, 0.2298217, 0.2273043, 0.2254286, 0.2239600, 0.2227459, 0.2217622, 0.2209328,
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle():
    with np.load(ORACLE) as arrays:
        return dict(arrays)


@pytest.fixture
def model(oracle):
    model = build.autoencoder(CONFIG, from_array(oracle["images"]).spec)
    with torch.no_grad():
        for name, module in LAYERS.items():
            layer = model.get_submodule(module)
            layer.weight.copy_(torch.from_numpy(as_torch(oracle[f"weights/{name}/kernel"])))
            layer.bias.copy_(torch.from_numpy(as_torch(oracle[f"weights/{name}/bias"])))
    return model


@pytest.fixture
def images(oracle):
    return torch.from_numpy(oracle["images"][:, None])


@pytest.fixture
def keras_noise(oracle, monkeypatch):
    """Makes torch draw the oracle's noise."""
    noise = torch.from_numpy(oracle["epsilon"])
    monkeypatch.setattr("torch.distributions.normal._standard_normal", lambda *args, **kwargs: noise)


def as_torch(array):
    """A kernel, bias or gradient of Keras's as the same of ours.

    Keras's kernels are (height, width, in, out), or transposed (…, out, in), and dense ones (in, out). Ours meet the
    image turned by half a turn, so those of convolutions are turned with it, and the dense layers beside the
    flattened image have its places, though not its channels, in reverse.
    """
    if array.ndim == 4:
        return np.ascontiguousarray(array.transpose(3, 2, 0, 1)[..., ::-1, ::-1])
    for axis in np.flatnonzero(np.equal(array.shape, PLACES * CHANNELS)):
        reverse = np.arange(PLACES * CHANNELS).reshape(PLACES, CHANNELS)[::-1].ravel()
        array = array.take(reverse, axis)
    return np.ascontiguousarray(array.T)


def test_the_forward_pass_is_kerass(oracle, model, images, keras_noise):
    q = model.encode(images)
    z = q.rsample()
    close = {"rtol": 0, "atol": 1e-5}
    np.testing.assert_allclose(q.mean.detach(), oracle["z_mu"], **close)
    np.testing.assert_allclose(q.stddev.log().detach(), oracle["z_log_sigma"], **close)
    np.testing.assert_allclose(z.detach(), oracle["z"], **close)
    reconstruction = model.decode(z).mean.detach()[:, 0] / 255
    np.testing.assert_allclose(reconstruction, oracle["reconstruction"], **close)


def test_the_loss_is_kerass(oracle, model, images, keras_noise):
    terms = CONFIG.objective.build()(model, images)
    cross_entropy = terms.distortion.mean().item() / 784
    assert terms.loss.mean().item() == pytest.approx(oracle["loss"].item(), abs=1e-6)
    assert cross_entropy == pytest.approx(oracle["cross_entropy"].item(), abs=1e-6)
    assert terms.loss.mean().item() - cross_entropy == pytest.approx(oracle["kl_term"].item(), abs=1e-6)


def test_the_gradients_are_kerass(oracle, model, images, keras_noise):
    CONFIG.objective.build()(model, images).loss.mean().backward()
    for name, module in LAYERS.items():
        layer = model.get_submodule(module)
        for part, gradient in (("kernel", layer.weight.grad), ("bias", layer.bias.grad)):
            expected = oracle[f"grads/{name}/{part}"]
            found = gradient.norm() if expected.ndim == 0 else gradient
            error = np.linalg.norm(found.numpy() - as_torch(expected)) / np.linalg.norm(expected)
            assert error < 1e-4, (name, part)


def test_one_step_of_rmsprop_is_kerass(oracle, model, images, keras_noise):
    optimizer = CONFIG.optimizer.build(list(model.parameters()))
    CONFIG.objective.build()(model, images).loss.mean().backward()
    optimizer.step()
    for name, module in LAYERS.items():
        bias, expected = model.get_submodule(module).bias.detach(), oracle[f"after_one_rmsprop_step/{name}/bias"]
        np.testing.assert_allclose(bias, as_torch(expected), rtol=0, atol=1e-6)


def test_the_first_steps_of_rmsprop_are_kerass(model, images, keras_noise):
    """One step cannot tell how its mean square forgets, or where ε is; after twenty, roundings have grown too far."""
    optimizer, objective, losses = CONFIG.optimizer.build(list(model.parameters())), CONFIG.objective.build(), []
    for _ in KERAS_LOSSES:
        loss = objective(model, images).loss.mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    np.testing.assert_allclose(losses, KERAS_LOSSES, rtol=0, atol=1e-5)


def test_a_pixel_beyond_what_keras_takes_for_sure_has_no_gradient(model):
    """Keras clips probabilities to 1e-7…1 − 1e-7 in its cross-entropy."""
    layer = model.decoder[0].conv
    with torch.no_grad():
        layer.bias.fill_(-30.0)
    black, z = torch.zeros(1, 1, 28, 28), torch.zeros(1, 2)
    loss = -model.decode(z).log_prob(255 - black)  # white: 784 pixels, each as unlikely as can be
    loss.sum().backward()
    assert loss.item() == pytest.approx(-784 * np.log(1e-7), rel=1e-6)
    assert not layer.bias.grad.any()


def test_the_network_has_as_many_parameters_as_kerass(model):
    assert sum(p.numel() for p in model.parameters()) == 550_629


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 5), (5, 1), (1, 1)])
def test_a_convolution_as_a_product_of_matrices_is_the_same_map(inputs, outputs, monkeypatch):
    layer = torch.nn.Conv2d(inputs, outputs, 3, padding=1, dtype=torch.float64)
    x = torch.randn(3, inputs, 4, 7, dtype=torch.float64, requires_grad=True)
    pull = torch.randn(3, outputs, 4, 7, dtype=torch.float64)
    theirs = layer(x)
    monkeypatch.delattr(torch.nn.Conv2d, "forward")  # the product does without it
    ours = convolved(x, layer)
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad(y, [x, *layer.parameters()], pull) for y in (ours, theirs)]
    torch.testing.assert_close(*gradients)
    assert torch.autograd.gradgradcheck(lambda x: convolved(x, layer).square(), x[:1, :, :2, :3])
    assert convolved(x[:0], layer).shape == (0, outputs, 4, 7)


def test_its_weights_begin_as_kerass_do(oracle):
    """Glorot's uniform distribution: bounded by √(6 / (fan in + fan out)), variance bound² / 3; biases are zero."""
    model = build.autoencoder(replace(CONFIG, seed=1), from_array(oracle["images"]).spec)
    for name, module in LAYERS.items():
        layer, kernel = model.get_submodule(module), oracle[f"weights/{name}/kernel"]
        field = np.prod(kernel.shape[:-2])
        bound = np.sqrt(6 / (field * (kernel.shape[-1] + kernel.shape[-2])))
        assert layer.weight.abs().max() <= bound
        assert not layer.bias.any()
        if kernel.size > 1000:  # below that, the sample's variance strays by more than 10%
            assert layer.weight.var().item() == pytest.approx(bound**2 / 3, rel=0.1)


def test_the_true_elbo_is_not_what_the_notebook_minimizes(oracle, model):
    """The recipe's mistakes matter: its loss, scaled to nats, is not the negative ELBO that is reported beside it."""
    x = oracle["images"][:, None]
    loss = CONFIG.objective.build()(model, torch.from_numpy(x)).loss.mean().item()
    assert abs(bound_of_rows(model, x)["negative_elbo"].mean() - 784 * loss) > 1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps freed memory as it likes")
def test_training_takes_the_memory_of_the_step_before():
    """Else the system gives every step its pages anew: 22,000 of them in a batch of 128."""
    code = """
import resource, numpy as np, torch, enfold
from enfold import build
torch.set_num_threads(1)
x, STEPS = np.zeros((4 * 128, 1, 28, 28), np.uint8), 4
spec = enfold.Spec((1, 28, 28), (enfold.Column("pixel", "intensity", scale=255.0),), "uint8")
config = enfold.RECIPES["notebook"].config.with_settings({"batch_size": 128, "epochs": 1})
model = build.autoencoder(config, spec)
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in enfold.train(model, x, config):
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // STEPS)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert int(done.stdout) < 2000, done.stderr
