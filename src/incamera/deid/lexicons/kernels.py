"""Finding a word in a table of public words: one open-addressed look-up, compiled.

A word is known by 64 bits of a hash of its code points *and* by every one of its code points: what is in the table is
compared in full, so that no collision ever clears a word. Arrays are addresses here (`deid.memory`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.memory import get32, get64, jit, put32, put64

U = np.uint64
Int: Any = np.int64
_SEED = U(0xCBF29CE484222325)
_PRIME = U(0x100000001B3)
_MIX = U(0x9E3779B97F4A7C15)
_HALF = U(32)
_LOW = U(0xFFFFFFFF)

#: A record: code (low, high), role, length, then the code points of the word.
CODE, CODE_HIGH, ROLE, LENGTH, SPELLED = range(5)
#: Offset of no record.
NONE = 0


@jit
def hash_of(folded: int, start: int, end: int, extra: int) -> Any:
    """The hash of `folded[start:end]`, and of code point *extra* behind it unless that is 0."""
    hashed = _SEED
    for i in range(start, end):
        hashed = (hashed ^ U(get32(folded, i))) * _PRIME
    if extra:
        hashed = (hashed ^ U(extra)) * _PRIME
    hashed = (hashed ^ (hashed >> _HALF)) * _MIX
    return hashed ^ (hashed >> _HALF)


@jit
def seek(folded: int, start: int, end: int, extra: int, hashed: Any, slots: int, mask: int, records: int) -> int:
    """The record of `folded[start:end]` plus *extra*, or `NONE`; *mask* is the number of slots less one."""
    at = Int(hashed & U(mask))
    length = end - start + (1 if extra else 0)
    while True:
        slot = U(get64(slots, at))
        if slot == U(0):
            return NONE
        if slot >> _HALF == hashed >> _HALF:
            record: int = Int(slot & _LOW)
            if get32(records, record + LENGTH) == length and _spells(records, record + SPELLED, folded, start, end, extra):
                return record
        at = (at + 1) & mask


@jit
def _spells(records: int, at: int, folded: int, start: int, end: int, extra: int) -> bool:
    for i in range(start, end):
        if get32(records, at + i - start) != get32(folded, i):
            return False
    return extra == 0 or get32(records, at + end - start) == extra


@jit
def bits_of(records: int, record: int) -> int:
    """What the word of a record is known for; 0 for `NONE`, whose record is empty."""
    return get32(records, record + CODE) | get32(records, record + CODE_HIGH) << 32


@jit
def role_of(records: int, record: int) -> int:
    return get32(records, record + ROLE)


@jit
def look_up(folded: int, start: int, end: int, extra: int, slots: int, mask: int, records: int) -> int:
    """The bits of `folded[start:end]` plus *extra*; 0 where it is in no list."""
    return bits_of(records, seek(folded, start, end, extra, hash_of(folded, start, end, extra), slots, mask, records))


@jit
def seek_word(points: Any, slots: Any, records: Any) -> int:
    """The record of one word given as an array of code points, or `NONE`."""
    word = points.ctypes.data
    hashed = hash_of(word, 0, points.size, 0)
    return seek(word, 0, points.size, 0, hashed, slots.ctypes.data, slots.size - 1, records.ctypes.data)


@jit
def bits(points: Any, slots: Any, records: Any) -> int:
    """What one word given as an array of code points is known for."""
    return bits_of(records.ctypes.data, seek_word(points, slots, records))


@jit
def fill(points: Any, bounds: Any, codes: Any, roles: Any, slots: Any, records: Any, offsets: Any) -> None:
    """Write one record for each word `points[bounds[i]:bounds[i + 1]]`; the first lies behind an empty one."""
    spelled, table, written = points.ctypes.data, slots.ctypes.data, records.ctypes.data
    mask = slots.size - 1
    record = SPELLED
    for i in range(codes.size):
        start, end = bounds[i], bounds[i + 1]
        put32(written, record + CODE, codes[i])
        put32(written, record + CODE_HIGH, codes[i] >> 32)
        put32(written, record + ROLE, roles[i])
        put32(written, record + LENGTH, end - start)
        for k in range(start, end):
            put32(written, record + SPELLED + k - start, get32(spelled, k))
        hashed = hash_of(spelled, start, end, 0)
        at = Int(hashed & U(mask))
        while get64(table, at):
            at = (at + 1) & mask
        put64(table, at, Int((hashed & ~_LOW) | U(record)))
        offsets[i] = record
        record += SPELLED + end - start
