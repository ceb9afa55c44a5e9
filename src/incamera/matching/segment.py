"""One immutable segment of an index: filter, table and confirmation text of a batch of works. In memory; `store` has the files.

A *place* is the number of a token in the segment's stream. Works are cut at white space into *blocks* of about 4 kB, the unit
that is tokenised again to confirm a hit. Blocks are compressed together in *frames* of about 32 kB, and a frame is unpacked no
further than it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import zstandard

from incamera.core.errors import Malformed
from incamera.core.records import Work
from incamera.matching import compiled
from incamera.matching.plan import Plan
from incamera.text import tokens
from incamera.text.offsets import PADDING, Packed, encode, pack_bytes

BLOCK_BYTES = 4 << 10
FRAME_BYTES = 32 << 10
#: Filter bits per sampled gram; four of them are set, which lets about one in a hundred strangers through.
FILTER_BITS = 12
#: Table entries per bucket, on average.
BUCKET = 8
#: A place is 32 bits: a segment holds fewer tokens than this.
MAX_PLACES = (1 << 32) - (1 << 20)
_NO_BLOCKS = (np.empty(0, np.int64),) * 5
_BLANK = re.compile(rb"[ \n\t\r]")

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Stream:
    """Filter and table of one token stream. `block_base[b]` is the place of block b's first token; one more than blocks."""

    plan: Plan
    filter: U64
    buckets: U32
    entries: U64
    block_base: I64


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Entry:
    """What a segment knows of a work besides its text."""

    work_id: str
    title: str
    owner: str
    published: str
    url: str
    code_points: int
    size: int
    words: int
    unspaced: int


@dataclass(slots=True, repr=False)
class Segment:
    """Works 0 to n - 1, blocks in their order.

    `block_work`, `block_start` (code points), `block_frame`, `block_at` and `block_size` (bytes in the unpacked frame) describe
    each block; frame f is `frames[frame_bounds[f]:frame_bounds[f + 1]]`, zstd.
    """

    works: list[Entry]
    words: Stream
    chars: Stream | None
    work_blocks: I64
    block_work: I64
    block_start: I64
    block_frame: I64
    block_at: I64
    block_size: I64
    frame_bounds: I64
    frames: npt.NDArray[np.uint8]
    id: str = ""
    removed: set[int] = field(default_factory=set)

    def __repr__(self) -> str:
        return f"<Segment {self.id} {len(self.works)} works>"

    def blocks(self, numbers: I64) -> Packed:
        """The text of these blocks, in their order. Cost: one decompression a frame."""
        raw: list[bytes] = []
        unpack = zstandard.ZstdDecompressor()
        chosen = self.block_frame[numbers]
        ends = self.block_at[numbers] + self.block_size[numbers]
        edges = [0, *(np.flatnonzero(np.diff(chosen)) + 1).tolist(), len(numbers)] if len(numbers) else []
        for a, b in pairwise(edges):
            packed = self.frames[self.frame_bounds[chosen[a]] : self.frame_bounds[chosen[a] + 1]]
            frame = unpack.stream_reader(packed.tobytes()).read(int(ends[a:b].max()))
            raw += [frame[self.block_at[n] : self.block_at[n] + self.block_size[n]] for n in numbers[a:b].tolist()]
        return pack_bytes(raw)

    def text(self, work: int) -> str:
        """The whole text of a work, as it was given."""
        numbers = np.arange(self.work_blocks[work], self.work_blocks[work + 1], dtype=np.int64)
        packed = self.blocks(numbers)
        return packed.data[: packed.bounds[-1]].tobytes().decode("utf-8", "surrogatepass")

    def hashes_around(self, work: int, token: int, before: int, after: int, stream: str) -> tuple[list[int], int]:
        """Hashes of up to *before* tokens of a work in front of *token* and *after* from it on, and the number of the first."""
        found, low, high, first = self._between(work, token - before, token + after, stream)
        return found.hashes[low:high].tolist(), first

    def words_of(self, work: int, first: int, last: int) -> list[str]:
        """Words *first* to *last* of a work, folded."""
        found, low, high, _ = self._between(work, first, last, "words/1")
        return [found.word(i) for i in range(low, high)]

    def _between(self, work: int, from_: int, to: int, stream: str) -> tuple[tokens.Tokens, int, int, int]:
        """Tokens of the blocks that hold those of a work *from_* to *to*; where these begin and end; the first one's number."""
        chars = stream != "words/1"
        base = (self.chars if chars and self.chars else self.words).block_base
        origin = int(base[self.work_blocks[work]])
        low = max(origin, origin + from_)
        high = min(int(base[self.work_blocks[work + 1]]), origin + to)
        first = int(np.searchsorted(base, low, side="right")) - 1
        last = int(np.searchsorted(base, max(low, high - 1), side="right"))
        found = tokens.tokenise(self.blocks(np.arange(first, last, dtype=np.int64)), chars=chars)
        return found, low - int(base[first]), high - int(base[first]), low - origin

    def sizes(self) -> dict[str, int]:
        """Bytes by part: what finds (filter, table, sampled offsets) and what confirms (text)."""
        streams = [self.words, *([self.chars] if self.chars else [])]
        blocks = (self.block_work, self.block_start, self.block_frame, self.block_at, self.block_size, self.work_blocks)
        return {
            "works": sum(w.size for w in self.works),
            "filter": sum(s.filter.nbytes for s in streams),
            "table": sum(s.buckets.nbytes + s.entries.nbytes for s in streams),
            "offsets": sum(s.block_base.nbytes for s in streams) + sum(a.nbytes for a in blocks),
            "text": self.frames.nbytes + self.frame_bounds.nbytes,
        }


