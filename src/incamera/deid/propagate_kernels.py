"""Surfaces collected and followed, compiled. Import lazily: it brings LLVM.

A surface is a row of `entries`: where its words stand, not what they are, so it lives no longer than the words of its part.
`slots` is an open-addressed table from the hash of its first word to rows. Hashes only say where to look: a surface stands where
its characters do.
"""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: SIM110

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from incamera.deid import columns as w
from incamera.deid.hits import DETECTOR_CODE, END, KIND, KIND_CODE, LABEL, LABEL_CODE, START
from incamera.deid.hits import WIDTH as HIT
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import get8, get32, get64, hold, jit, put8, put32, put64
from incamera.deid.rows_kernels import Part, of_hit, of_word, part, put_hit, slot_of

#: Columns of `entries`: hash of the first word, its way of standing, the address of its first word's row and of its part's
#: letters, number of words, label.
_ID, _WAY, _ROW, _LETTERS, _WORDS, _LABEL = range(6)
_ENTRY = 6
#: A word in any case, a word in its own case only, several words in any case.
_ANY_CASE, _OWN_CASE, _SEVERAL = range(3)
_ROW_BYTES = 8 * w.WIDTH
_FREE = 0xFFFFFFFF

#: Shorter surfaces stand in too many innocent places; longer ones in none but their own.
MIN_ALNUM, _MAX_WORDS, _MAX_GAP = 3, 12, 3
_PERSON, _DIRECT = LABEL_CODE["PERSON"], KIND_CODE["direct"]
_PROPAGATE, _SURE = DETECTOR_CODE["propagate"], 600


class Surfaces(NamedTuple):
    """What is followed, by address: `used` is one number, how many there are so far."""

    used: int
    entries: int
    slots: int
    mask: int


@jit
def _size(p: Part, i: int) -> int:
    return of_word(p.words, i, w.END) - of_word(p.words, i, w.START)


@jit
def _behind(p: Part, i: int, end: int) -> int:
    """The first word from *i* on that ends behind *end*."""
    while i < p.size and of_word(p.words, i, w.END) <= end:
        i += 1
    return i


@jit
def _from(p: Part, i: int, start: int) -> int:
    """The first word from *i* on that begins at *start* or behind it."""
    while i < p.size and of_word(p.words, i, w.START) < start:
        i += 1
    return i


@jit
def _measure(p: Part, hits: int, n: int) -> int:
    """How many entries `_collect` may need for these hits: never fewer than it does."""
    entries = i = 0
    for k in range(n):
        i = _from(p, i, of_hit(hits, k, START))
        j = _behind(p, i, of_hit(hits, k, END))
        if i < j and of_hit(hits, k, KIND) == _DIRECT:
            entries += 1 + j - i
        i = j
    return entries


@jit
def _same(s: Surfaces, row: int, p: Part, i: int, letters: int) -> bool:
    """Whether the words of a surface are those from word *i* on, letter by letter. They are not more than there are."""
    entry = row * _ENTRY
    theirs, their_letters = get64(s.entries, entry + _ROW), get64(s.entries, entry + _LETTERS)
    for k in range(get64(s.entries, entry + _WORDS)):
        their_start, start = of_word(theirs, k, w.START), of_word(p.words, i + k, w.START)
        size = _size(p, i + k)
        if of_word(theirs, k, w.END) - their_start != size:
            return False
        for n in range(size):
            if get32(their_letters, their_start + n) != get32(letters, start + n):
                return False
    return True


@jit
def _add(s: Surfaces, p: Part, letters: int, i: int, j: int, way: int, label: int) -> None:
    """Follow the surface of words [i, j), unless it is followed already."""
    word = of_word(p.words, i, w.ID)
    slot = slot_of(word, s.slots, s.mask)
    while get32(s.slots, slot) != _FREE:
        row = get32(s.slots, slot)
        entry = row * _ENTRY
        if (
            get64(s.entries, entry + _ID) == word
            and get64(s.entries, entry + _WAY) == way
            and get64(s.entries, entry + _WORDS) == j - i
            and _same(s, row, p, i, letters)
        ):
            return
        slot = (slot + 1) & s.mask
    row = get64(s.used, 0)
    put32(s.slots, slot, row)
    entry = row * _ENTRY
    put64(s.entries, entry + _ID, word)
    put64(s.entries, entry + _WAY, way)
    put64(s.entries, entry + _ROW, p.words + i * _ROW_BYTES)
    put64(s.entries, entry + _LETTERS, letters)
    put64(s.entries, entry + _WORDS, j - i)
    put64(s.entries, entry + _LABEL, label)
    put64(s.used, 0, row + 1)


@jit
def _add_word(s: Surfaces, p: Part, i: int, label: int) -> None:
    """Follow one word: in its own case only if it is an ordinary word too."""
    if _size(p, i) < MIN_ALNUM:
        return
    if of_word(p.words, i, w.CODE) & (t.SAFE_UNCASED | t.ORDINARY | t.MIXED):
        _add(s, p, p.points, i, i + 1, _OWN_CASE, label)
    else:
        _add(s, p, p.folded, i, i + 1, _ANY_CASE, label)


@jit
def _named(p: Part, i: int) -> bool:
    """Whether one word of a person's name is worth following by itself."""
    code = of_word(p.words, i, w.CODE)
    return not code & t.FUNCTION and (of_word(p.words, i, w.MARKS) & w.CAPITAL != 0 or code & t.NAME != 0 or code == 0)


