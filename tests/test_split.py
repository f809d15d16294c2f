import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enfold import InputError
from enfold.data.split import held_out_rows, training_rows


@given(n=st.integers(2, 3000), seed=st.integers(0, 2**32 - 1), data=st.data())
@settings(max_examples=50, deadline=None)
def test_the_rows_are_those_that_pandas_samples(n, seed, data):
    count = data.draw(st.integers(1, n - 1))
    expected = pd.DataFrame(index=range(n)).sample(n=count, random_state=seed).index
    np.testing.assert_array_equal(held_out_rows(n, count, seed), expected)


def test_the_notebooks_rows_are_those_that_pandas_samples():
    expected = pd.DataFrame(index=range(70_000)).sample(n=5000, random_state=555).index
    np.testing.assert_array_equal(held_out_rows(70_000, 5000, 555), expected)


@given(n=st.integers(2, 500), share=st.floats(0.01, 0.99))
@settings(max_examples=50, deadline=None)
def test_every_row_is_either_held_out_or_trained_on(n, share):
    if not 1 <= round(share * n) < n:
        return
    held_out = held_out_rows(n, share, 0)
    assert len(held_out) == round(share * n)
    assert sorted([*held_out, *training_rows(n, held_out)]) == list(range(n))


@pytest.mark.parametrize("holdout", [10, 11, 0.01, 0.99])
def test_a_holdout_that_leaves_nothing_on_one_side_is_refused(holdout):
    with pytest.raises(InputError, match="--holdout"):
        held_out_rows(10, holdout, 0)
