"""What lies in a file is what comes out of it."""

import dataclasses
import gzip
import hashlib
import struct

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_digits

import enfold
from enfold import InputError, Spec
from enfold.data import load_like
from enfold.data.bundled import MNIST
from enfold.data.dataset import class_labels, class_name
from enfold.data.idx import read_idx_array


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 4, 4), dtype=np.uint8)


LABELS = np.array([3, 1, 4, 1, 5, 9, 2])


def test_the_bundled_mnist_is_the_canonical_one():
    canonical = {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
    for name, digest in canonical.items():
        array = read_idx_array(MNIST / f"{name}.gz")
        header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        assert hashlib.sha256(header + array.tobytes()).hexdigest() == digest
    data = enfold.load()
    assert (data.x.shape, data.x.dtype) == ((70_000, 1, 28, 28), np.uint8)
    assert np.bincount(data.labels.astype(int)).tolist() == [
        6903,
        7877,
        6990,
        7141,
        6824,
        6313,
        6876,
        7293,
        6825,
        6958,
    ]


def test_the_bundled_digits_are_scikit_learns():
    data, source = enfold.load("digits"), load_digits()
    np.testing.assert_array_equal(data.x[:, 0], source.images)
    np.testing.assert_array_equal(data.labels, source.target)
    assert data.spec.scale.tolist() == [16]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_come_with_the_labels_beside_them(tmp_path, images, write_idx, suffix):
    write_idx(tmp_path / "some-labels-idx1-ubyte", LABELS)
    data = enfold.load(write_idx(tmp_path / f"some-images-idx3-ubyte{suffix}", images))
    np.testing.assert_array_equal(data.x[:, 0], images)
    np.testing.assert_array_equal(data.labels, LABELS)


def test_idx_files_without_labels_are_unlabeled(tmp_path, images, write_idx):
    data = enfold.load(write_idx(tmp_path / "pictures.idx", images))
    assert np.isnan(data.labels).all()


def test_the_kaggle_pair_is_joined_with_gaps_where_labels_are_missing(tmp_path, images, write_kaggle):
    train = write_kaggle(tmp_path / "train.csv", images[:5], LABELS[:5])
    test = write_kaggle(tmp_path / "test.csv", images[5:])
    data = enfold.load(train, test)
    np.testing.assert_array_equal(data.x[:, 0], images)
    np.testing.assert_array_equal(data.labels, [*LABELS[:5], np.nan, np.nan])
    assert data.spec.sources == (str(train), str(test))


def test_a_large_csv_has_the_values_that_pandas_reads(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (42_000, 784), dtype=np.uint8) * (rng.random((42_000, 784)) < 0.2)
    frame = pd.DataFrame(pixels, columns=[f"pixel{i}" for i in range(784)])
    frame.insert(0, "label", rng.integers(0, 10, 42_000))
    frame.to_csv(tmp_path / "train.csv", index=False)
    data, expected = enfold.load(tmp_path / "train.csv"), pd.read_csv(tmp_path / "train.csv")
    np.testing.assert_array_equal(data.x.reshape(42_000, 784), expected.drop(columns="label"))
    np.testing.assert_array_equal(data.labels, expected["label"])


def test_a_file_is_read_that_has_a_pattern_for_a_name(tmp_path):
    for name, value in (("a[1].csv", 1), ("a1.csv", 2), ("a*.csv", 3)):
        (tmp_path / name).write_text(f"u,v\n{value}.5,0.5\n")
    for name, value in (("a[1].csv", 1.5), ("a*.csv", 3.5)):
        assert enfold.load(tmp_path / name).x.tolist() == [[value, 0.5]]


def test_hidden_files_in_a_folder_are_no_data(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    (tmp_path / "._a.npy").write_bytes(b"of the file system")
    assert len(enfold.load(tmp_path)) == 3


def test_suffixes_may_be_in_capitals(tmp_path):
    for name, head in (("TABLE.CSV.GZ", b"u,v"), ("PIXELS.CSV.GZ", b"pixel0,pixel1,pixel2,pixel3")):
        cells = [b"7"] * (head.count(b",") + 1)
        (tmp_path / name).write_bytes(gzip.compress(head + b"\n" + b",".join(cells) + b"\n"))
        assert np.unique(enfold.load(tmp_path / name).x).tolist() == [7]


@pytest.mark.parametrize(("known", "given"), [("names", "numbers"), ("numbers", "names")])
def test_classes_of_another_kind_are_refused_by_a_conditional_model(tmp_path, known, given):
    labels = {"names": ["cat", "dog"], "numbers": [0, 1]}
    parts = {}
    for kind, each in labels.items():
        pd.DataFrame({"u": [0.5, 1.5], "v": [0.0, 1.0], "label": each}).to_csv(tmp_path / f"{kind}.csv", index=False)
        parts[kind] = enfold.load(tmp_path / f"{kind}.csv")
    spec = dataclasses.replace(parts[known].spec, conditions=(0.0, 1.0))
    with pytest.raises(InputError, match=f"labels of .* are {given}, but .* conditioned on {known}"):
        load_like(spec, tmp_path / f"{given}.csv")
    assert load_like(spec, tmp_path / f"{known}.csv").labels.tolist() == [0, 1]
    assert load_like(parts[known].spec, tmp_path / f"{given}.csv").labels.tolist() == [0, 1]  # not conditional


@pytest.mark.parametrize("name", ["label", "Class", "target", "y"])
@pytest.mark.parametrize("position", [0, 2, 16])
def test_the_label_column_is_found_wherever_it_is(tmp_path, images, name, position):
    frame = pd.DataFrame(images.reshape(7, 16), columns=[f"pixel{i}" for i in range(16)])
    frame.insert(position, name, LABELS)
    frame.to_csv(tmp_path / "data.csv", index=False)
    data = enfold.load(tmp_path / "data.csv")
    np.testing.assert_array_equal(data.x[:, 0], images)
    np.testing.assert_array_equal(data.labels, LABELS)


def test_the_label_column_may_be_named_and_missing_from_some_files(tmp_path, images):
    frame = pd.DataFrame(images.reshape(7, 16), columns=[f"pixel{i}" for i in range(16)])
    frame.to_csv(tmp_path / "test.csv", index=False)
    frame.assign(kind=LABELS).to_csv(tmp_path / "train.csv", index=False)
    data = enfold.load(tmp_path / "train.csv", tmp_path / "test.csv", label="kind")
    np.testing.assert_array_equal(data.labels, [*LABELS, *[np.nan] * 7])


def test_names_as_labels_are_counted_from_zero_in_order(tmp_path):
    (tmp_path / "a.csv").write_text("pixel0,label\n1,dog\n2,\n3,cat\n")
    (tmp_path / "b.csv").write_text("pixel0,label\n4,bee\n5,dog\n")
    data = enfold.load(tmp_path / "a.csv", tmp_path / "b.csv")
    assert data.spec.classes == ("bee", "cat", "dog")
    np.testing.assert_array_equal(data.labels, [2, np.nan, 1, 0, 2])
    alone = load_like(data.spec, tmp_path / "b.csv")
    np.testing.assert_array_equal(alone.labels, [0, 2])


def test_pixels_that_are_not_square_take_their_shape(tmp_path):
    (tmp_path / "a.csv").write_text("pixel0,pixel1,pixel2,pixel3,pixel4,pixel5\n1,2,3,4,5,6\n")
    data = enfold.load(tmp_path / "a.csv", image_shape=(2, 3))
    assert data.x.tolist() == [[[[1, 2, 3], [4, 5, 6]]]]


def test_other_columns_make_a_table_in_raw_units(tmp_path):
    (tmp_path / "iris.csv").write_text("length,width,class\n5.1,3.5,setosa\n6.2,-2.9,virginica\n")
    data = enfold.load(tmp_path / "iris.csv")
    np.testing.assert_array_equal(data.x, np.array([[5.1, 3.5], [6.2, -2.9]], np.float32))
    assert [column.name for column in data.spec.columns] == ["length", "width"]
    assert data.spec.kind == "real"


def test_a_tables_columns_are_found_by_name_when_a_model_reads_it_again(tmp_path):
    (tmp_path / "a.csv").write_text("length,width\n1,2\n")
    (tmp_path / "b.csv").write_text("width,class,length\n20,x,10\n")
    (tmp_path / "c.csv").write_text("length,height\n1,2\n")
    spec = enfold.load(tmp_path / "a.csv").spec
    assert load_like(spec, tmp_path / "b.csv").x.tolist() == [[10, 20]]
    assert load_like(spec, np.array([[3.0, 4.0]])).x.tolist() == [[3, 4]]
    with pytest.raises(InputError, match=r"differ in columns, such as 'height'\. The model's are length, width"):
        load_like(spec, tmp_path / "c.csv")
    with pytest.raises(InputError, match="column named 'kind'"):
        load_like(spec, tmp_path / "b.csv", label="kind")


def test_a_feature_that_is_called_as_labels_are_is_no_label(tmp_path):
    (tmp_path / "train.csv").write_text("species,x,y\nwren,1,2\nrook,3,4\n")
    (tmp_path / "new.csv").write_text("x,y\n5,6\n")
    spec = enfold.load(tmp_path / "train.csv", label="species").spec
    new = load_like(spec, tmp_path / "new.csv")
    assert new.x.tolist() == [[5, 6]]
    assert not new.labeled.any()
    both = enfold.load(tmp_path / "new.csv", tmp_path / "train.csv", label="species")
    assert both.x.tolist() == [[5, 6], [1, 2], [3, 4]]
    assert both.labeled.tolist() == [False, True, True]


def test_pixels_are_put_in_the_order_of_their_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("pixel10,pixel0,pixel2,pixel1\n10,0,2,1\n")
    assert enfold.load(tmp_path / "a.csv").x.ravel().tolist() == [0, 1, 2, 10]


def test_blank_lines_carriage_returns_and_spaces_in_the_header_are_no_matter(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbflabel, pixel0\r\n1,2\r\n\r\n3,4\r\n\r\n")
    data = enfold.load(tmp_path / "a.csv")
    assert data.x.ravel().tolist() == [2, 4]
    assert data.labels.tolist() == [1, 3]


def test_columns_named_by_years_are_a_table(tmp_path):
    (tmp_path / "a.csv").write_text("land,1990,1991\n1,2.5,3\n4,5,6\n")
    assert not enfold.load(tmp_path / "a.csv").spec.is_image


def test_images_of_another_shape_are_not_bent_into_the_models(digits):
    with pytest.raises(InputError, match="1 × 4 × 16, expected 1 × 8 × 8"):
        load_like(digits.spec, np.zeros((3, 4, 16), np.uint8))
    assert load_like(digits.spec, np.zeros((3, 64), np.uint8)).x.shape == (3, 1, 8, 8)


def test_labels_are_given_for_one_array_only(tmp_path, images):
    np.save(tmp_path / "a.npy", images)
    assert enfold.load(images, labels=list("abcabca")).spec.classes == ("a", "b", "c")
    for sources in ([tmp_path / "a.npy"], [images, images]):
        with pytest.raises(InputError, match="single array"):
            enfold.load(*sources, labels=LABELS)


def test_numbers_as_labels_stay_numbers_beside_a_run_with_names(tmp_path):
    (tmp_path / "a.csv").write_text("pixel0,label\n1,dog\n3,cat\n")
    (tmp_path / "b.csv").write_text("pixel0,label\n1,7\n3,123456789\n")
    data = load_like(enfold.load(tmp_path / "a.csv").spec, tmp_path / "b.csv")
    assert [class_name(label, data.spec) for label in data.labels] == ["7", "123456789"]


def test_npy_and_npz_files_and_arrays_are_read_alike(tmp_path, images):
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "a.npz", images=images, labels=LABELS)
    for data in (enfold.load(tmp_path / "a.npy"), enfold.load(tmp_path / "a.npz"), enfold.load(images)):
        np.testing.assert_array_equal(data.x[:, 0], images)
        assert data.x.dtype == np.uint8
    np.testing.assert_array_equal(enfold.load(tmp_path / "a.npz").labels, LABELS)


def test_color_images_are_put_channels_first():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), dtype=np.uint8)
    data = enfold.load(pictures)
    np.testing.assert_array_equal(data.x, pictures.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(load_like(data.spec, pictures).x, data.x)
    np.testing.assert_array_equal(load_like(data.spec, data.x).x, data.x)


@pytest.mark.parametrize(
    ("array", "dtype", "scale"),
    [
        (np.zeros((2, 3, 3), bool), "uint8", 1),
        (np.full((2, 3, 3), 200), "uint8", 255),
        (np.full((2, 3, 3), 200.0), "uint8", 255),
        (np.full((2, 3, 3), 0.5), "float32", 1),
        (np.full((2, 9), 7, np.uint8), "uint8", 255),
        (np.full((2, 9), 7), "float32", 1),
    ],
)
def test_the_type_says_what_an_array_is(array, dtype, scale):
    data = enfold.load(array)
    assert (data.spec.dtype, data.x.dtype, data.spec.scale[0]) == (dtype, dtype, scale)
    assert data.spec.is_image == (array.ndim > 2 or array.dtype == np.uint8)


def test_folders_are_read_file_by_file_in_order(tmp_path, images, write_idx):
    write_idx(tmp_path / "b-images-idx3-ubyte", images[3:])
    write_idx(tmp_path / "b-labels-idx1-ubyte", LABELS[3:])
    np.save(tmp_path / "a.npy", images[:3])
    (tmp_path / "notes.txt").write_text("not data")
    data = enfold.load(tmp_path)
    np.testing.assert_array_equal(data.x[:, 0], images)
    np.testing.assert_array_equal(data.labels, [*[np.nan] * 3, *LABELS[3:]])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 1, np.nan], [0, 1]),
        ([0.5, 1, 2, 3], None),
        (range(51), None),
        ([np.nan], None),
    ],
)
def test_whole_numbers_are_classes_if_they_are_few(labels, expected):
    found = class_labels(np.array(labels, np.float64))
    assert (found is None) if expected is None else found.tolist() == expected


