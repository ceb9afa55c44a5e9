"""What `kernels` compute, in numpy and Python: the reference for the compiled code, and its stand-in where numba is missing."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from incamera.matching.plan import PARTS, SORTED
from incamera.text import tokens
from incamera.text.offsets import Packed

if TYPE_CHECKING:
    from incamera.matching.plan import Plan
    from incamera.matching.segment import Stream

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]

_M3 = np.uint64(0xD6E8FEB86659FD93)
_32 = np.uint64(32)


def grams(hashes: U64, k: int) -> U64:
    """One gram for every k consecutive token hashes."""
    count = len(hashes) - k + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    out: U64 = hashes[:count].copy()
    for j in range(1, k):
        left = 9 * j % 64
        w = hashes[j : j + count]
        out ^= w << np.uint64(left) | w >> np.uint64(64 - left)
    for _ in range(2):
        out = (out ^ out >> _32) * _M3
    return out ^ out >> _32


def bits(g: U64) -> U64:
    """The four bits of a filter block that each gram sets."""
    one = np.uint64(1)
    out = np.zeros_like(g)
    for shift in (0, 6, 12, 18):
        out |= one << (g >> np.uint64(shift) & np.uint64(63))
    return out


def place(g: U64, size: int) -> I64:
    """Each gram's filter block or bucket among *size*."""
    return ((g >> _32) * np.uint64(size) >> _32).astype(np.int64)


def tag(g: U64) -> U64:
    """The 20 bits that the table keeps of each gram."""
    return g >> np.uint64(12) & np.uint64(0xFFFFF)


def near_bits(hashes: U64, k: int) -> tuple[U64, U64]:
    """For each gram six bits of the word before and of the word behind; 64 where there is none."""
    count = max(0, len(hashes) - k + 1)
    before, behind = np.full(count, 64, np.uint64), np.full(count, 64, np.uint64)
    before[1:] = hashes[: max(0, count - 1)] >> np.uint64(58)
    behind[: max(0, count - 1)] = hashes[k:] >> np.uint64(58)
    return before, behind


_BLANK = re.compile(rb"[ \n\t\r]")


def cut(packed: Packed, size: int) -> tuple[I64, I64]:
    """As `compiled.cut`."""
    cuts, first = [0], [0]
    for n in range(len(packed)):
        start, end = int(packed.bounds[n]), int(packed.bounds[n + 1])
        raw = packed.data[start:end].tobytes()
        while end - cuts[-1] > size * 3 // 2:
            found = _BLANK.search(raw, cuts[-1] - start + size)
            if found is None:
                break
            cuts.append(start + found.start())
        cuts.append(end)
        first.append(len(cuts) - 1)
    return np.array(cuts, dtype=np.int64), np.array(first, dtype=np.int64)


def starts(packed: Packed, work_blocks: I64) -> I64:
    """As `compiled.starts`."""
    leads = np.concatenate([np.zeros(1, np.int64), np.cumsum((packed.data & 0xC0) != 0x80)])
    before = leads[packed.bounds[:-1]]
    out: I64 = before - np.repeat(before[work_blocks[:-1]], np.diff(work_blocks))
    return out


def sample(packed: Packed, work_blocks: I64, plan: Plan, grams_: U64, places: U64, base: int, block_words: I64) -> int:
    """As `kernels.sample`."""
    found = tokens.tokenise(packed)
    block_words[:] = np.diff(found.bounds)
    written = 0
    for a, b in pairwise(found.bounds[work_blocks].tolist()):
        written += sample_hashes(found.hashes[a:b], plan, grams_[written:], places[written:], base + a)
    return written


def sample_hashes(hashes: U64, plan: Plan, out_grams: U64, out_places: U64, base: int) -> int:
    """Grams of a work's tokens at every `plan.every`-th token: count written."""
    taken = grams(hashes, plan.k)[:: plan.every]
    out_grams[: len(taken)] = taken
    six = np.uint64(63)
    before, behind = (side[:: plan.every] & six for side in near_bits(hashes, plan.k))
    place_ = np.uint64(base) + np.arange(len(taken), dtype=np.uint64) * np.uint64(plan.every)
    out_places[: len(taken)] = (before << np.uint64(6) | behind) << _32 | place_
    return len(taken)


def unspaced(packed: Packed) -> I64:
    """Characters of unspaced scripts in each text."""
    found = tokens.tokenise(packed, chars=True)
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(found.solo, dtype=np.int64)])
    counts: I64 = sums[found.bounds[1:]] - sums[found.bounds[:-1]]
    return counts


def together(chunks: list[tuple[U64, U64]]) -> tuple[U64, U64]:
    """As `compiled.together`."""
    grams_, places = (np.concatenate(side) for side in zip(*chunks, strict=True))
    order = np.argsort(place(grams_, PARTS), kind="stable")
    return grams_[order], places[order]


