"""Numba kernels that confirm: seeds become maximal runs, word against word. Import lazily."""

# Kernels are written for the compiler: plain loops, plain comparisons, arguments by position.
# ruff: noqa: SIM110

from __future__ import annotations

import numpy as np

from incamera.text.kernels import jit, load8, load_u64


@jit
def _same(a, i, b, j):  # type: ignore[no-untyped-def]
    """Whether token *i* of *a* is the same word as token *j* of *b*, character for character."""
    if load_u64(a[0], i) != load_u64(b[0], j):
        return False
    start, other = np.int64(load_u64(a[1], i)), np.int64(load_u64(b[1], j))
    size = np.int64(load_u64(a[1], i + 1)) - start
    if np.int64(load_u64(b[1], j + 1)) - other != size:
        return False
    for x in range(size):
        if load8(a[2], start + x) != load8(b[2], other + x):
            return False
    return True


@jit
def extend(text, text_bounds, seeds, seed_slot, work, work_bounds, block_number, block_base, block_work, runs):  # type: ignore[no-untyped-def]
    """Maximal runs through the seeds.

    Args:
        text, work: addresses of (hashes, byte_bounds, folded) of the candidate parts and of the loaded blocks.
        text_bounds, work_bounds: tokens of each candidate part, of each loaded block.
        seeds: as of `probe`, sorted by part, then by place minus word, then by word.
        seed_slot: for each seed the loaded block that holds its place.
        block_number, block_base, block_work: for each loaded block its number in the segment, its first token's place, its work.
        runs: int64[:, 6], as many rows as seeds: part, first word, past the last word, place of the first, first and last
            token in *work*.

    Returns:
        Runs written, and the numbers of blocks whose neighbours were wanted and not loaded: negative for the one before.
    """
    n = np.int64(0)
    wanted = [np.int64(0) for _ in range(0)]
    last_part = last_shift = np.int64(-1 << 62)
    done = np.int64(0)
    for s in range(len(seeds)):
        part, q, place = np.int64(seeds[s, 0]), np.int64(seeds[s, 1]), np.int64(seeds[s, 2])
        shift = place - q
        if part == last_part and shift == last_shift and q < done:
            continue
        begin, end = text_bounds[part], text_bounds[part + 1]
        slot = np.int64(seed_slot[s])
        x = work_bounds[slot] + place - block_base[slot]
        i = begin + q
        # rightwards, the seed's own words first: a hash is no evidence
        b, bx, at = i, x, slot
        final = x
        while b < end:
            while bx >= work_bounds[at + 1]:
                if (
                    at + 2 < len(work_bounds)
                    and block_number[at + 1] == block_number[at] + 1
                    and block_work[at + 1] == block_work[at]
                ):
                    at += 1
                    bx = work_bounds[at]
                else:
                    wanted.append(block_number[at] + 1)
                    break
            if bx >= work_bounds[at + 1] or not _same(text, b, work, bx):
                break
            final = bx
            b, bx = b + 1, bx + 1
        if b == i:
            continue
        # leftwards
        a, ax, at = i, x, slot
        while a > begin:
            there = ax - 1
            while there < work_bounds[at]:
                if at > 0 and block_number[at - 1] == block_number[at] - 1 and block_work[at - 1] == block_work[at]:
                    at -= 1
                    there = work_bounds[at + 1] - 1
                else:
                    wanted.append(-block_number[at] - 1)
                    break
            if there < work_bounds[at] or not _same(text, a - 1, work, there):
                break
            a, ax = a - 1, there
        last_part, last_shift, done = part, shift, b - begin
        runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3] = part, a - begin, b - begin, place - (i - a)
        runs[n, 4], runs[n, 5] = ax, final
        n += 1
    return n, np.array(wanted, dtype=np.int64)
