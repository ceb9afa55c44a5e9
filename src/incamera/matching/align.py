"""Seeds become runs: extension on words, never on hashes alone, and exact places in both originals."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from incamera.matching import compiled
from incamera.matching.segment import Segment, Stream
from incamera.text import tokens
from incamera.text.offsets import Packed

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

#: Blocks of works unpacked at a time (8 kB each, and about ten times that as tokens).
MAX_BLOCKS = 2048
#: A seed this near the edge of its block has the neighbour unpacked at once.
EDGE = 48


@dataclass(slots=True, repr=False)
class Rows:
    """Maximal runs, one a row, as columns.

    `part` is the text's number in the batch; `first`/`last` and `work_first` count tokens (half-open) in text and work;
    `start`/`end` and `work_start`/`work_end` are code points of the originals; `segment` and `work` name the work.
    """

    part: I64
    first: I64
    last: I64
    start: I64
    end: I64
    segment: I64
    work: I64
    work_first: I64
    work_start: I64
    work_end: I64

    def __len__(self) -> int:
        return len(self.part)

    def __repr__(self) -> str:
        return f"<Rows {len(self)}>"

    @property
    def length(self) -> I64:
        """Tokens in each run."""
        return self.last - self.first

    def where(self, mask: npt.NDArray[np.bool_] | I64) -> Rows:
        """The rows that *mask* chooses, or in the order of an index array."""
        return Rows(*(getattr(self, f.name)[mask] for f in fields(self)))


def empty() -> Rows:
    """No rows."""
    return Rows(*(np.empty(0, np.int64) for _ in fields(Rows)))


def join(many: list[Rows]) -> Rows:
    """Rows of several parts of the work, in the declared order: text, place in the text, segment, work, place in the work."""
    if not many:
        return empty()
    rows = Rows(*(np.concatenate([getattr(r, f.name) for r in many]) for f in fields(Rows)))
    return rows.where(np.lexsort((rows.work_first, rows.work, rows.segment, rows.last, rows.first, rows.part)))


def confirm(
    packed: Packed, number: int, segment: Segment, stream: Stream, seeds: U64, *, threshold: int, chars: bool = False
) -> Rows:
    """Maximal runs of at least *threshold* tokens through *seeds*.

    Args:
        packed: The texts that were probed.
        number: The segment's number in its index.
        seeds: Rows of part, word, place, as `compiled.probe` gives them.
        chars: The stream is `chars/1`; then the run must hold *threshold* characters of unspaced scripts.

    Cost: one tokenisation of each text with a seed and of each block with one; extension is linear in the runs.
    """
    seeds = _live(seeds, segment, stream)
    if not len(seeds):
        return empty()
    numbers, part = np.unique(seeds[:, 0].astype(np.int64), return_inverse=True)
    text = tokens.tokenise(packed.take(numbers), chars=chars)
    seeds = seeds.copy()
    seeds[:, 0] = part
    shift = seeds[:, 2].astype(np.int64) - seeds[:, 1].astype(np.int64)
    seeds = seeds[np.lexsort((seeds[:, 1], shift, seeds[:, 0]))]
    out = []
    for chunk in _chunks(seeds, stream):
        rows = _extend(text, chunk, number, segment, stream, threshold=threshold, chars=chars)
        rows.part = numbers[rows.part]
        out.append(rows)
    return join(out)


def _live(seeds: U64, segment: Segment, stream: Stream) -> U64:
    """Seeds outside removed works."""
    if not segment.removed or not len(seeds):
        return seeds
    work = segment.block_work[_block_of(seeds, stream)]
    return seeds[~np.isin(work, np.array(sorted(segment.removed), dtype=np.int64))]


def _block_of(seeds: U64, stream: Stream) -> I64:
    return np.searchsorted(stream.block_base, seeds[:, 2].astype(np.int64), side="right") - 1


def _chunks(seeds: U64, stream: Stream) -> list[U64]:
    """Whole parts together, up to `MAX_BLOCKS` blocks of works a chunk."""
    block = _block_of(seeds, stream)
    if len(np.unique(block)) <= MAX_BLOCKS:
        return [seeds]
    edges = np.flatnonzero(np.diff(seeds[:, 0].astype(np.int64))) + 1
    out, start, seen = [], 0, set[int]()
    for a, b in zip([0, *edges.tolist()], [*edges.tolist(), len(seeds)], strict=True):
        here = set(block[a:b].tolist())
        if seen and len(seen | here) > MAX_BLOCKS:
            out.append(seeds[start:a])
            start, seen = a, set()
        seen |= here
    out.append(seeds[start:])
    return out


def _extend(
    text: tokens.Tokens, seeds: U64, number: int, segment: Segment, stream: Stream, *, threshold: int, chars: bool
) -> Rows:
    block = _block_of(seeds, stream)
    place = seeds[:, 2].astype(np.int64)
    near_start = block[place - stream.block_base[block] < EDGE] - 1
    near_end = block[stream.block_base[block + 1] - place < EDGE] + 1
    loaded = _in_works(np.unique(np.concatenate([block, near_start, near_end])), block, segment)
    reach = 1
    while True:
        work = tokens.tokenise(segment.blocks(loaded), chars=chars)
        slot = np.searchsorted(loaded, block).astype(np.int64)
        runs, wanted = compiled.extend(text, seeds, slot, work, loaded, stream.block_base[loaded], segment.block_work[loaded])
        more = _wanted(wanted, loaded, reach, segment)
        if not len(more):
            break
        loaded = np.union1d(loaded, more)
        reach *= 2
    size = runs[:, 2] - runs[:, 1]
    if chars:
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(text.solo, dtype=np.int64)])
        base = text.bounds[runs[:, 0]]
        size = sums[base + runs[:, 2]] - sums[base + runs[:, 1]]
    runs = runs[size >= threshold]
    return _rows(runs, text, work, loaded, number, segment, stream)


def _in_works(blocks: I64, seeded: I64, segment: Segment) -> I64:
    """Blocks that exist and belong to a work with a seed."""
    blocks = blocks[(blocks >= 0) & (blocks < len(segment.block_work))]
    return blocks[np.isin(segment.block_work[blocks], segment.block_work[seeded])]


def _wanted(wanted: I64, loaded: I64, reach: int, segment: Segment) -> I64:
    """Neighbours to unpack, *reach* blocks in the wanted direction, inside the same work and not yet there."""
    out: set[int] = set()
    have = set(loaded.tolist())
    for want in set(wanted.tolist()):
        step = -1 if want < 0 else 1
        origin = -want - 1 if want < 0 else want - 1
        for i in range(1, reach + 1):
            block = origin + step * i
            inside = 0 <= block < len(segment.block_work) and segment.block_work[block] == segment.block_work[origin]
            if not inside or (i == 1 and block in have):
                break
            out.add(block)
    return np.array(sorted(out - have), dtype=np.int64)


def _rows(
    runs: I64, text: tokens.Tokens, work: tokens.Tokens, loaded: I64, number: int, segment: Segment, stream: Stream
) -> Rows:
    part, first, last, place, left, right = runs.T
    base = text.bounds[part]
    slot = np.searchsorted(stream.block_base[loaded], place, side="right") - 1
    work_number = segment.block_work[loaded[slot]]
    left_block = loaded[np.searchsorted(work.bounds, left, side="right") - 1]
    right_block = loaded[np.searchsorted(work.bounds, right, side="right") - 1]
    return Rows(
        part=part.copy(),
        first=first.copy(),
        last=last.copy(),
        start=text.starts[base + first].astype(np.int64),
        end=text.ends[base + last - 1].astype(np.int64),
        segment=np.full(len(part), number, dtype=np.int64),
        work=work_number,
        work_first=place - stream.block_base[segment.work_blocks[work_number]],
        work_start=segment.block_start[left_block] + work.starts[left],
        work_end=segment.block_start[right_block] + work.ends[right],
    )
