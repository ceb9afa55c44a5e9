"""The works' text as numbers of its own frequent words: smaller than general compression, and any block opens by itself.

Text is cut into *items*: words, runs of separators, and single characters of scripts that write three bytes each. A *lexicon*
holds the frequent items of a stretch of works, the most frequent first. A block is their numbers, in one byte or two; a single
space between two words is left out, and an item the lexicon lacks is written out.

Source: spaceless words (Moura, Navarro, Ziviani, Baeza-Yates, "Fast and flexible word searching on compressed text", ACM TOIS
2000), with fixed codes of one and two bytes. `docs/formats/matching-index.md` has the bytes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from incamera.core.errors import Unverified
from incamera.matching import compiled
from incamera.text.offsets import PADDING, Packed

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

#: Longest word that can be an item; longest run of separators that is one; longest piece written out.
LONGEST, SEPARATORS, PIECE = 64, 8, 255
#: Numbers below this take one byte, the others two; two bytes are left to announce what is written out.
SHORT = 96
WORD, RAW = 254, 255
CAPACITY = SHORT + (WORD - SHORT) * 256
#: About so much of a stretch is counted, evenly from all over it.
COUNTED = 3 << 20
_MOST_SLOTS = 1 << 18
_NONE = np.zeros(PADDING, np.uint8)


@dataclass(frozen=True, slots=True, repr=False)
class Lexicon:
    """Item *n* is `items[bounds[n]:bounds[n + 1]]`; `items` has `PADDING` bytes behind the last."""

    items: U8
    bounds: I64

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def nbytes(self) -> int:
        """Bytes as stored: the items and a byte for the length of each."""
        return int(self.bounds[-1]) + len(self)

    @classmethod
    def of(cls, sizes: npt.NDArray[Any], items: U8) -> Lexicon:
        """The items laid end to end, of these sizes."""
        bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
        return cls(np.concatenate([items, _NONE]), bounds)

    def stored(self) -> U8:
        """A byte for the length of each item, then the items."""
        return np.concatenate([np.diff(self.bounds).astype(np.uint8), self.items[: self.bounds[-1]]])


def learn(packed: Packed) -> Lexicon:
    """The items that are worth a number, the most frequent first, those first seen first among equals.

    Cost: linear in at most about 3 MB of the text, and a table of 5 MB.
    """
    every = max(1, int(packed.bounds[-1]) // COUNTED)
    places, sizes, counts = _counted(packed, every)
    worth = counts * sizes > sizes + 2
    places, sizes, counts = places[worth], sizes[worth], counts[worth]
    # One number to sort by, for a work of a segment has fewer than 2**31 bytes: both factors are below that.
    chosen = np.argsort(places - counts * (packed.bounds[-1] + 1))[:CAPACITY]
    return Lexicon.of(sizes[chosen], _taken(packed, places[chosen], sizes[chosen]))


def encode(packed: Packed, lexicon: Lexicon) -> tuple[U8, I64]:
    """Every text as numbers of the lexicon: the bytes, and their bounds."""
    kernels = _kernels()
    if kernels is None:
        return _plain_encode(packed, lexicon)
    bits = max(4, (2 * len(lexicon)).bit_length())
    table = np.zeros(2 << bits, np.uint64)
    items, ends = compiled.readonly(lexicon.items), compiled.readonly(lexicon.bounds)
    kernels.lay(items, ends, 64 - bits, table)
    coded = np.empty(3 * int(packed.bounds[-1]) + PADDING, np.uint8)
    bounds = np.empty(len(packed) + 1, np.int64)
    data, cuts = compiled.readonly(packed.data), compiled.readonly(packed.bounds)
    size = kernels.encode(data, cuts, items, ends, 64 - bits, table, kernels.scratch(), coded, bounds)
    return coded[:size].copy(), bounds


def decode(coded: U8, code_bounds: I64, blocks: I64, lexicon: Lexicon, out: Packed, first: int) -> None:
    """Write the text of *blocks* into *out*, as its texts from number *first* on, whose sizes are known.

    Raises:
        Unverified: `matching.damaged`, the numbers do not give texts of these sizes.
    """
    kernels = _kernels()
    if kernels is None:
        whole = _plain_decode(coded, code_bounds, blocks, lexicon, out, first)
    else:
        whole = kernels.decode(
            compiled.readonly(coded),
            compiled.readonly(code_bounds),
            compiled.readonly(blocks),
            compiled.readonly(lexicon.items),
            compiled.readonly(lexicon.bounds),
            out.data,
            compiled.readonly(out.bounds),
            first,
        )
    if not whole:
        raise Unverified("matching.damaged", "the works' text does not open: build the index again")


@functools.cache
def _found() -> Any:
    from incamera.matching import lexicon_kernels

    return lexicon_kernels


def _kernels() -> Any:
    return None if compiled.kernels() is None else _found()


def _counted(packed: Packed, every: int) -> tuple[I64, I64, I64]:
    """(place of the first, bytes, how often) of each item of every *every*-th text."""
    kernels = _kernels()
    if kernels is None:
        return _plain_counted(packed, every)
    bits = min(max(10, (int(packed.bounds[-1]) // every // 2).bit_length()), _MOST_SLOTS.bit_length() - 1)
    keys, counts = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.int32)
    places, sizes = np.zeros(1 << bits, np.int64), np.zeros(1 << bits, np.uint8)
    data, bounds = compiled.readonly(packed.data), compiled.readonly(packed.bounds)
    kernels.count(data, bounds, every, 64 - bits, keys, counts, places, sizes, kernels.scratch())
    used = np.flatnonzero(counts)
    return places[used], sizes[used].astype(np.int64), counts[used].astype(np.int64)


def _taken(packed: Packed, places: I64, sizes: I64) -> U8:
    kernels = _kernels()
    if kernels is None:
        return np.concatenate([np.empty(0, np.uint8), *(packed.data[p : p + n] for p, n in zip(places, sizes, strict=True))])
    items = np.empty(int(sizes.sum()) + PADDING, np.uint8)
    kernels.take(compiled.readonly(packed.data), places, sizes, items)
    return items[:-PADDING]


# --- the same without compiled code --------------------------------------------------------------------------------------

_ITEM = re.compile(
    rb"((?:[0-9A-Za-z]|[\xc3-\xdf][\x80-\xff])+)"
    rb"|[\x01-/:-@\[-`{-\x7f]{1,8}|\x00"
    rb"|[\xc2-\xdf][\x80-\xff]?|[\xe0-\xef][\x80-\xff]{0,2}|[\xf0-\xff][\x80-\xff]{0,3}|[\x80-\xc1]"
)


def _plain_items(raw: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """(place, item, whether a word), without the spaces that go without saying."""
    found = [piece for m in _ITEM.finditer(raw) for piece in _pieces(m.start(), m[0], m.lastindex == 1)]
    spaced = False
    for n, (place, item, word) in enumerate(found):
        if item == b" " and spaced and n + 1 < len(found) and found[n + 1][2] and len(found[n + 1][1]) <= LONGEST:
            continue
        yield place, item, word
        spaced = word and len(item) <= LONGEST


def _pieces(place: int, item: bytes, word: bool) -> Iterator[tuple[int, bytes, bool]]:
    """A long word in pieces: as many whole characters as end at byte 254 or, with one of two bytes, at 255."""
    while len(item) >= PIECE:
        n = 0
        while n < PIECE - 1:
            n += 2 if item[n] >= 0xC3 else 1
        yield place, item[:n], word
        place, item = place + n, item[n:]
    if item:
        yield place, item, word


def _plain_counted(packed: Packed, every: int) -> tuple[I64, I64, I64]:
    first: dict[bytes, int] = {}
    counts: dict[bytes, int] = {}
    for n in range(0, len(packed), every):
        start = int(packed.bounds[n])
        for place, item, _ in _plain_items(packed.data[start : packed.bounds[n + 1]].tobytes()):
            if len(item) <= LONGEST:
                first.setdefault(item, start + place)
                counts[item] = counts.get(item, 0) + 1
    places, sizes = list(first.values()), [len(item) for item in first]
    return np.array(places, np.int64), np.array(sizes, np.int64), np.array(list(counts.values()), np.int64)


def _plain_encode(packed: Packed, lexicon: Lexicon) -> tuple[U8, I64]:
    numbers = {lexicon.items[a:b].tobytes(): n for n, (a, b) in enumerate(zip(lexicon.bounds, lexicon.bounds[1:], strict=False))}
    out, bounds = bytearray(), [0]
    for n in range(len(packed)):
        for _, item, word in _plain_items(packed.data[packed.bounds[n] : packed.bounds[n + 1]].tobytes()):
            number = numbers.get(item, -1)
            if number >= SHORT:
                out += bytes([SHORT + (number - SHORT >> 8), number - SHORT & 255])
            elif number >= 0:
                out.append(number)
            else:
                out += bytes([WORD if word and len(item) <= LONGEST else RAW, len(item)]) + item
        bounds.append(len(out))
    return np.frombuffer(bytes(out), np.uint8), np.array(bounds, np.int64)


def _plain_decode(coded: U8, code_bounds: I64, blocks: I64, lexicon: Lexicon, out: Packed, first: int) -> bool:
    for n, block in enumerate(blocks.tolist()):
        text = _plain_text(coded[code_bounds[block] : code_bounds[block + 1]].tobytes(), lexicon)
        start, end = int(out.bounds[first + n]), int(out.bounds[first + n + 1])
        if text is None or len(text) != end - start:
            return False
        out.data[start:end] = np.frombuffer(text, np.uint8)
    return True


def _plain_text(coded: bytes, lexicon: Lexicon) -> bytes | None:
    out, at, spaced = bytearray(), 0, False
    while at < len(coded):
        number, at = coded[at], at + 1
        if number < WORD:
            if number >= SHORT:
                if at >= len(coded):
                    return None
                number, at = SHORT + (number - SHORT << 8) + coded[at], at + 1
            if number >= len(lexicon):
                return None
            item = lexicon.items[lexicon.bounds[number] : lexicon.bounds[number + 1]].tobytes()
            word = item[:1].isalnum() or 0xC3 <= item[0] < 0xE0
        else:
            if at >= len(coded) or at + 1 + coded[at] > len(coded):
                return None
            item, word = coded[at + 1 : at + 1 + coded[at]], number == WORD
            at += 1 + len(item)
        out += b" " + item if word and spaced else item
        spaced = word
    return bytes(out)