def fill(all_grams: U64, places: U64, filter_: U64, buckets: U32, entries: U64) -> None:
    """As `kernels.fill`."""
    np.bitwise_or.at(filter_, place(all_grams, len(filter_)), bits(all_grams))
    bucket = place(all_grams, len(buckets) - 1)
    packed = tag(all_grams) << np.uint64(44) | places
    counts = np.bincount(bucket, minlength=len(buckets) - 1)
    within = np.where(counts[bucket] > SORTED, packed, np.arange(len(packed), dtype=np.uint64))
    entries[:] = packed[np.lexsort((within, bucket))]
    buckets[1:] = np.cumsum(counts)


def probe(packed: Packed, stream: Stream) -> U64:
    """As `kernels.probe`."""
    found = tokens.tokenise(packed)
    return probe_hashes(found.hashes, found.bounds, stream)


def probe_hashes(hashes: U64, token_bounds: I64, stream: Stream) -> U64:
    """As `kernels.probe_hashes`."""
    out: list[tuple[int, int, int]] = []
    for part in range(len(token_bounds) - 1):
        g = grams(hashes[token_bounds[part] : token_bounds[part + 1]], stream.plan.k)
        want, tags = bits(g), tag(g)
        before, behind = near_bits(hashes[token_bounds[part] : token_bounds[part + 1]], stream.plan.k)
        hit = np.flatnonzero(stream.filter[place(g, len(stream.filter))] & want == want)
        for word in hit.tolist():
            bucket = int(place(g[word : word + 1], len(stream.buckets) - 1)[0])
            slot = stream.entries[stream.buckets[bucket] : stream.buckets[bucket + 1]]
            slot = slot[slot >> np.uint64(44) == tags[word]]
            six = np.uint64(63)
            near = (slot >> np.uint64(38) & six == before[word]) | (slot >> _32 & six == behind[word])
            out += [(part, word, entry & 0xFFFFFFFF) for entry in slot[near].tolist()]
    return np.array(out, dtype=np.uint64).reshape(-1, 3)


def extend(
    text: tokens.Tokens,
    seeds: U64,
    seed_slot: I64,
    work: tokens.Tokens,
    block_number: I64,
    block_base: I64,
    block_work: I64,
) -> tuple[I64, I64]:
    """As `kernels.extend`."""
    runs: list[tuple[int, ...]] = []
    wanted: list[int] = []
    last, done = (-1, 0), 0
    for (part, q, place_), slot in zip(seeds.astype(np.int64).tolist(), seed_slot.tolist(), strict=True):
        if (part, place_ - q) == last and q < done:
            continue
        begin, end = int(text.bounds[part]), int(text.bounds[part + 1])
        i, x = begin + q, int(work.bounds[slot] + place_ - block_base[slot])
        walk = _Walk(work, block_number, block_work, wanted)
        b, final = i, x
        for there in walk.onward(slot, x):
            if b == end or text.word(b) != work.word(there):
                break
            final, b = there, b + 1
        if b == i:
            continue
        a, ax = i, x
        for there in walk.back(slot, x):
            if a == begin or text.word(a - 1) != work.word(there):
                break
            a, ax = a - 1, there
        last, done = (part, place_ - q), b - begin
        runs.append((part, a - begin, b - begin, place_ - (i - a), ax, final))
    return np.array(runs, dtype=np.int64).reshape(-1, 6), np.array(wanted, dtype=np.int64)


class _Walk:
    """Steps through a work's tokens across loaded blocks, noting a neighbour that is not there."""

    def __init__(self, work: tokens.Tokens, number: I64, owner: I64, wanted: list[int]) -> None:
        self.bounds, self.number, self.owner, self.wanted = work.bounds.tolist(), number.tolist(), owner.tolist(), wanted

    def onward(self, slot: int, x: int):  # type: ignore[no-untyped-def]
        while True:
            while x >= self.bounds[slot + 1]:
                if not self._neighbours(slot, slot + 1):
                    self.wanted.append(self.number[slot] + 1)
                    return
                slot += 1
                x = self.bounds[slot]
            yield x
            x += 1

    def back(self, slot: int, x: int):  # type: ignore[no-untyped-def]
        x -= 1
        while True:
            while x < self.bounds[slot]:
                if not self._neighbours(slot - 1, slot):
                    self.wanted.append(-self.number[slot] - 1)
                    return
                slot -= 1
                x = self.bounds[slot + 1] - 1
            yield x
            x -= 1

    def _neighbours(self, one: int, two: int) -> bool:
        if one < 0 or two >= len(self.number):
            return False
        return bool(self.number[two] == self.number[one] + 1 and self.owner[two] == self.owner[one])
