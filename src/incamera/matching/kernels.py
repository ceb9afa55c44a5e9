"""Numba kernels of the search: sample works, fill filter and table, probe texts. Import lazily.

A *gram* is a hash of k consecutive word hashes; it chooses a 64-bit filter block and a bucket by its upper half, and 20 bits
of its lower half are the tag that the table keeps. Beside the tag stand 6 bits of the word before the gram and of the word
behind it: a run is longer than a gram, so one of the two must agree, which spares most chance seeds their confirmation. Equal
words give equal bits all through, so no seed of a run is ever lost; what passes by chance is removed by extension, which
compares words.
"""

# Kernels are written for the compiler: plain loops, plain comparisons, arguments by position.
# ruff: noqa: PLR1714

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.text.kernels import SLACK, inlined, jit, load8, load32, load_u64, prefetch, store_u64, word_hashes

U = np.uint64
_M3 = U(0xD6E8FEB86659FD93)
_LOW = U(0xFFFFFFFF)
_32 = U(32)
#: Filter blocks that stay in a core's second-level cache; beyond them `_look_up` asks for the lines first.
_NEAR = 1 << 17
#: As `plan.SORTED`; a constant of the kernels stands in their own file, by which their compiled code is kept.
SORTED = 24
#: Words per round of fold, gram and probe: the rounds stay inside the first-level cache.
ROUND = 512
_COLUMN = ROUND + SLACK + 256
#: Scratch that `probe` and `sample` need, in uint64 items: word hashes with their carry, grams, their bits, and candidates.
SCRATCH = 4 * _COLUMN


@inlined
def _turned(word, left):  # type: ignore[no-untyped-def]
    return word << U(left) | word >> U(64 - left)


@inlined
def _mixed(g):  # type: ignore[no-untyped-def]
    g = (g ^ (g >> _32)) * _M3
    g = (g ^ (g >> _32)) * _M3
    return g ^ (g >> _32)


@jit
def grams(words, count, k, out):  # type: ignore[no-untyped-def]
    """Grams of words[i:i + k] for i in range(count), between two addresses: word j turned left by 9 j bits, all xored, mixed."""
    if k == 6:  # the declared default, in one pass
        for i in range(count):
            g = load_u64(words, i) ^ _turned(load_u64(words, i + 1), 9) ^ _turned(load_u64(words, i + 2), 18)
            g ^= _turned(load_u64(words, i + 3), 27) ^ _turned(load_u64(words, i + 4), 36) ^ _turned(load_u64(words, i + 5), 45)
            store_u64(out, i, _mixed(g))
        return
    for i in range(count):
        store_u64(out, i, load_u64(words, i))
    for j in range(1, k):
        left = U(9 * j % 64)
        right = U(64 - 9 * j % 64)
        for i in range(count):
            w = load_u64(words, i + j)
            store_u64(out, i, load_u64(out, i) ^ (w << left | w >> right))
    for i in range(count):
        store_u64(out, i, _mixed(load_u64(out, i)))


@inlined
def _bits(g):  # type: ignore[no-untyped-def]
    """The four bits of a filter block that a gram sets."""
    one = U(1)
    return one << (g & U(63)) | one << (g >> U(6) & U(63)) | one << (g >> U(12) & U(63)) | one << (g >> U(18) & U(63))


@inlined
def _place(g, size):  # type: ignore[no-untyped-def]
    """The gram's block or bucket among *size*: its upper half, scaled."""
    return np.int64((g >> _32) * np.uint64(size) >> _32)


@inlined
def _near_bits(words, i, k, at):  # type: ignore[no-untyped-def]
    """Six bits each of the word before and the word behind the gram at *i*; 64 where there is none among *at* words."""
    before, behind = U(64), U(64)
    if i > 0:
        before = load_u64(words, i - 1) >> U(58)
    if i + k < at:
        behind = load_u64(words, i + k) >> U(58)
    return before, behind


