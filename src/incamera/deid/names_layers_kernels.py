"""Compiled layers of the names model: from the features of types to the logits of tokens, in integers.

What is multiplied are integers of 16 bits and every sum stays below 2**24 (`names_weights` refuses a file where it could
not): exact in 32-bit integers and, where the next layer's scale is applied, in float32. No result depends on the order
of sums, on what else is in the batch or on the machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from incamera.deid import vectors_kernels as v
from incamera.deid.memory import fetch, get32, jit
from incamera.deid.products_kernels import COLUMNS, ROWS, multiply

F32 = NDArray[np.float32]
I16 = NDArray[np.int16]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

#: Tokens ahead whose shares are called for: about as long as memory takes.
_AHEAD = 6
#: Bytes that memory delivers at once.
_LINE = 64
_inline: Any = numba.njit(inline="always")


class TypeLayers(NamedTuple):
    """What a type goes through. Matrices are packed for `products_kernels`; the rest is filled up to whole vectors."""

    grams: Any
    features: Any
    words: Any
    blend: Any
    inner: Any
    inner_bias: Any
    inner_rescale: Any
    first: Any
    direct: Any
    direct_rescale: Any


class TokenLayers(NamedTuple):
    """What a token goes through once the shares of its type and of its neighbours' types are known."""

    first_bias: Any
    first_rescale: Any
    taps: int
    dilations: Any
    context: Any  # (layers, ...)
    context_bias: Any
    context_rescale: Any
    out: Any
    out_rescale: Any
    out_bias: Any


class Shares(NamedTuple):
    """Of each type: what it adds to its neighbours' first layer, taps side by side, and to its own logits.

    Rows of the former are filled up to multiples of `COLUMNS`, of the latter to whole vectors: one line of memory.
    """

    parts: Any
    direct: Any


def room(layers: TypeLayers, types: int) -> Shares:
    """Where `shares` can write what it makes of so many types: up to `ROWS` - 1 rows more than they need."""
    rows = types + -types % ROWS
    parts = np.empty((rows, layers.first.shape[0] * COLUMNS), np.int32)
    return Shares(parts, np.empty((rows, layers.direct_rescale.size), np.float32))


@_inline  # type: ignore[untyped-decorator]
def _unit(total: Any, scale: Any, top: Any) -> Any:
    """Cut below zero, scaled to the next layer's integers, rounded half up: by truncation, since nothing is negative."""
    value = v.times(v.as_floats(v.most(total, v.integer(0))), scale)
    return v.least(v.as_integers(v.add(value, v.real(np.float32(0.5)))), top)


# --- types ------------------------------------------------------------------------------------------------------------


@jit
def shares(
    grams: I32, gram_counts: I32, rows: I32, row_counts: I32, words: I32, layers: TypeLayers, top: int, out: Shares
) -> None:  # fmt: skip
    """Write the shares of types, given their features (`names_features.Types`)."""
    n = gram_counts.size
    embedded = np.zeros((ROWS, layers.grams.shape[1]), np.int16)
    inner = np.zeros((ROWS, layers.inner_bias.size), np.int16)
    sums = np.empty((ROWS, layers.inner_bias.size), np.int32)
    of_labels = np.empty((ROWS, layers.direct.shape[0] * COLUMNS), np.int32)
    of_embedded, of_inner = _rows(embedded), _rows(inner)
    for start in range(0, n, ROWS):
        for row in range(min(ROWS, n - start)):
            _embed(start + row, grams, gram_counts, rows, row_counts, words, layers, top, of_embedded[row])
        _dense(of_embedded, embedded, layers.inner, sums)
        for row in range(ROWS):
            _rectify(sums[row].ctypes.data, layers.inner_bias, layers.inner_rescale, top, of_inner[row])
        _dense(of_inner, inner, layers.first, out.parts[start:])
        _dense(of_inner, inner, layers.direct, of_labels)
        for row in range(ROWS):
            _scale(of_labels[row].ctypes.data, layers.direct_rescale, out.direct[start + row].ctypes.data)


@jit
def _rows(x: I16) -> I64:
    """The addresses of `ROWS` rows that lie one after another."""
    rows = np.empty(ROWS, np.int64)
    for row in range(ROWS):
        rows[row] = x.ctypes.data + row * x.shape[1] * 2
    return rows


