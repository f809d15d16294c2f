"""Every kind of bad input has a message of its own, ends with status 2, and leaves nothing half-written."""

import gzip
import io
import os
import struct
import sys
import zipfile

import numpy as np
import pytest

from enfold.cli import main

HEADER = "label," + ",".join(f"pixel{i}" for i in range(4))


def idx(*shape, magic=(0, 0, 8), values=b""):
    return bytes(magic) + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def empty_zip():
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


PIXELS_783 = ",".join(f"pixel{i}" for i in range(783)) + "\n" + ",".join("0" * 783) + "\n"

CASES = {
    "empty file": ("a.csv", b"", "is empty"),
    "blank line": ("a.csv", b"\n\n", "is empty"),
    "header only": ("a.csv", f"{HEADER}\n".encode(), "header but no rows"),
    "no header": ("a.csv", b"5,0,0,17,255\n4,1,2,3,4\n", "no header"),
    "short row": ("a.csv", f"{HEADER}\n1,2,3,4,5\n1,2,3\n".encode(), "line 3: 3 cells"),
    "long row": ("a.csv", f"{HEADER}\n1,2,3,4,5,6\n".encode(), "line 2: 6 cells"),
    "text cell": (
        "a.csv",
        f"{HEADER}\n1,2,x,4,5\n".encode(),
        "column 'pixel1': expected a whole number from 0 to 255, got 'x'",
    ),
    "NaN cell": ("a.csv", f"{HEADER}\n1,2,NaN,4,5\n".encode(), "got 'NaN'"),
    "empty cell": ("a.csv", f"{HEADER}\n1,2,,4,5\n".encode(), "got ''"),
    "value 256": ("a.csv", f"{HEADER}\n1,2,3,4,5\n1,2,3,256,5\n".encode(), "line 3, column 'pixel2'"),
    "value -1": ("a.csv", f"{HEADER}\n1,2,-1,4,5\n".encode(), "got '-1'"),
    "fraction": ("a.csv", f"{HEADER}\n1,2,0.5,4,5\n".encode(), "got '0.5'"),
    "a number before a space": (
        "a.csv",
        b"a,b\n1,2\n3 ,4\n",
        "line 3, column 'a': expected a finite number, got '3 '",
    ),
    "a column that pandas numbered": ("a.csv", b",a,b\n0,1.5,2\n1,2.5,3\n", "a column without a name"),
    "a table's columns counted": ("a.csv", b"0,1,2,3\n0.5,1,2,3\n", "for a table, give them other names"),
    "three columns counted": ("a.csv", b"0,1,2\n1,2,3\n", "for a table, give them other names"),
    "783 pixel columns": ("a.csv", PIXELS_783.encode(), "783 pixels in each row, which make no square"),
    "two label columns": ("a.csv", b"label,class,pixel0\n1,2,3\n", "label columns label and class"),
    "the same column twice": ("a.csv", b"label,label,pixel0\n1,2,3\n", "more than one column named 'label'"),
    "a column that is no pixel": ("a.csv", b"id,pixel0\n1,2\n", "the column 'id'"),
    "only a label": ("a.csv", b"label\n1\n", "no columns beside the label"),
    "text in a table": ("a.csv", b"length,width\n1.5,wide\n", "column 'width': expected a finite number, got 'wide'"),
    "underscores in a table": ("a.csv", b"length,width\n1.5,1_0\n", "got '1_0'"),
    "infinity in a table": ("a.csv", b"length,width\n1.5,inf\n", "got 'inf'"),
    "too large in a table": ("a.csv", b"length,width\n1.5,1e39\n", "got '1e39'"),
    "not UTF-8": ("a.csv", HEADER.encode() + b"\n\xff\xfe,1,2,3,4\n", "cannot be read as a CSV file"),
    "truncated gz": ("a-idx3-ubyte.gz", gzip.compress(idx(2, 2, 2, values=bytes(range(8))))[:-9], "cut short"),
    "no gz": ("a-idx3-ubyte.gz", b"plainly not gzip", "damaged"),
    "wrong magic": ("a-idx3-ubyte", idx(1, 2, 2, magic=(1, 2, 3), values=bytes(4)), "begins with 01 02 03"),
    "floats in IDX": ("a-idx3-ubyte", idx(1, 2, 2, magic=(0, 0, 13), values=bytes(16)), "begins with 00 00 0d"),
    "cut header": ("a-idx3-ubyte", idx(1, 2, 2)[:9], "ends within its header"),
    "fewer bytes than claimed": ("a-idx3-ubyte", idx(2, 2, 2, values=bytes(7)), "but has fewer"),
    "more bytes than claimed": ("a-idx3-ubyte", idx(2, 2, 2, values=bytes(9)), "but has more"),
    "a trillion images": ("a-idx3-ubyte", idx(10**9, 1000, 10**3), "should have 1,000,000,000,000,000 values"),
    "a trillion images in gz": ("a-idx3-ubyte.gz", gzip.compress(idx(10**9, 1000, 10**3)), "but has fewer"),
    "labels as images": ("a-idx1-ubyte", idx(3, values=bytes(3)), "holds labels"),
    "no images in IDX": ("a-idx3-ubyte", idx(0, 28, 28), "it is empty"),
    "pickled npy": ("a.npy", npy(np.array([{}], dtype=object), allow_pickle=True), "Python objects are refused"),
    "an npz by another name": ("a.npy", npz(x=np.zeros((3, 3))), "Rename it to a.npz"),
    "cut npy": ("a.npy", npy(np.zeros((3, 3)))[:100], "read safely"),
    "empty npz": ("a.npz", empty_zip(), "found: none"),
    "no npz": ("a.npz", b"PK\x03\x04 and then nothing", "read safely"),
    "npz with other names": ("a.npz", npz(first=np.zeros(3), second=np.zeros(3)), "found: first, second"),
    "complex": ("a.npy", npy(np.zeros((3, 3), complex)), "complex128, not real"),
    "dates": ("a.npy", npy(np.zeros((3, 3), "M8[D]")), "not real numbers"),
    "one dimension": ("a.npy", npy(np.zeros(3)), "shape (3,)"),
    "no rows": ("a.npy", npy(np.zeros((0, 4))), "it is empty"),
    "NaN": ("a.npy", npy(np.array([[1.0, 2.0], [np.nan, 0.0]])), "first in row 1"),
    "pixels above 255": ("a.npy", npy(np.full((2, 3, 3), 300)), "pixels from 300 to 300"),
    "negative pixels": ("a.npy", npy(np.full((2, 3, 3), -0.5)), "pixels from -0.5"),
    "unequal labels": ("a.npz", npz(x=np.zeros((3, 2)), y=np.zeros(4)), "labels of shape (4,)"),
    "cut gzipped CSV": ("a.csv.gz", gzip.compress(f"{HEADER}\n".encode() + b"1,2,3,4,5\n" * 99)[:-9], "be read as"),
    "a pixel of 5,000 digits": ("a.csv", f"{HEADER}\n1,2,{'9' * 5000},4,5\n".encode(), "expected a whole number"),
    "a trillion numbers in npy": (
        "a.npy",
        npy(np.zeros((9, 9))).replace(b"(9, 9)", b"(10**6, 10**6)"),
        "read safely",
    ),
    "garbled npy header": ("a.npy", npy(np.zeros((9, 9))).replace(b"(9, 9)", b"(9, (9"), "read safely"),
    "infinite labels": ("a.npz", npz(x=np.zeros((3, 2)), y=np.array([0, 1, np.inf])), "infinite"),
    "unknown kind": ("a.docx", b"text", "an unknown type"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("command", ["fit", "data"])
def test_bad_files(case, command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, content, message = CASES[case]
    (tmp_path / name).write_bytes(content)
    assert main([command, name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert name in err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_missing_file_is_named_with_the_nearest_one(tmp_path, capsys):
    (tmp_path / "train.csv").write_text("x\n")
    assert main(["fit", str(tmp_path / "trian.csv")]) == 2
    assert f"Did you mean '{tmp_path / 'train.csv'}'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the names of files are text")
def test_a_name_that_is_no_text_is_refused(tmp_path, capsys):
    file = os.fsdecode(os.fsencode(tmp_path / "caf") + b"\xe9.npy")
    np.save(file, np.zeros((9, 4)))
    for words in (["fit", file], ["fit", "digits", "--out", file]):
        assert main(words) == 2
        assert "not UTF-8" in capsys.readouterr().err


def test_a_folder_without_data_is_refused(tmp_path, capsys):
    assert main(["fit", str(tmp_path)]) == 2
    assert "holds no data files" in capsys.readouterr().err


def test_an_unknown_label_column_is_answered_with_the_columns(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(f"{','.join(f'c{i}' for i in range(13))},y\n{'1,' * 13}0\n")
    assert main(["data", str(tmp_path / "a.csv"), "--label", "digit"]) == 2
    assert "column named 'digit'. The columns are: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 3 more." in (
        capsys.readouterr().err
    )
    (tmp_path / "b.csv").write_text("a,species\n1,setosa\n")
    assert main(["data", str(tmp_path / "b.csv")]) == 2
    assert (
        "got 'setosa'. Fix or drop the line, or if it is the label, name it with --label species."
        in capsys.readouterr().err
    )


def test_sources_of_two_kinds_are_not_joined(capsys):
    assert main(["data", "digits", "mnist"]) == 2
    assert "rows of one kind" in capsys.readouterr().err


def test_unequal_idx_labels_are_refused(tmp_path, capsys, write_idx):
    write_idx(tmp_path / "a-images-idx3-ubyte", np.zeros((3, 2, 2)))
    write_idx(tmp_path / "a-labels-idx1-ubyte", np.zeros(2))
    assert main(["data", str(tmp_path)]) == 2
    assert "3 rows but labels of shape (2,)" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
@pytest.mark.parametrize("name", ["a.csv", "a.png", "a.npy", "a.parquet", "a-images-idx3-ubyte.gz"])
def test_a_pipe_is_refused_by_name_wherever_it_is(name, tmp_path, capsys):
    """Reading it might never end."""
    os.mkfifo(tmp_path / name)
    (tmp_path / "zeros.npy").symlink_to("/dev/zero")
    for source in (tmp_path / name, tmp_path / "zeros.npy", tmp_path):
        assert main(["data", str(source)]) == 2
        err = capsys.readouterr().err
        assert "not a regular file" in err
        assert str(source) in err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
def test_labels_that_are_a_pipe_are_refused_by_name(tmp_path, capsys, write_idx):
    write_idx(tmp_path / "a-images-idx3-ubyte", np.zeros((3, 2, 2)))
    np.save(tmp_path / "b.npy", np.zeros((3, 2)))
    for name, labels in {"a-images-idx3-ubyte": "a-labels-idx1-ubyte", "b.npy": "b.labels.npy"}.items():
        os.mkfifo(tmp_path / labels)
        assert main(["data", str(tmp_path / name)]) == 2
        assert f"{labels} is a pipe" in capsys.readouterr().err
