"""Surfaces that name the same thing, compiled. Import lazily: it brings LLVM.

Every surface becomes its words in lower case, written to `letters`: its form. Equal forms are one thing. The words of people's
forms are known by their hashes, for telling who is short for whom: an accident between two hashes of 64 bits would give two
people one surrogate, and reveal neither.
"""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: SIM110

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from incamera.deid.hits import END, LABEL, LABEL_CODE, START
from incamera.deid.lexicons import characters as c
from incamera.deid.lexicons.kernels import Int, hash_of
from incamera.deid.memory import get32, get64, hold, jit, put32, put64
from incamera.deid.rows_kernels import of_hit, slot_of
from incamera.deid.tokens_kernels import kind

_PERSON, _ACCOUNT = LABEL_CODE["PERSON"], LABEL_CODE["ACCOUNT"]
_FINAL_SIGMA, _SIGMA, _BLANK = 0x3C2, 0x3C3, ord(" ")
_NONE = 0xFFFFFFFF

#: Columns of a thing: label, its form [from, to) in the letters, hash, its first hit; of a person also the words of the name
#: [first, behind), and the hashes of its words in one and of its first letter and last word: "annalee", "alee".
_LABELLED, _FROM, _TO, _HASH, _HIT, _FIRST, _BEHIND, _TOGETHER, _SHORT = range(9)
_THING = 9
#: Columns of a name's word: hash, first letter, length.
_NAME, _LETTER, _LENGTH = range(3)
_WORD = 3
#: Columns of an entry of the index of names by word: the word's hash, whose it is, the next entry of the slot.
_KEY, _WHOSE, _NEXT = range(3)
_ENTRY = 3


class Forms(NamedTuple):
    """Addresses: letters, things, people's words, and the things that are people, `persons` of them."""

    letters: int
    things: int
    words: int
    people: int
    persons: int


class Index(NamedTuple):
    """Addresses: the first entry of each slot, and the entries."""

    slots: int
    mask: int
    entries: int


@jit
def _of(f: Forms, thing: int, column: int) -> int:
    return get64(f.things, thing * _THING + column)


@jit
def _set(f: Forms, thing: int, column: int, value: int) -> None:
    put64(f.things, thing * _THING + column, value)


@jit
def _word(f: Forms, word: int, column: int) -> int:
    return get64(f.words, word * _WORD + column)


@jit
def _size(f: Forms, person: int) -> int:
    """The number of words of a person's name."""
    return _of(f, person, _BEHIND) - _of(f, person, _FIRST)


# --- forms ---------------------------------------------------------------------------------------------------------


@jit
def _lower(lower: int, point: int) -> int:
    """The lower case of a letter; sigma is one letter wherever it stands."""
    low = get32(lower, point) if point < c.TABLED else point
    return _SIGMA if low == _FINAL_SIGMA else low


@jit
def _form(points: int, start: int, end: int, classes: int, lower: int, letters: int, at: int) -> int:
    """Write the words of a surface, a blank between them, from letter *at* on; returns where they end.

    A surface without a word is its own form.
    """
    begin, inside = at, False
    for i in range(start, end):
        point = get32(points, i)
        if kind(classes, point) & c.ALNUM:
            if not inside and at > begin:
                put32(letters, at, _BLANK)
                at += 1
            put32(letters, at, _lower(lower, point))
            at += 1
            inside = True
        else:
            inside = False
    if at == begin:
        for i in range(start, end):
            put32(letters, at, _lower(lower, get32(points, i)))
            at += 1
    return at


@jit
def _is(f: Forms, thing: int, label: int, hashed: int, start: int, end: int) -> bool:
    """Whether *thing* is what has this label and the form that stands in [start, end) of the letters."""
    begin = _of(f, thing, _FROM)
    if _of(f, thing, _HASH) != hashed or _of(f, thing, _LABELLED) != label or _of(f, thing, _TO) - begin != end - start:
        return False
    for i in range(end - start):
        if get32(f.letters, begin + i) != get32(f.letters, start + i):
            return False
    return True


