"""Surfaces collected and followed, compiled. Import lazily: it brings LLVM. Arrays are rows of `hits` and of `Tokens`.

A surface is a row of `entries`; its characters lie in `chars`, words set apart by `_APART`. `slots` is an open-addressed table
from the hash of its first word to rows. Hashes only say where to look: a surface stands where its characters do.
"""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: SIM110

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from incamera.deid import columns as w
from incamera.deid.hits import DETECTOR, DETECTOR_CODE, END, KIND, KIND_CODE, LABEL, LABEL_CODE, SCORE, START
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import jit

#: Columns of `entries`: hash of the first word, its way of standing, [from, to) in `chars`, number of words, label.
ID, WAY, FROM, TO, WORDS, LABELLED = range(6)
ENTRY = 6
#: A word in any case, a word in its own case only, several words in any case.
_ANY_CASE, _OWN_CASE, _SEVERAL = range(3)

#: Shorter surfaces stand in too many innocent places; longer ones in none but their own.
MIN_ALNUM, _MAX_WORDS, _MAX_GAP = 3, 12, 3
_APART = 0xFFFFFFFF
_PERSON, _DIRECT = LABEL_CODE["PERSON"], KIND_CODE["direct"]
_PROPAGATE, _SURE = DETECTOR_CODE["propagate"], 600


class Part(NamedTuple):
    """Words of one part: `Tokens.rows`, `points` and `folded`."""

    words: Any
    points: Any
    folded: Any


class Surfaces(NamedTuple):
    """What is followed. `state` is (entries, characters) so far."""

    state: Any
    entries: Any
    chars: Any
    slots: Any


@jit
def cover(hits: Any, words: Any, spans: Any) -> None:
    """Write the words [first, behind) that each hit covers to *spans*. Hits and words are in order."""
    n = 0
    for k in range(len(hits)):
        while n < len(words) and words[n, w.START] < hits[k, START]:
            n += 1
        i = n
        while n < len(words) and words[n, w.END] <= hits[k, END]:
            n += 1
        spans[k, 0] = i
        spans[k, 1] = n


@jit
def measure(hits: Any, words: Any, spans: Any) -> Any:
    """(entries, characters) that `collect` may need for these hits: never fewer than it does."""
    entries, chars = 0, 0
    for k in range(len(hits)):
        i, j = spans[k, 0], spans[k, 1]
        if i < j and hits[k, KIND] == _DIRECT:
            entries += 1 + j - i
            chars += 2 * (words[j - 1, w.END] - words[i, w.START]) + j - i
    return entries, chars


@jit
def _equal(surfaces: Any, row: int, begin: int, size: int) -> bool:
    """Whether an entry's characters are the *size* that stand at *begin*."""
    entries, chars = surfaces.entries, surfaces.chars
    if entries[row, TO] - entries[row, FROM] != size:
        return False
    for n in range(size):
        if chars[entries[row, FROM] + n] != chars[begin + n]:
            return False
    return True


@jit
def _add(surfaces: Any, words: Any, letters: Any, i: int, j: int, way: int, label: int) -> None:
    """Follow the surface of words [i, j), unless it is followed already."""
    state, entries, chars, slots = surfaces
    begin = at = state[1]
    for n in range(i, j):
        if n > i:
            chars[at] = _APART
            at += 1
        for k in range(words[n, w.START], words[n, w.END]):
            chars[at] = letters[k]
            at += 1
    slot = _slot(words[i, w.ID], slots)
    while slots[slot] >= 0:
        row = slots[slot]
        if entries[row, ID] == words[i, w.ID] and entries[row, WAY] == way and _equal(surfaces, row, begin, at - begin):
            return
        slot = (slot + 1) & (len(slots) - 1)
    row = state[0]
    slots[slot] = row
    entries[row, ID] = words[i, w.ID]
    entries[row, WAY] = way
    entries[row, FROM] = begin
    entries[row, TO] = at
    entries[row, WORDS] = j - i
    entries[row, LABELLED] = label
    state[0] = row + 1
    state[1] = at


