import csv
import json

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import enfold
from enfold import latent, plots
from enfold.cli import main
from enfold.latent import Clustering
from enfold.latent.mixtures import as_distribution, responsibilities
from enfold.metrics.clustering import adjusted_rand_index, counts_of, label_scores
from enfold.sections import read_sections
from enfold.sections.clusters import Found, clusters_section
from enfold.spec import Column, Spec

PLACES = np.array([[-4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, -4.0]])
SHARES = np.array([0.4, 0.3, 0.2, 0.1])


@pytest.fixture(scope="module")
def islands():
    """Four Gaussians, eight or more standard deviations apart, and which of them each row is from."""
    random = np.random.default_rng(0)
    origin = random.choice(4, 1500, p=SHARES)
    return (PLACES[origin] + 0.5 * random.normal(size=(1500, 2))).astype(np.float32), origin


@pytest.fixture(scope="module")
def crescents():
    """Two thin half circles: clusters that are not Gaussian."""
    random = np.random.default_rng(1)
    which, angle = random.integers(0, 2, 2000), random.uniform(0, np.pi, 2000)
    sign = 1 - 2 * which
    curve = np.stack([np.cos(angle) * sign + which, (np.sin(angle) * 2 - 0.4) * sign], 1)
    return curve + 0.05 * random.normal(size=(2000, 2)), which


def nearest(found, z):
    return found.memberships(z).argmax(1)


def test_gaussian_clusters_are_found_with_their_number(islands):
    """No row is nearer to another place, so that each is sorted rightly; the largest cluster is the first."""
    z, origin = islands
    found = latent.cluster(z)
    assert found.k == len(found.groups) == 4
    assert min(found.criterion, key=found.criterion.__getitem__) == 4
    np.testing.assert_array_equal(nearest(found, z), origin)
    np.testing.assert_allclose(found.centers, PLACES, atol=4 * 0.5 / np.sqrt(150))  # four errors of the least mean


def test_clusters_that_are_not_gaussian_need_several_components(crescents):
    z, which = crescents
    found = latent.cluster(z, 2)
    assert len(found.groups) > 2
    assert adjusted_rand_index(counts_of(nearest(found, z), which)) > 0.99
    single = GaussianMixture(2, random_state=0).fit_predict(z)
    assert adjusted_rand_index(counts_of(single, which)) < 0.9


def test_memberships_are_those_of_scikit_learn_and_merging_adds_them(islands):
    z = islands[0].astype(np.float64)
    known = GaussianMixture(6, random_state=0).fit(z)
    mixture = as_distribution(known)
    np.testing.assert_allclose(responsibilities(mixture, z), known.predict_proba(z), atol=1e-9)
    merged = Clustering(mixture, np.array([0, 0, 1, 2, 1, 0])).memberships(z)
    shares = known.predict_proba(z)
    expected = np.stack([shares[:, each].sum(1) for each in ([0, 1, 5], [2, 4], [3])], 1)
    np.testing.assert_allclose(merged, expected, atol=1e-9)
    np.testing.assert_allclose(merged.sum(1), 1)


def test_as_many_clusters_as_asked_for_the_same_at_every_call(islands):
    z, _ = islands
    for k in (1, 3, 7):
        first, again = (latent.cluster(z, k) for _ in range(2))
        assert first.k == k
        np.testing.assert_array_equal(first.memberships(z), again.memberships(z))


def test_a_given_mixture_is_merged_and_components_without_rows_are_not_clusters(islands):
    z, origin = islands
    places = torch.tensor(np.concatenate([PLACES, PLACES + 0.2, [[40.0, 40.0]]]), dtype=torch.float32)
    parts = Independent(Normal(places, torch.full((9, 2), 0.5)), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(9)), parts)
    found = latent.cluster(z, mixture=mixture)
    assert found.k == 4
    assert not found.criterion
    np.testing.assert_array_equal(nearest(found, z), origin)


def test_halves_agree_on_islands_and_not_on_cuts_through_one_cloud(islands):
    z, _ = islands
    cloud = np.random.default_rng(2).normal(size=(1500, 2))
    assert latent.agreement(z, latent.cluster(z)) == pytest.approx(1)
    assert latent.agreement(cloud, latent.cluster(cloud, 6)) < 0.8
    assert latent.cluster(cloud).k == 1
    assert latent.agreement(z[:5], latent.cluster(z[:5], 3)) is None


