import multiprocessing
import pickle
import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from enfold import AE, VAE, InputError
from enfold.objectives import IWAE
from enfold.priors import Vamp


@pytest.fixture(scope="module")
def images(digits):
    """Digits as uint8 in 0…255, as most pictures are."""
    return (digits.x * (255 / 16)).astype(np.uint8)


def expected_failures(estimator):
    if isinstance(estimator, VAE):
        reason = "float32 matrix products of one row and of many differ in the last bits, here by 2e-6 of 10 nats"
        return {"check_methods_subset_invariance": reason}
    return {}


@parametrize_with_checks([VAE(epochs=3), AE(epochs=3)], expected_failed_checks=expected_failures)
@pytest.mark.filterwarnings("ignore")  # the checks warn on purpose
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def vae(images):
    return VAE(epochs=10, random_state=0, device="cpu").fit(images)


def test_a_table_of_booleans_is_transformed_as_it_was_fitted():
    x = np.random.default_rng(0).integers(0, 2, (50, 4)).astype(bool)
    vae = VAE(epochs=1, random_state=0, device="cpu")
    np.testing.assert_array_equal(vae.fit_transform(x), vae.transform(x.astype(float)))


def test_a_vae_stands_where_pca_stands(images):
    """Two dimensions reconstruct digits better than the best two linear ones."""
    rows = images.reshape(-1, 64)
    pca = PCA(2).fit(rows)
    vae = VAE(n_components=2, epochs=40, random_state=0, device="cpu").fit(rows)
    errors = [np.mean((model.inverse_transform(model.transform(rows)) - rows) ** 2) for model in (pca, vae)]
    assert errors[1] < 0.8 * errors[0]


def test_images_come_back_as_images_and_rows_as_rows(images, vae):
    rows = images.reshape(-1, 64)
    assert vae.inverse_transform(vae.transform(images[:5])).shape == (5, 1, 8, 8)
    assert vae.sample(4).shape == (4, 1, 8, 8)
    np.testing.assert_array_equal(vae.transform(images[:5]), vae.transform(rows[:5]))
    flat = VAE(epochs=1, random_state=0, device="cpu").fit(rows)
    assert flat.inverse_transform(flat.transform(rows[:5])).shape == (5, 64)
    assert flat.model_.spec.shape == (1, 8, 8)


def test_transform_sample_and_score_are_deterministic(images, vae):
    np.testing.assert_array_equal(vae.transform(images), vae.transform(images))
    np.testing.assert_array_equal(vae.score_samples(images[:50]), vae.score_samples(images[:50]))
    np.testing.assert_array_equal(vae.sample(4), vae.sample(4))


def test_the_same_random_state_gives_the_same_map(images, vae):
    again = clone(vae).fit(images)
    np.testing.assert_array_equal(again.transform(images), vae.transform(images))


def test_training_makes_the_data_likelier(images, vae):
    assert vae.score(images) > VAE(epochs=1, random_state=0, device="cpu").fit(images).score(images) + 1
    noise = np.random.default_rng(0).integers(0, 256, (200, 1, 8, 8), dtype=np.uint8)
    assert vae.score(images) > vae.score(noise) + 10


def test_it_works_in_a_pipeline_and_a_grid_search(images):
    rows = images.reshape(-1, 64).astype(np.float64)[:300]
    pipeline = make_pipeline(StandardScaler(), VAE(epochs=2, random_state=0, device="cpu"))
    search = GridSearchCV(pipeline, {"vae__n_components": [1, 3]}, cv=2).fit(rows)
    assert search.transform(rows).shape == (300, search.best_params_["vae__n_components"])


def test_frames_come_out_with_names(images):
    frame = pd.DataFrame(images.reshape(-1, 64)[:100].astype(float), columns=[f"p{i}" for i in range(64)])
    vae = VAE(epochs=1, random_state=0, device="cpu").set_output(transform="pandas")
    assert list(vae.fit_transform(frame).columns) == ["vae0", "vae1"]
    assert vae.get_feature_names_out().tolist() == ["vae0", "vae1"]


