"""Uniting hits, compiled. Import lazily: it brings LLVM."""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: SIM109, PLR1714

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.hits import DETECTOR, END, KIND, LABEL, LABEL_CODE, SCORE, START, WIDTH
from incamera.deid.lexicons import characters as c
from incamera.deid.memory import get32, get64, hold, jit, put64
from incamera.deid.rows_kernels import copy_hit, of_hit, set_hit
from incamera.deid.tokens_kernels import kind

#: Confident forms keep their label although a vaguer hit with a higher rank overlaps them. Thousandths.
CONFIDENT = 900
#: What stands between two neighbours: nothing that joins them, something that does, a full stop that does behind an initial.
_APART, _JOINS, _STOPS = range(3)

_PERSON, _ORG, _LOC, _OTHER = (LABEL_CODE[label] for label in ("PERSON", "ORG", "LOC", "OTHER"))
_SPACE, _HYPHEN, _APOSTROPHE, _QUOTE, _STOP, _AND = map(ord, " -'’.&")
_A, _Z, _CASE, _ASCII = ord("A"), ord("Z"), 32, 128


def _packed(word: str) -> int:
    """A short word as one number, its last letter lowest."""
    return int.from_bytes(word.encode("ascii"), "big")


#: After these a full stop ends no sentence; nor does it after a single letter.
_TITLES = tuple(map(_packed, ("mr", "mrs", "ms", "dr", "st", "prof", "sr", "sra", "rev", "hon", "lt", "jr")))
_LONGEST = 4


@jit
def _named(label: int) -> bool:
    return label == _PERSON or label == _ORG or label == _LOC or label == _OTHER


@jit
def _order(hits: int, i: int) -> int:
    """Smaller names the whole: confident before vague, then the label's rank, the score, the detector's name."""
    score = of_hit(hits, i, SCORE)
    vague = 0 if score >= CONFIDENT else 1
    return ((vague * 64 + of_hit(hits, i, LABEL)) * 1024 + 1000 - score) * 1024 + of_hit(hits, i, DETECTOR)


@jit
def _widen(out: int, last: int, hits: int, i: int, orders: int, order: int) -> None:
    """Make hit *i*, which *order* ranks, part of the last one written."""
    set_hit(out, last, END, max(of_hit(out, last, END), of_hit(hits, i, END)))
    set_hit(out, last, KIND, min(of_hit(out, last, KIND), of_hit(hits, i, KIND)))
    set_hit(out, last, SCORE, max(of_hit(out, last, SCORE), of_hit(hits, i, SCORE)))
    if order < get64(orders, last):
        put64(orders, last, order)
        set_hit(out, last, LABEL, of_hit(hits, i, LABEL))
        set_hit(out, last, DETECTOR, of_hit(hits, i, DETECTOR))


@jit
def _unite(hits: int, n: int, out: int, orders: int) -> int:
    """Write overlapping hits as one row each to *out*, in order, and what named each to *orders*; returns their number."""
    keys = np.empty(n, np.int64)
    ordered = True
    for i in range(n):
        keys[i] = of_hit(hits, i, START) << 32 | i
        ordered &= i == 0 or keys[i - 1] < keys[i]
    if not ordered:
        keys.sort()
    count = 0
    for k in range(n):
        i = keys[k] & 0xFFFFFFFF
        order = _order(hits, i)
        if count and of_hit(hits, i, START) < of_hit(out, count - 1, END):
            _widen(out, count - 1, hits, i, orders, order)
        else:
            copy_hit(hits, i, out, count)
            put64(orders, count, order)
            count += 1
    return count


@jit
def _between(points: int, start: int, end: int) -> int:
    """How [start, end) stands between two parts of a name."""
    size = end - start
    if size == 0:
        return _JOINS
    if size > 3:
        return _APART
    first = get32(points, start)
    if size == 1:
        if first == _STOP:
            return _STOPS
        joins = first == _SPACE or first == _HYPHEN or first == _APOSTROPHE or first == _QUOTE or first == _AND
        return _JOINS if joins else _APART
    second = get32(points, start + 1)
    if size == 2:
        if second != _SPACE:
            return _APART
        return _STOPS if first == _STOP else _JOINS if first == _SPACE else _APART
    return _JOINS if first == _SPACE and second == _AND and get32(points, start + 2) == _SPACE else _APART


@jit
def _abbreviates(points: int, start: int, end: int, classes: int) -> bool:
    """Whether the last word of the name [start, end) is an initial or a title, so that a full stop behind it ends no sentence."""
    word, at, plain = 0, end, True
    while at and kind(classes, get32(points, at - 1)) & c.ALNUM:
        at -= 1
        if at < start or end - at > _LONGEST:
            return False
        point = get32(points, at)
        plain &= point < _ASCII
        word |= (point + _CASE if _A <= point <= _Z else point) << 8 * (end - at - 1)
    if end - at == 1:
        return kind(classes, get32(points, at)) & c.DECIMAL == 0
    return plain and word in _TITLES


@jit
def _join(hits: int, n: int, orders: int, points: int, classes: int) -> int:
    """Make one of neighbours that are one name, in place; returns the number left."""
    count = 0
    for i in range(n):
        last = count - 1
        if count and _named(of_hit(hits, i, LABEL)) and _named(of_hit(hits, last, LABEL)):
            end = of_hit(hits, last, END)
            how = _between(points, end, of_hit(hits, i, START))
            if how == _JOINS or (how == _STOPS and _abbreviates(points, of_hit(hits, last, START), end, classes)):
                _widen(hits, last, hits, i, orders, get64(orders, i))
                continue
        copy_hit(hits, i, hits, count)
        put64(orders, count, get64(orders, i))
        count += 1
    return count


@jit
def resolve_to(hits: int, n: int, points: int, classes: int, out: int) -> int:
    """Write the one list of *n* hits to *out*, which has room for as many; returns how many it is."""
    room = np.empty(n, np.int64)
    orders = room.ctypes.data
    count = _join(out, _unite(hits, n, out, orders), orders, points, classes)
    hold(room)
    return count


@jit
def resolve(hits: Any, points: Any, classes: Any) -> Any:
    """The one list of *hits*."""
    out = np.empty((hits.shape[0], WIDTH), np.int32)
    count = resolve_to(hits.ctypes.data, hits.shape[0], points.ctypes.data, classes.ctypes.data, out.ctypes.data)
    return out[:count]