def test_what_are_no_numbers_of_clusters_is_refused(islands):
    z, _ = islands
    with pytest.raises(enfold.InputError, match="at least 1, such as 10, or auto, got 0"):
        latent.cluster(z, 0)
    with pytest.raises(enfold.InputError, match="there are 5"):
        latent.cluster(z[:5], 6)
    with pytest.raises(enfold.InputError, match="at least 2 different rows, and there are 1"):
        latent.cluster(np.zeros((20, 2)))
    with pytest.raises(enfold.InputError, match="4 components, too few for 5"):
        latent.cluster(z, 5, mixture=latent.cluster(z).distribution)


def test_labels_score_and_no_classes_do_not():
    found, labels = np.array([2, 2, 0, 1, 1, 1]), np.array([5.0, 5.0, 7.0, 9.0, 9.0, np.nan])
    assert [each.value for each in label_scores(found, labels).values()] == pytest.approx([1, 1, 1])
    assert label_scores(found, np.full(6, np.nan)) == label_scores(found, np.ones(6)) == {}


def test_the_estimators_clusters_are_those_of_their_map(digits):
    vae = enfold.VAE(epochs=3, random_state=0, device="cpu").fit(digits.x)
    found, z = vae.cluster(digits.x, 5), vae.transform(digits.x)
    assert found.k == 5
    np.testing.assert_array_equal(found.memberships(z), latent.cluster(z, 5).memberships(z))


def test_a_report_has_the_clusters_of_its_held_out_rows(digits_run):
    section = next(each for each in read_sections(digits_run.folder) if each.name == "clusters")
    assert sum(section.values["sizes"]) == section.values["rows"] == 200
    assert len(section.table) == section.values["clusters"] + 1
    assert 0 < section.values["clustering_accuracy"] <= 1
    assert section.title in (digits_run.folder / "report.html").read_text("utf-8")


def test_the_command_writes_what_python_computes(digits_run, digits, tmp_path, capsys):
    path = tmp_path / "clusters.csv"
    arguments = ["cluster", str(digits_run.folder), "digits", "-k", "4", "-o", str(path), "--device", "cpu", "--json"]
    assert main(arguments) == 0
    values, text = json.loads(capsys.readouterr().out), path.read_text()
    rows = [*csv.DictReader(text.splitlines())]
    assert list(rows[0]) == ["row", "cluster", "p0", "p1", "p2", "p3", "label"]
    training = digits[enfold_training(digits_run)]
    z = latent.aggregate(digits_run.model, training.x, means=True).numpy()
    expected = latent.cluster(z, 4).memberships(enfold.inference.encode_means(digits_run.model, digits.x))
    found = np.array([[float(row[f"p{i}"]) for i in range(4)] for row in rows])
    np.testing.assert_allclose(found, expected, atol=1e-6)  # as many digits are written
    assert [int(row["cluster"]) for row in rows] == expected.argmax(1).tolist()
    assert values["ari"] == label_scores(expected.argmax(1), digits.labels)["ari"].value
    assert main(arguments) == 0
    assert path.read_text() == text


def enfold_training(run):
    return np.setdiff1d(np.arange(run.split.rows), run.split.held_out)


@pytest.fixture(scope="module")
def small_runs(tmp_path_factory, digits):
    """Runs that are fitted for a moment: with codes, with a mixture as prior, and to an array."""
    out = tmp_path_factory.mktemp("runs")
    fits = {
        "codes": ("digits", {"posterior": "fsq"}),
        "mixture": ("digits", {"prior": "mixture", "components": 6}),
        "array": (digits.x[:300], {}),
    }
    return {
        name: enfold.fit(data, out=out / name, epochs=1, device="cpu", **each) for name, (data, each) in fits.items()
    }


