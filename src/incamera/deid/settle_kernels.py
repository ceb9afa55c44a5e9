"""One part's hits settled in one call, compiled. Import lazily: it brings LLVM."""

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.extend_kernels import neighbours_to
from incamera.deid.hits import WIDTH
from incamera.deid.memory import jit
from incamera.deid.propagate_kernels import alone
from incamera.deid.resolve_kernels import resolve_to
from incamera.deid.rows_kernels import Part, copy_hit, part


@jit
def _resolved(p: Part, hits: Any, classes: Any) -> Any:
    out = np.empty((hits.shape[0], WIDTH), np.int32)
    return out[: resolve_to(hits.ctypes.data, hits.shape[0], p.points, classes.ctypes.data, out.ctypes.data)]


@jit
def _neighbours(p: Part, hits: Any) -> Any:
    room = 2 * hits.shape[0] + 16
    while True:
        out = np.empty((room, WIDTH), np.int32)
        found = neighbours_to(p, hits.ctypes.data, hits.shape[0], out.ctypes.data, room)
        if found <= room:
            return out[:found]
        room = found


@jit
def _with(p: Part, hits: Any, more: Any, classes: Any) -> Any:
    """The one list of both."""
    n = hits.shape[0]
    both = np.empty((n + more.shape[0], WIDTH), np.int32)
    for i in range(n):
        copy_hit(hits.ctypes.data, i, both.ctypes.data, i)
    for i in range(more.shape[0]):
        copy_hit(more.ctypes.data, i, both.ctypes.data, n + i)
    return _resolved(p, both, classes)


@jit
def settle(hits: Any, points: Any, folded: Any, words: Any, classes: Any, extends: bool, follows: bool) -> Any:
    """The one list of *hits*; then, as asked, of what belongs to those too; then of where their surfaces stand besides."""
    p = part(points, folded, words)
    made = _resolved(p, hits, classes)
    if extends:
        more = _neighbours(p, made)
        if more.shape[0]:
            made = _with(p, made, more, classes)
    if follows:
        more = alone(p, made.ctypes.data, made.shape[0])
        if more.shape[0]:
            made = _with(p, made, more, classes)
    return made
