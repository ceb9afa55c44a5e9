"""One immutable segment of an index: filter, table and confirmation text of a batch of works. In memory; `store` has the files.

A *place* is the number of a token in the segment's stream. Works are cut at white space into *blocks* of about 4 kB, the unit
that is opened and tokenised again to confirm a hit. Blocks are kept as numbers of a *lexicon*, one for each 32 MB of works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from incamera.matching import lexicon
from incamera.matching.lexicon import Lexicon
from incamera.matching.plan import Plan
from incamera.text import tokens
from incamera.text.offsets import PADDING, Packed

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
