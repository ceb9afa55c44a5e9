"""Columns as Python values: equal to Arrow's own, on whole arrays and on slices."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from incamera.vault import columns


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_fixed_columns_are_arrows_own(values: list[bytes], low: int, size: int) -> None:
    array = pa.array(values, pa.binary(16)).slice(min(low, len(values)), size)
    assert columns.fixed(array) == array.to_pylist()


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 12))
def test_cut_columns_are_arrows_own_in_two(values: list[bytes], low: int, size: int, at: int) -> None:
    array = pa.array(values, pa.large_binary()).slice(min(low, len(values)), size)
    heads, rests = columns.cut(array, at)
    assert heads == [value[:at] for value in array.to_pylist()]
    assert [bytes(rest) for rest in rests] == [value[at:] for value in array.to_pylist()]