def test_a_column_that_varies_little_beside_its_mean_is_brought_near_the_others():
    """Unix seconds of an hour: float32 has steps of two minutes there."""
    x = np.stack([np.linspace(1.7e9, 1.7e9 + 3600, 500), np.sin(np.arange(500.0))], 1)
    data = enfold.load(x)
    spec = data.spec.standardized(data.x)
    assert np.abs(spec.scaled(data.x)).max() < 3
    constant = enfold.load(np.full((5, 2), 1.7e9))
    np.testing.assert_array_equal(constant.spec.standardized(constant.x).scaled(constant.x), 0)


def test_pixels_that_are_only_0_and_1_are_binary_in_every_format(tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (6, 9))
    frame = pl.DataFrame(x, [f"pixel{i}" for i in range(9)])
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    frame.cast(pl.Boolean).write_parquet(tmp_path / "b.parquet")
    np.save(tmp_path / "a.npy", x.reshape(6, 3, 3))
    for name in ("a.csv", "a.parquet", "b.parquet", "a.npy"):
        data = enfold.load(tmp_path / name)
        np.testing.assert_array_equal(data.x.reshape(6, 9), x)
        assert (data.spec.dtype, data.spec.scale[0]) == ("uint8", 1), name
    gray = enfold.load(np.full((2, 3, 3), 200))
    assert load_like(gray.spec, tmp_path / "a.csv").spec.scale[0] == 255
    for parts in ((gray, tmp_path / "a.csv"), (tmp_path / "a.csv", gray), (tmp_path / "a.npy", gray)):
        assert enfold.load(*parts).spec.scale[0] == 255
    with pytest.raises(InputError, match="of other names or ranges"):  # 0…255 and 0…16
        enfold.load(np.full((2, 8, 8), 200), "digits")


