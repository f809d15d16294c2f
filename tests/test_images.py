"""Pictures are read as Pillow shows them, a folder's name is a label, and what differs in size asks for a shape."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import enfold
from conftest import without_pictures
from enfold.cli import main

RNG = np.random.default_rng(0)
GRAY, COLOR = (RNG.integers(0, 256, shape, np.uint8) for shape in ((4, 6), (4, 6, 3)))
ON_ITS_SIDE = 6  # EXIF's word for a camera that was held a quarter turn to the left


def saved(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tif", "TIFF"])
def test_gray_pictures_are_one_channel(suffix, tmp_path):
    data = enfold.load(saved(tmp_path / f"a.{suffix}", GRAY))
    np.testing.assert_array_equal(data.x, GRAY[None, None])
    assert data.x.dtype == np.uint8
    assert data.spec.scale == 255


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "jpg", "jpeg"])
def test_color_pictures_are_three_channels(suffix, tmp_path):
    options = {"lossless": True} if suffix == "webp" else {"quality": 100, "subsampling": 0} if "j" in suffix else {}
    data = enfold.load(saved(tmp_path / f"a.{suffix}", COLOR, **options))
    off = np.abs(data.x[0].transpose(1, 2, 0).astype(int) - COLOR)
    assert off.max() <= (3 if "j" in suffix else 0)  # a JPEG of the best quality rounds


def test_gray_among_color_becomes_color(tmp_path):
    data = enfold.load(saved(tmp_path / "a.png", GRAY), saved(tmp_path / "b.png", COLOR))
    np.testing.assert_array_equal(data.x[0], np.broadcast_to(GRAY, (3, 4, 6)))
    np.testing.assert_array_equal(data.x[1], COLOR.transpose(2, 0, 1))


def test_dark_pictures_keep_their_scale(tmp_path):
    """Zeros and ones are a binary picture in an array, but not in a file whose white is 255."""
    data = enfold.load(saved(tmp_path / "a.png", GRAY % 2))
    assert data.spec.scale == 255


def test_folders_are_classes(tmp_path):
    for i, name in enumerate(("cats/a.png", "cats/old/b.png", "dogs/a.png", "c.png", ".trash/d.png", "dogs/._a.png")):
        saved(tmp_path / name, np.full((4, 4), i, np.uint8))
    data = enfold.load(tmp_path)
    assert data.spec.classes == ("cats", "dogs")
    assert data.spec.sources == (str(tmp_path),)
    assert {int(x.mean()): label for x, label in zip(data.x, data.labels, strict=True) if label == label} == {
        0: 0.0,
        1: 0.0,
        2: 1.0,
    }
    assert data.x[~data.labeled].mean() == 3


def test_folders_with_numbers_for_names_are_numbers(tmp_path):
    for digit in "3", "10":
        saved(tmp_path / digit / "a.png", GRAY)
    data = enfold.load(tmp_path)
    assert data.labels.tolist() == [10, 3]
    assert not data.spec.classes


def test_folders_of_runs_are_no_data(tmp_path):
    """A run that was written beside its pictures does not become one of them."""
    saved(tmp_path / "a.png", GRAY)
    saved(tmp_path / "runs" / "first" / "figures" / "latent.png", GRAY)
    (tmp_path / "runs" / "first" / "config.toml").touch()
    assert len(enfold.load(tmp_path)) == 1


def test_linked_folders_are_followed_once(tmp_path):
    saved(tmp_path / "elsewhere" / "a.png", GRAY)
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "cats").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(folder)
    data = enfold.load(folder)
    assert data.spec.classes == ("cats",)
    assert len(data) == 1


def test_names_that_are_no_text_are_refused(tmp_path):
    saved(Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9")) / "a.png", GRAY)
    with pytest.raises(enfold.InputError, match="Rename"):
        enfold.load(tmp_path)


def test_what_only_calls_itself_a_picture_is_refused(tmp_path):
    """PostScript is a program, and Pillow would have another program run it."""
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(enfold.InputError, match="cannot be read as a picture"):
        enfold.load(tmp_path)


def test_data_files_come_before_pictures(tmp_path, caplog):
    saved(tmp_path / "a.png", GRAY)
    np.save(tmp_path / "b.npy", GRAY[None])
    assert len(enfold.load(tmp_path)) == 1
    assert "not its pictures" in caplog.text


def test_other_kinds_of_colors(tmp_path):
    """Ink, a palette, and the opacity that a model was made for."""
    ink = saved(tmp_path / "a.jpg", np.zeros((4, 6, 3), np.uint8))
    Image.open(ink).convert("CMYK").save(ink)
    assert enfold.load(ink).x.max() < 5
    palette = saved(tmp_path / "b.png", COLOR)
    Image.fromarray(COLOR).convert("P", palette=Image.Palette.ADAPTIVE).save(palette)
    np.testing.assert_array_equal(enfold.load(palette).x[0].transpose(1, 2, 0), COLOR)
    opaque = enfold.load(palette, image_shape=(4, 4, 6))
    assert (opaque.x[:, 3] == 255).all()


def test_opacity_is_laid_on_white(tmp_path):
    opacity = np.zeros((4, 6, 1), np.uint8)
    opacity[:2] = 255
    data = enfold.load(saved(tmp_path / "a.png", np.concatenate([COLOR, opacity], 2)))
    np.testing.assert_array_equal(data.x[0, :, :2], COLOR[:2].transpose(2, 0, 1))
    assert (data.x[0, :, 2:] == 255).all()


def test_sixteen_bits_become_eight(tmp_path):
    data = enfold.load(saved(tmp_path / "a.png", GRAY.astype(np.uint16) * 256 + 7))
    np.testing.assert_array_equal(data.x, GRAY[None, None])


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_photographs_stand_upright(suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = ON_ITS_SIDE
    options = {"lossless": True} if suffix == "webp" else {}
    data = enfold.load(saved(tmp_path / f"a.{suffix}", COLOR, exif=exif, **options))
    np.testing.assert_array_equal(data.x[0].transpose(1, 2, 0), np.rot90(COLOR, -1))


def test_a_shape_cuts_around_the_middle_and_resizes(tmp_path):
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 200
    files = [saved(tmp_path / "a.png", wide), saved(tmp_path / "b.png", wide.T.copy())]
    data = enfold.load(*files, image_shape=(10, 10))
    assert data.x.shape == (2, 1, 10, 10)
    assert np.abs(data.x - 200.0).max() < 15  # the filter sees a little of the black beyond the cut
    assert enfold.load(*files, image_shape=(3, 10, 10)).spec.shape == (3, 10, 10)


def test_pictures_of_several_sizes_ask_for_a_shape(tmp_path, capsys):
    for name, shape in {"a.png": (4, 6), "b.png": (5, 6)}.items():
        saved(tmp_path / name, np.zeros(shape, np.uint8))
    assert main(["data", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "4 × 6" in err
    assert f"{tmp_path / 'b.png'} 5 × 6. Give" in err
    assert "--image-shape 64x64" in err


@pytest.mark.parametrize("kept", [10, 60])
def test_a_damaged_picture_is_named(kept, tmp_path, capsys):
    whole = saved(tmp_path / "a.png", GRAY).read_bytes()
    (tmp_path / "b.png").write_bytes(whole[:kept])
    assert main(["data", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "b.png cannot be read as a picture" in err
    assert "Replace or remove it" in err


def test_large_pictures_ask_for_a_shape(tmp_path, capsys):
    saved(tmp_path / "a.png", np.zeros((300, 400), np.uint8))
    assert main(["fit", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "--image-shape 64x64" in err
    assert "300 × 400" in err
    assert main(["data", str(tmp_path), "--image-shape", "300x400"]) == 0
    assert main(["data", str(tmp_path), "--image-shape", "2x30x40"]) == 2


def test_many_pictures_are_read_in_order(tmp_path, monkeypatch):
    """Also where they are decoded some at once, and stay in a file."""
    monkeypatch.setattr("enfold.data.images.AT_ONCE", 12)  # bytes of three pictures
    monkeypatch.setattr("enfold.data.dataset.IN_MEMORY", 10)
    for i in range(10):
        saved(tmp_path / f"{i}.png", np.full((2, 2), i, np.uint8))
    data = enfold.load(tmp_path)
    assert not isinstance(data.x, np.ndarray)
    assert data.x[:][:, 0, 0, 0].tolist() == list(range(10))


def test_many_sources_are_named_in_short():
    spec = replace(enfold.load("digits").spec, sources=tuple(f"{i}.png" for i in range(1000)))
    assert spec.sources_in_short == ("0.png", "1.png", "2.png", "3.png", "4.png", "995 more")


@pytest.fixture(scope="module")
def digits_in_folders(tmp_path_factory):
    """Some digits as pictures, in a folder for each class."""
    folder, digits = tmp_path_factory.mktemp("pictures") / "digits", enfold.load("digits")
    for i in range(120):
        saved(folder / f"{int(digits.labels[i])}/{i:03}.png", digits.x[i, 0] * 15)
    return folder


@pytest.fixture(scope="module")
@without_pictures()
def run(digits_in_folders):
    return enfold.fit(digits_in_folders, out=digits_in_folders.parent / "run", epochs=1, width=32)


def test_another_picture_goes_through_a_model_of_pictures(run, tmp_path):
    """Of another size, in color."""
    assert run.spec.shape == (1, 8, 8)
    other, pairs = saved(tmp_path / "other.jpg", np.zeros((30, 40, 3), np.uint8)), tmp_path / "pairs.png"
    assert main(["reconstruct", str(run.folder), str(other), "-o", str(pairs)]) == 0
    assert pairs.exists()


@pytest.mark.parametrize("command", ["encode", "score", "cluster"])
def test_tables_of_pictures_name_their_files(command, run, digits_in_folders, tmp_path):
    """Each with its own label."""
    out = tmp_path / "out.csv"
    assert main([command, str(run.folder), str(digits_in_folders), "-o", str(out)]) == 0
    table = pl.read_csv(out)
    assert table["file"].to_list() == sorted(map(str, digits_in_folders.glob("*/*.png")))
    assert [int(Path(file).parent.name) for file in table["file"]] == table["label"].to_list()


def test_what_encode_writes_of_pictures_can_be_decoded(run, digits_in_folders, tmp_path):
    z, x = tmp_path / "z.csv", tmp_path / "x.npz"
    assert main(["encode", str(run.folder), str(digits_in_folders), "-o", str(z)]) == 0
    assert main(["decode", str(run.folder), str(z), "-o", str(x)]) == 0
    assert len(enfold.load(x)) == 120


def test_files_stay_with_their_rows(digits_in_folders):
    data = enfold.load(digits_in_folders, enfold.load("digits").x[:2])
    assert len(data) == 122
    picked = data[[121, 5, 0]]
    assert picked.files.tolist() == ["", *data.files[[5, 0]]]
    assert data[:3].files.tolist() == data.files[:3].tolist()


def solid(path, size, mode="RGB", **options):
    """Save a picture of one color: a small file, whatever its size."""
    Image.new(mode, size, "teal" if mode == "RGB" else 7).save(path, **options)
    return path


@pytest.mark.parametrize("side", [8_300, 9_600, 13_500])
def test_more_pixels_than_fit_into_memory_are_refused_by_name(side, tmp_path, recwarn):
    """Pillow warns of some, and refuses others in its own words."""
    path = solid(tmp_path / "a.png", (side, side), "1")
    with pytest.raises(enfold.InputError, match=r"a\.png cannot be read as a picture \(.*pixels"):
        enfold.load(tmp_path, image_shape=(1, 8, 8))
    with pytest.raises(enfold.InputError, match="Pictures cannot have the shape"):
        enfold.load(path, image_shape=(side, side))
    assert not recwarn


def test_large_pictures_are_in_memory_one_at_a_time(tmp_path, peak_of):
    """And a JPEG file is decoded no larger than it is needed."""
    for i in range(4):
        solid(tmp_path / f"{i}.png", (5_000, 5_000), compress_level=1)  # 100 MB
        solid(tmp_path / f"{i}.jpg", (5_000, 5_000))
    read = "enfold.load({!r}, image_shape=(8, 8))"
    small = peak_of(read.format(str(solid(tmp_path.parent / "small.png", (9, 9)))))
    assert peak_of(read.format(str(tmp_path))) - small < 160
    for path in tmp_path.glob("*.png"):
        path.unlink()
    assert peak_of(read.format(str(tmp_path))) - small < 40


def test_what_pillow_warns_of_is_mended_silently(tmp_path, recwarn):
    """Opacity of a palette in bytes, and a camera's notes that end too early."""
    Image.new("P", (4, 6)).save(tmp_path / "a.png", transparency=bytes([0, 128]))
    solid(tmp_path / "b.jpg", (4, 6), exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0")
    assert len(enfold.load(tmp_path)) == 2
    assert not recwarn


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
def test_a_pipe_among_pictures_is_refused_by_name(tmp_path):
    saved(tmp_path / "a.png", GRAY)
    (tmp_path / "cats").mkdir()
    os.mkfifo(tmp_path / "cats" / "b.png")
    with pytest.raises(enfold.InputError, match=r"b\.png is a pipe, not a regular file"):
        enfold.load(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has shorter paths")
def test_folders_may_be_nested_deeper_than_pythons_stack(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    deepest = tmp_path
    for _ in range(1_100):
        deepest /= "a"
        deepest.mkdir()
    saved(deepest / "b.png", GRAY)
    data = enfold.load(tmp_path)
    (deepest / "b.png").unlink()
    for _ in range(1_100):  # what removes the folders of tests calls itself for each level
        deepest.rmdir()
        deepest = deepest.parent
    assert data.spec.classes == ("a",)
    assert len(data) == 1
