"""The convolutional network takes images of any size and any number of channels."""

import pytest
import torch

from enfold import Column, Config, InputError, Spec, build
from enfold.nets.conv import ConvResidual, _pyramid, conv_decoder, conv_encoder


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 1, 9), (1, 7, 5), (2, 13, 30), (3, 32, 32), (4, 65, 33), (1, 3, 40)]
)
@pytest.mark.parametrize("depth", [0, 1])
def test_any_image_goes_in_and_comes_out(shape, depth):
    x = torch.randn(2, *shape)
    features = conv_encoder(shape, 8, depth)(x)
    assert features.shape == (2, 8)
    assert conv_decoder(3, 8, depth, shape)(torch.randn(2, 3)).shape == x.shape


def test_images_are_halved_to_four_pixels_and_channels_stay_few():
    sizes, channels = _pyramid((3, 512, 384))
    assert sizes[-1] == (8, 6)
    assert channels == [32, 64, 128, 256, 256, 256, 256]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("likelihood", ["auto", "normal", "logistic"])
def test_gray_and_color_have_gradients(channels, likelihood):
    spec = Spec((channels, 9, 6), (Column("pixel", "intensity", scale=255.0),), "uint8")
    model = build.autoencoder(Config.of(network="conv", width=8, depth=1, likelihood=likelihood), spec)
    x = torch.randint(256, (4, channels, 9, 6), dtype=torch.uint8)
    Config().objective.build()(model, x).loss.mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert torch.isfinite(model.reconstruct(x)).all()


def test_blocks_begin_as_the_identity():
    h = torch.randn(2, 5, 4, 3)
    assert torch.equal(ConvResidual(5)(h), h)


def test_tables_are_refused():
    with pytest.raises(InputError, match="network=mlp"):
        build.autoencoder(Config.of(network="conv"), Spec((4,), (Column("a", "real"),)))
