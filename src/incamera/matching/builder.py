"""Works become a segment: sampled into filter and table, and kept as numbers of their own words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from incamera.core.errors import Malformed
from incamera.core.records import Work
from incamera.matching import compiled, lexicon
from incamera.matching.lexicon import Lexicon
from incamera.matching.plan import Plan
from incamera.matching.segment import Entry, Segment, Stream
from incamera.text.offsets import PADDING, Packed, encode

#: Text that is looked at again when a hit is confirmed.
BLOCK_BYTES = 4 << 10
#: Works that are indexed together and share a lexicon.
LEXICON_BYTES = 32 << 20
#: Filter bits per sampled gram; four of them are set, which lets about one in a hundred strangers through.
FILTER_BITS = 12
#: Table entries per bucket, on average.
BUCKET = 8
#: Sampled grams for which room is made at a time.
CHUNK_GRAMS = 1 << 20
#: A place is 32 bits: a segment holds fewer tokens than this.
MAX_PLACES = (1 << 32) - (1 << 20)
_FIRST = np.zeros(1, np.int64)

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


class Builder:
    """Makes a segment from works, one `add` each, unscreened.

    Cost: folds each work once; memory 16 bytes a sampled gram, the coded text, and 32 MB of text until it is coded.
    """

    def __init__(self, plan: Plan) -> None:
        self.words = Sampler(plan)
        self.chars = Sampler(Plan.chars())
        self.works: list[Entry] = []
        self.coder = _Coder()
        self._room = np.empty(LEXICON_BYTES + PADDING, np.uint8)
        self._filled = 0
        self._facts: list[dict[str, Any]] = []  # of each work in the room, its bytes, ...
        self._sizes: list[int] = []
        self._spaced: list[bool] = []  # whether a work surely holds no letter of an unspaced script
        self._work_blocks = [_FIRST]
        self._starts: list[I64] = []
        self._block_sizes: list[I64] = []

    def add(self, work: Work) -> int:
        """Take one work: its UTF-8 bytes. It may be indexed only with those that follow.

        Raises:
            Malformed: `matching.segment-full`.
        """
        raw = encode(work.text)
        if self.words.base + 2 * (self._filled + len(raw)) > MAX_PLACES:
            raise Malformed(
                "matching.segment-full", "too much text for one segment: build another", where=f"work {work.work_id!r}"
            )
        if self._filled + len(raw) + PADDING > len(self._room):
            self._index()
            if len(raw) + PADDING > len(self._room):
                self._room = np.empty(len(raw) + PADDING, np.uint8)
        self._room[self._filled : self._filled + len(raw)] = np.frombuffer(raw, np.uint8)
        self._filled += len(raw)
        self._sizes.append(len(raw))
        # Such letters are no ASCII, and in ASCII only a reference (`&#28193;`) can stand for one.
        self._spaced.append(len(raw) == len(work.text) and b"&" not in raw)
        self._facts.append(
            {
                "work_id": work.work_id,
                "title": work.title,
                "owner": work.owner,
                "published": work.published,
                "url": work.url,
                "code_points": len(work.text),
                "size": len(raw),
            }
        )
        return len(raw)

    def _index(self) -> None:
        """Sample and code the works in the room."""
        if not self._sizes:
            return
        bounds = np.concatenate([_FIRST, np.cumsum(self._sizes, dtype=np.int64)])
        cuts, work_blocks = compiled.cut(Packed(self._room[: self._filled + PADDING], bounds), BLOCK_BYTES)
        packed = Packed(self._room[: self._filled + PADDING], cuts)
        words = self.words.took(*compiled.sample(packed, work_blocks, self.words), work_blocks)
        unspaced = np.zeros(len(self._sizes), np.int64)
        if all(self._spaced):
            self.chars.passed(len(packed))
        else:
            enough = compiled.unspaced(Packed(packed.data, bounds)) >= self.chars.plan.threshold
            for n, (a, b) in enumerate(zip(work_blocks.tolist(), work_blocks[1:].tolist(), strict=False)):
                if enough[n]:
                    unspaced[n] = self._chars(Packed(packed.data, packed.bounds[a : b + 1]))
                else:
                    self.chars.passed(b - a)
        counts = zip(self._facts, words.tolist(), unspaced.tolist(), strict=True)
        self.works += [Entry(**facts, words=n, unspaced=chars) for facts, n, chars in counts]
        self.coder.code(packed)
        self._starts.append(_starts(packed, work_blocks, all(f["size"] == f["code_points"] for f in self._facts)))
        self._block_sizes.append(np.diff(cuts))
        self._work_blocks.append(work_blocks[1:] + self._work_blocks[-1][-1])
        self._filled, self._facts, self._sizes, self._spaced = 0, [], [], []

    def _chars(self, work: Packed) -> int:
        """Sample one work in the stream `chars/1`: its characters of unspaced scripts."""
        written, block_words, solo = compiled.sample_chars(work, self.chars)
        self.chars.took(written, block_words, np.array([0, len(work)]))
        return solo

    def finish(self) -> Segment:
        """The segment of all works added."""
        self._index()
        work_blocks = np.concatenate(self._work_blocks)
        none = np.empty(0, np.int64)
        return Segment(
            works=self.works,
            words=self.words.stream(),
            chars=self.chars.stream() if any(w.unspaced for w in self.works) else None,
            work_blocks=work_blocks,
            block_work=np.repeat(np.arange(len(self.works)), np.diff(work_blocks)),
            block_start=np.concatenate([none, *self._starts]),
            block_size=np.concatenate([none, *self._block_sizes]),
            block_code=np.concatenate(self.coder.bounds),
            coded=np.concatenate([np.empty(0, np.uint8), *self.coder.coded]),
            lexicon_blocks=np.array(self.coder.first, np.int64),
            lexicons=self.coder.lexicons,
        )


def _starts(packed: Packed, work_blocks: I64, ascii_only: bool) -> I64:
    if not ascii_only:
        return compiled.starts(packed, work_blocks)
    at = packed.bounds[:-1]
    return at - np.repeat(at[work_blocks[:-1]], np.diff(work_blocks))


class Sampler:
    """Collects the sampled grams of one stream."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.full: list[tuple[U64, U64]] = []
        self.filling: tuple[U64, U64] = (np.empty(0, np.uint64), np.empty(0, np.uint64))
        self.filled = 0
        self.block_words: list[I64] = []
        self.base = 0

    def room(self, size: int) -> tuple[U64, U64]:
        """Where at most *size* grams and their places may be put; `took` says how many were."""
        if self.filled + size > len(self.filling[0]):
            self._next(max(size, CHUNK_GRAMS))
        grams, places = self.filling
        return grams[self.filled :], places[self.filled :]

    def _next(self, size: int) -> None:
        if self.filled:
            self.full.append((self.filling[0][: self.filled], self.filling[1][: self.filled]))
        self.filling, self.filled = (np.empty(size, np.uint64), np.empty(size, np.uint64)), 0

    def took(self, written: int, block_words: I64, work_blocks: I64) -> I64:
        """So many grams were put there, of works with these tokens in their blocks: the tokens of each work."""
        self.filled += written
        self.block_words.append(block_words)
        counts: I64 = np.add.reduceat(block_words, work_blocks[:-1])
        self.base += int(counts.sum())
        return counts

    def passed(self, blocks: int) -> None:
        """So many blocks have nothing for this stream."""
        self.block_words.append(np.zeros(blocks, dtype=np.int64))

    def stream(self) -> Stream:
        """Lay filter and table."""
        self._next(0)
        grams, places = compiled.together(self.full)
        self.full = []
        # Not `zeros`: numpy asks for large pages only for `empty`, and a filter is read all over.
        filter_ = np.empty(max(1, -(-len(grams) * FILTER_BITS // 64)), dtype=np.uint64)
        buckets = np.empty(max(1, len(grams) // BUCKET) + 1, dtype=np.uint32)
        filter_.fill(0)
        buckets.fill(0)
        entries = np.empty(len(grams), dtype=np.uint64)
        compiled.fill(grams, places, filter_, buckets, entries)
        counts = np.concatenate([_FIRST, *self.block_words])
        return Stream(self.plan, filter_, buckets, entries, np.cumsum(counts, dtype=np.int64))


class _Coder:
    """Blocks as numbers of lexicons."""

    def __init__(self) -> None:
        self.coded: list[npt.NDArray[np.uint8]] = []
        self.bounds = [_FIRST]
        self.first = [0]
        self.lexicons: list[Lexicon] = []

    def code(self, packed: Packed) -> None:
        """Take blocks that share a lexicon."""
        words = lexicon.learn(packed)
        coded, bounds = lexicon.encode(packed, words)
        self.coded.append(coded)
        self.bounds.append(bounds[1:] + self.bounds[-1][-1])
        self.first.append(self.first[-1] + len(packed))
        self.lexicons.append(words)
