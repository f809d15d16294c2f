import json
import math
import shutil
import tracemalloc

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import enfold
from conftest import without_pictures
from enfold import InputError, plots
from enfold.cli import main
from enfold.data.split import held_out_rows
from enfold.fitting import overfitting, read_again, split_again
from enfold.inference import encode_means
from enfold.metrics.registry import METRICS
from enfold.report import PICTURES
from enfold.rows import sha256
from enfold.run import FORMAT
from enfold.sections import read_sections


@pytest.fixture
def copy(digits_run, tmp_path):
    return shutil.copytree(digits_run.folder, tmp_path / "run")


def test_a_run_folder_holds_everything(digits_run):
    names = {str(path.relative_to(digits_run.folder)) for path in digits_run.folder.rglob("*") if path.is_file()}
    names = {name for name in names if not name.startswith(("checkpoint/", ".lock"))}
    pictures = ("samples", "curves", "latent", "manifold", "reconstructions", "generated")
    sections = [each.name for each in read_sections(digits_run.folder)]
    assert names == {
        "config.toml",
        "spec.json",
        "run.json",
        "split.json",
        "model.safetensors",
        "history.jsonl",
        "metrics.json",
        "report.html",
        "calibration.safetensors",
        *(f"figures/{name}.png" for name in (*pictures, *sections)),
        *(f"sections/{name}.json" for name in sections),
    }


def test_the_metrics_have_what_they_must(digits_run):
    metrics = digits_run.metrics
    measured = {name for name, metric in METRICS.items() if metric.compute}
    others = {"rows", "standard_errors", "protocol", "train_seconds", "rows_per_second", "mistakes"}
    assert set(metrics) == measured | others
    unknown = {"log_likelihood", "bits_per_dim", "notebook_loss", "ssim"}  # the last: smaller than its window
    assert {name for name in metrics if metrics[name] is None} == unknown
    assert set(metrics["standard_errors"]) == measured - unknown
    assert metrics["rows"] == 200
    assert 0 < metrics["rate"] < metrics["distortion"] < 64 * np.log(2)
    assert digits_run.history["epoch"].to_list() == list(range(1, 21))
    last = digits_run.history.row(-1, named=True)
    assert last["held_out_distortion"] == pytest.approx(metrics["distortion"], rel=0.02)


def test_the_held_out_rows_are_stored(digits_run):
    assert digits_run.split.rows == 1797
    np.testing.assert_array_equal(digits_run.split.held_out, held_out_rows(1797, 200, 0))


@without_pictures()
def test_the_rows_to_train_on_are_no_copy(tmp_path):
    """Of 20 MB of rows there is nothing beside them that is half as large when an epoch ends."""
    x, sizes = np.zeros((80_000, 1, 16, 16), np.uint8), []
    of_arrays = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)

    def looking(items):
        for each in items:
            if each.ends_epoch:
                traces = tracemalloc.take_snapshot().filter_traces([of_arrays]).traces
                sizes.append(sum(trace.size for trace in traces))
            yield each
        tracemalloc.stop()

    tracemalloc.start()
    enfold.fit(x, epochs=1, batch_size=2048, width=16, out=tmp_path / "run", device="cpu", watch=looking)
    assert len(sizes) == 1
    assert 0 < sizes[0] < x.nbytes / 2


@without_pictures()
def test_data_that_has_changed_since_the_fit_is_refused(tmp_path, write_kaggle, digits):
    x, labels = digits.x[:100], digits.labels[:100]
    path = write_kaggle(tmp_path / "digits.csv", x, labels)
    run = enfold.fit(path, epochs=1, out=tmp_path / "run", device="cpu")
    held_out = x[run.split.held_out]
    write_kaggle(path, x, labels[::-1])  # which nothing was learned from
    np.testing.assert_array_equal(split_again(run)[0].x, held_out)
    changed = x.copy()
    changed[7, 0, 3, 3] ^= 1
    for other, message in ((changed, "other values"), (x[::-1], "another order"), (x[:99], "100 rows .* now 99")):
        write_kaggle(path, other, labels[: len(other)])
        with pytest.raises(InputError, match=message):
            split_again(run)


def test_a_reopened_run_takes_raw_input_and_gives_identical_results(digits_run, digits):
    """What is saved is the model itself: the metrics computed anew equal those of the fit to the last bit."""
    reopened = enfold.open(digits_run.folder, device="cpu")
    again = enfold.metrics.evaluate(reopened.model, reopened.config, *split(reopened, digits))
    assert {name: digits_run.metrics[name] for name in again} == again
    raw = digits.x[:50]
    np.testing.assert_array_equal(encode_means(reopened.model, raw), encode_means(digits_run.model, raw))
    assert reopened.model.encode(raw).mean.shape == (50, 2)


