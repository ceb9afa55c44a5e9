"""Rows of hits and of words by address, compiled: what every kernel behind the detectors reads and writes."""

from __future__ import annotations

from typing import Any, NamedTuple

from incamera.deid import columns as w
from incamera.deid import hits as h
from incamera.deid.lexicons.kernels import Int, U
from incamera.deid.memory import get32, get64, jit, put32

_MIX, _HALF = U(0x9E3779B97F4A7C15), U(32)


class Part(NamedTuple):
    """One part by address: its code points, the lower case of its words, its words and how many they are."""

    points: int
    folded: int
    words: int
    size: int


@jit
def part(points: Any, folded: Any, words: Any) -> Part:
    """The addresses of `Tokens.points`, `folded` and `rows`; who calls holds the arrays."""
    return Part(points.ctypes.data, folded.ctypes.data, words.ctypes.data, words.shape[0])


@jit
def slot_of(hashed: int, table: int, mask: int) -> int:
    """Where a hash is looked for first in the open-addressed table at *table*.

    Where the table lies is part of it: nobody can write a text all of whose words meet in one slot.
    """
    return Int(((U(hashed) ^ U(table)) * _MIX >> _HALF) & U(mask))  # type: ignore[no-any-return]


@jit
def of_hit(hits: int, i: int, column: int) -> int:
    """One item of row *i* of hits."""
    return get32(hits, i * h.WIDTH + column)


@jit
def set_hit(hits: int, i: int, column: int, value: int) -> None:
    put32(hits, i * h.WIDTH + column, value)


@jit
def put_hit(hits: int, i: int, start: int, end: int, label: int, kind: int, score: int, detector: int) -> None:
    """Write row *i* of hits."""
    row = i * h.WIDTH
    put32(hits, row + h.START, start)
    put32(hits, row + h.END, end)
    put32(hits, row + h.LABEL, label)
    put32(hits, row + h.KIND, kind)
    put32(hits, row + h.SCORE, score)
    put32(hits, row + h.DETECTOR, detector)


@jit
def copy_hit(source: int, i: int, target: int, j: int) -> None:
    """Write row *i* of one matrix as row *j* of another, or of itself."""
    for column in range(h.WIDTH):
        put32(target, j * h.WIDTH + column, get32(source, i * h.WIDTH + column))


@jit
def of_word(words: int, i: int, column: int) -> int:
    """One item of row *i* of words."""
    return get64(words, i * w.WIDTH + column)
