"""Plain tables of pixels, read by blocks of bytes: the same as any reader of tables finds, or nothing."""

import gzip

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import enfold
from enfold.data import pixels, tables
from enfold.data.pixels import read_pixels


@pytest.mark.parametrize("block", [1, 7, 4096, pixels.BLOCK])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_every_number_from_0_to_255_is_read_wherever_blocks_end(tmp_path, monkeypatch, block, suffix):
    monkeypatch.setattr(pixels, "BLOCK", block)
    cells = np.random.default_rng(0).permutation(np.arange(256 * 5, dtype=np.int64) % 256).reshape(-1, 5)
    text = "a,b,c,d,e\n" + "\n".join(",".join(map(str, row)) for row in cells.tolist())
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    np.testing.assert_array_equal(read_pixels(path, 5), cells)


CELL = st.sampled_from(
    ["0", "7", "42", "199", "255", "00", "007", "256", "300", "999", "0255", "1000", "", "-1", "1.5"]
)
ENDS = st.sampled_from(["\n", "\r\n", "\n\n", "\r", ",\n", " \n", '"\n'])


@given(st.lists(st.tuples(st.lists(CELL, min_size=3, max_size=3), ENDS), min_size=1, max_size=4))
@settings(max_examples=500, deadline=None)
def test_what_is_read_is_what_polars_reads(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "lines.csv"
    path.write_bytes(("a,b,c\n" + "".join(",".join(cells) + end for cells, end in lines)).encode())
    found = read_pixels(path, 3)
    if found is not None:
        schema = dict.fromkeys("abc", pl.UInt8)
        np.testing.assert_array_equal(found, pl.read_csv(path, has_header=False, skip_rows=1, schema=schema))
    plain = all(end in ("\n", "\r\n") for _, end in lines)
    fine = all(cell.isdigit() and len(cell) < 4 and int(cell) < 256 for cells, _ in lines for cell in cells)
    assert (found is not None) == (plain and fine)


@pytest.mark.parametrize(
    "names", ["label,pixel0,pixel1", "pixel0,label,pixel1", "pixel1,pixel0,label", "pixel1,pixel0"]
)
def test_plain_tables_are_the_data_sets_that_polars_makes(tmp_path, monkeypatch, names):
    path, columns = tmp_path / "a.csv", len(names.split(","))
    cells = np.random.default_rng(0).integers(0, 256, (9, columns))
    path.write_text(f"{names}\n" + "\n".join(",".join(map(str, row)) for row in cells.tolist()) + "\n")
    quick = enfold.load(path, image_shape=(1, 2))
    monkeypatch.setattr(tables, "read_pixels", lambda *_: None)
    slow = enfold.load(path, image_shape=(1, 2))
    np.testing.assert_array_equal(quick.x, slow.x)
    np.testing.assert_array_equal(quick.labels, slow.labels)
    assert (quick.spec, quick.x.dtype, quick.x.flags.c_contiguous) == (slow.spec, np.uint8, True)
