"""One part's hits settled in one call, compiled. Import lazily: it brings LLVM."""

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.extend_kernels import neighbours_to
from incamera.deid.hits import WIDTH
from incamera.deid.memory import hold, jit
from incamera.deid.resolve_kernels import resolve_to
from incamera.deid.rows_kernels import Part, copy_hit, part


@jit
def _more(p: Part, hits: int, n: int) -> Any:
    """(*n* resolved hits with their neighbours behind them, how many rows that is)."""
    room = n + n + 16
    while True:
        rows = np.empty((n + room, WIDTH), np.int32)
        found = neighbours_to(p, hits, n, rows[n:].ctypes.data, room)
        if found <= room:
            break
        room = found
    if found:
        for i in range(n):
            copy_hit(hits, i, rows.ctypes.data, i)
    return rows, n + found


@jit
def settle(hits: Any, points: Any, folded: Any, words: Any, classes: Any) -> Any:
    """The one list of *hits* and of what belongs to it."""
    p, letters = part(points, folded, words), classes.ctypes.data
    first = np.empty((hits.shape[0], WIDTH), np.int32)
    n = resolve_to(hits.ctypes.data, hits.shape[0], p.points, letters, first.ctypes.data)
    rows, count = _more(p, first.ctypes.data, n)
    if count == n:
        return first[:n]
    second = np.empty((count, WIDTH), np.int32)
    left = resolve_to(rows.ctypes.data, count, p.points, letters, second.ctypes.data)
    hold(first)
    hold(rows)
    return second[:left]
