"""A hit: a stretch of one part's view that some detector points at, before the resolved list."""

from __future__ import annotations

from typing import NamedTuple

from incamera.core.records import FindingKind


class Hit(NamedTuple):
    """[start, end) of a view. Several hits may overlap; `resolve` makes one list of them."""

    start: int
    end: int
    label: str
    kind: FindingKind
    score: float
    detector: str