@inlined
def _tag(g):  # type: ignore[no-untyped-def]
    """The 20 bits that the table keeps of a gram."""
    return g >> U(12) & U(0xFFFFF)


@jit
def cut(buffer, bounds, size, cuts, first):  # type: ignore[no-untyped-def]
    """Bounds of blocks of each text, each as long as *size* and up to the next white space: how many."""
    data = np.int64(buffer.ctypes.data)
    cuts[0] = last = np.int64(0)
    n = 1
    first[0] = 0
    for text in range(len(bounds) - 1):
        end = bounds[text + 1]
        while end - last > size * 3 // 2:
            at = last + size
            while at < end:
                b = load8(data, at)
                if b == 32 or b == 10 or b == 9 or b == 13:
                    break
                at += 1
            if at == end:
                break
            cuts[n] = last = at
            n += 1
        cuts[n] = last = end
        n += 1
        first[text + 1] = n - 1
    return n


@jit
def weigh(buffer, weights):  # type: ignore[no-untyped-def]
    """Sum of the weights, one for each of 256 values, of all bytes of *buffer*."""
    data, found = np.int64(buffer.ctypes.data), np.int64(weights.ctypes.data)
    total = U(0)
    for i in range(len(buffer)):
        total += load_u64(found, load8(data, i))
    return total


@jit
def starts(buffer, block_bounds, work_blocks, out):  # type: ignore[no-untyped-def]
    """For each block the code points of its work before it."""
    for work in range(len(work_blocks) - 1):
        before = np.int64(0)
        for block in range(work_blocks[work], work_blocks[work + 1]):
            out[block] = before
            for i in range(block_bounds[block], block_bounds[block + 1]):
                before += buffer[i] & 0xC0 != 0x80


@jit
def sample(buffer, block_bounds, work_blocks, tab, k, every, scratch, out_grams, out_places, base, block_words):  # type: ignore[no-untyped-def]
    """Grams of works at every *every*-th word of each: count written.

    Work *w* is the blocks `work_blocks[w]` to `work_blocks[w + 1]`; block *b* holds `block_words[b]` words, written here. Places
    are *base* plus the number of the word in all works, with the bits of the neighbours above the lower 32.
    """
    written = np.int64(0)
    for work in range(len(work_blocks) - 1):
        a, b = work_blocks[work], work_blocks[work + 1]
        bounds, words = block_bounds[a : b + 1], block_words[a:b]
        grams_, places = out_grams[written:], out_places[written:]
        written += _sample(buffer, bounds, tab, k, every, scratch, grams_, places, base, words)
        for block in range(a, b):
            base += block_words[block]
    return written


@jit
def _sample(buffer, block_bounds, tab, k, every, scratch, out_grams, out_places, base, block_words):  # type: ignore[no-untyped-def]
    """`sample` for one work."""
    data = np.int64(buffer.ctypes.data)
    safe = np.int64(len(buffer)) - 8
    words = np.int64(scratch.ctypes.data)
    acc = words + 8 * _COLUMN
    room = np.int64(ROUND)
    written = np.int64(0)
    first = np.int64(0)  # number of the word at the front of the scratch
    at = start = np.int64(0)  # words there, and the first of them whose gram was not taken yet
    for block in range(len(block_bounds) - 1):
        i, end = block_bounds[block], block_bounds[block + 1]
        seen = first + at
        while i < end:
            at, i = word_hashes(data, safe, i, end, tab, words, at, room)
            if at >= room:
                stop = at - k  # the last gram waits for the word behind it
                written = _take(words, start, stop, at, acc, k, every, first, base, out_grams, out_places, written)
                first, at, start = _carry(words, stop, at, first)
        block_words[block] = first + at - seen
    return _take(words, start, at - k + 1, at, acc, k, every, first, base, out_grams, out_places, written)