@jit
def _collect(p: Part, hits: int, n: int, s: Surfaces) -> None:
    """Add what direct hits cover, and the words of a name one by one."""
    i = j = 0
    for k in range(n):
        i = _from(p, j, of_hit(hits, k, START))
        j = _behind(p, i, of_hit(hits, k, END))
        size, label = 0, of_hit(hits, k, LABEL)
        for at in range(i, j):
            size += _size(p, at)
        if of_hit(hits, k, KIND) != _DIRECT or size < MIN_ALNUM:
            continue
        if j - i == 1:
            _add_word(s, p, i, label)
            continue
        if j - i <= _MAX_WORDS:
            _add(s, p, p.folded, i, j, _SEVERAL, label)
        if label == _PERSON:
            for at in range(i, j):
                if _named(p, at):
                    _add_word(s, p, at, label)


@jit
def _stands(s: Surfaces, row: int, p: Part, i: int) -> bool:
    """Whether a surface stands at word *i*, its words no farther apart than names are."""
    entry = row * _ENTRY
    behind = i + get64(s.entries, entry + _WORDS)
    if behind > p.size:
        return False
    for n in range(i + 1, behind):
        if of_word(p.words, n, w.START) - of_word(p.words, n - 1, w.END) > _MAX_GAP:
            return False
    return _same(s, row, p, i, p.points if get64(s.entries, entry + _WAY) == _OWN_CASE else p.folded)


@jit
def _bare(covered: int, i: int, j: int) -> bool:
    """Whether a word of [i, j) is in no hit yet."""
    for n in range(i, j):
        if not get8(covered, n):
            return True
    return False


@jit
def _search(p: Part, hits: int, n: int, s: Surfaces, out: int, room: int) -> int:
    """Write every place where a surface stands and no hit does yet to *out*; returns their number, which may be more than fit."""
    marks = np.zeros(p.size, np.uint8)
    covered = marks.ctypes.data
    i = 0
    for k in range(n):
        i, end = _from(p, i, of_hit(hits, k, START)), of_hit(hits, k, END)
        while i < p.size and of_word(p.words, i, w.END) <= end:
            put8(covered, i, 1)
            i += 1
    count = 0
    for i in range(p.size):
        word = of_word(p.words, i, w.ID)
        slot = slot_of(word, s.slots, s.mask)
        while get32(s.slots, slot) != _FREE:
            row = get32(s.slots, slot)
            slot = (slot + 1) & s.mask
            entry = row * _ENTRY
            behind = i + get64(s.entries, entry + _WORDS)
            if get64(s.entries, entry + _ID) != word or not _bare(covered, i, min(behind, p.size)) or not _stands(s, row, p, i):
                continue
            if count < room:
                start, end = of_word(p.words, i, w.START), of_word(p.words, behind - 1, w.END)
                put_hit(out, count, start, end, get64(s.entries, entry + _LABEL), _DIRECT, _SURE, _PROPAGATE)
            count += 1
    hold(marks)
    return count


@jit
def _table(most: int) -> Any:
    """(how many, entries, slots) with room for so many surfaces."""
    size = 16
    while size < 2 * most:
        size *= 2
    return np.zeros(1, np.int64), np.empty((most, _ENTRY), np.int64), np.full(size, _FREE, np.uint32)


@jit
def _surfaces(used: Any, entries: Any, slots: Any) -> Surfaces:
    return Surfaces(used.ctypes.data, entries.ctypes.data, slots.ctypes.data, slots.size - 1)


@jit
def _found(p: Part, hits: int, n: int, s: Surfaces) -> Any:
    """What `_search` writes, however much it is."""
    room = n + 16
    while True:
        out = np.empty((room, HIT), np.int32)
        found = _search(p, hits, n, s, out.ctypes.data, room)
        if found <= room:
            return out[:found]
        room = found


@jit
def alone(p: Part, hits: int, n: int) -> Any:
    """Hits wherever a surface of a part stands in itself and none of its hits does."""
    used, entries, slots = _table(_measure(p, hits, n))
    s = _surfaces(used, entries, slots)
    _collect(p, hits, n, s)
    found = _found(p, hits, n, s) if used[0] else np.empty((0, HIT), np.int32)
    hold(entries)
    hold(slots)
    return found


@jit
def measure(hits: Any, points: Any, folded: Any, words: Any) -> int:
    """How many surfaces these hits may be."""
    return _measure(part(points, folded, words), hits.ctypes.data, hits.shape[0])


@jit
def table(most: int) -> Any:
    """An empty table for so many surfaces of several parts."""
    return _table(most)


@jit
def collect(hits: Any, points: Any, folded: Any, words: Any, used: Any, entries: Any, slots: Any) -> None:
    """Add the surfaces of one part's hits to a table, which holds no longer than the part's arrays are held."""
    _collect(part(points, folded, words), hits.ctypes.data, hits.shape[0], _surfaces(used, entries, slots))


@jit
def search(hits: Any, points: Any, folded: Any, words: Any, used: Any, entries: Any, slots: Any) -> Any:
    """Hits wherever one of the surfaces stands in a part and none of its hits does."""
    return _found(part(points, folded, words), hits.ctypes.data, hits.shape[0], _surfaces(used, entries, slots))
