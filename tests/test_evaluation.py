"""What `evaluate` says as a whole: on which rows, given which classes, of which pixels, with which words."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from enfold import Config, InputError, build, train
from enfold.data.arrays import from_array
from enfold.inference import conditions
from enfold.metrics import evaluate, maps
from enfold.metrics.registry import METRICS
from enfold.rows import Rows

MEASURED = {name for name, metric in METRICS.items() if metric.compute}
QUICK = Config.of(width=64, depth=1, epochs=5, batch_size=100)


@pytest.fixture(scope="module")
def fitted(digits):
    """Returns a model that was fitted for a moment, with some settings."""

    def fit(**settings):
        config = QUICK.with_settings(settings)
        model = build.autoencoder(config, digits.spec)
        for _ in train(model, digits.x[:1500], config):
            pass
        return model, config

    return fit


def strict(found):
    """The same through JSON, without NaN."""
    return json.loads(json.dumps(found, allow_nan=False))


def test_it_gives_every_metric_and_its_error_and_the_same_again(fitted, digits):
    model, config = fitted()
    found = evaluate(model, config, digits[1500:], digits[:1500], samples=10)
    assert strict(found) == found == evaluate(model, config, digits[1500:], digits[:1500], samples=10)
    assert set(found) == {"rows", *MEASURED, "standard_errors", "protocol"}
    assert set(found["standard_errors"]) == {name for name in MEASURED if found[name] is not None}
    assert -found["log_likelihood"] < found["negative_elbo"]
    assert found["rate"] == pytest.approx(found["mutual_information"] + found["marginal_kl"], rel=1e-5)
    assert "10 draws" in found["protocol"]["log_likelihood"]
    assert "1,500 training rows" in found["protocol"]["classes"]


def test_costly_metrics_are_of_some_rows_and_it_says_so(fitted, digits, monkeypatch):
    monkeypatch.setattr(maps, "PAIR_ROWS", 100)
    model, config = fitted(epochs=1)
    found = evaluate(model, config, digits[1500:])
    assert "100 rows" in found["protocol"]["information"]
    assert "100 rows" in found["protocol"]["map"]
    assert found["protocol"]["rows"].startswith("297 rows")


def test_of_large_examples_fewer_are_compared_and_it_says_so(fitted, digits, monkeypatch):
    monkeypatch.setattr("enfold.rows.MOST_VALUES", 50 * 64)
    model, config = fitted(epochs=1)
    assert "among 50 rows" in evaluate(model, config, digits[1500:])["protocol"]["map"]


def test_a_plain_autoencoder_has_no_metric_of_a_bound(fitted, digits):
    model, config = fitted(objective="autoencoder", epochs=1)
    found = strict(evaluate(model, config, digits[1500:], samples=5))
    bounds = ("negative_elbo", "rate", "log_likelihood", "bits_per_dim", "mutual_information", "marginal_kl")
    assert all(found[name] is None for name in bounds)
    assert "no negative ELBO" in found["protocol"]["bound"]
    assert not {"log_likelihood", "bits_per_dim", "information"} & set(found["protocol"])


def test_a_table_has_no_metric_of_images_or_classes():
    data = from_array(np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32))
    found = strict(evaluate(build.autoencoder(QUICK, data.spec), QUICK, data, data))
    names = ("psnr", "ssim", "bits_per_dim", "knn_accuracy", "linear_probe_accuracy", "clustering_accuracy", "nmi")
    assert all(found[name] is None for name in names)
    assert "unit" in found["protocol"]["bits_per_dim"]


def test_large_images_have_a_structural_similarity():
    data = from_array(np.random.default_rng(0).integers(0, 256, (20, 12, 14)).astype(np.uint8))
    found = evaluate(build.autoencoder(QUICK, data.spec), QUICK, data)
    assert 0 < found["ssim"] < 1
    assert "SSIM has windows" in found["protocol"]["reconstruction"]


def test_a_single_row_has_metrics_without_errors(fitted, digits):
    model, config = fitted(epochs=1)
    found = strict(evaluate(model, config, digits[1500:1501], digits[:50], samples=2))
    assert found["negative_elbo"] > 0
    assert found["standard_errors"] == {}


def test_codes_are_evaluated_too(fitted, digits):
    model, config = fitted(posterior="vq", codebook_size=16)
    found = strict(evaluate(model, config, digits[1500:], samples=7))
    assert -found["log_likelihood"] == pytest.approx(found["negative_elbo"], rel=1e-5)
    assert found["negative_elbo"] == pytest.approx(found["distortion"] + found["rate"], rel=1e-9)
    assert found["rate"] == pytest.approx(np.log(16), rel=1e-5)


def test_a_conditional_model_is_evaluated_with_the_labels(digits):
    """The metrics are those of the model conditioned on each row's class, and others without labels."""
    spec = replace(digits.spec, conditions=tuple(map(float, range(10))))
    config = QUICK.with_settings({"condition": "label"})
    torch.manual_seed(0)
    model = build.autoencoder(config, spec)
    rows = digits[:100]
    found = evaluate(model, config, rows)
    with torch.no_grad():
        reconstructed = model.reconstruct(rows.x, conditions(rows.labels, spec)).numpy() / 16
    assert found["reconstruction_mse"] == pytest.approx(np.mean((reconstructed - rows.x / 16) ** 2), rel=1e-5)
    unknown = evaluate(model, config, replace(rows, labels=np.full(100, np.nan)))
    assert found["distortion"] != unknown["distortion"]
    assert "class" in found["protocol"]["condition"]


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_binarized_rows_are_the_same_each_time_and_wherever_they_are_read(fitted, digits, how):
    model, config = fitted(epochs=1)
    binary = config.with_settings({"binarize": how})
    rows = digits[1500:1700]
    found = evaluate(model, binary, rows)
    lazily = replace(rows, x=Rows(rows.x.shape, rows.x.dtype, lambda numbers: rows.x[numbers]))
    for again in (evaluate(model, binary, rows), evaluate(model, binary, lazily)):
        assert again == found
    assert found["bits_per_dim"] == pytest.approx(found["negative_elbo"] / 64 / np.log(2), rel=1e-6)
    gray = evaluate(model, config, rows)
    assert gray["bits_per_dim"] is None
    # the noise of pixels adds up in a row, with a mean of zero: gray is what binary pixels are on average
    difference = abs(gray["distortion"] - found["distortion"])
    assert 0 < difference < 4 * found["standard_errors"]["distortion"]
    assert how in found["protocol"]["binarization"]


