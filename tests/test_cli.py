import json
import shlex
import shutil
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from enfold.cli import OUTPUTS, app, main, register
from enfold.data import load, overlap
from enfold.inference import encode_means

register()
COMMANDS = [
    "cluster",
    "compare",
    "data",
    "decode",
    "denoise",
    "devices",
    "encode",
    "evaluate",
    "explore",
    "export",
    "fit",
    "interpolate",
    "recipes",
    "reconstruct",
    "report",
    "resume",
    "sample",
    "score",
    "share",
    "summary",
    "traverse",
]


@pytest.fixture
def enfold(capsys):
    """Runs a command line and returns its status, standard output and standard error."""

    def run(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return (status, *capsys.readouterr())

    return run


@pytest.fixture
def json_of(enfold):
    """Runs a command with --json and returns the one object that it prints."""

    def run(*arguments):
        status, out, _ = enfold(*arguments, "--json")
        assert status == 0
        return json.loads(out)

    return run


@pytest.fixture
def run(digits_run):
    return digits_run.folder


def test_a_lack_of_memory_is_reported(enfold, monkeypatch):
    def lacking(*given, **named):
        raise MemoryError

    monkeypatch.setattr("enfold.cli.app", lacking)
    assert enfold("fit") == (2, "", "enfold: there is not enough memory\n")


def test_every_command_has_help_and_json():
    names = {name for name in app if not name.startswith("-")}
    assert names == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_each_argument_is(enfold, command):
    status, out, _ = enfold(command, "--help")
    assert status == 0
    assert "--json" in out
    assert len(out.splitlines()) > 6


def test_help_imports_nothing_heavy():
    code = "import sys; from enfold.cli import main; main(['--help']); print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not any(f"'{heavy}'" in modules for heavy in ("torch", "numpy", "matplotlib", "sklearn", "polars"))


def test_fit_makes_a_run_and_says_where_it_is(enfold, tmp_path):
    out = tmp_path / "try"
    status, text, progress = enfold(
        "fit", "digits", "--epochs", 2, "--latent-dim", 3, "--set", "width=32", "--out", out
    )
    assert status == 0
    assert f"{out / 'report.html'}" in text
    assert "nats" in text
    assert "epoch 2/2" in progress
    config = (out / "config.toml").read_text()
    assert "latent_dim = 3" in config
    assert "epochs = 2" in config


def test_fit_reads_a_kaggle_pair_the_notebooks_way(json_of, tmp_path, digits, write_kaggle):
    train = write_kaggle(tmp_path / "train.csv", digits.x[:150], digits.labels[:150].astype(int))
    test = write_kaggle(tmp_path / "test.csv", digits.x[150:200])
    settings = ("--recipe", "notebook", "--holdout", 50, "--seed", 555, "--epochs", 1, "--out", tmp_path / "run")
    found = json_of("fit", train, test, *settings)
    assert found["metrics"]["rows"] == 50
    assert found["metrics"]["notebook_loss"] > 0
    assert len(found["metrics"]["mistakes"]) == 4


def test_latent_columns_of_other_numbers_are_refused(enfold, run, tmp_path):
    (tmp_path / "z.csv").write_text("z1,z7\n0.5,0.5\n")
    status, _, err = enfold("decode", run, tmp_path / "z.csv", "-o", tmp_path / "images.npz")
    assert status == 2
    assert "has 2 latent columns (z1, z7)" in err


def test_encode_decode_and_encode_again(json_of, run, digits, digits_run, tmp_path):
    np.save(tmp_path / "digits.npy", digits.x[:30])
    assert json_of("encode", run, tmp_path / "digits.npy", "-o", tmp_path / "z.csv")["rows"] == 30
    frame = pl.read_csv(tmp_path / "z.csv")
    assert frame.columns == ["row", "z0", "z1"]
    expected = encode_means(digits_run.model, digits.x[:30])
    np.testing.assert_array_equal(frame.select("z0", "z1").to_numpy().astype(np.float32), expected)
    json_of("decode", run, tmp_path / "z.csv", "-o", tmp_path / "images.npz")
    decoded = load(tmp_path / "images.npz").x
    reconstructed = digits_run.model.reconstruct(digits.x[:30]).detach().numpy()
    np.testing.assert_allclose(decoded, reconstructed, atol=0.51)
    json_of("decode", run, tmp_path / "z.csv", "-o", tmp_path / "images")
    names = [f"{i:05}.png" for i in range(30)]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == names
    shown = np.asarray(Image.open(tmp_path / "images" / "00029.png"), float)
    np.testing.assert_allclose(shown, reconstructed[29, 0] * 255 / 16, atol=0.51)  # pixels are whole


def test_encode_in_bfloat16_rounds_means_within_their_posteriors(json_of, run, digits, digits_run, tmp_path):
    np.save(tmp_path / "digits.npy", digits.x[:200])
    found = []
    for precision in ("float32", "bfloat16"):
        out = tmp_path / f"{precision}.npy"
        json_of("encode", run, tmp_path / "digits.npy", "-o", out, "--precision", precision)
        found.append(np.load(out))
    exact, rounded = found
    np.testing.assert_array_equal(exact, encode_means(digits_run.model, digits.x[:200]))
    with torch.no_grad():
        std = digits_run.model.encode(digits.x[:200]).stddev.numpy()
    error = np.sqrt(np.mean(((rounded - exact) / std) ** 2))
    assert 1e-4 < error < 0.2
    assert rounded.dtype == np.float32


def test_encode_writes_the_labels_that_are_known(json_of, run, digits, tmp_path):
    json_of("encode", run, "digits", "-o", tmp_path / "z.csv")
    assert pl.read_csv(tmp_path / "z.csv")["label"].to_list() == digits.labels.astype(int).tolist()


def test_sample_draws_a_sheet_that_the_seed_decides(json_of, run, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        json_of("sample", run, "-n", 10, "-o", tmp_path / f"{name}.png", "--seed", seed)
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_reconstruct_draws_pairs_and_writes_arrays(json_of, run, digits, tmp_path):
    json_of("reconstruct", run, "digits", "-n", 5, "-o", tmp_path / "pairs.png")
    with Image.open(tmp_path / "pairs.png") as sheet:
        assert sheet.width > 2 * sheet.height  # five columns, two rows
    json_of("reconstruct", run, "digits", "-o", tmp_path / "pairs.npz")
    with np.load(tmp_path / "pairs.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"], digits.x)
        assert np.mean(np.abs(arrays["reconstruction"].astype(float) - digits.x)) < 4


def test_evaluate_finds_the_metrics_again_and_takes_other_data(json_of, run, digits_run, digits, tmp_path):
    again = json_of("evaluate", run, "--device", "cpu")
    assert again == {name: digits_run.metrics[name] for name in again}
    np.savez(tmp_path / "other.npz", x=digits.x[:100], y=digits.labels[:100])
    other = json_of("evaluate", run, tmp_path / "other.npz")
    assert other["rows"] == 100
    assert other["knn_accuracy"] > 0.3
    assert "trained on some" not in other["protocol"]["rows"]


def test_evaluate_says_when_rows_were_used_in_training(json_of, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", digits.x[:200])
    np.save("b.npy", digits.x[200:300])
    json_of("fit", "a.npy", "--test", "b.npy", "--epochs", "1", "--set", "width=16", "--out", "run")
    assert "trained on some" in json_of("evaluate", "run", tmp_path / "a.npy")["protocol"]["rows"]
    assert "trained on some" not in json_of("evaluate", "run", "b.npy")["protocol"]["rows"]
    assert "trained on some" in json_of("evaluate", "run", ".")["protocol"]["rows"]


@pytest.mark.parametrize(
    ("some", "others", "expected"),
    [
        (["mnist-train"], ["mnist"], True),
        (["mnist"], ["mnist-train"], True),
        (["mnist-test"], ["mnist-train"], False),
        (["shards/a.npy"], ["x.npy", "shards"], True),
        (["shards2"], ["shards"], False),
    ],
)
def test_sources_overlap_where_one_holds_the_other(some, others, expected):
    assert overlap(some, others) is expected


def test_evaluate_prints_each_metric_with_its_error_and_how_it_was_measured(enfold, json_of, run):
    arguments = ("evaluate", run, "--samples", 3, "--binarize", "static")
    found = json_of(*arguments)
    text = enfold(*arguments)[1]
    metrics, words = text.split("\n\n")
    lines = {line.split("  ")[0]: line for line in metrics.splitlines()[1:]}
    error = found["standard_errors"]["negative_elbo"]
    assert f"± {error:.2f}" in lines["negative ELBO"]
    assert len(lines) == len(found["standard_errors"])
    places = [line.index("±") for line in lines.values() if "±" in line]
    assert len(set(places)) == 1
    assert len(places) == sum(error > 0 for error in found["standard_errors"].values())  # "± 0" says nothing
    assert all(sentence in " ".join(words.split()) for sentence in found["protocol"].values())
    assert "3 draws" in found["protocol"]["log_likelihood"]
    assert found["log_likelihood"] > -found["negative_elbo"]


def test_summary_counts_the_parameters(json_of, enfold, run, digits_run):
    total = sum(p.numel() for p in digits_run.model.parameters())
    assert sum(layer["parameters"] for layer in json_of("summary", run)["layers"]) == total
    assert f"{total:,}" in enfold("summary", run)[1]


def test_report_writes_the_page_anew(json_of, run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / "report.html").unlink()
    assert json_of("report", copy)["report"] == str(copy / "report.html")
    assert (copy / "report.html").stat().st_size > 10_000


def test_data_tells_what_was_read(json_of, enfold):
    found = json_of("data", "digits")
    assert found["rows"] == 1797
    assert found["classes"]["0"] == 178
    assert found["unlabeled"] == 0
    assert "1,797" in enfold("data", "digits")[1]


def test_recipes_and_devices_are_shown(json_of, enfold):
    assert json_of("recipes")["notebook"]["batch_size"] == 16
    assert "beta" in enfold("recipes")[1]
    assert json_of("devices")["devices"][-1]["name"] == "cpu"


@pytest.mark.parametrize("command", OUTPUTS)
def test_a_missing_output_is_answered_with_a_command_that_has_one(enfold, command):
    words = [command, "my run", *(["z.csv"] if command == "decode" else [])]
    status, _, error = enfold(*words)
    assert status == 2
    assert f"as in: enfold {command} 'my run'" in error
    example = shlex.split(error.partition("as in: ")[2])
    assert "my run is not a folder" in enfold(*example[1:])[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fti"], "fit"),
        (["fit", "--latent-dims", "3"], "--latent-dim"),
        (["fit", "--epochs", "many"], "many"),
        (["fit", "digits", "--set", "beta"], "name=value"),
        (["fit", "digits", "--set", "betta=1"], "did you mean 'beta'"),
        (["fit", "digits", "--recipe", "notebok"], "did you mean 'notebook'"),
        (["fit", "digits", "--latent-dim", "0"], "at least 1"),
        (["fit", "digits", "--holdout", "5000"], "5,000 of 1,797"),
        (["fit", "digits", "--device", "gpu"], "device"),
        (["fit", "digits", "--set", "network=resnet"], "no network named 'resnet'"),
        (["fit", "digits", "--set", "objective=elb"], "did you mean 'elbo'"),
        (["fit", "digits", "--set", "optimizer=sgd"], "no optimizer named 'sgd'"),
        (["fit", "digits", "--set", "schedule=cosin"], "did you mean 'cosine'"),
        (["fit", "digits", "--set", "likelihood=gauss"], "no likelihood named 'gauss'"),
        (["fit", "digits", "--set", "precision=half"], "auto, float32 or bfloat16"),
        (["fit", "digits", "--image-shape", "28"], "28x28"),
        (["fit", "digits", "--image-shape", "²x2"], "28x28"),
        (["fit", "digits", "--image-shape", f"{'9' * 5000}x2"], f"got '{'9' * 40}'"),
        (["fit", "digits", "--latent-dim", "2.7"], "a whole number, got '2.7'"),
        (["fit", "digits", "--holdout", "1.5"], "whole number"),
        (["fit", "digits", "--seed", "5000000000"], "below 2³²"),
        (["fit", "digits", "--set", "width=inf"], "a whole number"),
        (["fit", "digits", "--set", "recipe=notebook"], "--recipe"),
        (
            ["fit", "digits", "--set", "learning_rate=1e30", "--epochs", "3", "--out", "run"],
            "lower the learning rate",
        ),
        (["fit", "digits", "--label", "kind"], "'kind'"),
        (["fit", ""], "source is empty"),
        (["fit", "digts"], "'digits'"),
        (["encode", "{run}", "digits", "-o", "z.xlsx"], ".csv"),
        (["encode", "{run}", "-o", "z.csv"], "source"),
        (["encode", "{run}"], "-o z.csv"),
        (["decode", "{run}"], "needs VECTORS. See: enfold decode --help"),
        (["encode", "{run}", "mnist", "-o", "z.csv"], "8 × 8"),
        (["encode", "{run}", "digits", "-o", "z.csv", "--precision", "half"], "'half'"),
        (["sample", "{run}", "-n", "0", "-o", "s.png"], "at least 1"),
        (["decode", "{run}", "nowhere.csv", "-o", "x.npz"], "nowhere.csv"),
        (["report", "nowhere"], "not a folder"),
        (["evaluate", "{run}", "--binarize", "half"], "none, static or dynamic"),
        (["evaluate", "{run}", "--samples", "-3"], "at least 1 draw"),
    ],
)
def test_what_the_user_can_fix_ends_with_a_message_and_status_2(
    enfold, run, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    status, out, err = enfold(*(argument.format(run=run) for argument in arguments))
    assert status == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
