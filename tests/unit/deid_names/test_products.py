"""Products of 16-bit integers and vectors of numbers, held to numpy's own."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid import vectors_kernels as v
from incamera.deid.memory import jit
from incamera.deid.products_kernels import COLUMNS, ROWS, multiply, packed


def product(taps: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """*taps* side by side, times *weights*, by the kernel."""
    matrix = packed(weights)
    rows = np.array([tap[row].ctypes.data for tap in taps for row in range(ROWS)], np.int64)
    sums = np.empty((ROWS, matrix.shape[0] * COLUMNS), np.int32)
    multiply(rows.ctypes.data, len(taps), taps[0].shape[1] // 2, matrix.ctypes.data, matrix.shape[0], sums.ctypes.data)
    return sums


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 3 * COLUMNS), st.integers(0, 2**32 - 1))
def test_a_product_is_numpys(count: int, pairs: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    taps = [rng.integers(-2047, 2048, (ROWS, 2 * pairs)).astype(np.int16) for _ in range(count)]
    weights = rng.integers(-127, 128, (count * 2 * pairs, columns))
    sums = product(taps, weights)
    assert np.array_equal(sums[:, :columns], np.concatenate(taps, axis=1).astype(np.int64) @ weights)
    assert not sums[:, columns:].any()


def test_the_largest_sums_fit() -> None:
    x = np.full((ROWS, 64), 2047, np.int16)
    assert (product([x], np.full((64, 1), -127))[:, 0] == -2047 * 127 * 64).all()
    x = np.full((ROWS, 2), -32768, np.int16)
    assert (product([x], np.full((2, 1), 32767))[:, 0] == -2 * 32768 * 32767).all()


def test_an_odd_matrix_is_filled_up_with_zeros() -> None:
    matrix = packed([[1], [2], [3]])
    assert matrix.shape == (1, 2, COLUMNS, 2)
    assert matrix[0, :, 0].tolist() == [[1, 2], [3, 0]]
    assert not matrix[0, :, 1:].any()


@jit
def _reckon(eight: int, sixteen: int, thirty_two: int, reals: int, out: int) -> None:
    step = v.LANES * 4
    x, y, z, r = v.load8(eight), v.load16(sixteen), v.load32(thirty_two), v.load_floats(reals)
    v.store(out, v.add(x, v.times(y, v.integer(3))))
    v.store(out + step, v.least(z, y))
    v.store(out + 2 * step, v.most(z, y))
    v.store(out + 3 * step, v.shifted(z, v.integer(5)))
    v.store(out + 4 * step, v.as_integers(v.add(v.times(r, v.real(np.float32(0.25))), v.as_floats(x))))
    v.store(out + 5 * step, v.as_integers(v.rounded(r)))
    v.store16(out + 6 * step, z)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_vectors_reckon_as_numpy_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    eight = rng.integers(-128, 128, v.LANES).astype(np.int8)
    sixteen = rng.integers(-(2**15), 2**15, v.LANES).astype(np.int16)
    wide = rng.integers(-(2**31), 2**31, v.LANES).astype(np.int32)
    reals = (rng.integers(-4000, 4000, v.LANES) / 2).astype(np.float32)
    out = np.zeros((7, v.LANES), np.int32)
    _reckon(eight.ctypes.data, sixteen.ctypes.data, wide.ctypes.data, reals.ctypes.data, out.ctypes.data)
    x, y = eight.astype(np.int32), sixteen.astype(np.int32)
    assert np.array_equal(out[0], x + 3 * y)
    assert np.array_equal(out[1], np.minimum(wide, y))
    assert np.array_equal(out[2], np.maximum(wide, y))
    assert np.array_equal(out[3], wide >> 5)
    assert np.array_equal(out[4], (reals * np.float32(0.25) + x.astype(np.float32)).astype(np.int32))
    assert np.array_equal(out[5], np.rint(reals).astype(np.int32))
    assert np.array_equal(out[6].view(np.int16)[: v.LANES], wide.astype(np.int16))
