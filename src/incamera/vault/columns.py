"""Arrow columns as Python bytes without one scalar object for each: a scan reads four columns of every row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def fixed(column: pa.Array) -> list[bytes]:
    """Values of a fixed-size binary column that has no nulls."""
    width, data = column.type.byte_width, column.buffers()[1]
    if not len(column):
        return []
    values = np.frombuffer(data, f"V{width}")[column.offset : column.offset + len(column)]
    return values.tolist()  # type: ignore[no-any-return]


def cut(column: pa.Array, at: int) -> tuple[list[bytes], list[memoryview]]:
    """Values of a large binary column that has no nulls, each in two: its first *at* bytes, and a view of the rest.

    A value that is shorter than *at* has an empty rest.
    """
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    lows, highs = bounds[:-1], bounds[1:]
    middles = np.minimum(lows + at, highs).tolist()
    whole = memoryview(b"" if data is None else data).cast("B")
    heads = [bytes(whole[low:middle]) for low, middle in zip(lows.tolist(), middles, strict=True)]
    return heads, [whole[middle:high] for middle, high in zip(middles, highs.tolist(), strict=True)]