class _Sampler:
    """Collects the sampled grams of one stream, work after work."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.grams: list[U64] = []
        self.places: list[U64] = []
        self.block_words: list[I64] = []
        self.base = 0
        self.arena: tuple[U64, U64] = (np.empty(0, np.uint64), np.empty(0, np.uint64))

    def room(self, size: int) -> tuple[U64, U64]:
        if len(self.arena[0]) < size:
            self.arena = np.empty(size, np.uint64), np.empty(size, np.uint64)
        return self.arena

    def took(self, written: int, block_words: I64) -> int:
        self.grams.append(self.arena[0][:written].copy())
        self.places.append(self.arena[1][:written].copy())
        self.block_words.append(block_words)
        count = int(block_words.sum())
        self.base += count
        return count

    def passed(self, blocks: int) -> int:
        """A work of so many blocks has nothing for this stream."""
        self.block_words.append(np.zeros(blocks, dtype=np.int64))
        return 0

    def stream(self) -> Stream:
        """Lay filter and table."""
        grams, places = compiled.together(self.grams, self.places)
        self.grams, self.places = [], []
        filter_ = np.zeros(max(1, -(-len(grams) * FILTER_BITS // 64)), dtype=np.uint64)
        buckets = np.zeros(max(1, len(grams) // BUCKET) + 1, dtype=np.uint32)
        entries = np.empty(len(grams), dtype=np.uint64)
        compiled.fill(grams, places, filter_, buckets, entries)
        counts = np.concatenate([np.zeros(1, np.int64), *self.block_words])
        return Stream(self.plan, filter_, buckets, entries, np.cumsum(counts, dtype=np.int64))


class Builder:
    """Makes a segment from works, one `add` each.

    Cost: folds each work once; memory 16 bytes a sampled gram plus the compressed text until `finish`.
    """

    def __init__(self, plan: Plan) -> None:
        self.words = _Sampler(plan)
        self.chars = _Sampler(Plan.chars())
        self.works: list[Entry] = []
        self.work_blocks = [0]
        self.columns: list[tuple[I64, ...]] = []  # (work, start, frame, at, size) of each work's blocks
        self.text = _Packer()

    def add(self, work: Work) -> Entry:
        """Index one work: its description with the counts of words and of characters of unspaced scripts."""
        raw = encode(work.text)
        cuts = _cut(raw)
        packed = Packed(np.frombuffer(raw + bytes(PADDING), np.uint8), cuts)
        if self.words.base + 2 * len(raw) > MAX_PLACES:
            raise Malformed(
                "matching.segment-full", "too much text for one segment: build another", where=f"work {work.work_id!r}"
            )
        words = compiled.sample(packed, self.words)
        ascii_only = len(raw) == len(work.text)
        # Letters of scripts without spaces are no ASCII, and in ASCII only a reference (`&#28193;`) can stand for one.
        plain = ascii_only and b"&" not in raw
        unspaced = self.chars.passed(len(packed)) if plain else compiled.sample_chars(packed, self.chars)
        number = len(self.works)
        sizes = np.diff(cuts)
        starts = _code_points_before(packed, ascii_only=ascii_only)
        frame, at = self.text.keep(raw, cuts)
        self.columns.append((np.full(len(sizes), number, np.int64), starts, frame, at, sizes))
        self.work_blocks.append(self.work_blocks[-1] + len(sizes))
        entry = Entry(
            work_id=work.work_id,
            title=work.title,
            owner=work.owner,
            published=work.published,
            url=work.url,
            code_points=len(work.text),
            size=len(raw),
            words=words,
            unspaced=unspaced,
        )
        self.works.append(entry)
        return entry

    def finish(self) -> Segment:
        """The segment of all works added."""
        frame_bounds, frames = self.text.finish()
        work, start, frame, at, size = (
            (np.concatenate(c) for c in zip(*self.columns, strict=True)) if self.columns else _NO_BLOCKS
        )
        words = self.words.stream()
        chars = self.chars.stream() if any(w.unspaced >= self.chars.plan.threshold for w in self.works) else None
        return Segment(
            works=self.works,
            words=words,
            chars=chars,
            work_blocks=np.array(self.work_blocks, dtype=np.int64),
            block_work=work,
            block_start=start,
            block_frame=frame,
            block_at=at,
            block_size=size,
            frame_bounds=frame_bounds,
            frames=frames,
        )


class _Packer:
    """Compresses blocks into frames."""

    def __init__(self) -> None:
        self.pending: list[memoryview] = []
        self.pending_size = 0
        self.frames: list[bytes] = []
        self.packer = zstandard.ZstdCompressor(level=1, write_checksum=True)

    def keep(self, raw: bytes, cuts: I64) -> tuple[I64, I64]:
        """Take a work's blocks; for each its frame and its place there."""
        frame, at = np.empty(len(cuts) - 1, np.int64), np.empty(len(cuts) - 1, np.int64)
        whole = memoryview(raw)
        for b, (start, end) in enumerate(pairwise(cuts.tolist())):
            frame[b], at[b] = len(self.frames), self.pending_size
            self.pending.append(whole[start:end])
            self.pending_size += end - start
            if self.pending_size >= FRAME_BYTES:
                self._close()
        return frame, at

    def _close(self) -> None:
        self.frames.append(self.packer.compress(b"".join(self.pending)))
        self.pending, self.pending_size = [], 0

    def finish(self) -> tuple[I64, npt.NDArray[np.uint8]]:
        """Bounds of the frames, and the frames."""
        if self.pending:
            self._close()
        sizes = np.array([0, *(len(frame) for frame in self.frames)], dtype=np.int64)
        return np.cumsum(sizes), np.frombuffer(b"".join(self.frames), np.uint8)


