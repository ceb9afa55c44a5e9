"""Uniting hits, compiled. Import lazily: it brings LLVM."""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: SIM109, PLR1714

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.hits import DETECTOR, END, KIND, LABEL, LABEL_CODE, SCORE, START, WIDTH
from incamera.text.kernels import jit

#: Confident forms keep their label although a vaguer hit with a higher rank overlaps them. Thousandths.
CONFIDENT = 900
#: What stands between two neighbours: nothing that joins them, something that does, a full stop that does behind an initial.
APART, JOINS, STOPS = 0, 1, 2

_PERSON, _ORG, _LOC, _OTHER = (LABEL_CODE[label] for label in ("PERSON", "ORG", "LOC", "OTHER"))
_SPACE, _HYPHEN, _APOSTROPHE, _QUOTE, _STOP, _AND = map(ord, " -'’.&")


@jit
def _named(label: int) -> bool:
    return label == _PERSON or label == _ORG or label == _LOC or label == _OTHER


@jit
def _order(hits: Any, i: int) -> Any:
    """Smaller names the whole: confident before vague, then the label's rank, the score, the detector's name."""
    vague = 0 if hits[i, SCORE] >= CONFIDENT else 1
    return ((vague * 64 + hits[i, LABEL]) * 1024 + 1000 - hits[i, SCORE]) * 1024 + hits[i, DETECTOR]


@jit
def unite(hits: Any, out: Any, orders: Any) -> int:
    """Write overlapping *hits* as one row each to *out*, in order, and what named each to *orders*; returns their number."""
    keys = np.empty(len(hits), np.int64)
    for i in range(len(hits)):
        keys[i] = np.int64(hits[i, START]) << 32 | i
    keys.sort()
    count = 0
    for n in range(len(keys)):
        i = int(keys[n]) & 0xFFFFFFFF
        order = _order(hits, i)
        if count and hits[i, START] < out[count - 1, END]:
            last = count - 1
            out[last, END] = max(out[last, END], hits[i, END])
            out[last, KIND] = min(out[last, KIND], hits[i, KIND])
            out[last, SCORE] = max(out[last, SCORE], hits[i, SCORE])
            if order < orders[last]:
                orders[last] = order
                out[last, LABEL] = hits[i, LABEL]
                out[last, DETECTOR] = hits[i, DETECTOR]
        else:
            for column in range(WIDTH):
                out[count, column] = hits[i, column]
            orders[count] = order
            count += 1
    return count


@jit
def _between(points: Any, start: int, end: int) -> int:
    """How [start, end) stands between two parts of a name."""
    size = end - start
    if size == 0:
        return JOINS
    if size > 3:
        return APART
    first = points[start]
    if size == 1:
        if first == _STOP:
            return STOPS
        return JOINS if first == _SPACE or first == _HYPHEN or first == _APOSTROPHE or first == _QUOTE or first == _AND else APART
    second = points[start + 1]
    if size == 2:
        if second != _SPACE:
            return APART
        return STOPS if first == _STOP else JOINS if first == _SPACE else APART
    return JOINS if first == _SPACE and second == _AND and points[start + 2] == _SPACE else APART


@jit
def gaps(hits: Any, points: Any, out: Any) -> int:
    """Write to *out* how each hit stands to the one before it, as names go; returns how many have a full stop between."""
    stops = 0
    for i in range(1, len(hits)):
        out[i] = APART
        if _named(hits[i, LABEL]) and _named(hits[i - 1, LABEL]):
            out[i] = _between(points, hits[i - 1, END], hits[i, START])
            if out[i] == STOPS:
                stops += 1
    return stops


@jit
def join(hits: Any, between: Any, orders: Any) -> int:
    """Make one of every hit and those that `JOINS` says belong to it, in place; returns the number left."""
    count = 0
    for i in range(len(hits)):
        if count and between[i] == JOINS and _named(hits[count - 1, LABEL]):
            last = count - 1
            hits[last, END] = hits[i, END]
            hits[last, KIND] = min(hits[last, KIND], hits[i, KIND])
            hits[last, SCORE] = max(hits[last, SCORE], hits[i, SCORE])
            if orders[i] < orders[last]:
                orders[last] = orders[i]
                hits[last, LABEL] = hits[i, LABEL]
                hits[last, DETECTOR] = hits[i, DETECTOR]
        else:
            for column in range(WIDTH):
                hits[count, column] = hits[i, column]
            orders[count] = orders[i]
            count += 1
    return count