@jit
def _things(points: int, hits: int, n: int, classes: int, lower: int, f: Forms, of: int, slots: int, mask: int) -> Any:
    """Write the thing that each hit is to *of*; returns how many things there are, how many of them people, and their letters."""
    things = people = at = 0
    for i in range(n):
        label = of_hit(hits, i, LABEL)
        if label == _ACCOUNT:
            label = _PERSON
        end = _form(points, of_hit(hits, i, START), of_hit(hits, i, END), classes, lower, f.letters, at)
        hashed = Int(hash_of(f.letters, at, end, label + 1))
        slot = slot_of(hashed, slots, mask)
        while get32(slots, slot) != _NONE and not _is(f, get32(slots, slot), label, hashed, at, end):
            slot = (slot + 1) & mask
        if get32(slots, slot) == _NONE:
            put32(slots, slot, things)
            _set(f, things, _LABELLED, label)
            _set(f, things, _FROM, at)
            _set(f, things, _TO, end)
            _set(f, things, _HASH, hashed)
            _set(f, things, _HIT, i)
            if label == _PERSON:
                put32(f.people, people, things)
                people += 1
            things += 1
            at = end
        put32(of, i, get32(slots, slot))
    return things, people, at


# --- people --------------------------------------------------------------------------------------------------------


@jit
def _honorific(hashes: Any, hashed: int) -> bool:
    at = np.searchsorted(hashes, hashed)
    return bool(at < len(hashes) and hashes[at] == hashed)


@jit
def _copied(letters: int, start: int, end: int, at: int) -> int:
    for i in range(start, end):
        put32(letters, at, get32(letters, i))
        at += 1
    return at


@jit
def _name(f: Forms, person: int, count: int, free: int, honorifics: Any) -> int:
    """Write the words of a person's form behind *count* others, honorifics left out; returns how many there are then.

    Args:
        free: letters from there on are nobody's.
    """
    _set(f, person, _FIRST, count)
    start, stop, together, last = _of(f, person, _FROM), _of(f, person, _TO), free, free
    while start < stop:
        end = start
        while end < stop and get32(f.letters, end) != _BLANK:
            end += 1
        hashed = Int(hash_of(f.letters, start, end, 0))
        if end > start and not _honorific(honorifics, hashed):
            word = count * _WORD
            put64(f.words, word + _NAME, hashed)
            put64(f.words, word + _LETTER, get32(f.letters, start))
            put64(f.words, word + _LENGTH, end - start)
            count += 1
            last = together
            together = _copied(f.letters, start, end, together)
        start = end + 1
    _set(f, person, _BEHIND, count)
    _set(f, person, _TOGETHER, Int(hash_of(f.letters, free, together, 0)))
    # The first letter goes before the last word, where a name of several words has room for it.
    if last > free:
        put32(f.letters, last - 1, get32(f.letters, free))
        _set(f, person, _SHORT, Int(hash_of(f.letters, last - 1, together, 0)))
    return count


@jit
def _enter(x: Index, count: int, hashed: int, person: int) -> int:
    entry, slot = count * _ENTRY, slot_of(hashed, x.slots, x.mask)
    put64(x.entries, entry + _KEY, hashed)
    put64(x.entries, entry + _WHOSE, person)
    put64(x.entries, entry + _NEXT, get32(x.slots, slot))
    put32(x.slots, slot, count)
    return count + 1


@jit
def _index(f: Forms, x: Index) -> int:
    """Enter names of several words under each, under all in one, and under first letter and last word; returns how many."""
    count = 0
    for k in range(f.persons):
        person = get32(f.people, k)
        if _size(f, person) > 1:
            for word in range(_of(f, person, _FIRST), _of(f, person, _BEHIND)):
                count = _enter(x, count, _word(f, word, _NAME), person)
            count = _enter(x, count, _of(f, person, _TOGETHER), person)
            count = _enter(x, count, _of(f, person, _SHORT), person)
    return count


@jit
def _short_for(f: Forms, short: int, full: int) -> bool:
    """Every word of *short* stands in *full*, in order, or is an initial of one there; at least one stands whole.

    One word may also be the words of *full* in one, or its first letter and last word.
    """
    at, whole = _of(f, full, _FIRST), False
    for word in range(_of(f, short, _FIRST), _of(f, short, _BEHIND)):
        hashed, found = _word(f, word, _NAME), False
        initial = _word(f, word, _LENGTH) == 1
        while at < _of(f, full, _BEHIND) and not found:
            same = _word(f, at, _NAME) == hashed
            whole |= same
            found = same or (initial and _word(f, at, _LETTER) == _word(f, word, _LETTER))
            at += 1
        if not found:
            one = _size(f, short) == 1 and _size(f, full) > 1
            return one and (hashed == _of(f, full, _TOGETHER) or hashed == _of(f, full, _SHORT))
    return whole