def _cut(raw: bytes) -> I64:
    """Bounds of blocks: at white space, where no word and no character reference can be in progress."""
    cuts = [0]
    while len(raw) - cuts[-1] > BLOCK_BYTES * 3 // 2:
        found = _BLANK.search(raw, cuts[-1] + BLOCK_BYTES)
        if found is None:
            break
        cuts.append(found.start())
    return np.array([*cuts, len(raw)], dtype=np.int64)


def _code_points_before(packed: Packed, *, ascii_only: bool) -> I64:
    if ascii_only:
        return packed.bounds[:-1].copy()
    leads = (packed.data[: packed.bounds[-1]] & 0xC0) != 0x80
    counts = [int(np.count_nonzero(leads[a:b])) for a, b in pairwise(packed.bounds.tolist())]
    return np.cumsum([0, *counts[:-1]], dtype=np.int64)


def build(works: Iterable[Work], plan: Plan, *, progress: Callable[[int], None] | None = None) -> Segment:
    """One segment of all *works*, unscreened. *progress* hears the bytes of each work."""
    builder = Builder(plan)
    for work in works:
        entry = builder.add(work)
        if progress:
            progress(entry.size)
    return builder.finish()


def word_count(text: str) -> int:
    """Words of *text* under `words/1`."""
    return len(tokens.words(text))
