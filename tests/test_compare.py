import json
import re
import shlex
import warnings
from dataclasses import replace
from importlib import metadata

import numpy as np
import polars as pl
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

import enfold
from enfold import InputError, plots
from enfold.cli import main
from enfold.comparison.page import headline, trust, verdicts, write_comparison
from enfold.data.split import held_out_rows, training_rows
from enfold.errors import Interrupted
from enfold.metrics import evaluate
from enfold.metrics.intervals import Measurement
from enfold.metrics.registry import METRICS
from enfold.plots import Panel
from enfold.recipes import recipe
from enfold.reductions import COMPARED, METHODS, best
from enfold.sections import read_sections
from enfold.sections.reduction import reduction

QUICK = {"epochs": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture(scope="module")
def compared(digits, folder):
    """PCA, an autoencoder, enfold's default and the notebook's network, on the digits."""
    names = ["notebook", "default", "autoencoder", "pca"]
    return enfold.compare(digits, methods=names, out=folder, **QUICK)


def split(data, holdout=0.1, seed=0):
    held_out = held_out_rows(len(data), holdout, seed)
    return data[training_rows(len(data), held_out)], data[held_out]


def table(n=300, columns=5, seed=0):
    """A linear table of two hidden coordinates with noise, whose columns have units of their own."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 2)) @ random.normal(size=(2, columns)) + 0.1 * random.normal(size=(n, columns))
    return enfold.load((x * 10.0 ** np.arange(columns)).astype(np.float32))


def test_pca_has_scikit_learns_numbers(digits, compared):
    seen, unseen = split(digits)
    x, new = (part.x.reshape(len(part), -1) / 16 for part in (seen, unseen))
    pca = PCA(2).fit(x)
    found = compared.results["pca"]
    signs = np.sign((pca.transform(new) * found.z).sum(0))
    np.testing.assert_allclose(found.z * signs, pca.transform(new), atol=1e-4)  # float32 against float64
    error = np.mean((pca.inverse_transform(pca.transform(new)) - new) ** 2)
    assert found.metrics["reconstruction_mse"].value == pytest.approx(error, rel=1e-5)
    classifier = KNeighborsClassifier(5).fit(pca.transform(x), seen.labels)
    share = classifier.score(pca.transform(new), unseen.labels)
    assert found.metrics["knn_accuracy"].value == pytest.approx(share, abs=1.5 / len(new))  # ties of votes


def test_a_networks_metrics_are_those_of_its_evaluation(digits, compared):
    """The same rows, the same reference rows, and the weights that `enfold.fit` would give."""
    seen, unseen = split(digits)
    config = recipe("default").config.with_settings({"epochs": 2})
    model = enfold.build.autoencoder(config, digits.spec)
    for _ in enfold.train(model, seen, config):
        pass
    expected, found = evaluate(model, config, unseen, seen), compared.results["default"]
    np.testing.assert_array_equal(found.z, enfold.inference.encode_means(model, unseen.x))
    for name in ("reconstruction_mse", "knn_accuracy", "trustworthiness"):
        assert found.metrics[name].value == pytest.approx(expected[name], rel=1e-6)
        assert found.metrics[name].error == pytest.approx(expected["standard_errors"][name], rel=1e-6)


def test_methods_run_from_cheap_to_expensive_and_the_table_has_them_all(compared):
    assert list(compared.results) == ["pca", "autoencoder", "default", "notebook"]
    frame = compared.table
    assert isinstance(frame, pl.DataFrame)
    assert frame["method"].to_list() == list(compared.results)
    assert frame["training_rows"].unique().to_list() == [1617]


def test_the_same_seed_gives_the_same_table_and_another_another():
    x = enfold.load("digits")[np.arange(300)]
    tables = [
        enfold.compare(x, methods=["pca", "default"], seed=seed, **QUICK).table.drop("train_seconds")
        for seed in (1, 1, 2)
    ]
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


def test_best_are_those_within_two_standard_errors():
    metrics = {
        "a": {
            "knn_accuracy": Measurement(0.90, 0.01),
            "reconstruction_mse": Measurement(None),
            "train_seconds": Measurement(2.0),
        },
        "b": {
            "knn_accuracy": Measurement(0.88, 0.01),
            "reconstruction_mse": Measurement(0.2, 0.01),
            "train_seconds": Measurement(1.0),
        },
        "c": {
            "knn_accuracy": Measurement(0.87, 0.01),
            "reconstruction_mse": Measurement(0.1, 0.01),
            "train_seconds": Measurement(3.0),
        },
    }
    metrics = {name: {"trustworthiness": Measurement(None), **found} for name, found in metrics.items()}
    assert best(metrics) == {
        "reconstruction_mse": ["c"],
        "knn_accuracy": ["a", "b"],  # 0.02 < 2 √2 0.01 < 0.03
        "trustworthiness": [],
        "train_seconds": ["b"],
    }


def test_it_says_where_enfold_is_behind(compared):
    timed = {
        name: replace(result, metrics={**result.metrics, "train_seconds": Measurement(1.0 + i)})
        for i, (name, result) in enumerate(compared.results.items())
    }
    found = replace(compared, results=timed)
    sentences = dict(zip(COMPARED, verdicts(found), strict=True))
    assert sentences["train_seconds"] == "Training time: PCA with 1.0 s. enfold is behind, with 3.0 s (default)."
    for name, methods in found.best.items():
        assert ("enfold is behind" in sentences[name]) == ("default" not in methods)


def test_the_headline_names_the_best_of_each_metric_without_numbers(compared):
    text = headline(compared)
    assert not any(each.isdigit() for each in text)
    assert all(what in text for what in ("classes", "neighbors", "reconstruction"))
    assert text.endswith(f"Fastest: {METHODS[compared.best['train_seconds'][0]].title}.")


def test_an_interruption_keeps_what_is_done(digits, tmp_path, compared):
    def stop(stages):
        for stage in stages:
            yield stage
            if stage.method == "default" and stage.progress:
                raise KeyboardInterrupt

    names = ["pca", "autoencoder", "default"]
    with pytest.raises(Interrupted, match=r"pca, autoencoder saved in .*the same command"):
        enfold.compare(digits, methods=names, out=tmp_path, watch=stop, **QUICK)
    stages = []
    again = enfold.compare(
        digits, methods=names, out=tmp_path, watch=lambda s: iter(stages.append(e) or e for e in s), **QUICK
    )
    begun = {stage.method for stage in stages if stage.result is None}
    assert begun == {"default"}
    for name in names:
        np.testing.assert_array_equal(again.results[name].z, compared.results[name].z)
        assert again.results[name].metrics.keys() == compared.results[name].metrics.keys()


def test_a_folder_of_another_comparison_is_not_written_over(digits, folder, compared):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="another comparison: 'seed' was 0 and is now 1"):
        enfold.compare(digits, methods=["pca"], out=folder, seed=1, **QUICK)
    changed = replace(digits, x=np.where(digits.x > 8, 16, 0).astype(np.uint8))
    relabeled = replace(digits, labels=digits.labels[::-1].copy())
    for other in (changed, relabeled):
        with pytest.raises(InputError, match="its rows had other values or labels"):
            enfold.compare(other, methods=["pca"], out=folder, **QUICK)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_damaged_result_is_refused(digits, tmp_path):
    enfold.compare(digits, methods=["pca"], out=tmp_path)
    path = tmp_path / "methods" / "pca.npz"
    whole = path.read_bytes()
    garbled = bytes(
        byte ^ 255 if 200 < i < 900 else byte for i, byte in enumerate(whole)
    )  # a stream, not the directory
    for damaged in (b"no zip", garbled):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"pca.json or the .npz beside it is damaged"):
            enfold.compare(digits, methods=["pca"], out=tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"pca.json or the .npz beside it is damaged"):
        enfold.compare(digits, methods=["pca"], out=tmp_path)


def test_the_page_holds_the_verdict_the_numbers_and_the_caveats(folder, compared):
    page = (folder / "comparison.html").read_text("utf-8")
    values = json.loads((folder / "comparison.json").read_text("utf-8"))
    assert values["best"] == compared.best
    assert [row["method"] for row in values["methods"]] == list(compared.results)
    for row in values["methods"]:
        assert METHODS[row["method"]].title.replace("'", "&#39;") in page
        assert f"{row['reconstruction_mse']:.4f}" in page
    assert page.count("<strong>") == sum(map(len, compared.best.values()))
    places = [
        page.index(text) for text in (headline(compared), "<h2>Maps", "<h2>Numbers", "How far can I trust this?")
    ]
    assert places == sorted(places)  # the verdict first, the caveats last
    assert page.count("data:image/png") == 2
    assert "http" not in page.replace("http-equiv", "")
    assert all(text.replace("'", "&#39;")[:60] in page for text in trust(compared))
    for name in ("maps", "reconstructions"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_page_of_what_cannot_decode_has_no_reconstructions(tmp_path, compared):
    found = compared.results["pca"]
    nothing = {**found.metrics, "reconstruction_mse": Measurement(None)}
    alone = replace(found, metrics=nothing, reconstructed=found.reconstructed[:0], reconstructed_rows=0)
    page = write_comparison(tmp_path, replace(compared, results={"pca": alone})).read_text("utf-8")
    assert page.count("data:image/png") == 1
    assert "Reconstructions" not in page


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(InputError, match="no method named 'pcaa'; did you mean 'pca'"):
        enfold.compare("digits", methods=["pcaa"])
    with pytest.raises(InputError, match="no setting of a comparison named 'epoch'; did you mean 'epochs'"):
        enfold.compare("digits", epoch=1)
    with pytest.raises(InputError, match="'latent_dim' must be at least 1"):
        enfold.compare("digits", latent_dim=0)
    with pytest.raises(InputError, match="number of training rows, at least 2, got 1"):
        enfold.compare("digits", rows=1)
    with pytest.raises(InputError, match="nothing to compare"):
        enfold.compare("digits", methods=[])


def test_a_missing_package_is_named_if_its_method_is_asked_for_and_else_left_out(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("enfold.reductions.methods.metadata.version", missing)
    with pytest.raises(InputError, match=r"enfold\[compare\]"):
        enfold.compare("digits", methods=["umap", "pca"])
    found = enfold.compare(table(), latent_dim=2, epochs=1, device="cpu")
    assert list(found.results) == ["pca", "autoencoder", "default", "neighbors"]
    assert set(found.left_out) == {"umap", "tsne", "notebook"}
    assert "Install with: pip install 'enfold[compare]'" in found.left_out["tsne"]


def test_tables_leave_out_the_notebook_and_have_no_accuracy_without_labels():
    data = table()
    found = enfold.compare(data, methods=["pca", "notebook"])
    assert "images of even height and width" in found.left_out["notebook"]
    assert found.rows[0]["knn_accuracy"] is None
    assert found.best["knn_accuracy"] == []
    assert found.rows[0]["reconstruction_mse"] < 0.1  # of each column's variance: two coordinates made five
    with pytest.raises(InputError, match=r"nothing to compare.*notebook"):
        enfold.compare(data, methods=["notebook"])
    with pytest.raises(InputError, match="gives at most 5 dimensions"):
        enfold.compare(data, methods=["pca"], latent_dim=6)


def test_rows_bound_what_every_method_is_fitted_to(digits):
    found = enfold.compare(digits, methods=["pca", "default"], rows=100, **QUICK)
    assert found.table["training_rows"].to_list() == [100, 100]
    assert len(found.setup.held_out) == 180


def test_what_does_not_fit_into_memory_is_drawn(digits, monkeypatch, tmp_path):
    monkeypatch.setattr("enfold.rows.MOST_VALUES", 200 * 64)
    found = enfold.compare(digits, methods=["pca", "default"], out=tmp_path, **QUICK)
    assert found.table["training_rows"].to_list() == [200, 1617]
    assert "the same 1,617 rows, or some of them," in " ".join((tmp_path / "comparison.html").read_text().split())


def test_pca_is_left_out_where_memory_holds_fewer_rows_than_dimensions(digits, monkeypatch, tmp_path):
    monkeypatch.setattr("enfold.rows.MOST_VALUES", 4 * 64)
    with pytest.raises(InputError, match="at most 4 dimensions here"):
        enfold.compare(digits, methods=["pca"], latent_dim=5, out=tmp_path)


def test_settings_may_be_numbers_of_numpy(digits, tmp_path):
    numbers = {"rows": np.int64(100), "latent_dim": np.int64(3), "holdout": np.float64(0.2)}
    enfold.compare(digits, methods=["pca"], out=tmp_path, **numbers)
    found = enfold.compare(digits, methods=["pca"], out=tmp_path, rows=100, latent_dim=3, holdout=0.2)
    assert found.results["pca"].z.shape == (359, 3)


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(digits, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("enfold.comparison.measured", lambda *given: pytest.fail("fitted"))
    with pytest.raises(InputError, match="Cannot write into"):
        enfold.compare(digits, methods=["pca"], out=tmp_path / "file" / "comparison")


def test_umap_and_t_sne_join_quietly(digits, capfd):
    """Their maps of digits keep neighbors better than PCA's, and say nothing on the terminal."""
    some = digits[np.arange(400)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = enfold.compare(some, methods=["pca", "umap", "tsne"], holdout=50)
    assert capfd.readouterr() == ("", "")
    rows = {row["method"]: row for row in found.rows}
    for name in ("umap", "tsne"):
        assert rows[name]["trustworthiness"] > rows["pca"]["trustworthiness"]
        assert rows[name]["knn_accuracy"] > rows["pca"]["knn_accuracy"]
    assert rows["tsne"]["decodes"] == "no"
    assert rows["tsne"]["reconstruction_mse"] is None
    assert rows["umap"]["reconstructed_rows"] == 50
    assert rows["umap"]["reconstruction_mse"] < np.var(some.x / 16)  # better than nothing


def test_t_sne_and_umap_are_left_out_where_they_cannot_be(digits):
    few = enfold.compare(digits[np.arange(60)], methods=["pca", "umap", "tsne"])
    assert set(few.left_out) == {"umap", "tsne"}
    assert "at least 100 training rows" in few.left_out["umap"]
    many = enfold.compare(digits, methods=["pca", "tsne"], latent_dim=3)
    assert many.left_out == {"tsne": "it gives at most 2 dimensions"}


def test_every_report_has_the_model_beside_pca(digits, digits_run):
    section = next(each for each in read_sections(digits_run.folder) if each.name == "reduction")
    model, pca = section.values["this model"], section.values["PCA"]
    assert model["reconstruction_mse"] == digits_run.metrics["reconstruction_mse"]
    alone = enfold.compare(digits, methods=["pca"], holdout=200).rows[0]
    for name in ("reconstruction_mse", "knn_accuracy", "trustworthiness"):
        assert pca[name] == pytest.approx(alone[name], rel=1e-6)
    assert section.table[0][1:] == tuple(METRICS[name].label for name in COMPARED)
    assert section.picture.startswith(b"\x89PNG")


def test_the_report_says_how_many_rows_pca_could_be_fitted_to(digits, digits_run, monkeypatch):
    monkeypatch.setattr("enfold.rows.MOST_VALUES", 50 * 64)
    section = reduction(digits_run, digits[:100], digits[100:])
    assert "fitted to 50 training rows" in section.trust


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("labels", ["classes", "numbers", "none"])
def test_maps_draw_every_kind_of_labels_and_dimensions(digits, dim, labels):
    random = np.random.default_rng(0)
    values = {"classes": digits.labels[:40], "numbers": random.normal(size=40), "none": np.full(40, np.nan)}[labels]
    panels = [Panel(f"method {i}", "a note", random.normal(size=(40, dim))) for i in range(5)]
    figure = plots.maps(panels, values, digits.spec)
    assert [axes.get_title(loc="left") for axes in figure.axes[:5]] == [panel.title for panel in panels]
    drawn = sum(len(each.get_offsets()) for each in figure.axes[0].collections)
    assert drawn == 40


def test_what_is_lost_of_a_tables_columns_is_drawn():
    data = table()
    rows = data.x[:50]
    spec = data.spec.standardized(data.x)
    figure = plots.reconstructed_by(
        [Panel("mean", reconstructed=np.tile(spec.offset, (50, 1))), Panel("none")], rows, spec
    )
    dots = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(dots[:, 0], np.square((rows - spec.offset) / spec.scale).mean(0), rtol=1e-5)
    assert plots.reconstructed_by([Panel("none")], rows, spec) is None


def test_the_rows_of_a_test_set_are_those_compared_on(digits):
    seen, unseen = digits[np.arange(300)], digits[np.arange(300, 400)]
    found = enfold.compare(seen, test=unseen, methods=["pca"])
    assert sorted(map(bytes, found.setup.held_out.x)) == sorted(map(bytes, unseen.x))
    assert found.rows[0]["training_rows"] == 300
    with pytest.raises(InputError, match="got both"):
        enfold.compare(seen, test=unseen, methods=["pca"], holdout=0.2)


def test_the_command_repeats_itself(tmp_path, monkeypatch, capsys):
    """The page names a command that finds everything done, and the table has a star at what is best."""
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "digits", "--methods", "pca,default", "--epochs", "1", "--seed", "3"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^PCA .* \*", text, re.MULTILINE)
    assert "enfold is behind" in text
    page = (tmp_path / "runs" / "digits-comparison" / "comparison.html").read_text("utf-8")
    assert "except that each network was trained for 1 epoch" in page
    command = re.search(r"<pre><code>enfold (.*)</code>", page)[1]
    files = sorted((tmp_path / "runs").glob("*/methods/*"))
    written = {path: path.stat().st_mtime_ns for path in files}
    assert main([*shlex.split(command), "--json"]) == 0
    captured = capsys.readouterr()
    values = json.loads(captured.out)
    assert [row["method"] for row in values["methods"]] == ["pca", "default"]
    assert "…" not in captured.err
    assert {path: path.stat().st_mtime_ns for path in files} == written
