"""How ordinary a shared run is: recorded and graded, never a reason to drop it.

Three measures: how many claimed works and owners hold the run; how many documents of a named background set do; and how
surprising its words are one by one. A background set is an ordinary index: `shipped` is one of stock phrases, and any
other is made with `incamera matching index`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Literal

import numpy as np

from incamera.core.records import Commonness, Work
from incamera.matching.align import Rows
from incamera.matching.index import Index
from incamera.matching.unigrams import DEFAULT, bits

Grade = Literal["common", "shared", "distinctive"]

#: Eight everyday words together carry about this many bits; below it a run is a turn of phrase.
COMMON_BITS = 60.0


@dataclass(frozen=True, slots=True, repr=False)
class Background:
    """A named set of documents that nobody claims. `name` goes into reports."""

    name: str
    index: Index


@functools.cache
def shipped() -> Background:
    """The project's own set, `stock-phrases/2`, one formula a document; the file says where each section comes from.

    Law, worship, licences, letters, newsrooms, assistants, proverbs, rhymes, and what everybody quotes, in nine languages.
    """
    lines = files("incamera.matching").joinpath("stock_phrases.txt").read_text("utf-8").splitlines()
    documents = [line for line in lines if line and not line.startswith("#")]
    works = (Work(work_id=str(n), text=text) for n, text in enumerate(documents))
    return Background("stock-phrases/2", Index.of(works))


def grade(common: Commonness) -> Grade:
    """A word for the numbers: `common` (in the background, or a turn of phrase), `shared` (by owners), `distinctive`."""
    if common.background or (common.surprisal is not None and common.surprisal < COMMON_BITS):
        return "common"
    return "shared" if common.owners > 1 else "distinctive"


def surprisal(words: Sequence[str], language: str = DEFAULT) -> float:
    """Sum of unigram -log2 p in that language over folded *words*, in bits, rounded to a hundredth."""
    return round(sum(bits(word, language) for word in words), 2)


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
    found = {}
    for (first, last), own in spans.items():
        holders = own.union(*(others for (a, b), others in spans.items() if a <= first and last <= b))
        owners = {index.entry(*work).owner or work for work in holders}
        found[first, last] = Commonness(works=len(holders), owners=len(owners))
    for n in numbers:
        out[n] = found[int(rows.first[n]), int(rows.last[n])]


def in_background(rows: Rows, background: Rows) -> list[int]:
    """For each row of *rows*: documents of the background that hold the whole run; *background*: its rows in the same texts."""
    by_part: dict[int, list[tuple[int, int, tuple[int, int]]]] = {}
    columns = (background.part, background.first, background.last, background.segment, background.work)
    for part, first, last, segment, work in zip(*(c.tolist() for c in columns), strict=True):
        by_part.setdefault(part, []).append((first, last, (segment, work)))
    wanted = zip(rows.part.tolist(), rows.first.tolist(), rows.last.tolist(), strict=True)
    return [len({w for a, b, w in by_part.get(part, ()) if a <= first and last <= b}) for part, first, last in wanted]