def test_wrong_parameters_are_refused_when_fitting(images):
    with pytest.raises(InputError, match="latent_dim"):
        VAE(n_components=0).fit(images)
    with pytest.raises(InputError, match="did you mean 'default'"):
        VAE(recipe="defualt").fit(images)


def test_it_has_to_be_fitted_first(images):
    for method in ("transform", "score_samples", "sample"):
        with pytest.raises(NotFittedError):
            getattr(VAE(), method)(*([] if method == "sample" else [images]))


def test_numbers_beyond_float32_are_refused_after_fitting_too():
    table = np.random.default_rng(0).normal(size=(20, 3))
    vae = VAE(epochs=1, random_state=0).fit(table)
    with pytest.raises(InputError, match="float32"):
        vae.transform(np.full((1, 3), 1e300))


def test_other_data_is_refused_after_fitting(vae):
    with pytest.raises(ValueError, match="features"):
        vae.transform(np.zeros((3, 1, 4, 4), np.uint8))
    with pytest.raises(ValueError, match="0 to 255"):
        vae.transform(np.full((3, 64), 0.5))
    with pytest.raises(InputError, match="latent vectors"):
        vae.inverse_transform(np.zeros((3, 5)))


@contextmanager
def default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, default_dtype, lambda: torch.device("meta")])
def test_what_the_caller_has_set_of_torch_changes_nothing(images, vae, mode):
    with mode():
        again = clone(vae).fit(images)
        found = again.transform(images[:50]), again.score_samples(images[:50]), again.sample(3)
    expected = vae.transform(images[:50]), vae.score_samples(images[:50]), vae.sample(3)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def _in_a_fork(pipe, vae, images):
    pipe.send((vae.transform(images[:500]), VAE(epochs=1, random_state=0, device="cpu").fit(images).n_iter_))


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that forking a process with threads may hang
def test_a_forked_process_transforms_and_fits(images, vae):
    """Its parent's threads do not survive; without care it would wait for them for ever."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_a_fork, args=(there, vae, images), daemon=True)
    child.start()
    try:
        assert here.poll(120), "the child hangs"
        means, epochs = here.recv()
    finally:
        child.kill()
    np.testing.assert_allclose(means, vae.transform(images[:500]), atol=1e-4)
    assert epochs == 1


def test_a_pickle_by_another_version_is_opened_with_a_warning(images, vae, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = pickle.loads(pickle.dumps(vae))
    np.testing.assert_array_equal(same.transform(images[:5]), vae.transform(images[:5]))
    monkeypatch.setattr("enfold.estimators.__version__", "0.0.9")
    old = pickle.dumps(vae)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"pickled by enfold 0\.0\.9"):
        pickle.loads(old)


def test_a_grid_search_reaches_choices_with_their_options(images):
    rows = images.reshape(-1, 64)[:200]
    grid = {
        "prior": ["normal", Vamp(components=5)],
        "objective": [IWAE(samples=2)],
        "settings": [{"network.width": 16, "depth": 0}],
    }
    search = GridSearchCV(VAE(epochs=1, random_state=0, device="cpu"), grid, cv=2).fit(rows)
    assert search.best_estimator_.model_.prior().event_shape == (2,)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with pytest.raises(InputError, match="'components' is an option of prior=mixture and prior=vamp"):
        VAE(settings={"components": 5}).fit(rows)
    for name, parameter in (("latent_dim", "n_components"), ("recipe", "recipe"), ("beta", "beta")):
        with pytest.raises(InputError, match=f"'{name}' is a parameter of its own. Pass {parameter}="):
            VAE(settings={name: 5}).fit(rows)


def test_early_stopping_holds_rows_out(images):
    vae = VAE(epochs=60, patience=1, learning_rate=0.02, random_state=0, device="cpu").fit(images[:300])
    assert vae.n_iter_ < 60
    losses = [epoch["held_out_loss"] for epoch in vae.history_]
    assert losses[-1] >= min(losses)
    assert "held_out_loss" not in VAE(epochs=1, device="cpu").fit(images[:300]).history_[0]