def test_without_a_source_the_report_is_written_anew(small_runs, tmp_path):
    run = small_runs["mixture"]
    out = tmp_path / "held-out.csv"
    assert main(["cluster", str(run.folder), "-k", "3", "--by", "prior", "-o", str(out)]) == 0
    section = next(each for each in read_sections(run.folder) if each.name == "clusters")
    assert (section.values["clusters"], section.values["components"]) == (3, 6)
    assert section.finding in (run.folder / "report.html").read_text("utf-8")
    assert [int(row["row"]) for row in csv.DictReader(out.read_text().splitlines())] == run.split.held_out.tolist()


def test_a_fits_clusters_of_a_table_are_drawn_as_those_that_are_found_later(tmp_path):
    """In standard deviations from the mean, though what is read from a file has none yet."""
    rows = 1000 + 5 * np.random.default_rng(0).normal(size=(60, 3))
    np.savetxt(tmp_path / "x.csv", rows, delimiter=",", header="a,b,c", comments="")
    run = enfold.fit(str(tmp_path / "x.csv"), out=tmp_path / "run", epochs=1, width=8, device="cpu")
    picture = tmp_path / "run" / "figures" / "clusters.png"
    first = picture.read_bytes()
    assert main(["cluster", str(run.folder), "--device", "cpu"]) == 0
    assert picture.read_bytes() == first


def test_where_too_few_rows_allow_one_component_no_choice_is_claimed():
    z = np.random.default_rng(0).normal(size=(100, 20))
    found = latent.cluster(z)
    assert (found.k, [*found.criterion], latent.agreement(z, found)) == (1, [1], None)
    rows = enfold.Dataset(z.astype(np.float32), np.full(100, np.nan), Spec((20,), (Column("c", "real"),) * 20))
    text = clusters_section(Found(found, "rows", z), rows, z).trust
    assert "No other number of Gaussians was tried" in text
    assert "criterion chose" not in text


def test_where_the_training_data_is_gone_the_clusters_are_the_sources(small_runs, digits, tmp_path):
    run = small_runs["array"]
    np.save(tmp_path / "x.npy", digits.x[300:600])
    arguments = ["cluster", str(run.folder), str(tmp_path / "x.npy"), "-k", "3", "-o", str(tmp_path / "x.png")]
    assert main(arguments) == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert not any(each.name == "clusters" for each in read_sections(small_runs["codes"].folder))


@pytest.mark.parametrize(
    ("which", "arguments", "message"),
    [
        ("mixture", ["-k", "0"], "at least 1"),
        ("mixture", ["-k", "many"], "-k auto"),
        ("mixture", ["-k", "5000"], "different rows"),
        ("mixture", ["-k", "7", "--by", "prior"], "6 components"),
        ("mixture", ["--by", "priors"], "did you mean 'prior'"),
        ("mixture", ["-o", "clusters.txt"], ".csv or .png"),
        ("array", ["--by", "prior", "digits"], "not a mixture"),
        ("array", [], "cannot be read again"),
        ("codes", ["digits"], "are codes"),
    ],
)
def test_what_cannot_be_clustered_ends_with_a_message(small_runs, capsys, which, arguments, message):
    assert main(["cluster", str(small_runs[which].folder), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("dimensions", [1, 2])
def test_every_map_can_be_drawn(dimensions):
    """Tables, one axis, more clusters than have members beside the map, and some without any."""
    spec = Spec((3,), tuple(Column(name, "real") for name in "abc"))
    random = np.random.default_rng(0)
    z, found = random.normal(size=(120, dimensions)), np.where(np.arange(120) % 10 == 0, np.nan, np.arange(120) % 25)
    members = [random.normal(size=(i % 3, 3)) for i in range(25)]
    assert plots.png(plots.clusters(z, found, members, spec, tuple(range(dimensions)))).startswith(b"\x89PNG")


def test_a_map_has_a_mark_for_each_of_fifty_classes():
    """Color and mark together tell a class, up to as many as labels may be taken for."""
    z, labels = np.random.default_rng(0).normal(size=(100, 2)), np.arange(100.0) % 50
    spec = Spec((2,), (Column("a", "real"), Column("b", "real")))
    [legend] = plots.latent_map(z, labels, spec, (0, 1)).legends
    marks = {(handle.get_color(), handle.get_marker()) for handle in legend.legend_handles}
    assert len(marks) == 50
