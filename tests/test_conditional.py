"""A conditional model uses the class of a row, generates rows of a class, and works without classes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import enfold
from conftest import without_pictures
from enfold import InputError, build
from enfold.cli import main
from enfold.inference import conditions, decode_means, encode_means
from enfold.model import Conditioned
from enfold.nets.heads import one_hot


@pytest.fixture(scope="module")
@without_pictures()
def run(tmp_path_factory):
    return enfold.fit(
        "digits",
        condition="label",
        epochs=30,
        width=64,
        depth=1,
        device="cpu",
        precision="float32",
        out=tmp_path_factory.mktemp("runs") / "run",
    )


def test_one_hot_has_no_one_where_the_class_is_unknown():
    assert one_hot(torch.tensor([1, -1, 0]), 3, 2).tolist() == [[0, 1], [0, 0], [1, 0]]
    assert one_hot(None, 2, 3).tolist() == [[0, 0, 0]] * 2


def test_classes_are_numbered_as_the_spec_has_them(run):
    assert run.spec.conditions == tuple(float(i) for i in range(10))
    found = conditions(np.array([3.0, np.nan, 11.0, 2.5, 9.0]), run.spec)
    assert found.tolist() == [3, -1, -1, -1, 9]


def test_classes_decode_differently_from_the_same_z(run, digits):
    """Each class's examples at z = 0 are nearest to the mean of that class's images, of all ten, for most classes."""
    made = decode_means(run.model, np.zeros((10, 2), np.float32), torch.arange(10)).reshape(10, 1, -1)
    means = np.stack([digits.x[digits.labels == i].mean(0).ravel() for i in range(10)])
    nearest = np.square(made - means).sum(-1).argmin(1)
    assert (nearest == np.arange(10)).sum() >= 9


def test_the_class_explains_what_z_need_not(run, digits):
    """On rows with their classes, against the same rows with wrong classes."""
    x, classes = torch.from_numpy(digits.x[:200]), conditions(digits.labels[:200], run.spec)
    model, losses = run.model, []
    for known in (classes, (classes + 1) % 10):
        with torch.no_grad():
            losses.append(-model.decode(model.encode(x, known).mean, known).log_prob(x).mean().item())
    assert losses[0] < losses[1] - 3


def test_an_unknown_class_is_no_class(run, digits):
    x = digits.x[:5]
    unknown = torch.full((5,), -1)
    means, known = encode_means(run.model, x, unknown), encode_means(run.model, x, torch.full((5,), 3))
    assert np.abs(means - known).max() > 0.01
    assert np.isfinite(decode_means(run.model, means, unknown)).all()
    assert torch.isfinite(run.model.sample(5, unknown)).all()
    assert torch.isfinite(run.model.reconstruct(x, unknown)).all()


def test_a_conditional_model_without_a_condition_says_what_to_give(run, digits):
    for call in (run.model.encode, run.model.reconstruct, partial(encode_means, run.model)):
        with pytest.raises(InputError, match=r"conditioned on one of 10 classes .*conditions\(labels"):
            call(digits.x[:5])
    with pytest.raises(InputError, match="conditioned"):
        run.model.decode(np.zeros((1, 2), np.float32))


def test_a_model_without_conditions_takes_none(digits):
    model = build.autoencoder(enfold.Config.of(width=8, depth=0), digits.spec)
    with pytest.raises(InputError, match="Leave out the condition"):
        model.encode(digits.x[:2], torch.tensor([0, 1]))


def test_several_draws_of_z_meet_the_class_of_their_example(run):
    """Latent vectors (K · B, latent_dim) are told apart batch after batch."""
    model = Conditioned(run.model, torch.tensor([2, 7]))
    z = torch.zeros(6, 2)
    with torch.no_grad():
        made = model.decode(z).mean
    torch.testing.assert_close(made[0], made[2])
    torch.testing.assert_close(made[1], made[5])
    assert (made[0] - made[1]).abs().max() > 1


def test_a_reloaded_run_is_the_same(run, digits):
    again = enfold.open(run.folder, device="cpu")
    classes = conditions(digits.labels[:300], again.spec)
    assert again.spec == run.spec
    np.testing.assert_array_equal(
        encode_means(again.model, digits.x[:300], classes), encode_means(run.model, digits.x[:300], classes)
    )


def test_vectors_are_decoded_as_the_labels_beside_them(run, digits, tmp_path, capsys):
    labels = np.array([3.0, 3, 8, np.nan, 0])
    np.savez(tmp_path / "some.npz", x=digits.x[:5], y=labels)
    words = ("-o", str(tmp_path / "z.csv")), ("-o", str(tmp_path / "x.npz"))
    assert main(["encode", str(run.folder), str(tmp_path / "some.npz"), *words[0]]) == 0
    assert main(["decode", str(run.folder), str(tmp_path / "z.csv"), *words[1]]) == 0
    classes = conditions(labels, run.spec)
    expected = decode_means(run.model, encode_means(run.model, digits.x[:5], classes), classes)
    np.testing.assert_allclose(np.load(tmp_path / "x.npz")["x"], expected, atol=0.51)  # whole intensities
    np.save(tmp_path / "z.npy", np.zeros((2, 2), np.float32))
    assert main(["decode", str(run.folder), str(tmp_path / "z.npy"), *words[1]]) == 2
    assert "Name one with --label: 0, 1, 2" in capsys.readouterr().err


def test_rows_in_chunks_meet_their_own_classes(run, digits):
    """300 rows are more than are computed at once."""
    classes = conditions(digits.labels[:300], run.spec)
    whole = encode_means(run.model, digits.x[:300], classes)
    with torch.no_grad():
        alone = run.model.encode(digits.x[290:300], classes[290:]).mean.numpy()
    np.testing.assert_allclose(whole[290:], alone, atol=1e-5)


@without_pictures()
def test_a_class_that_training_never_saw_is_no_class(tmp_path, digits):
    """A test set may have others: the model takes them as unknown, and offers none of them."""
    seen, unseen = (digits[np.flatnonzero(each)] for each in (digits.labels < 9, digits.labels == 9))
    run = enfold.fit(seen, test=unseen, condition="label", epochs=1, width=8, device="cpu", out=tmp_path / "run")
    assert run.spec.conditions == tuple(map(float, range(9)))
    assert set(conditions(unseen.labels, run.spec).tolist()) == {-1}


def test_data_without_classes_is_refused(tmp_path, digits):
    with pytest.raises(InputError, match="condition=none"):
        enfold.fit(digits.x, condition="label", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "settings", [{"objective": "iwae", "samples": 3}, {"prior": "vamp", "components": 5}, {"network": "conv"}]
)
def test_other_settings_are_conditional_too(digits, settings):
    spec = enfold.Spec(**{**vars(digits.spec), "conditions": (0.0, 1.0)})
    config = enfold.Config.of(width=8, depth=1, **settings)
    model = Conditioned(build.autoencoder(config, spec), torch.tensor([0, 1, -1]))
    assert config.objective.build()(model, torch.from_numpy(digits.x[:3])).loss.shape == (3,)


@pytest.mark.parametrize("condition", [[99] * 4, [-2] * 4, [0.5] * 4, 1])
def test_a_condition_that_is_no_class_for_each_row_is_refused(run, condition):
    with pytest.raises(InputError, match="from -1 to 9 for each row"):
        run.model.sample(4, condition)


def test_conditions_are_found_by_name_and_unknown_ones_are_refused(run):
    named = replace(run.spec, classes=tuple("abcdefghij"))
    assert conditions(np.array(["c", "a"]), named).tolist() == [2, 0]
    assert conditions(np.array([np.nan, 3.0]), named).tolist() == [-1, 3]
    with pytest.raises(InputError, match="none of these labels"):
        conditions(np.full(4, "k"), named)
