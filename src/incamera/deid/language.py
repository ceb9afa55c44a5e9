"""Which language a part is in, and whether the gate covers it at all. Not covered means withheld, never passed through."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from incamera.deid.cache import kept
from incamera.deid.lexicons import sources, tables
from incamera.deid.lexicons.characters import characters, points
from incamera.deid.lexicons.words import Entry, Words, layout

#: Language by function words needs this many words of evidence to leave the conversation's language.
_EVIDENCE = 5
_READ = 6000


@cache
def _markers() -> Words:
    """The function words of every language; what a word is known for is the set of those languages, a bit each."""
    return Words(kept("markers", tables.key("markers"), _made))


def _made() -> bytes:
    bits: dict[str, int] = {}
    for n, language in enumerate(tables.LANGUAGES):
        for word in sources.stopwords(language):
            bits[word] = bits.get(word, 0) | 1 << n
    return layout([Entry(word, code, 0, 0.0) for word, code in bits.items()], phrases=(), introducers=())


def detect(text: str, default: str = "en", code_points: NDArray[np.uint32] | None = None) -> str:
    """The language whose function words are most of *text*; *default* where the evidence is thin.

    Args:
        code_points: of *text* and maybe what follows it, where the caller has them.
    Cost: reads at most the first 6,000 characters, some 10 ns each.
    """
    from incamera.deid import tokens_kernels as kernels

    markers = _markers()
    classes, lower = characters()
    read = points(text[:_READ]) if code_points is None else code_points[: min(len(text), _READ)]
    found = np.zeros(len(tables.LANGUAGES), np.int64)
    words = kernels.count_bits(read, classes, lower, markers.slots, markers.records, found)
    votes = dict(zip(tables.LANGUAGES, found.tolist(), strict=True))
    mine = votes["en"]
    if not words:
        return default
    if mine * 3 >= words or (default == "en" and text.isascii() and mine * 5 >= words):
        return "en"
    best = max(sorted(votes), key=lambda language: votes[language])
    if votes[best] < max(_EVIDENCE, words / 6) or votes[best] < votes.get(default, 0) * 1.3:
        return default
    return best


def uncovered(code_points: NDArray[np.uint32]) -> tuple[list[tuple[int, int]], bool]:
    """Stretches in a script that the gate does not cover, and whether they are a fifth of all letters or more.

    Then the part is withheld whole.
    """
    from incamera.deid import tokens_kernels as kernels

    stretches = np.empty((len(code_points), 2), np.int32)
    count, letters = kernels.uncovered(code_points, characters().classes, stretches)
    found = stretches[:count]
    bounds: list[tuple[int, int]] = list(map(tuple, found.tolist()))
    return bounds, bool(count) and int((found[:, 1] - found[:, 0]).sum()) * 5 >= letters