@jit
def _fuller(f: Forms, person: int, x: Index, out: int, seen: int) -> int:
    """Write the people whose fuller name *person*'s is short for to *out*, each once; returns how many."""
    count = 0
    for word in range(_of(f, person, _FIRST), _of(f, person, _BEHIND)):
        hashed = _word(f, word, _NAME)
        entry = get32(x.slots, slot_of(hashed, x.slots, x.mask))
        while entry != _NONE:
            other = get64(x.entries, entry * _ENTRY + _WHOSE)
            if get64(x.entries, entry * _ENTRY + _KEY) == hashed and other != person and get32(seen, other) != person:
                put32(seen, other, person)
                if _size(f, other) >= _size(f, person) and _short_for(f, person, other):
                    put32(out, count, other)
                    count += 1
            entry = get64(x.entries, entry * _ENTRY + _NEXT)
    return count


@jit
def _leader(f: Forms, person: int, fuller: int, count: int) -> int:
    """Of *count* fuller names the one that *person*'s is short for; *person* where there is none or more than one."""
    if count == 1:
        return get32(fuller, 0)
    found = person
    for i in range(count):
        full, topped = get32(fuller, i), False
        for j in range(count):
            other = get32(fuller, j)
            topped |= _size(f, other) > _size(f, full) and _short_for(f, full, other)
        if not topped:
            if found != person:
                return person
            found = full
    return found


@jit
def _lead(f: Forms, things: int, free: int, honorifics: Any, leads: int) -> None:
    """Write who leads each person to *leads*: the thing of a fuller name, or nobody else."""
    count = 0
    for k in range(f.persons):
        count = _name(f, get32(f.people, k), count, free, honorifics)
    most = count + 2 * f.persons
    size = 16
    while size < 2 * most:
        size *= 2
    slots, entries = np.full(size, _NONE, np.uint32), np.empty((most, _ENTRY), np.int64)
    x = Index(slots.ctypes.data, size - 1, entries.ctypes.data)
    if _index(f, x):
        fuller, seen = np.empty(f.persons, np.uint32), np.full(things, _NONE, np.uint32)
        for k in range(f.persons):
            person = get32(f.people, k)
            found = _fuller(f, person, x, fuller.ctypes.data, seen.ctypes.data)
            put32(leads, person, _leader(f, person, fuller.ctypes.data, found))
        hold(fuller)
        hold(seen)
    hold(slots)
    hold(entries)


# --- all -----------------------------------------------------------------------------------------------------------


@jit
def clusters(points: Any, hits: Any, classes: Any, lower: Any, honorifics: Any) -> Any:
    """(the cluster of each hit, numbered as they appear; of each cluster the first hit of the thing that leads it)."""
    n, rows, room = hits.shape[0], hits.ctypes.data, 1
    for i in range(n):
        room += of_hit(rows, i, END) - of_hit(rows, i, START)
    size = 16
    while size < 2 * n:
        size *= 2
    letters, things, slots = np.empty(2 * room, np.uint32), np.empty((n, _THING), np.int64), np.full(size, _NONE, np.uint32)
    of, people = np.empty(n, np.uint32), np.empty(n, np.uint32)
    f = Forms(letters.ctypes.data, things.ctypes.data, 0, people.ctypes.data, 0)
    known, persons, free = _things(
        points.ctypes.data, rows, n, classes.ctypes.data, lower.ctypes.data, f, of.ctypes.data, slots.ctypes.data, size - 1
    )
    leads = np.empty(known, np.uint32)
    for thing in range(known):
        leads[thing] = thing
    if persons > 1:
        words = np.empty((free // 2 + persons + 1, _WORD), np.int64)
        f = Forms(letters.ctypes.data, things.ctypes.data, words.ctypes.data, people.ctypes.data, persons)
        _lead(f, known, free, honorifics, leads.ctypes.data)
        hold(words)
    numbers, first, count = np.full(known, -1, np.int64), np.empty(known, np.int32), 0
    for i in range(n):
        leader = leads[of[i]]
        if numbers[leader] < 0:
            numbers[leader] = count
            first[count] = things[leader, _HIT]
            count += 1
        of[i] = numbers[leader]
    hold(letters)
    hold(people)
    hold(slots)
    return of, first[:count]


@jit
def hash_word(points: Any) -> int:
    """The hash under which a word of a name is known."""
    return Int(hash_of(points.ctypes.data, 0, points.size, 0))  # type: ignore[no-any-return]