@jit
def _dense(rows: I64, x: I16, weights: I16, sums: Any) -> None:
    """Write the products of the rows of *x*."""
    multiply(rows.ctypes.data, 1, x.shape[1] // 2, weights.ctypes.data, weights.shape[0], sums.ctypes.data)


@jit
def _embed(
    t: int, grams: I32, gram_counts: I32, rows: I32, row_counts: I32, words: I32, layers: TypeLayers, top: int, out: int
) -> None:  # fmt: skip
    """The embedding of type *t*: mean of its n-grams, sum of its features, and its own row, in 16-bit fixed point."""
    width = layers.grams.shape[1]
    blend = layers.blend
    of_gram, of_feature, of_word = blend[gram_counts[t]], blend[blend.size - 2], blend[blend.size - 1]
    for d in range(0, width, v.LANES):
        total = v.add(
            v.times(_sum(layers.grams.ctypes.data + d, width, grams[t].ctypes.data, gram_counts[t]), v.integer(of_gram)),
            v.times(_sum(layers.features.ctypes.data + d, width, rows[t].ctypes.data, row_counts[t]), v.integer(of_feature)),
        )
        own = v.load8(layers.words.ctypes.data + words[t] * width + d)
        total = v.add(v.add(total, v.times(own, v.integer(of_word))), v.integer(32768))
        v.store16(out + d * 2, v.least(v.most(v.shifted(total, v.integer(16)), v.integer(-top)), v.integer(top)))


@_inline  # type: ignore[untyped-decorator]
def _sum(table: int, width: int, rows: int, count: int) -> Any:
    """The sum of *count* rows of a table of 8-bit integers, from *table* on."""
    total = v.integer(0)
    for k in range(count):
        total = v.add(total, v.load8(table + get32(rows, k) * width))
    return total


@jit
def _rectify(sums: int, bias: I32, rescale: F32, top: int, out: int) -> None:
    for d in range(0, bias.size, v.LANES):
        total = v.add(v.load32(sums + d * 4), v.load32(bias.ctypes.data + d * 4))
        v.store16(out + d * 2, _unit(total, v.load_floats(rescale.ctypes.data + d * 4), v.integer(top)))


@jit
def _scale(sums: int, rescale: F32, out: int) -> None:
    for d in range(0, rescale.size, v.LANES):
        v.store(out + d * 4, v.times(v.as_floats(v.load32(sums + d * 4)), v.load_floats(rescale.ctypes.data + d * 4)))


# --- tokens -----------------------------------------------------------------------------------------------------------


@jit
def logits(
    types: I32, sequence: I32, offset: int, window: int, common: Shares, others: Shares, layers: TokenLayers, top: int,
    step: float, out: F32,
) -> None:  # fmt: skip
    """Write the logits of the tokens from *offset* on, as many as *out* holds; *sequence* says which of them see each other.

    A type's shares stand in *common* or, counted on from its end, in *others*. Tokens are read a *window* at a time, which
    bounds memory and changes no result: those at its edges are computed again for the next.
    """
    reach = layers.dilations.sum() + layers.taps // 2
    hidden = layers.first_bias.size
    x = np.empty((2, window + 2 * reach + ROWS, hidden), np.int16)
    last = offset + out.shape[0]
    for start in range(offset, last, window):
        end = min(last, start + window)
        low, high = max(0, start - reach), min(types.size, end + reach)
        seen = sequence[low:high]
        _gather(types[low:high], seen, common.parts, others.parts, layers, top, x[0])
        for layer in range(layers.dilations.size):
            _residual(seen, layer, layers, top, x[layer % 2], x[1 - layer % 2])
        final = x[layers.dilations.size % 2, start - low :]
        _finish(types[start:end], final, common.direct, others.direct, layers, step, out[start - offset : end - offset])


@jit
def _gather(types: I32, sequence: I32, common: I32, others: I32, layers: TokenLayers, top: int, x: I16) -> None:
    """The first convolution: the sum of the neighbours' shares."""
    n, taps, hidden = types.size, layers.taps, layers.first_bias.size
    bias, rescale, before = layers.first_bias.ctypes.data, layers.first_rescale.ctypes.data, taps // 2
    nothing = np.zeros(hidden, np.int32)
    shares = np.empty(n, np.int64)
    rows = np.empty(taps, np.int64)
    for t in range(n):
        if types[t] < common.shape[0]:
            shares[t] = common.ctypes.data + types[t] * common.shape[1] * 4
        else:
            shares[t] = others.ctypes.data + (types[t] - common.shape[0]) * others.shape[1] * 4
    for t in range(n):
        if t + _AHEAD < n:
            for line in range(0, taps * hidden * 4, _LINE):
                fetch(shares[t + _AHEAD] + line)
        for tap in range(taps):
            near = t + tap - before
            there = 0 <= near < n and sequence[near] == sequence[t]
            rows[tap] = shares[near] + tap * hidden * 4 if there else nothing.ctypes.data
        out = x.ctypes.data + t * hidden * 2
        for d in range(0, hidden, v.LANES):
            total = v.load32(bias + d * 4)
            for tap in range(taps):
                total = v.add(total, v.load32(rows[tap] + d * 4))
            v.store16(out + d * 2, _unit(total, v.load_floats(rescale + d * 4), v.integer(top)))


@jit
def _residual(sequence: I32, layer: int, layers: TokenLayers, top: int, x: I16, y: I16) -> None:
    """A layer's rectified output added to its input *x*: each token sees itself and one neighbour on either side."""
    n, hidden = sequence.size, x.shape[1]
    dilation, weights = layers.dilations[layer], layers.context[layer]
    bias, rescale = layers.context_bias[layer].ctypes.data, layers.context_rescale[layer].ctypes.data
    width = weights.shape[0] * COLUMNS
    nothing = np.zeros(hidden, np.int16)
    rows = np.empty(3 * ROWS, np.int64)
    sums = np.empty(ROWS * width, np.int32)
    begin = x.ctypes.data
    for start in range(0, n, ROWS):
        for row in range(ROWS):
            t = min(start + row, n - 1)
            left, right = t - dilation, t + dilation
            rows[row] = begin + left * hidden * 2 if left >= 0 and sequence[left] == sequence[t] else nothing.ctypes.data
            rows[ROWS + row] = begin + t * hidden * 2
            there = right < n and sequence[right] == sequence[t]
            rows[2 * ROWS + row] = begin + right * hidden * 2 if there else nothing.ctypes.data
        multiply(rows.ctypes.data, 3, hidden // 2, weights.ctypes.data, weights.shape[0], sums.ctypes.data)
        for row in range(ROWS):
            at = (start + row) * hidden * 2
            for d in range(0, hidden, v.LANES):
                total = v.add(v.load32(sums.ctypes.data + (row * width + d) * 4), v.load32(bias + d * 4))
                more = _unit(total, v.load_floats(rescale + d * 4), v.integer(top))
                v.store16(y.ctypes.data + at + d * 2, v.least(v.add(v.load16(begin + at + d * 2), more), v.integer(top)))


@jit
def _finish(types: I32, x: I16, common: F32, others: F32, layers: TokenLayers, step: float, out: F32) -> None:
    """Logits: the share of the context, scaled, and the share of the type itself, rounded to multiples of *step*."""
    unit = v.real(np.float32(step))
    per_unit = v.real(np.float32(1.0) / np.float32(step))
    rescale, bias = layers.out_rescale.ctypes.data, layers.out_bias.ctypes.data
    n, hidden, width = types.size, x.shape[1], layers.out.shape[0] * COLUMNS
    rows = np.empty(ROWS, np.int64)
    sums = np.empty(ROWS * width, np.int32)
    for start in range(0, n, ROWS):
        for row in range(ROWS):
            rows[row] = x.ctypes.data + (start + row) * hidden * 2
        multiply(rows.ctypes.data, 1, hidden // 2, layers.out.ctypes.data, layers.out.shape[0], sums.ctypes.data)
        for row in range(min(ROWS, n - start)):
            kind = types[start + row]
            if kind < common.shape[0]:
                direct = common.ctypes.data + kind * common.shape[1] * 4
            else:
                direct = others.ctypes.data + (kind - common.shape[0]) * others.shape[1] * 4
            for d in range(0, out.shape[1], v.LANES):
                seen = v.as_floats(v.load32(sums.ctypes.data + (row * width + d) * 4))
                own = v.add(v.times(seen, v.load_floats(rescale + d * 4)), v.load_floats(direct + d * 4))
                total = v.add(own, v.load_floats(bias + d * 4))
                at = out.ctypes.data + ((start + row) * out.shape[1] + d) * 4
                v.store(at, v.times(v.rounded(v.times(total, per_unit)), unit))