def test_it_says_if_the_rows_chose_the_epoch_and_if_a_likelihood_is_of_gray_pixels(fitted, digits):
    model, config = fitted(epochs=1)
    words = evaluate(model, config, digits[:20], samples=2)["protocol"]
    assert "chose the epoch" not in words["rows"]
    assert "gray pixels" in words["log_likelihood"]
    for settings in ({"keep": "best"}, {"patience": 3}):
        chosen = config.with_settings({**settings, "binarize": "static"})
        words = evaluate(model, chosen, digits[:20], samples=2)["protocol"]
        assert "chose the epoch" in words["rows"]
        assert "gray pixels" not in words["log_likelihood"]


def test_what_cannot_be_asked_is_refused(fitted, digits):
    model, config = fitted(epochs=1)
    with pytest.raises(InputError, match="at least 1 draw"):
        evaluate(model, config, digits[:20], samples=-1)
    with pytest.raises(InputError, match="'binarize' must be none, static or dynamic, got 'half'"):
        evaluate(model, config.with_settings({"binarize": "half"}), digits[:20])
    table = from_array(np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32))
    with pytest.raises(InputError, match="Only pixels"):
        evaluate(build.autoencoder(QUICK, table.spec), QUICK.with_settings({"binarize": "static"}), table)


def test_a_map_of_sorted_rows_knows_all_classes(digits, monkeypatch):
    """Where only some training rows are looked at, they are not the first ones, which may be of one class alone."""
    monkeypatch.setattr(maps, "KNN_ROWS", 400)
    by_class = digits[np.argsort(digits.labels, kind="stable")]
    model = build.autoencoder(QUICK, digits.spec)
    found, shuffled = (evaluate(model, QUICK, digits[:300], known)["knn_accuracy"] for known in (by_class, digits))
    assert found == pytest.approx(shuffled, abs=4 * 0.03)  # the standard error of a share of 300 rows
