"""What the gate may say of a word, and why: one small integer each.

A verdict is packed so that kernels keep one int32 a word: label, kind, score in thousandths, reason. 0 says nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LABELS = ("PERSON", "ORG", "LOC", "OTHER", "DATE", "QUANTITY", "DEM", "HEALTH", "OCC", "KIN", "NUMBER")
KINDS = ("direct", "sensitive", "quasi")
REASONS = (
    "acronym", "capital", "date", "demographic", "greeting", "health", "initial", "introduced", "kin", "link", "model", "name",
    "number", "number-word", "occupation", "organisation", "place", "possessive", "prefix", "run", "surname", "title", "unknown",
)  # fmt: skip

KIND_SHIFT, SCORE_SHIFT, REASON_SHIFT = 5, 7, 17
LABEL_MASK, KIND_MASK, SCORE_MASK = 31, 3, 1023

PERSON, ORG, LOC, OTHER = 1, 2, 3, 4
#: Labels up to here are names: parts of one may be joined, and what stands between them goes with them.
LAST_NAME = OTHER
DEM, HEALTH = LABELS.index("DEM") + 1, LABELS.index("HEALTH") + 1
DIRECT, SENSITIVE, QUASI = 0, 1, 2


def verdict(label: str, kind: str, score: float, reason: str) -> int:
    """The packed form of one verdict."""
    return _typed(LABELS.index(label) + 1 | KINDS.index(kind) << KIND_SHIFT | weak(score, reason))


def weak(score: float, reason: str) -> int:
    """Score and reason of a verdict that takes label and kind from the name beside it."""
    return _typed(round(score * 1000) << SCORE_SHIFT | REASONS.index(reason) << REASON_SHIFT)


def _typed(value: int) -> int:
    """*value* as NumPy's integer: a kernel is compiled once for all of these, but anew for each plain constant."""
    typed: Any = np.int64(value)
    return typed  # type: ignore[no-any-return]