def test_a_missing_boolean_pixel_is_named(tmp_path):
    pl.DataFrame({f"pixel{i}": [True, None if i == 2 else False] for i in range(4)}).write_parquet(
        tmp_path / "a.parquet"
    )
    with pytest.raises(InputError, match=r"row 1, column 'pixel2'.*got nothing"):
        enfold.load(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "__index_level_0__"])
def test_the_row_numbers_that_pandas_writes_are_refused(tmp_path, name):
    frame = pl.DataFrame({"a": [1.0, 2.0], name: [3.0, 4.0]})
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_csv(tmp_path / "a.csv")
    for file in ("a.parquet", "a.csv"):
        with pytest.raises(InputError, match=r"row numbers that pandas writes.*index=False"):
            enfold.load(tmp_path / file)
    old = Spec((2,), (enfold.Column("a", "real"), enfold.Column(name, "real")), "float32")  # of a model that has it
    np.testing.assert_array_equal(load_like(old, tmp_path / "a.csv").x, frame.to_numpy())


def test_the_columns_of_a_file_without_names_are_taken_as_they_lie(tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", x)
    pl.DataFrame(x, ["a", "b", "c"]).write_csv(tmp_path / "a.csv")
    for ours, theirs in (("a.csv", "a.npy"), ("a.npy", "a.csv")):
        spec = enfold.load(tmp_path / ours).spec
        np.testing.assert_array_equal(load_like(spec, tmp_path / theirs).x, x)
    names = [f"column {i}" for i in range(3)]  # as enfold writes an array's
    pl.DataFrame(x[:, ::-1], names[::-1]).write_csv(tmp_path / "b.csv")
    spec = enfold.load(tmp_path / "a.npy").spec
    np.testing.assert_array_equal(load_like(spec, tmp_path / "b.csv").x, x)


@pytest.mark.parametrize("columns", [10, 64])
def test_a_model_of_a_table_takes_rows_of_bytes(tmp_path, columns):
    x = np.random.default_rng(0).integers(0, 100, (20, columns))
    np.save(tmp_path / "a.npy", x.astype(np.uint8))
    spec = enfold.load(x.astype(np.float32)).spec
    for source in (tmp_path / "a.npy", x.astype(np.uint8)):
        np.testing.assert_array_equal(load_like(spec, source).x, x)


def test_channels_may_be_last_only_where_that_is_plain():
    with pytest.raises(InputError, match=r"\(n, 28, 28, 2\).*transpose\(0, 3, 1, 2\)"):
        enfold.load(np.zeros((5, 28, 28, 2), np.uint8))
    assert enfold.load(np.zeros((5, 28, 28, 2), np.uint8), image_shape=(28, 28, 2)).spec.shape == (28, 28, 2)
    assert enfold.load(np.zeros((5, 64, 8, 8), np.uint8)).spec.shape == (64, 8, 8)


def test_names_that_are_bytes_are_names():
    data = enfold.load(np.zeros((3, 2)), labels=np.array([b"dog", b"cat", b""]))
    assert data.spec.classes == ("cat", "dog")
    np.testing.assert_array_equal(data.labels, [1, 0, np.nan])
    np.testing.assert_array_equal(enfold.load(np.zeros((2, 2)), labels=np.array([b"3", b"7"])).labels, [3, 7])
    assert enfold.load(np.zeros((2, 2)), labels=[b"caf\xe9", None]).spec.classes == (r"caf\xe9",)


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=2),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
@settings(max_examples=50, deadline=None)
def test_specs_survive_json_and_standardize_what_varies(x):
    spec = enfold.load(x).spec.standardized(x)
    assert Spec.from_dict(spec.to_dict()) == spec
    scaled = (x.astype(np.float64) - spec.offset.astype(np.float64)) / spec.scale
    spread = scaled.std(0)
    assert np.all((np.abs(spread - 1) < 1e-3) | (spec.scale == 1))


