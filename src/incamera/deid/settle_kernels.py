"""One part's hits settled in one call, compiled. Import lazily: it brings LLVM."""

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.extend_kernels import neighbours_of
from incamera.deid.hits import WIDTH
from incamera.deid.memory import jit
from incamera.deid.propagate_kernels import alone
from incamera.deid.resolve_kernels import resolve
from incamera.deid.rows_kernels import copy_hit, part


@jit
def _with(hits: Any, more: Any, points: Any, classes: Any) -> Any:
    """The one list of both."""
    n = hits.shape[0]
    both = np.empty((n + more.shape[0], WIDTH), np.int32)
    for i in range(n):
        copy_hit(hits.ctypes.data, i, both.ctypes.data, i)
    for i in range(more.shape[0]):
        copy_hit(more.ctypes.data, i, both.ctypes.data, n + i)
    return resolve(both, points, classes)


@jit
def settle(hits: Any, points: Any, folded: Any, words: Any, classes: Any, extends: bool, follows: bool) -> Any:
    """The one list of *hits*; then, as asked, of what belongs to those too; then of where their surfaces stand besides."""
    p = part(points, folded, words)
    made = resolve(hits, points, classes)
    if extends:
        more = neighbours_of(p, made)
        if more.shape[0]:
            made = _with(made, more, points, classes)
    if follows:
        more = alone(p, made.ctypes.data, made.shape[0])
        if more.shape[0]:
            made = _with(made, more, points, classes)
    return made
