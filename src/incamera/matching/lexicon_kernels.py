"""Numba kernels of `lexicon`: cut text into items, count them, write and read their numbers. Import lazily."""

# Kernels are written for the compiler: plain loops, plain comparisons, arguments by position.

from __future__ import annotations

import numpy as np

from incamera.text.kernels import inlined, jit, load8, load64, load_u64, lowest, prefetch, store8, store64, store_u64, word_edges

U = np.uint64
_M = U(0x9E3779B97F4A7C15)
_M2 = U(0xC2B2AE3D27D4EB4F)
#: As in `lexicon`; a constant of the kernels stands in their own file, by which their compiled code is kept.
LONGEST, SEPARATORS, PIECE = 64, 8, 255
SHORT, WORD, RAW = 96, 254, 255
#: Keys up to here are an item's own bytes: seven, or eight that end in ASCII.
_PLAIN = ~U(0) >> U(1)
_HASHED = U(1) << U(63)
#: Items of one round: a block's, usually.
ROUND = 2048
_SLACK = 64


@inlined
def _alphanumeric(byte):  # type: ignore[no-untyped-def]
    return 48 <= byte <= 57 or 97 <= byte | 32 <= 122


@jit
def _item(data, i, end):  # type: ignore[no-untyped-def]
    """(bytes, whether a word) of the item at byte *i*.

    A word: letters and digits of ASCII and the letters of two bytes. A character of C2 or of three and four bytes stands alone,
    and so does NUL, so that no item ends as its padding does; other ASCII goes together, up to eight.
    """
    b = load8(data, i)
    n = np.int64(0)
    if _alphanumeric(b) or 0xC3 <= b < 0xE0:
        while i + n < end and n < PIECE - 1:
            b = load8(data, i + n)
            if _alphanumeric(b):
                n += 1
            elif 0xC3 <= b < 0xE0 and i + n + 1 < end:
                n += 2
            else:
                break
        if n > 0:
            return n, True
    if b < 128:
        while i + n < end and n < SEPARATORS and 0 < load8(data, i + n) < 128 and not _alphanumeric(load8(data, i + n)):
            n += 1
        return max(n, np.int64(1)), False
    n = np.int64(1)
    if b >= 0xC2:
        n = 2 + (b >= 0xE0) + (b >= 0xF0)
    return min(n, end - i), False


@inlined
def _put(out, at, i, n, word):  # type: ignore[no-untyped-def]
    store_u64(out, at, np.uint64(i) << U(9) | np.uint64(word) << U(8) | np.uint64(n))
    return at + 1


@jit
def _cut(data, safe, i, end, spaced, out, room):  # type: ignore[no-untyped-def]
    """Items from byte *i* on: (count, next byte, whether a word was last). Each as byte << 9 | word << 8 | size.

    *spaced*: a word was last before *i*. A single space between two words is no item: it goes without saying.
    """
    at = np.int64(0)
    far = safe - 64
    while i < end and at < room:
        if i <= far:
            starts, ends, _ = word_edges(data + i, end - i)
            done = np.int64(0)
            while ends != U(0):
                a = lowest(starts)
                gap = a - done
                if gap != 1 or not spaced or load8(data, i + done) != 32:
                    while gap > 0:
                        at = _put(out, at, i + a - gap, min(gap, SEPARATORS), False)
                        gap -= SEPARATORS
                done = lowest(ends)
                at = _put(out, at, i + a, done - a, True)
                spaced = True
                starts &= starts - U(1)
                ends &= ends - U(1)
            if done > 0:
                i += done
                continue
        n, is_word = _item(data, i, end)
        if n == 1 and spaced and load8(data, i) == 32 and i + 1 < end:
            after, is_word_after = _item(data, i + 1, end)
            if is_word_after and after <= LONGEST:
                i += 1
                n, is_word = after, True
        at = _put(out, at, i, n, is_word)
        spaced = is_word and n <= LONGEST
        i += n
    return at, i, spaced


@jit
def _hash(data, p, n):  # type: ignore[no-untyped-def]
    """A hash of *n* bytes, more than eight, its top bit set."""
    h = load64(data, p) * _M
    for at in range(8, n - 8, 8):
        h = (h ^ load64(data, p + at)) * _M2
        h ^= h >> U(32)
    return (h ^ load64(data, p + n - 8)) * _M2 | _HASHED