def test_vectors_in_units_of_the_scale_become_the_examples_again(images):
    spec = enfold.load(images).spec
    assert spec.vectors(images).shape == (7, 16)
    np.testing.assert_array_equal(spec.scaled(images, np.float64), images / 255)
    np.testing.assert_allclose(spec.examples(spec.vectors(images)), images.reshape(7, 1, 4, 4), rtol=1e-6)


def test_names_with_underscores_are_no_numbers():
    data = enfold.load(np.zeros((3, 2, 2), np.uint8), labels=["1_0", "10", "1_1"])
    assert data.spec.classes == ("10", "1_0", "1_1")


def test_parts_without_a_labeled_row_are_joined():
    data = enfold.load(np.zeros((4, 2, 2), np.uint8), labels=["cat", "", "", ""])
    assert not enfold.load(data[1:3], data[3:]).labeled.any()
    np.testing.assert_array_equal(enfold.load(data[1:3], data[:1]).labels, [np.nan, np.nan, 0])


def test_arrays_of_other_kinds_are_plain_or_refused():
    values = np.random.default_rng(0).normal(size=(4, 3))
    assert type(enfold.load(values.view(np.matrix)).x) is np.ndarray
    with pytest.raises(InputError, match="masked"):
        enfold.load(np.ma.masked_greater(values, 0))


def test_a_folder_called_array_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "array").mkdir()
    np.save(tmp_path / "array" / "a.npy", np.zeros((3, 2, 2), np.uint8))
    assert not enfold.load("array").spec.is_array
    assert enfold.load("array")[:2].spec.is_array


def test_a_name_with_a_number_that_python_does_not_read_is_no_pixels(tmp_path):
    name = f"pixel{'9' * 5_000}"
    (tmp_path / "a.csv").write_text(f"{name}\n1\n")
    assert [column.name for column in enfold.load(tmp_path / "a.csv").spec.columns] == [name]