@jit
def _take(words, start, stop, at, acc, k, every, first, base, out_grams, out_places, written):  # type: ignore[no-untyped-def]
    """Sample the grams that begin at words start to stop of the scratch; the new count written."""
    if stop <= start:
        return written
    grams(words + 8 * start, stop - start, k, acc)
    i = start + (-(first + start)) % every
    while i < stop:
        before, behind = _near_bits(words, i, k, at)
        out_grams[written] = load_u64(acc, i - start)
        out_places[written] = ((before & U(63)) << U(6) | behind & U(63)) << _32 | np.uint64(base + first + i)
        written += 1
        i += every
    return written


@jit
def _carry(words, stop, at, first):  # type: ignore[no-untyped-def]
    """Move the words from the one before *stop* on to the front: number of the first, words kept, begin of the next gram."""
    if stop <= 0:
        return first, at, np.int64(0)
    kept = at - stop + 1
    for j in range(kept):
        store_u64(words, j, load_u64(words, stop - 1 + j))
    return first + stop - 1, kept, np.int64(1)


@jit
def count_parts(some_grams, counts):  # type: ignore[no-untyped-def]
    """Add to *counts* how many grams fall into each part."""
    for i in range(len(some_grams)):
        counts[_place(some_grams[i], len(counts))] += 1


@jit
def deal(some_grams, some_places, cursors, out_grams, out_places):  # type: ignore[no-untyped-def]
    """Put the grams and places where their parts' cursors stand."""
    for i in range(len(some_grams)):
        part = _place(some_grams[i], len(cursors))
        to = cursors[part]
        out_grams[to], out_places[to] = some_grams[i], some_places[i]
        cursors[part] = to + 1


@jit
def fill(all_grams, places, filter_, buckets, entries):  # type: ignore[no-untyped-def]
    """Set the filter and lay the table: counting sort into buckets, then large ones by tag and place."""
    blocks, size, n = len(filter_), len(buckets) - 1, len(all_grams)
    for i in range(n):
        g = all_grams[i]
        filter_[_place(g, blocks)] |= _bits(g)
        buckets[_place(g, size) + 1] += 1
    for b in range(size):
        buckets[b + 1] += buckets[b]
    for i in range(n):
        b = _place(all_grams[i], size)
        entries[buckets[b]] = _tag(all_grams[i]) << U(44) | places[i]
        buckets[b] += 1
    for b in range(size, 0, -1):
        buckets[b] = buckets[b - 1]
    buckets[0] = 0
    for b in range(size):
        low, high = np.int64(buckets[b]), np.int64(buckets[b + 1])
        if high - low > SORTED:
            entries[low:high].sort()


@jit
def _with_tag(entries, low, high, tag):  # type: ignore[no-untyped-def]
    """The entries of a bucket among which those with this tag are: all of a small one, those and no others of a sorted one."""
    if high - low <= SORTED:
        return low, high
    ends = high
    while low < high:
        middle = (low + high) >> 1
        if load_u64(entries, middle) >> U(44) < tag:
            low = middle + 1
        else:
            high = middle
    high = low
    while high < ends and load_u64(entries, high) >> U(44) == tag:
        high += 1
    return low, high


@jit
def _all_bits(acc, count, out):  # type: ignore[no-untyped-def]
    """`_bits` of so many grams, in a loop that compilers make vectors of."""
    for i in range(count):
        store_u64(out, i, _bits(load_u64(acc, i)))


@jit
def _candidates(acc, bits, count, filter_, blocks, out):  # type: ignore[no-untyped-def]
    """Numbers of the grams that pass the filter, into *out*: count. Nothing branches on what the filter says."""
    _all_bits(acc, count, bits)
    if blocks > _NEAR:
        for i in range(count):
            prefetch(filter_, _place(load_u64(acc, i), blocks))
    found = np.int64(0)
    for i in range(count):
        missing = load_u64(bits, i) & ~load_u64(filter_, _place(load_u64(acc, i), blocks))
        store_u64(out, found, np.uint64(i))
        found += missing == U(0)
    return found


