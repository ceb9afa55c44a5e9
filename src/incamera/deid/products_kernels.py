"""Exact products of rows of 16-bit integers with a matrix: some rows at a time, so that each weight is read once for them all.

No plain loop makes LLVM take two neighbouring products together, so the loop is spelt in its own instructions: any machine
can run them, one with AVX-512 VNNI does 32 multiplications and their sums in each, one with AVX2 does 16. Sums are of
32 bits: the caller sees to it that they fit, and then their order is free.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numpy.typing import ArrayLike, NDArray

from incamera.deid.memory import intrinsic, jit
from incamera.deid.vectors_kernels import I16, I32, I64, INTEGERS, LANES, WIDE, everywhere

#: Vectors of sums side by side, and rows at a time: as many as the registers hold, with some left for what is multiplied.
_SIDE = 2
ROWS = 8 if WIDE else 4
#: Columns of the matrix at a time.
COLUMNS = LANES * _SIDE


def packed(weights: ArrayLike) -> NDArray[np.int16]:
    """*weights*, (inputs, columns), as `multiply` reads them: (blocks, pairs of inputs, `COLUMNS`, 2), filled up with zeros."""
    array = np.asarray(weights, np.int16)
    inputs, columns = array.shape
    blocks = -(-columns // COLUMNS)
    full = np.zeros((inputs + inputs % 2, blocks * COLUMNS), np.int16)
    full[:inputs, :columns] = array
    return np.ascontiguousarray(full.reshape(-1, 2, blocks, COLUMNS).transpose(2, 0, 3, 1))


@jit
def multiply(rows: int, taps: int, pairs: int, weights: int, blocks: int, sums: int) -> None:
    """Write the products of `ROWS` rows with *blocks* of a packed matrix.

    *rows* is the address of `taps * ROWS` addresses: a row may consist of several, of *pairs* pairs of integers each, those
    of the first tap first. *sums* is the address of an array (`ROWS`, blocks x `COLUMNS`) of 32-bit integers.
    """
    for block in range(blocks):
        _tile(rows, taps, pairs, weights + block * taps * pairs * COLUMNS * 4, sums + block * COLUMNS * 4, blocks * COLUMNS * 4)


_PAIRS, _PRODUCTS = ir.VectorType(I16, 2 * LANES), ir.VectorType(I32, 2 * LANES)


def _number(value: int) -> Any:
    return ir.Constant(I64, value)


def _lanes(values: list[int]) -> Any:
    return ir.Constant(INTEGERS, [ir.Constant(I32, value) for value in values])


_EVEN, _ODD = _lanes([*range(0, 2 * LANES, 2)]), _lanes([*range(1, 2 * LANES, 2)])
_NOTHING = _lanes([0] * LANES)


@intrinsic  # type: ignore[untyped-decorator]
def _tile(typingctx: Any, rows: Any, taps: Any, pairs: Any, weights: Any, sums: Any, stride: Any) -> Any:
    """`ROWS` by `COLUMNS` sums, held in registers over all inputs. *stride* is the distance between rows of sums, in bytes."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows, taps, pairs, weights, sums, stride = args
        before = builder.block
        each_tap, each_pair = builder.append_basic_block("tap"), builder.append_basic_block("pair")
        next_tap, done = builder.append_basic_block("next"), builder.append_basic_block("done")
        builder.branch(each_tap)

        builder.position_at_end(each_tap)
        tap, at_tap = builder.phi(I64), builder.phi(I64)
        held_at_tap = [builder.phi(INTEGERS) for _ in range(ROWS * _SIDE)]
        listed = builder.inttoptr(rows, I64.as_pointer())
        first = builder.mul(tap, _number(ROWS))
        addresses = [builder.load(builder.gep(listed, [builder.add(first, _number(row))])) for row in range(ROWS)]
        inputs = [builder.inttoptr(address, I32.as_pointer()) for address in addresses]
        builder.branch(each_pair)

        builder.position_at_end(each_pair)
        pair, at = builder.phi(I64), builder.phi(I64)
        held = [builder.phi(INTEGERS) for _ in range(ROWS * _SIDE)]
        read = builder.inttoptr(at, _PAIRS.as_pointer())
        matrix = [_widened(builder, _loaded(builder, read, _number(side))) for side in range(_SIDE)]
        new = []
        for row in range(ROWS):
            values = _widened(builder, _everywhere(builder, _loaded(builder, inputs[row], pair)))
            products = [_paired(builder, builder.mul(values, matrix[side])) for side in range(_SIDE)]
            new += [builder.add(held[row * _SIDE + side], products[side]) for side in range(_SIDE)]
        pair_after, at_after = builder.add(pair, _number(1)), builder.add(at, _number(COLUMNS * 4))
        builder.cbranch(builder.icmp_signed("<", pair_after, pairs), each_pair, next_tap)

        builder.position_at_end(next_tap)
        tap_after = builder.add(tap, _number(1))
        builder.cbranch(builder.icmp_signed("<", tap_after, taps), each_tap, done)

        for phi, start, again in ((tap, _number(0), tap_after), (at_tap, weights, at_after)):
            phi.add_incoming(start, before)
            phi.add_incoming(again, next_tap)
        for phi, start, again in ((pair, _number(0), pair_after), (at, at_tap, at_after)):
            phi.add_incoming(start, each_tap)
            phi.add_incoming(again, each_pair)
        for outer, inner, sum_ in zip(held_at_tap, held, new, strict=True):
            outer.add_incoming(_NOTHING, before)
            outer.add_incoming(sum_, next_tap)
            inner.add_incoming(outer, each_tap)
            inner.add_incoming(sum_, each_pair)

        builder.position_at_end(done)
        for row in range(ROWS):
            written = builder.inttoptr(builder.add(sums, builder.mul(stride, _number(row))), INTEGERS.as_pointer())
            for side in range(_SIDE):
                builder.store(new[row * _SIDE + side], builder.gep(written, [_number(side)])).align = 4
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), codegen


def _loaded(builder: Any, pointer: Any, index: Any) -> Any:
    value = builder.load(builder.gep(pointer, [index]))
    value.align = 2
    return value


def _everywhere(builder: Any, pair: Any) -> Any:
    """Two neighbouring inputs, beside each sum."""
    return builder.bitcast(everywhere(builder, pair), _PAIRS)


def _widened(builder: Any, pairs: Any) -> Any:
    return builder.sext(pairs, _PRODUCTS)


def _paired(builder: Any, products: Any) -> Any:
    """Sums of neighbouring products: LLVM knows multiplication, widening and this as one instruction."""
    return builder.add(builder.shuffle_vector(products, products, _EVEN), builder.shuffle_vector(products, products, _ODD))
