"""One list per part from many hits: no two findings overlap, and neighbours that make one name are one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from incamera.core.records import FindingKind
from incamera.deid.hits import Hit

#: When hits overlap the earlier label in this list names the whole stretch.
RANK = {
    label: i
    for i, label in enumerate(
        (
            "WITHHELD",
            "SECRET",
            "ACCOUNT",
            "EMAIL",
            "IBAN",
            "CARD",
            "WALLET",
            "MAC",
            "IP",
            "GEO",
            "URL",
            "BIC",
            "ADDRESS",
            "HANDLE",
            "PHONE",
            "NATIONAL-ID",
            "CASE",
            "CODE",
            "PLATE",
            "AGE",
            "DATE",
            "TIME",
            "PERSON",
            "ORG",
            "LOC",
            "QUANTITY",
            "DEM",
            "HEALTH",
            "OCC",
            "KIN",
            "NUMBER",
            "OTHER",
        )
    )
}
_KINDS: tuple[FindingKind, ...] = ("direct", "sensitive", "quasi")
_NAMED = frozenset(("PERSON", "ORG", "LOC", "OTHER"))
_JOINS = frozenset((" ", "-", "'", "’", ". ", ".", " & ", "&", "  ", ""))
#: After these a full stop ends no sentence.
_INITIAL = re.compile(r"(?i)(?<![^\W_])(?:[^\W\d_]|mrs?|ms|dr|st|prof|sra?|rev|hon|lt|jr)$")
#: Confident forms keep their label although a vaguer hit with a higher rank overlaps them.
_CONFIDENT = 0.9


def resolve(hits: Iterable[Hit], text: str) -> list[Hit]:
    """Non-overlapping hits in order: overlapping ones united under the best label, name parts side by side joined.

    Deterministic: depends on the set of hits, not on their order.
    """
    united: list[Hit] = []
    for hit in sorted(set(hits)):
        if united and hit.start < united[-1].end:
            united[-1] = _unite(united[-1], hit)
        else:
            united.append(hit)
    joined: list[Hit] = []
    for hit in united:
        if joined and joined[-1].label in _NAMED and hit.label in _NAMED and _one_name(text, joined[-1], hit):
            joined[-1] = _unite(joined[-1], hit)
        else:
            joined.append(hit)
    return joined


def _one_name(text: str, a: Hit, b: Hit) -> bool:
    gap = text[a.end : b.start]
    return gap in _JOINS and ("." not in gap or _INITIAL.search(text, max(a.start, a.end - 5), a.end) is not None)


def _order(hit: Hit) -> tuple[int, int, float, str]:
    return (0 if hit.score >= _CONFIDENT else 1, RANK[hit.label], -hit.score, hit.detector)


def _unite(a: Hit, b: Hit) -> Hit:
    best = min(a, b, key=_order)
    kind = min(a.kind, b.kind, key=_KINDS.index)
    return Hit(min(a.start, b.start), max(a.end, b.end), best.label, kind, max(a.score, b.score), best.detector)