def split(run, data):
    held_out = run.split.held_out
    return data[held_out], data[np.setdiff1d(np.arange(len(data)), held_out)]


@without_pictures()
def test_the_same_settings_give_the_same_run(tmp_path):
    settings = {"epochs": 2, "width": 32, "device": "cpu"}
    weights = []
    for name in "ab":
        enfold.fit("digits", out=tmp_path / name, **settings)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_a_table_is_fitted_from_raw_columns_to_pictures(tmp_path):
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    x = np.column_stack([1000 + 100 * np.cos(angle), 0.01 * np.sin(angle), rng.normal(size=400)])
    run = enfold.fit(x, out=tmp_path / "run", epochs=100, width=64, device="cpu")
    assert run.spec.columns[0].offset == pytest.approx(1000, abs=15)
    reconstructed = run.model.reconstruct(x.astype(np.float32)).detach().numpy()
    assert np.corrcoef(reconstructed[:, 0], x[:, 0])[0, 1] > 0.9
    assert (run.folder / "figures" / "manifold.png").exists()


@pytest.mark.parametrize("latent_dim", [1, 5])
def test_other_latent_dimensions_are_drawn_too(tmp_path, latent_dim):
    run = enfold.fit("digits", out=tmp_path / "run", epochs=1, latent_dim=latent_dim, width=16, device="cpu")
    sections = {path.stem for path in (run.folder / "sections").glob("*.json")}
    assert {path.stem for path in (run.folder / "figures").glob("*.png")} == {*PICTURES, *sections}
    assert {"reduction", "generation", "interpolation", "detection", "clusters"} <= sections


def test_a_folder_that_exists_is_not_touched(tmp_path):
    (tmp_path / "precious").write_text("work")
    with pytest.raises(InputError, match="exists already"):
        enfold.fit("digits", out=tmp_path, epochs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@without_pictures()
def test_fits_that_begin_at_once_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("enfold.fitting.time.strftime", lambda *given: "now")
    settings = {"epochs": 1, "width": 8, "device": "cpu"}

    def meanwhile(x):
        monkeypatch.setattr("enfold.fitting.sha256", sha256)
        assert enfold.fit("digits", **settings).folder.name == "digits-default-now"
        return sha256(x)

    monkeypatch.setattr("enfold.fitting.sha256", meanwhile)
    assert enfold.fit("digits", **settings).folder.name == "digits-default-now-2"


@without_pictures()
def test_a_source_is_found_from_another_directory(tmp_path, digits, monkeypatch, capsys):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    np.save("some.npy", digits.x[:200])
    enfold.fit("some.npy", out=tmp_path / "run", epochs=1, width=8, device="cpu")
    monkeypatch.chdir(tmp_path / "there")
    run = enfold.open(tmp_path / "run")
    np.testing.assert_array_equal(read_again(run).x, digits.x[:200])
    assert main(["evaluate", str(run.folder), "../here/some.npy"]) == 0
    assert "trained on some of them" in " ".join(capsys.readouterr().out.split())


def damage_missing(folder):
    (folder / "model.safetensors").unlink()


def damage_truncated(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def damage_garbage(folder):
    (folder / "model.safetensors").write_bytes(b"not weights at all")


def damage_foreign(folder):
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[0]
    save_file({**weights, name: torch.zeros(3)}, folder / "model.safetensors")


def damage_other_names(folder):
    save_file({"weight": torch.zeros(3)}, folder / "model.safetensors")


def damage_nan(folder):
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[0]
    save_file({**weights, name: torch.full_like(weights[name], torch.nan)}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_missing, "is missing"),
        (damage_truncated, "damaged"),
        (damage_garbage, "damaged"),
        (damage_foreign, "another model's weights"),
        (damage_other_names, "another model's weights"),
        (damage_nan, "NaN or infinity"),
    ],
)
def test_damaged_weights_are_refused(copy, damage, message):
    damage(copy)
    with pytest.raises(InputError, match=message):
        _ = enfold.open(copy).model


def test_a_run_of_a_newer_version_is_refused(copy):
    values = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**values, "format": FORMAT + 1, "enfold": "9.0"}))
    with pytest.raises(InputError, match=r"enfold 9\.0.*Upgrade"):
        enfold.open(copy)


