"""One immutable segment of an index: filter, table and confirmation text of a batch of works. In memory; `store` has the files.

A *place* is the number of a token in the segment's stream. Works are cut at white space into *blocks* of about 4 kB, the unit
that is opened and tokenised again to confirm a hit. Blocks are kept as numbers of a *lexicon*, one for each 32 MB of works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from incamera.core.errors import Malformed
from incamera.core.records import Work
from incamera.matching import compiled, lexicon
from incamera.matching.lexicon import Lexicon
from incamera.matching.plan import Plan
from incamera.text import tokens
from incamera.text.offsets import PADDING, Packed, encode

BLOCK_BYTES = 4 << 10
#: Text that shares a lexicon.
LEXICON_BYTES = 32 << 20
#: Filter bits per sampled gram; four of them are set, which lets about one in a hundred strangers through.
FILTER_BITS = 12
#: Table entries per bucket, on average.
BUCKET = 8
#: Sampled grams for which room is made at a time.
CHUNK_GRAMS = 1 << 20
#: A place is 32 bits: a segment holds fewer tokens than this.
MAX_PLACES = (1 << 32) - (1 << 20)
_NO_BLOCKS = np.empty(0, np.int64)
_FIRST = np.zeros(1, np.int64)

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

    `block_work`, `block_start` (code points) and `block_size` (bytes) describe each block; block b is
    `coded[block_code[b]:block_code[b + 1]]`, numbers of lexicon l where `lexicon_blocks[l] <= b < lexicon_blocks[l + 1]`.
    """

    works: list[Entry]
    words: Stream
    chars: Stream | None
    work_blocks: I64
    block_work: I64
    block_start: I64
    block_size: I64
    block_code: I64
    coded: npt.NDArray[np.uint8]
    lexicon_blocks: I64
    lexicons: list[Lexicon]
    id: str = ""
    removed: set[int] = field(default_factory=set)

    def __repr__(self) -> str:
        return f"<Segment {self.id} {len(self.works)} works>"

    def blocks(self, numbers: I64) -> Packed:
        """The text of these blocks, which are in ascending order."""
        bounds = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum(self.block_size[numbers], out=bounds[1:])
        out = Packed(np.zeros(int(bounds[-1]) + PADDING, np.uint8), bounds)
        cuts = np.searchsorted(numbers, self.lexicon_blocks).tolist()
        for words, (a, b) in zip(self.lexicons, pairwise(cuts), strict=True):
            if a < b:
                lexicon.decode(self.coded, self.block_code, numbers[a:b], words, out, a)
        return out

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
        blocks = (self.block_work, self.block_start, self.block_size, self.work_blocks)
        return {
            "works": sum(w.size for w in self.works),
            "filter": sum(s.filter.nbytes for s in streams),
            "table": sum(s.buckets.nbytes + s.entries.nbytes for s in streams),
            "offsets": sum(s.block_base.nbytes for s in streams) + sum(a.nbytes for a in blocks),
            "text": self.coded.nbytes + self.block_code.nbytes + sum(words.nbytes for words in self.lexicons),
        }


class _Sampler:
    """Collects the sampled grams of one stream, work after work."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.full: list[tuple[U64, U64]] = []
        self.filling: tuple[U64, U64] = (np.empty(0, np.uint64), np.empty(0, np.uint64))
        self.filled = 0
        self.block_words: list[I64] = []
        self.base = 0

    def room(self, size: int) -> tuple[U64, U64]:
        """Where a work may put at most *size* grams and their places; `took` says how many it did."""
        if self.filled + size > len(self.filling[0]):
            self._next(max(size, CHUNK_GRAMS))
        grams, places = self.filling
        return grams[self.filled :], places[self.filled :]

    def _next(self, size: int) -> None:
        if self.filled:
            self.full.append((self.filling[0][: self.filled], self.filling[1][: self.filled]))
        self.filling, self.filled = (np.empty(size, np.uint64), np.empty(size, np.uint64)), 0

    def took(self, written: int, block_words: I64) -> int:
        self.filled += written
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
        self.starts: list[I64] = []
        self.sizes: list[I64] = []
        self.text = _Coder()

    def add(self, work: Work) -> Entry:
        """Index one work: its description with the counts of words and of characters of unspaced scripts."""
        raw = encode(work.text)
        if self.words.base + 2 * len(raw) > MAX_PLACES:
            raise Malformed(
                "matching.segment-full", "too much text for one segment: build another", where=f"work {work.work_id!r}"
            )
        packed = self.text.keep(raw)
        words = compiled.sample(packed, self.words)
        ascii_only = len(raw) == len(work.text)
        # Letters of scripts without spaces are no ASCII, and in ASCII only a reference (`&#28193;`) can stand for one.
        plain = ascii_only and b"&" not in raw
        unspaced = self.chars.passed(len(packed)) if plain else compiled.sample_chars(packed, self.chars)
        sizes = packed.bounds[1:] - packed.bounds[:-1]
        self.starts.append(_code_points_before(packed, ascii_only=ascii_only))
        self.sizes.append(sizes)
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
        self.text.close()
        work_blocks = np.array(self.work_blocks, dtype=np.int64)
        words = self.words.stream()
        chars = self.chars.stream() if any(w.unspaced >= self.chars.plan.threshold for w in self.works) else None
        return Segment(
            works=self.works,
            words=words,
            chars=chars,
            work_blocks=work_blocks,
            block_work=np.repeat(np.arange(len(self.works)), np.diff(work_blocks)),
            block_start=np.concatenate([_NO_BLOCKS, *self.starts]),
            block_size=np.concatenate([_NO_BLOCKS, *self.sizes]),
            block_code=np.concatenate(self.text.code_bounds),
            coded=np.concatenate(self.text.coded) if self.text.coded else np.empty(0, np.uint8),
            lexicon_blocks=np.array(self.text.first, np.int64),
            lexicons=self.text.lexicons,
        )


class _Coder:
    """Keeps blocks until there is enough text for a lexicon, then their numbers only."""

    def __init__(self) -> None:
        self.room = np.empty(LEXICON_BYTES + PADDING, np.uint8)
        self.size = 0
        self.bounds = [_FIRST]  # of the blocks in the room
        self.coded: list[npt.NDArray[np.uint8]] = []
        self.code_bounds = [_FIRST]
        self.first = [0]
        self.lexicons: list[Lexicon] = []

    def keep(self, raw: bytes) -> Packed:
        """Take a work: its blocks."""
        if self.size + len(raw) + PADDING > len(self.room):
            self.close()
            if len(raw) + PADDING > len(self.room):
                self.room = np.empty(len(raw) + PADDING, np.uint8)
        here = self.room[self.size : self.size + len(raw) + PADDING]
        here[: len(raw)] = np.frombuffer(raw, np.uint8)
        cuts = compiled.cut(Packed(here, np.array([0, len(raw)])), BLOCK_BYTES)
        self.bounds.append(self.size + cuts[1:])
        self.size += len(raw)
        return Packed(here, cuts)

    def close(self) -> None:
        """Code what is pending."""
        if len(self.bounds) == 1:
            return
        packed = Packed(self.room[: self.size + PADDING], np.concatenate(self.bounds))
        self.size, self.bounds = 0, [_FIRST]
        words = lexicon.learn(packed)
        coded, bounds = lexicon.encode(packed, words)
        self.coded.append(coded)
        self.code_bounds.append(bounds[1:] + self.code_bounds[-1][-1])
        self.first.append(self.first[-1] + len(packed))
        self.lexicons.append(words)


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
