"""How metrics are printed, and what of `metrics.json` is refused."""

import pytest

from enfold import Config
from enfold.metrics.intervals import NOTHING, Measurement
from enfold.metrics.registry import METRICS, damaged, describe
from enfold.spec import Column, Spec

IMAGES = Spec((1, 4, 4), (Column("pixel", "intensity", scale=255.0),), "uint8")
TABLE = Spec((2,), (Column("a", "real"), Column("b", "real")))
WHOLE = {**dict.fromkeys(METRICS, 0.5), "rows": 20, "mistakes": [], "standard_errors": {"rate": 0.1}}


@pytest.mark.parametrize(
    ("name", "value", "error", "text"),
    [
        ("negative_elbo", 147.238, 0.514, "147.24 ± 0.51 nats"),
        ("log_likelihood", -1234.4, 12.0, "−1,234 ± 12 nats"),  # with a real minus sign
        ("rate", 9.114, None, "9.11 nats"),
        ("knn_accuracy", 0.7571, 0.0213, "75.7% ± 2.1%"),
        ("knn_accuracy", 1.0, 0.0, "100.0%"),  # never ± 0
        ("trustworthiness", 0.98763, 0.0012, "0.9876 ± 0.0012"),
        ("reconstruction_mse", 0.041234, 0.00123, "0.0412 ± 0.0012"),
        ("train_seconds", 0.0123, None, "0.012 s"),  # two digits at least
        ("train_seconds", 53.21, None, "53.2 s"),
        ("ari", -0.00001, 0.01, "0.000 ± 0.010"),  # no minus zero
    ],
)
def test_a_number_has_the_digits_that_its_error_leaves_certain(name, value, error, text):
    assert METRICS[name].text(Measurement(value, error)) == text


def test_what_is_unknown_is_a_dash():
    assert METRICS["psnr"].text(NOTHING) == "–"


def test_units_and_meanings_are_those_of_the_model_and_its_rows():
    metrics = {
        "active_units": 2,
        "rows_per_second": 1410.4,
        "knn_accuracy": None,
        "standard_errors": {"active_units": 0.0},
    }
    images, table = ([line.text for line in describe(metrics, Config(latent_dim=3), s)] for s in (IMAGES, TABLE))
    assert images == ["2 of 3", "1,410 images/s"]
    assert table == ["2 of 3", "1,410 rows/s"]


def test_every_metric_says_what_it_means_in_a_sentence():
    for line in describe(WHOLE, Config(), TABLE):
        assert line.meaning.endswith(".")
        assert "{" not in line.meaning + line.unit
        assert line.label


def test_metrics_that_are_not_what_they_must_be_are_named():
    assert damaged(WHOLE) is None
    assert damaged({**WHOLE, "psnr": None}) is None
    assert damaged({name: value for name, value in WHOLE.items() if name != "rmse"}) is None  # measured elsewhere
    assert damaged({name: value for name, value in WHOLE.items() if name != "psnr"}) == "psnr"
    changes = {"nmi": "high", "rows": None, "mistakes": "none", "standard_errors": {"rate": None}}
    for name, value in changes.items():
        assert damaged({**WHOLE, name: value}) == name