@inlined
def _key(data, p, n):  # type: ignore[no-untyped-def]
    """An item's bytes where they are eight or fewer, otherwise a hash of them.

    Up to sixteen bytes without a branch: the lengths of words are what a processor cannot guess.
    """
    if n > 16:
        return _hash(data, p, n)
    first = load64(data, p)
    behind = max(n - 8, 0)
    whole = first & (~U(0) >> np.uint64(64 - 8 * (n - behind)))
    hashed = (first * _M ^ load64(data, p + behind)) * _M2 | _HASHED
    return whole ^ (whole ^ hashed) & np.uint64((8 - n) >> 63)


@inlined
def _slot(key, shift):  # type: ignore[no-untyped-def]
    return np.int64((key * _M) >> np.uint64(shift))


@inlined
def _keys(data, cuts, n, keys, slots, width, shift):  # type: ignore[no-untyped-def]
    """Key the *n* items of a round, and ask for the places of a table, *width* numbers each, where they would stand."""
    for x in range(n):
        item = load_u64(cuts, x)
        key = _key(data, np.int64(item >> U(9)), np.int64(item & U(255)))
        store_u64(keys, x, key)
        prefetch(slots, width * _slot(key, shift))


@jit
def _same(data, p, items, q, n):  # type: ignore[no-untyped-def]
    """Whether the same *n* bytes, more than eight, stand at both places."""
    for x in range(0, n - 8, 8):
        if load64(data, p + x) != load64(items, q + x):
            return False
    return load64(data, p + n - 8) == load64(items, q + n - 8)


