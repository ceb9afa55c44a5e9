"""Texts as one byte buffer with bounds, the layout that Arrow and the kernels share, and code points against bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Bytes behind the last text, so that eight-byte reads near the end stay inside the buffer.
PADDING = 8


@dataclass(frozen=True, slots=True)
class Packed:
    """Texts laid end to end: text *i* is `data[bounds[i]:bounds[i + 1]]`, UTF-8 that may hold lone surrogates."""

    data: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __repr__(self) -> str:
        return f"<Packed {len(self)} texts, {int(self.bounds[-1] - self.bounds[0])} bytes>"

    def take(self, numbers: npt.NDArray[np.int64]) -> Packed:
        """The texts with these numbers, copied."""
        sizes = self.bounds[numbers + 1] - self.bounds[numbers]
        bounds = np.zeros(len(numbers) + 1, dtype=np.int64)
        np.cumsum(sizes, out=bounds[1:])
        data = np.zeros(int(bounds[-1]) + PADDING, dtype=np.uint8)
        for to, number in enumerate(numbers.tolist()):
            data[bounds[to] : bounds[to + 1]] = self.data[self.bounds[number] : self.bounds[number + 1]]
        return Packed(data, bounds)


def encode(text: str) -> bytes:
    """UTF-8; a lone surrogate, which real exports contain, becomes its three bytes."""
    return text.encode("utf-8", "surrogatepass")


def pack(texts: Sequence[str]) -> Packed:
    """Lay *texts* end to end. Cost: one copy."""
    return pack_bytes([encode(text) for text in texts])


def pack_bytes(raw: Sequence[bytes]) -> Packed:
    """Lay encoded texts end to end."""
    bounds = np.zeros(len(raw) + 1, dtype=np.int64)
    np.cumsum([len(r) for r in raw], out=bounds[1:])
    return Packed(np.frombuffer(b"".join([*raw, bytes(PADDING)]), dtype=np.uint8), bounds)


def from_arrow(column: object) -> Packed:
    """An Arrow string, large_string, binary or large_binary array without copying its bytes. Nulls read as empty texts.

    Raises:
        TypeError: the array holds something else.
    """
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not isinstance(column, pa.Array):
        raise TypeError("expected an Arrow array of strings")
    kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        width: type[np.int64] | type[np.int32] = np.int64
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        width = np.int32
    else:
        raise TypeError("expected an Arrow array of strings")
    _, offsets, values = column.buffers()
    if len(column) == 0 or offsets is None:
        return Packed(np.zeros(PADDING, dtype=np.uint8), np.zeros(1, dtype=np.int64))
    bounds = np.frombuffer(offsets, dtype=width)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    data = np.frombuffer(values, dtype=np.uint8) if values is not None else np.zeros(PADDING, dtype=np.uint8)
    return Packed(data, bounds)
