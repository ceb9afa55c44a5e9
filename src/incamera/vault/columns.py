"""Arrow columns as Python values without one scalar object for each: a scan reads four columns of every row."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa


def fixed(column: pa.Array) -> list[bytes]:
    """Values of a fixed-size binary column that has no nulls."""
    width = column.type.byte_width
    low = column.offset * width
    raw = memoryview(column.buffers()[1])[low : low + len(column) * width].tobytes()
    return [raw[at : at + width] for at in range(0, len(raw), width)]


def variable(column: pa.Array) -> list[memoryview]:
    """Values of a large binary column that has no nulls, as views into its buffer."""
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1].tolist()
    whole = memoryview(data).cast("B") if data is not None else memoryview(b"")
    return [whole[low:high] for low, high in pairwise(bounds)]