@jit
def count(buffer, bounds, every, shift, keys, counts, places, sizes, scratch):  # type: ignore[no-untyped-def]
    """Count the items of every *every*-th block in an open-addressing table; what finds no room is not counted.

    For each slot: the key, how often, where first, how long. *shift* is 64 less the bits of a slot's number.
    """
    data, safe = np.int64(buffer.ctypes.data), np.int64(len(buffer)) - 8
    out = np.int64(scratch.ctypes.data)
    found = out + 8 * (len(scratch) // 2)
    slots = np.int64(keys.ctypes.data)
    mask = len(keys) - 1
    free = 3 * (len(keys) // 4)
    for block in range(0, len(bounds) - 1, every):
        i, end, spaced = bounds[block], bounds[block + 1], False
        while i < end:
            n, i, spaced = _cut(data, safe, i, end, spaced, out, ROUND)
            _keys(data, out, n, found, slots, 1, shift)
            for x in range(n):
                item = load_u64(out, x)
                p, size = np.int64(item >> U(9)), np.int64(item & U(255))
                if size > LONGEST:
                    continue
                key = load_u64(found, x)
                s = _slot(key, shift)
                while counts[s] > 0:
                    if keys[s] == key and (key <= _PLAIN or (sizes[s] == size and _same(data, p, data, places[s], size))):
                        break
                    s = (s + 1) & mask
                if counts[s] == 0:
                    if free == 0:
                        continue
                    free -= 1
                    keys[s], places[s], sizes[s] = key, p, size
                counts[s] += 1


@jit
def take(buffer, places, sizes, items):  # type: ignore[no-untyped-def]
    """Lay the stretches of *buffer* at these places end to end; both buffers have eight bytes behind their last."""
    data, out = np.int64(buffer.ctypes.data), np.int64(items.ctypes.data)
    o = np.int64(0)
    for n in range(len(places)):
        for y in range(0, sizes[n], 8):
            store64(out, o + y, load64(data, places[n] + y))
        o += sizes[n]


@jit
def lay(items, item_bounds, shift, table):  # type: ignore[no-untyped-def]
    """A table that finds an item: keys at even places, and behind each the item's number and one; 0 where nothing stands."""
    data = np.int64(items.ctypes.data)
    mask = len(table) // 2 - 1
    for number in range(len(item_bounds) - 1):
        key = _key(data, item_bounds[number], item_bounds[number + 1] - item_bounds[number])
        s = _slot(key, shift)
        while table[2 * s + 1] != U(0):
            s = (s + 1) & mask
        table[2 * s], table[2 * s + 1] = key, np.uint64(number + 1)


@jit
def _is_item(data, p, size, items, ends, number):  # type: ignore[no-untyped-def]
    q = np.int64(load_u64(ends, number))
    return np.int64(load_u64(ends, number + 1)) - q == size and _same(data, p, items, q, size)


@jit
def encode(buffer, bounds, items, item_bounds, shift, table, scratch, coded, code_bounds):  # type: ignore[no-untyped-def]
    """Write every block's items as numbers. *coded* has three bytes for each of the text and eight more."""
    data, safe = np.int64(buffer.ctypes.data), np.int64(len(buffer)) - 8
    known, ends = np.int64(items.ctypes.data), np.int64(item_bounds.ctypes.data)
    slots, mask = np.int64(table.ctypes.data), len(table) // 2 - 1
    out, cuts = np.int64(coded.ctypes.data), np.int64(scratch.ctypes.data)
    keys = cuts + 8 * (len(scratch) // 2)
    o = np.int64(0)
    code_bounds[0] = 0
    for block in range(len(bounds) - 1):
        i, end, spaced = bounds[block], bounds[block + 1], False
        while i < end:
            n, i, spaced = _cut(data, safe, i, end, spaced, cuts, ROUND)
            _keys(data, cuts, n, keys, slots, 2, shift)
            for x in range(n):
                item = load_u64(cuts, x)
                p, size = np.int64(item >> U(9)), np.int64(item & U(255))
                key = load_u64(keys, x)
                s = _slot(key, shift)
                number = np.int64(load_u64(slots, 2 * s + 1)) - 1
                while number >= 0 and (
                    load_u64(slots, 2 * s) != key or (key > _PLAIN and not _is_item(data, p, size, known, ends, number))
                ):
                    s = (s + 1) & mask
                    number = np.int64(load_u64(slots, 2 * s + 1)) - 1
                if number >= 0:
                    rest = number - SHORT
                    two = ~(rest >> 63)  # all ones for two bytes: whether one or two is what a processor cannot guess
                    store64(out, o, np.uint64((number & ~two) | ((SHORT + (rest >> 8) | (rest & 255) << 8) & two)))
                    o += 1 - two
                    continue
                store8(out, o, WORD if size <= LONGEST and item & U(256) else RAW)
                store8(out, o + 1, size)
                o += 2
                for y in range(0, size, 8):
                    store64(out, o + y, load64(data, p + y))
                o += size
        code_bounds[block + 1] = o
    return o


@jit
def decode(coded, code_bounds, blocks, items, item_bounds, text, bounds, first):  # type: ignore[no-untyped-def]
    """Read the *blocks* into text[bounds[first + n]:bounds[first + n + 1]] for the n-th: whether all of them fitted exactly.

    *text* and *items* have eight bytes behind their last.
    """
    data, known, ends = np.int64(coded.ctypes.data), np.int64(items.ctypes.data), np.int64(item_bounds.ctypes.data)
    out, most = np.int64(text.ctypes.data), np.int64(len(item_bounds)) - 1
    for n in range(len(blocks)):
        c, stop = code_bounds[blocks[n]], code_bounds[blocks[n] + 1]
        o, limit = bounds[first + n], bounds[first + n + 1]
        spaced = False
        while c < stop:
            number = load8(data, c)
            c += 1
            source, p, size = known, np.int64(0), np.int64(0)
            if number < WORD:
                if number >= SHORT:
                    if c >= stop:
                        return False
                    number = SHORT + ((number - SHORT) << 8) + load8(data, c)
                    c += 1
                if number >= most:
                    return False
                p = np.int64(load_u64(ends, number))
                size = np.int64(load_u64(ends, number + 1)) - p
                b = load8(known, p)
                word = _alphanumeric(b) or 0xC3 <= b < 0xE0
            else:
                if c >= stop:
                    return False
                source, p, size, word = data, c + 1, load8(data, c), number == WORD
                c = p + size
                if c > stop:
                    return False
            if o + size + (word and spaced) > limit:
                return False
            if word and spaced:
                store8(out, o, 32)
                o += 1
            if number < WORD or c + 8 <= len(coded):
                for y in range(0, size, 8):
                    store64(out, o + y, load64(source, p + y))
            else:
                for y in range(size):
                    store8(out, o + y, load8(source, p + y))
            o += size
            spaced = word
        if o != limit:
            return False
    return True


def scratch():  # type: ignore[no-untyped-def]
    """Room for the items of one round and their keys."""
    return np.empty(2 * (ROUND + _SLACK), dtype=np.uint64)
