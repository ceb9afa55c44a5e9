"""How ordinary a shared run is: recorded and graded, never a reason to drop it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from incamera.core.records import Commonness
from incamera.matching.align import Rows
from incamera.matching.index import Index


def in_works(rows: Rows, index: Index) -> list[Commonness]:
    """For each row: how many claimed works, and how many of their owners, hold the whole run.

    *rows* are all rows of their texts: a work holds a run when it has a row in the same text that covers it.

    Cost: linear in the rows, quadratic in the distinct spans of one text.
    """
    out: list[Commonness] = [Commonness(works=1, owners=1)] * len(rows)
    order = np.lexsort((rows.last, rows.first, rows.part))
    part = rows.part[order]
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(part)] if len(part) else []
    for a, b in pairwise(edges):
        _in_text(rows, order[a:b].tolist(), index, out)
    return out


def _in_text(rows: Rows, numbers: list[int], index: Index, out: list[Commonness]) -> None:
    if len(numbers) == 1:
        return
    spans: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for n in numbers:
        spans.setdefault((int(rows.first[n]), int(rows.last[n])), set()).add((int(rows.segment[n]), int(rows.work[n])))
    for (first, last), own in spans.items():
        holders = set(own)
        for (a, b), others in spans.items():
            if a <= first and last <= b:
                holders |= others
        owners = {index.entry(*work).owner or work for work in holders}
        found = Commonness(works=len(holders), owners=len(owners))
        for n in numbers:
            if rows.first[n] == first and rows.last[n] == last:
                out[n] = found