@pytest.mark.parametrize("name", ["run.json", "spec.json", "config.toml", "metrics.json", "split.json"])
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[1, 2]", b"null"])
def test_damaged_descriptions_are_refused(copy, name, content):
    (copy / name).write_bytes(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.") + "|TOML|setting"):
        read_all(enfold.open(copy))


def read_all(run):
    return run.model, run.metrics, run.history, run.split, run.environment


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("run.json", {"format": "1"}),
        ("run.json", {"precision": None}),
        ("run.json", {"directory": 5}),
        ("spec.json", {"shape": [1, 8.5, 8]}),
        ("spec.json", {"shape": [8, 8]}),
        ("spec.json", {"dtype": "float16"}),
        ("spec.json", {"sources": []}),
        ("spec.json", {"classes": [1]}),
        ("spec.json", {"columns": [{"name": "pixel", "kind": "intensity", "offset": None, "scale": 16}]}),
        ("spec.json", {"columns": [{"name": "pixel", "kind": "intensity", "offset": 0, "scale": 0}]}),
        ("spec.json", {"conditions": [3, 1]}),
        ("spec.json", {"conditions": [0, math.nan]}),
        ("spec.json", {"classes": ["a"], "conditions": [1]}),
        ("metrics.json", {"negative_elbo": "low"}),
        ("metrics.json", {"mistakes": None}),
        ("metrics.json", {"nmi": "high"}),
        ("metrics.json", {"train_seconds": "long"}),
        ("metrics.json", {"rows": None}),
        ("metrics.json", {"standard_errors": [0.1]}),
        ("metrics.json", {"standard_errors": {"rate": None}}),
        ("split.json", {"held_out": [5000]}),
        ("split.json", {"held_out": []}),
        ("split.json", {"held_out": [[1]]}),
    ],
)
def test_descriptions_with_a_wrong_value_are_refused(copy, name, change):
    values = json.loads((copy / name).read_text())
    (copy / name).write_text(json.dumps({**values, **change}))
    with pytest.raises(InputError, match="damaged"):
        read_all(enfold.open(copy))


def test_a_torn_last_line_of_the_history_is_no_epoch(copy, digits_run):
    path = copy / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert enfold.open(copy).history.equals(digits_run.history[:-1])
    assert len(enfold.open(copy).epochs) == len(digits_run.epochs) - 1


@pytest.mark.parametrize("content", [b"{\n", b"[1]\n", b"{}\n", b"\xff\n", b'{"epoch": [1]}\n{"epoch": "a"}\n', None])
def test_a_damaged_history_is_named(copy, content):
    path = copy / "history.jsonl"
    path.unlink()
    if content:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"history\.jsonl is .*damaged"):
        enfold.open(copy).history  # noqa: B018 - reading it is the test


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        enfold.open(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        enfold.open(tmp_path / "nowhere")


@pytest.mark.parametrize(("recipe", "upward"), [("notebook", False), ("default", True)])
def test_the_notebooks_manifold_alone_grows_downwards(digits, tmp_path, monkeypatch, recipe, upward):
    drawn, manifold = [], plots.manifold

    def spied(*args, **options):
        drawn.append(options)
        return manifold(*args, **options)

    monkeypatch.setattr(plots, "manifold", spied)
    enfold.fit(digits[:200], recipe=recipe, out=tmp_path / "run", epochs=1, holdout=20, device="cpu")
    assert drawn == [{"upward": upward}]


def test_overfitting_is_named_with_the_remedy():
    falling = [{"epoch": i, "held_out_loss": 100.0 - i} for i in range(1, 21)]
    rising = [*falling, *({"epoch": i, "held_out_loss": 60.0 + i} for i in range(21, 31))]
    config = enfold.Config()
    assert overfitting(falling, config) == []
    [text] = overfitting(rising, config)
    assert "lowest after epoch 20, 80, and ended at 90" in text
    assert overfitting(rising, config.with_settings({"keep": "best"})) == []


def test_the_stages_after_training_are_told(tmp_path, digits):
    seen = []
    enfold.fit(
        digits,
        epochs=1,
        width=8,
        device="cpu",
        out=tmp_path / "run",
        watch=lambda s: (seen.append(e) or e for e in s),
    )
    stages = [each.stage for each in seen if each.stage != "training"]
    assert stages[0] == "saving the model"
    assert stages[-1] == "writing the report"
