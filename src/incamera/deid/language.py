"""Which language a part is in, and whether the gate covers it at all. Not covered means withheld, never passed through."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from incamera.deid.cache import kept
from incamera.deid.lexicons import sources, tables
from incamera.deid.lexicons.characters import characters, points
from incamera.deid.lexicons.words import Entry, Words, layout

#: Scripts written without spaces: the word gate cannot read them.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u2e80-\u2fdf\u3005-\u30ff\u3100-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003ffff]+"
)
#: Spaced scripts for which there is a base vocabulary: Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Bengali, Tamil.
_COVERED = re.compile(
    "[A-Za-z\u00aa\u00ba\u00c0-\u024f\u0250-\u02ff\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\u0370-\u03ff\u1f00-\u1fff\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff"
    "\ua640-\ua69f\u0590-\u05ff\ufb1d-\ufb4f\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff\u0900-\u097f\u0980-\u09ff\u0b80-\u0bff"
    "\u0300-\u036f\u200c\u200d]+"
)
_LETTERS = re.compile(r"[^\W\d_]+")
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


def uncovered(text: str) -> list[tuple[int, int]]:
    """Stretches in a script that the gate does not cover: none where no character is `characters.FOREIGN`."""
    found = [m.span() for m in _UNSPACED.finditer(text)]
    for m in _LETTERS.finditer(text):
        word = m.group()
        if not word.isascii() and _COVERED.fullmatch(word) is None and not _UNSPACED.search(word):
            found.append(m.span())
    return sorted(found)


def mostly_uncovered(text: str, stretches: list[tuple[int, int]]) -> bool:
    """Whether what the gate cannot read is a fifth of the letters or more: then the part is withheld whole."""
    if not stretches:
        return False
    letters = sum(map(str.isalpha, text))
    return sum(b - a for a, b in stretches) * 5 >= letters