@jit
def _look_up(words, start, stop, at, k, acc, first, table, part, out, n, room):  # type: ignore[no-untyped-def]
    """Append the seeds of the grams that begin at words start to stop; the new number of seeds, or -1 where *out* is full.

    *words* holds *at* words, the first of them number *first* of the part. *table* is (filter, its blocks, buckets, their number,
    entries); arrays are addresses. Behind *acc* there is room for two more columns of so many items.
    """
    filter_, blocks, buckets, size, entries = table
    count = stop - start
    bits, chosen = acc + 8 * count, acc + 16 * count
    grams(words + 8 * start, count, k, acc)
    candidates = _candidates(acc, bits, count, filter_, blocks, chosen)
    for c in range(candidates):  # memory is asked for all of them before any is waited for
        prefetch(buckets + 4 * _place(load_u64(acc, np.int64(load_u64(chosen, c))), size), 0)
    for c in range(candidates):
        e = load32(buckets, _place(load_u64(acc, np.int64(load_u64(chosen, c))), size))
        prefetch(entries, e)
        prefetch(entries, e + 8)
    for c in range(candidates):
        i = np.int64(load_u64(chosen, c))
        g = load_u64(acc, i)
        b = _place(g, size)
        tag = _tag(g)
        before, behind = _near_bits(words, start + i, k, at)
        low, high = _with_tag(entries, load32(buckets, b), load32(buckets, b + 1), tag)
        for e in range(low, high):
            entry = load_u64(entries, e)
            if entry >> U(44) != tag or (entry >> U(38) & U(63) != before and entry >> _32 & U(63) != behind):
                continue
            if n >= room:
                return np.int64(-1)
            store_u64(out, 3 * n, np.uint64(part))
            store_u64(out, 3 * n + 1, np.uint64(first + start + i))
            store_u64(out, 3 * n + 2, entry & _LOW)
            n += 1
    return n


@jit
def probe(buffer, part_bounds, first_part, tab, k, table, scratch, seeds):  # type: ignore[no-untyped-def]
    """Seeds of the parts from *first_part* on: (seeds written, next part).

    *seeds* is uint64[:, 3]: part, number of the word in the part, place in the segment. A part whose seeds no longer fit is left
    for the next call; one that alone does not fit comes back with 0 seeds and its own number.
    """
    data = np.int64(buffer.ctypes.data)
    safe = np.int64(len(buffer)) - 8
    words = np.int64(scratch.ctypes.data)
    acc = words + 8 * _COLUMN
    out = np.int64(seeds.ctypes.data)
    room, most = np.int64(ROUND), np.int64(len(seeds))
    n = np.int64(0)
    for part in range(first_part, len(part_bounds) - 1):
        i, end = part_bounds[part], part_bounds[part + 1]
        before = n
        first = at = start = np.int64(0)
        while i < end:
            at, i = word_hashes(data, safe, i, end, tab, words, at, room)
            stop = at - k + (i >= end)  # within a part, the last gram waits for the word behind it
            if stop <= start:
                continue
            n = _look_up(words, start, stop, at, k, acc, first, table, part, out, n, most)
            if n < 0:
                return before, part
            first, at, start = _carry(words, stop, at, first)
    return n, np.int64(len(part_bounds) - 1)


@jit
def probe_hashes(hashes, token_bounds, k, table, acc, seeds):  # type: ignore[no-untyped-def]
    """As `probe`, over the tokens of each part already at hand: seeds written, -1 where they do not fit."""
    n = zero = np.int64(0)
    words, room = np.int64(hashes.ctypes.data), np.int64(acc.ctypes.data)
    out = np.int64(seeds.ctypes.data)
    for part in range(len(token_bounds) - 1):
        at = token_bounds[part + 1] - token_bounds[part]
        if at >= k:
            here = words + 8 * token_bounds[part]
            n = _look_up(here, zero, at - k + 1, at, k, room, zero, table, part, out, n, np.int64(len(seeds)))
            if n < 0:
                return n
    return n


def scratch(size: int = SCRATCH) -> Any:
    """Fresh room for the kernels above."""
    return np.zeros(size, dtype=np.uint64)
