"""The kernels as the room calls them, and plain numpy in their place where numba is not to be had. Both give the same arrays."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from incamera.matching import plain
from incamera.matching.plan import PARTS
from incamera.text import tokens
from incamera.text.offsets import Packed

if TYPE_CHECKING:
    from incamera.matching.builder import Sampler
    from incamera.matching.segment import Stream

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


@functools.cache
def kernels() -> Any:
    """The compiled kernels, or None."""
    if tokens.compiled() is None:
        return None
    from incamera.matching import kernels as found

    return found


@functools.cache
def _extend_kernels() -> Any:
    from incamera.matching import extend_kernels

    return extend_kernels


def _address(array: npt.NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])


@functools.cache
def _text_kernels() -> Any:
    return tokens.compiled()


def cut(packed: Packed, size: int) -> tuple[I64, I64]:
    """Blocks of about *size* bytes of each text: their bounds, and the number of each text's first.

    Cut at white space, where no word and no reference can be in progress.
    """
    found = kernels()
    if found is None:
        return plain.cut(packed, size)
    cuts = np.empty(int(packed.bounds[-1]) // size + len(packed) + 2, np.int64)
    first = np.empty(len(packed) + 1, np.int64)
    n = found.cut(readonly(packed.data), readonly(packed.bounds), size, cuts, first)
    return cuts[:n].copy(), first


def starts(packed: Packed, work_blocks: I64) -> I64:
    """For each block the code points of its work before it."""
    found = kernels()
    if found is None:
        return plain.starts(packed, work_blocks)
    out = np.empty(len(packed), np.int64)
    found.starts(readonly(packed.data), readonly(packed.bounds), readonly(work_blocks), out)
    return out


def weigh(raw: bytes, weights: U64) -> int:
    """The weights of all bytes, one of 256 each, together."""
    found = kernels()
    data = np.frombuffer(raw, np.uint8)
    return int(weights[data].sum()) if found is None else int(found.weigh(data, weights))


def sample(packed: Packed, work_blocks: I64, sampler: Sampler) -> tuple[int, I64]:
    """Sample works, given as their blocks, into *sampler*: grams written, and words of each block."""
    found = kernels()
    plan = sampler.plan
    size = int(packed.bounds[-1])
    grams, places = sampler.room(2 * size // plan.every + 16 * len(work_blocks))
    block_words = np.zeros(len(packed), dtype=np.int64)
    if found is None:
        return plain.sample(packed, work_blocks, plan, grams, places, sampler.base, block_words), block_words
    written = found.sample(
        readonly(packed.data),
        readonly(packed.bounds),
        readonly(work_blocks),
        tokens.tables(),
        plan.k,
        plan.every,
        _room().scratch,
        grams,
        places,
        sampler.base,
        block_words,
    )
    return written, block_words


def sample_chars(packed: Packed, sampler: Sampler) -> tuple[int, I64, int]:
    """Sample one work in the stream `chars/1`: grams written, tokens of each block, characters of unspaced scripts."""
    found = tokens.tokenise(packed, chars=True)
    grams, places = sampler.room(len(found.hashes) // sampler.plan.every + 16)
    written = plain.sample_hashes(found.hashes, sampler.plan, grams, places, sampler.base)
    return written, np.diff(found.bounds), int(found.solo.sum())


def unspaced(packed: Packed) -> I64:
    """Characters of unspaced scripts in each text."""
    found = _text_kernels()
    if found is None:
        return plain.unspaced(packed)
    result: I64 = found.unspaced_parts(readonly(packed.data), readonly(packed.bounds), tokens.tables())
    return result


def together(chunks: list[tuple[U64, U64]]) -> tuple[U64, U64]:
    """All grams and their places, near each other where they will stand near each other in the table."""
    if not chunks:
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    found = kernels()
    if found is None:
        return plain.together(chunks)
    counts = np.zeros(PARTS, dtype=np.int64)
    for grams, _ in chunks:
        found.count_parts(grams, counts)
    cursors = np.cumsum(counts) - counts
    out = np.empty(int(counts.sum()), np.uint64), np.empty(int(counts.sum()), np.uint64)
    for grams, places in chunks:
        found.deal(grams, places, cursors, *out)
    return out


def fill(grams: U64, places: U64, filter_: U64, buckets: npt.NDArray[np.uint32], entries: U64) -> None:
    """Set filter and table."""
    (kernels() or plain).fill(grams, places, filter_, buckets, entries)


def probe(packed: Packed, stream: Stream) -> U64:
    """Seeds of every text in *packed*: rows of part, word, place."""
    found = kernels()
    if found is None:
        return plain.probe(packed, stream)
    data, bounds = readonly(packed.data), readonly(packed.bounds)
    parts, first = len(packed), 0
    out: list[U64] = []
    seeds = _room().seeds
    while first < parts:
        n, after = found.probe(data, bounds, first, tokens.tables(), stream.plan.k, _table(stream), _room().scratch, seeds)
        if n == 0 and after == first:
            seeds = np.empty((4 * len(seeds), 3), dtype=np.uint64)
            continue
        out.append(seeds[:n].copy())
        first = after
    return np.concatenate(out) if out else np.empty((0, 3), np.uint64)


def probe_hashes(found_tokens: tokens.Tokens, stream: Stream) -> U64:
    """Seeds over tokens already at hand."""
    found = kernels()
    if found is None:
        return plain.probe_hashes(found_tokens.hashes, found_tokens.bounds, stream)
    room = 4096
    while True:
        seeds = np.empty((room, 3), dtype=np.uint64)
        acc = np.empty(3 * len(found_tokens.hashes) + 8, dtype=np.uint64)
        bounds = readonly(found_tokens.bounds)
        n = found.probe_hashes(readonly(found_tokens.hashes), bounds, stream.plan.k, _table(stream), acc, seeds)
        if n >= 0:
            return seeds[:n].copy()
        room *= 4


def extend(
    text: tokens.Tokens,
    seeds: U64,
    seed_slot: I64,
    work: tokens.Tokens,
    block_number: I64,
    block_base: I64,
    block_work: I64,
) -> tuple[I64, I64]:
    """Maximal runs through the seeds (rows as `kernels.extend` gives them), and neighbours that were not loaded."""
    if kernels() is None:
        return plain.extend(text, seeds, seed_slot, work, block_number, block_base, block_work)
    runs = np.empty((len(seeds), 6), dtype=np.int64)
    n, wanted = _extend_kernels().extend(
        _addresses(text),
        readonly(text.bounds),
        readonly(seeds),
        readonly(seed_slot),
        _addresses(work),
        readonly(work.bounds),
        readonly(block_number),
        readonly(block_base),
        readonly(block_work),
        runs,
    )
    return runs[:n], wanted


def _addresses(found: tokens.Tokens) -> tuple[int, int, int]:
    return _address(found.hashes), _address(found.byte_bounds), _address(found.folded)


def _table(stream: Stream) -> tuple[int, int, int, int, int]:
    return (
        _address(stream.filter),
        len(stream.filter),
        _address(stream.buckets),
        len(stream.buckets) - 1,
        _address(stream.entries),
    )


def readonly(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


class _Room(threading.local):
    """Scratch that each thread keeps between calls."""

    def __init__(self) -> None:
        self.scratch: U64 = kernels().scratch()
        self.seeds: U64 = np.empty((1 << 16, 3), dtype=np.uint64)


@functools.cache
def _room() -> _Room:
    return _Room()
