"""Looking through plural, possessive and common endings and beginnings where the word itself is in no list."""

# ruff: noqa: SIM110

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.columns import LETTERS
from incamera.deid.gate.part import Part, bits_at, end_of, low, marks_of, start_of
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import jit

#: (ending, what stood there before it).
_ENDINGS = (
    ("s", ""), ("es", ""), ("ed", ""), ("ed", "e"), ("d", ""), ("ing", ""), ("ing", "e"), ("ly", ""), ("er", ""), ("er", "e"),
    ("ers", ""),
    ("ness", ""), ("able", ""), ("less", ""), ("ful", ""), ("ize", ""), ("ise", ""), ("ized", ""), ("ised", ""), ("al", ""),
    ("ity", ""), ("mente", ""), ("mente", "o"), ("as", "o"), ("os", "o"), ("a", "o"), ("ndose", ""), ("se", ""),
    ("en", ""), ("e", ""), ("n", ""),
)  # fmt: skip
_PREFIXES = (
    "un", "re", "non", "pre", "post", "anti", "over", "under", "mis", "dis", "sub", "super", "inter", "multi", "micro", "auto",
    "bio", "neuro", "hiper", "hipo", "intra", "extra",
)  # fmt: skip
#: Shorter words, and shorter rests behind a prefix, are not looked through.
_SHORTEST, _SHORTEST_REST = 5, 4
#: What a derived word does not inherit: it survives in lower case in a text that uses capitals, and nowhere else.
_KEPT = ~(t.SAFE_UNCASED | t.SAFE_START | t.SAFE_MID)


def _table(affixes: tuple[tuple[str, str], ...]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Rows of (length, restored letter or 0, letters ...)."""
    rows = np.zeros((len(affixes), 2 + max(len(a) for a, _ in affixes)), np.int32)
    for row, (affix, restored) in zip(rows, affixes, strict=True):
        row[0] = len(affix)
        row[1] = ord(restored) if restored else 0
        row[2 : 2 + len(affix)] = [ord(letter) for letter in affix]
    return rows


_END_ROWS = _table(_ENDINGS)
_PREFIX_ROWS = _table(tuple((prefix, "") for prefix in _PREFIXES))


@jit
def derived(p: Part, i: int) -> int:
    """The bits of unlisted word *i* by the word it is made of; 0 where that is in no list, a name, or no ordinary word."""
    start, end = start_of(p, i), end_of(p, i)
    if end - start < _SHORTEST or not marks_of(p, i) & LETTERS:
        return 0
    for row in range(_END_ROWS.shape[0]):
        size = _END_ROWS[row, 0]
        if size <= end - start and _stands(p, end - size, _END_ROWS, row):
            code = _stem(p, start, end - size, _END_ROWS[row, 1])
            if code:
                return code
    for row in range(_PREFIX_ROWS.shape[0]):
        size = _PREFIX_ROWS[row, 0]
        if end - start - size >= _SHORTEST_REST and _stands(p, start, _PREFIX_ROWS, row):
            code = _stem(p, start + size, end, 0)
            if code:
                return code
    return 0


@jit
def _stands(p: Part, at: int, rows: Any, row: int) -> bool:
    for k in range(rows[row, 0]):
        if low(p, at + k) != rows[row, 2 + k]:
            return False
    return True


@jit
def _stem(p: Part, start: int, end: int, restored: int) -> int:
    code = bits_at(p, start, end, restored)
    return code & _KEPT if code & t.SAFE_CASED and not code & t.NAME else 0
