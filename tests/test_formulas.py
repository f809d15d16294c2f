"""No cell of a table that enfold writes is a formula to a spreadsheet, and enfold reads each back as it was."""

import csv

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import enfold
from conftest import without_pictures
from enfold import InputError
from enfold.cli import main
from enfold.cli.writing import write_examples
from enfold.data.formulas import escaped, unescaped
from enfold.spec import Column, Spec

NAMES = ("=HYPERLINK(1)", "+a", "-b", "@SUM(1)", "'=c", "''d", "'tis", "-1e", "plain")
SIGNS = st.text(st.sampled_from("'=+-@\t\r\n1.e a＝"), max_size=6)


@given(SIGNS | st.text())
def test_text_is_read_as_it_was_and_begins_no_formula(text):
    assert unescaped(escaped(text)) == text
    begins = escaped(text)[:1]
    assert begins not in {*"=@\t\r\n＝＋－＠"} or not begins
    if begins in {"+", "-"}:
        float(escaped(text))  # a number


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_numbers_are_never_touched(number):
    assert escaped(str(number)) == str(number)
    assert unescaped(str(number)) == str(number)


def cells(path):
    with path.open(newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]


@pytest.fixture(scope="module")
@without_pictures()
def run(tmp_path_factory):
    """A run of pictures in folders whose names, and so the classes, are formulas."""
    folder = tmp_path_factory.mktemp("pictures")
    for i, name in enumerate(NAMES):
        for j in range(4):
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(np.full((4, 4), 20 * i + j, np.uint8)).save(folder / name / f"={j}.png")
    settings = {"epochs": 1, "width": 8, "holdout": 4, "condition": "label", "device": "cpu"}
    return enfold.fit(folder, out=folder.parent / "run", **settings), folder


def test_latent_vectors_of_such_classes_are_read_back(run, tmp_path, monkeypatch):
    """They are decoded as the classes that they are of, and the vectors are those that were written, also below 0."""
    run, folder = run
    monkeypatch.chdir(folder)
    z, x = tmp_path / "z.csv", tmp_path / "x.npz"
    assert main(["encode", str(run.folder), NAMES[0], "-o", str(z), "--device", "cpu"]) == 0
    assert not [cell for cell in cells(z) if escaped(cell) != cell and not cell.startswith("'")]
    assert "'=HYPERLINK(1)/=0.png" in cells(z)
    monkeypatch.chdir(tmp_path)
    assert main(["encode", str(run.folder), str(folder), "-o", str(z), "--device", "cpu"]) == 0
    labels = list(pl.read_csv(z)["label"])
    assert sorted({unescaped(each) for each in labels}) == sorted(NAMES)
    assert "'-b" in labels
    assert main(["decode", str(run.folder), str(z), "-o", str(x), "--device", "cpu"]) == 0
    data = enfold.load(folder)
    expected = enfold.inference.reconstructed_means(
        run.model, data.x, enfold.inference.conditions(data.labels, run.spec)
    )
    np.testing.assert_allclose(enfold.load(x).x, np.rint(expected), atol=1)


def test_columns_of_a_table_are_read_back(tmp_path):
    x = np.array([[-1.5, 2.0, 3.0], [4.0, -5e-7, 6.0]], np.float32)
    names = ("=a", "-b", "'+c")
    write_examples(tmp_path / "x.csv", x, Spec((3,), tuple(Column(name, "real") for name in names)))
    assert cells(tmp_path / "x.csv")[:4] == ["'=a", "'-b", "''+c", "-1.5"]
    data = enfold.load(tmp_path / "x.csv")
    assert [column.name for column in data.spec.columns] == [*names]
    np.testing.assert_array_equal(data.x, x)


@pytest.mark.parametrize("name", ["x.csv", "x.npz"])
def test_what_is_no_number_is_not_written(tmp_path, name):
    x = np.array([[0.0], [np.nan], [np.inf]], np.float32)
    with pytest.raises(InputError, match="2 of 3 rows, first for row 1"):
        write_examples(tmp_path / name, x, Spec((1,), (Column("a", "real"),)))
    assert not [*tmp_path.iterdir()]