@jit
def _slot(word: int, slots: Any) -> Any:
    return (word ^ word >> 29) & (len(slots) - 1)


@jit
def _add_word(surfaces: Any, part: Any, i: int, label: int) -> None:
    """Follow one word: in its own case only if it is an ordinary word too."""
    words = part.words
    if words[i, w.END] - words[i, w.START] < MIN_ALNUM:
        return
    if words[i, w.CODE] & (t.SAFE_UNCASED | t.ORDINARY | t.MIXED):
        _add(surfaces, words, part.points, i, i + 1, _OWN_CASE, label)
    else:
        _add(surfaces, words, part.folded, i, i + 1, _ANY_CASE, label)


@jit
def _named(words: Any, i: int) -> bool:
    """Whether one word of a person's name is worth following by itself."""
    code = words[i, w.CODE]
    return not code & t.FUNCTION and (words[i, w.MARKS] & w.CAPITAL != 0 or code & t.NAME != 0 or code == 0)


@jit
def collect(hits: Any, spans: Any, part: Any, surfaces: Any) -> None:
    """Add what direct hits cover, and the words of a name one by one."""
    words = part.words
    for k in range(len(hits)):
        i, j, label = spans[k, 0], spans[k, 1], hits[k, LABEL]
        size = 0
        for n in range(i, j):
            size += words[n, w.END] - words[n, w.START]
        if hits[k, KIND] != _DIRECT or size < MIN_ALNUM:
            continue
        if j - i == 1:
            _add_word(surfaces, part, i, label)
            continue
        if j - i <= _MAX_WORDS:
            _add(surfaces, words, part.folded, i, j, _SEVERAL, label)
        if label == _PERSON:
            for n in range(i, j):
                if _named(words, n):
                    _add_word(surfaces, part, n, label)


@jit
def _stands(surfaces: Any, row: int, words: Any, letters: Any, i: int) -> bool:
    """Whether the surface stands at word *i*, character by character, its words no farther apart than names are."""
    entries, chars = surfaces.entries, surfaces.chars
    at = entries[row, FROM]
    if i + entries[row, WORDS] > len(words):
        return False
    for n in range(i, i + entries[row, WORDS]):
        if n > i:
            if chars[at] != _APART or words[n, w.START] - words[n - 1, w.END] > _MAX_GAP:
                return False
            at += 1
        size = words[n, w.END] - words[n, w.START]
        if at + size > entries[row, TO]:
            return False
        for k in range(size):
            if chars[at + k] != letters[words[n, w.START] + k]:
                return False
        at += size
    return at == entries[row, TO]  # type: ignore[no-any-return]


@jit
def _bare(covered: Any, i: int, j: int) -> bool:
    """Whether a word of [i, j) is in no hit yet."""
    for n in range(i, min(j, len(covered))):
        if not covered[n]:
            return True
    return False


@jit
def search(part: Any, spans: Any, surfaces: Any, out: Any) -> int:
    """Write every place where a surface stands and no hit does yet to *out*; returns their number, which may be more than fit."""
    entries, slots = surfaces.entries, surfaces.slots
    words = part.words
    covered = np.zeros(len(words), np.bool_)
    for k in range(len(spans)):
        covered[spans[k, 0] : spans[k, 1]] = True
    count = 0
    for i in range(len(words)):
        slot = _slot(words[i, w.ID], slots)
        while slots[slot] >= 0:
            row = slots[slot]
            slot = (slot + 1) & (len(slots) - 1)
            if entries[row, ID] != words[i, w.ID] or not _bare(covered, i, i + entries[row, WORDS]):
                continue
            if _stands(surfaces, row, words, part.points if entries[row, WAY] == _OWN_CASE else part.folded, i):
                if count < len(out):
                    out[count, START] = words[i, w.START]
                    out[count, END] = words[i + entries[row, WORDS] - 1, w.END]
                    out[count, LABEL] = entries[row, LABELLED]
                    out[count, KIND] = _DIRECT
                    out[count, SCORE] = _SURE
                    out[count, DETECTOR] = _PROPAGATE
                count += 1
    return count
