"""Hits: stretches of one part's view that detectors point at, as rows of small integers.

A conversation has hundreds of hits and keeps dozens of findings, so hits are never objects: they are one int32 matrix with
six columns, which kernels read and write and NumPy joins and selects. Names stand in the frozen tables below, and only
`named` turns rows into words again, once, at the very end. Overlapping hits are welcome; `resolve` makes one list of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from incamera.core.records import FindingKind
from incamera.deid.patterns.rules import RULES

#: int32[n, 6]. Rows are [start, end) in code points of the view, then codes: see `START` to `DETECTOR`.
Hits: TypeAlias = NDArray[np.int32]

#: The columns. Scores are thousandths.
START, END, LABEL, KIND, SCORE, DETECTOR = range(6)
WIDTH = 6

#: A label's code is its rank: of overlapping hits the lower code names the whole stretch (see `resolve`).
LABELS = (
    "WITHHELD", "SECRET", "ACCOUNT", "EMAIL", "IBAN", "CARD", "WALLET", "MAC", "IP", "GEO", "URL", "BIC", "ADDRESS", "HANDLE",
    "PHONE", "NATIONAL-ID", "CASE", "CODE", "PLATE", "AGE", "DATE", "TIME", "PERSON", "ORG", "LOC", "QUANTITY", "DEM", "HEALTH",
    "OCC", "KIN", "NUMBER", "OTHER",
)  # fmt: skip
#: A kind's code is its weight: of united hits the lower one counts.
KINDS: tuple[FindingKind, ...] = ("direct", "sensitive", "quasi")
#: Why the gate keeps a word back.
REASONS = (
    "acronym", "capital", "date", "demographic", "greeting", "health", "initial", "introduced", "kin", "link", "name", "number",
    "number-word", "occupation", "organisation", "place", "possessive", "prefix", "run", "script", "surname", "title", "unknown",
)  # fmt: skip
#: In the order of their names, so that comparing codes compares names.
DETECTORS = tuple(
    sorted(
        {
            "account",
            "account.typo",
            "combination",
            "encoded",
            "extend",
            "names.model",
            "propagate",
            # the n-th of the recipe's further detectors (deid.adapters)
            *(f"adapter.{n}" for n in range(1, 9)),
            *(f"gate.{reason}" for reason in REASONS),
            *(f"pattern.{rule.id}" for rule in RULES),
        }
    )
)

#: Codes by name.
LABEL_CODE = {name: code for code, name in enumerate(LABELS)}
KIND_CODE: dict[str, int] = {name: code for code, name in enumerate(KINDS)}
DETECTOR_CODE = {name: code for code, name in enumerate(DETECTORS)}


class Hit(NamedTuple):
    """One row with its names. For tests and for rules that write a handful; never for a whole part."""

    start: int
    end: int
    label: str
    kind: FindingKind
    score: float
    detector: str


def empty(n: int = 0) -> Hits:
    """Room for *n* rows, unset."""
    return np.empty((n, WIDTH), np.int32)


def row(start: int, end: int, label: str, kind: FindingKind, score: float, detector: str) -> tuple[int, int, int, int, int, int]:
    """The six integers of one hit."""
    return start, end, LABEL_CODE[label], KIND_CODE[kind], round(score * 1000), DETECTOR_CODE[detector]


def rows(hits: Iterable[Hit]) -> Hits:
    """The matrix of *hits*."""
    return matrix([row(*hit) for hit in hits])


def matrix(made: Sequence[tuple[int, int, int, int, int, int]]) -> Hits:
    """The matrix of rows made by `row` or by hand."""
    return np.array(made, np.int32).reshape(-1, WIDTH)


def join(pieces: Sequence[Hits]) -> Hits:
    """One matrix of several, in their order."""
    full = [piece for piece in pieces if len(piece)]
    return full[0] if len(full) == 1 else np.concatenate(full) if full else empty()


def named(hits: Hits | list[list[int]]) -> Iterator[Hit]:
    """Rows with their names."""
    for start, end, label, kind, score, detector in hits if isinstance(hits, list) else hits.tolist():
        yield Hit(start, end, LABELS[label], KINDS[kind], score / 1000, DETECTORS[detector])
