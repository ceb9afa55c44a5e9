"""A table of public words that kernels read: records found by hash, and the phrases and announcements made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from incamera.deid.cache import packed, unpacked

FORMAT = "incamera-words/1"


class Entry(NamedTuple):
    """One word, lower case, as it enters a table. Frequent words are laid side by side."""

    word: str
    code: int
    role: int
    zipf: float


class Words:
    """A mapped table; holds public words only and is never written to.

    `slots` is open-addressed: the high half of a word's hash over the offset of its record in `records`; the record's layout
    is in `kernels`. Phrases and announcements are runs of records: phrase *p* is `phrase_words[phrase_bounds[p]:phrase_bounds[p + 1]]`
    and is found by its first two words, `phrase_keys[p]`.
    """

    __slots__ = (
        "arrays",
        "introducer_bounds",
        "introducer_words",
        "phrase_bounds",
        "phrase_keys",
        "phrase_words",
        "records",
        "slots",
    )

    def __init__(self, payload: memoryview) -> None:
        self.slots: NDArray[np.uint64]
        self.records: NDArray[np.uint32]
        self.phrase_keys: NDArray[np.int64]
        self.phrase_bounds: NDArray[np.int32]
        self.phrase_words: NDArray[np.int32]
        self.introducer_bounds: NDArray[np.int32]
        self.introducer_words: NDArray[np.int32]
        self.arrays = tuple(unpacked(payload))
        self.slots, self.records, self.phrase_keys, self.phrase_bounds = self.arrays[:4]
        self.phrase_words, self.introducer_bounds, self.introducer_words = self.arrays[4:]

    def __repr__(self) -> str:
        return f"<Words {self.records.nbytes >> 20} MiB>"

    def __getitem__(self, low: str) -> int:
        """The bits of the lower-case word *low*; 0 where it is in no list."""
        from incamera.deid.lexicons import kernels

        points = np.frombuffer(low.encode("utf-32-le", "surrogatepass"), np.uint32)
        return int(kernels.bits(points, self.slots, self.records))


def layout(entries: Iterable[Entry], *, phrases: Iterable[Sequence[str]], introducers: Iterable[Sequence[str]]) -> bytes:
    """The payload of `Words`: deterministic, whatever the order of *entries* and *phrases*."""
    import regex

    from incamera.deid.lexicons import kernels

    phrases, introducers = list(phrases), list(introducers)
    asked = regex.compile(r"[\p{L}\p{M}\p{N}]+")
    # A word with a digit is never asked for: it is a number to the gate.
    needed = {e.word: e for e in entries if asked.fullmatch(e.word) and not any(c.isdigit() for c in e.word)}
    # What a phrase is made of must be found, even where nothing else is known of it.
    for word in chain.from_iterable([*phrases, *introducers]):
        needed.setdefault(word, Entry(word, 0, 0, 0.0))
    ordered = sorted(needed.values(), key=lambda e: (-e.zipf, e.word))
    points = np.frombuffer("".join(e.word for e in ordered).encode("utf-32-le"), np.uint32)
    bounds = np.cumsum([0, *(len(e.word) for e in ordered)])
    slots = np.zeros(1 << (2 * len(ordered)).bit_length(), np.uint64)
    records = np.zeros(kernels.SPELLED * (len(ordered) + 1) + points.size, np.uint32)
    offsets = np.zeros(len(ordered), np.int32)
    codes, roles = (np.array(column, np.int64) for column in ([e.code for e in ordered], [e.role for e in ordered]))
    kernels.fill(points, bounds, codes, roles, slots, records, offsets)
    at = {e.word: int(offset) for e, offset in zip(ordered, offsets, strict=True)}

    # Where two phrases begin alike the longer one is tried first.
    phrases.sort(key=lambda words: (at[words[0]] << 32 | at[words[1]], -len(words), tuple(words)))
    keys = np.array([at[words[0]] << 32 | at[words[1]] for words in phrases], np.int64)
    return packed([slots, records, keys, *_runs(phrases, at), *_runs(introducers, at)])


def _runs(runs: Iterable[Sequence[str]], at: dict[str, int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    runs = list(runs)
    return (
        np.cumsum([0, *map(len, runs)]).astype(np.int32),
        np.array([at[word] for run in runs for word in run], np.int32),
    )
