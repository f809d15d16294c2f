"""Corruptions change what they say, as often as they say, and keep examples in their range."""

from functools import partial

import pytest
import torch

from enfold import Column, Config, InputError, Spec, build
from enfold.corruptions import binarized, gaussian, masking, salt_and_pepper
from enfold.objectives import Learner

PIXELS = Spec((1, 50, 40), (Column("pixel", "intensity", scale=255.0),), "uint8")
TABLE = Spec((2,), (Column("a", "real", 10.0, 2.0), Column("b", "real", -1.0, 0.5)))
GRAY = torch.full((50, 1, 50, 40), 100, dtype=torch.uint8)
ROWS = torch.tensor([[11.0, -1.0]]).expand(100_000, 2)
ERROR = 5 * 0.5 / 100_000**0.5  # five standard errors of a share of 100,000 values, at most


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(("x", "spec", "nothing"), [(GRAY, PIXELS, [0.0]), (ROWS, TABLE, [10.0, -1.0])])
def test_masking_replaces_a_share_by_nothing(x, spec, nothing):
    found = masking(x, spec, 0.3)
    replaced = found == torch.tensor(nothing)
    torch.testing.assert_close(torch.where(replaced, x.float(), found), x.float())
    assert replaced[..., 0].double().mean().item() == pytest.approx(0.3, abs=ERROR)


@pytest.mark.parametrize(("x", "spec", "low", "high"), [(GRAY, PIXELS, 0.0, 255.0), (ROWS[:, :1], None, 6.0, 14.0)])
def test_salt_and_pepper_replaces_a_share_by_the_extremes(x, spec, low, high):
    found = salt_and_pepper(x, spec or Spec((1,), TABLE.columns[:1]), 0.2)
    assert sorted(found.unique().tolist()) == sorted([low, high, float(x.flatten()[0])])
    for extreme in (low, high):
        assert (found == extreme).double().mean().item() == pytest.approx(0.1, abs=ERROR)


def test_noise_has_the_deviation_of_each_columns_scale():
    """100,000 draws: the standard error of a standard deviation is 0.22%."""
    found = gaussian(ROWS, TABLE, 0.5)
    torch.testing.assert_close(found.mean(0), ROWS[0], atol=0.02, rtol=0)
    torch.testing.assert_close(found.std(0), torch.tensor([1.0, 0.25]), rtol=0.012, atol=0)


def test_noisy_pixels_stay_in_range():
    found = gaussian(GRAY, PIXELS, 1.0)
    assert found.min() == 0
    assert found.max() == 255


@pytest.mark.parametrize("x", [0, 51, 255])
def test_binary_pixels_are_on_as_often_as_they_are_bright(x):
    gray = torch.full((50, 1, 50, 40), x, dtype=torch.uint8)
    found = binarized(gray, PIXELS)
    assert set(found.unique().tolist()) <= {0.0, 255.0}
    assert (found > 0).double().mean().item() == pytest.approx(x / 255, abs=ERROR if 0 < x < 255 else 0)


def test_the_encoder_sees_the_change_and_must_explain_the_example(digits):
    """With everything masked all posteriors are one, though the distortions are of the examples."""
    config = Config.of(corruption="masking", noise_level=1.0, width=8, depth=0)
    model, seen = build.autoencoder(config, digits.spec), []

    def objective(model, x, beta):
        seen.append((model.encode(x).mean, x))
        return config.objective.build()(model, x, beta)

    own = config.with_settings({"objective": objective})
    Learner(model, build.task(own, digits.spec))(torch.from_numpy(digits.x[:5]))
    means, x = seen[0]
    torch.testing.assert_close(means, means[:1].expand(5, -1))
    assert (x.numpy() == digits.x[:5]).all()


def test_a_share_is_at_most_one(digits):
    build.task(Config.of(corruption="gaussian", noise_level=2.0), digits.spec)
    with pytest.raises(InputError, match="'noise_level' must be at most 1"):
        Config.of(corruption="masking", noise_level=2.0)


def test_binarized_anew_gives_other_pixels_each_time():
    change = partial(binarized, spec=PIXELS)
    assert (change(GRAY[:1]) != change(GRAY[:1])).any()
