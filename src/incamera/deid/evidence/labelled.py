"""Labelled sets: gold spans against findings, the whole table out.

The measures are those of the field: a mention counts as covered when every letter and digit of it lies in a finding,
whatever the finding's label; a document leaks when one of its direct mentions is not covered. What a labelled set shows, it
shows of its own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from incamera.core.errors import Malformed
from incamera.stats.intervals import Interval, clopper_pearson

DIRECT = ("PERSON", "PER", "CODE")
#: The dimensions of the table; "" is the whole.
DIMENSIONS = ("", "label", "kind", "language", "context", "language, context and label")
_WORD = re.compile(r"[^\W_]+")
_CODE = re.compile(r"[;{}]\s*$|^\s*(?:def |class |import |from \w+ import|return\b|#include|//|\w+\s*=\s*\S)|=>|\(\)")
_CELLS = re.compile(r"\||\t|;(?=\S)")


@dataclass(slots=True, kw_only=True)
class _Tally:
    covered: int = 0
    touched: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Mentions of one cell: how many were covered whole, how many touched; the interval is of the covered share."""

    by: str
    value: str
    mentions: int
    touched: int
    covered: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`rows` by dimension; `clean` documents without a direct leak; `units` that are gone at every occurrence, where gold
    names units; `precision` of found words that some gold span touches; `masked` of non-blank characters.

    `misses` carry id, offsets and label; never text.
    """

    rows: Sequence[Row]
    clean: Interval
    units: Interval
    precision: Interval
    masked: Interval
    documents: int = 0
    unlabelled: int = 0
    misses: Sequence[tuple[str, int, int, str]] = field(default_factory=tuple)

    @property
    def recall(self) -> Mapping[str, Interval]:
        """By label, "" for all."""
        return {row.value: row.covered for row in self.rows if row.by in ("", "label")}

    @property
    def masked_share(self) -> float | None:
        return self.masked.point


@dataclass(slots=True)
class _Counts:
    cells: dict[tuple[str, str], _Tally] = field(default_factory=dict)
    clean: _Tally = field(default_factory=_Tally)
    units: _Tally = field(default_factory=_Tally)
    words: _Tally = field(default_factory=_Tally)
    characters: _Tally = field(default_factory=_Tally)
    documents: int = 0
    unlabelled: int = 0
    misses: list[tuple[str, int, int, str]] = field(default_factory=list)

    def mention(self, cells: Iterable[tuple[str, str]], *, covered: bool, touched: bool) -> None:
        for cell in cells:
            tally = self.cells.setdefault(cell, _Tally())
            tally.covered += covered
            tally.touched += touched
            tally.total += 1


def evaluate(
    gold: Iterable[Mapping[str, Any]], findings: Mapping[str, Sequence[Mapping[str, Any]]], *, confidence: float = 0.95
) -> Table:
    """Compare gold documents (`{"id","text","spans","lang"?,"context"?}`) with findings by document id.

    A document's language is what it states, its context too; where it states no context, each mention gets that of its line:
    code, table, or prose.

    Raises:
        Malformed: `deid.gold-missing`, a gold document has no entry in *findings*; `deid.gold-doubled`, an id stands twice;
            `deid.gold-offsets`, a span outside its text.
    """
    counts = _Counts()
    seen: set[str] = set()
    for document in gold:
        ident = document["id"]
        if ident in seen:
            raise Malformed("deid.gold-doubled", "a gold document stands twice", where=f"id {ident!r}")
        if ident not in findings:
            raise Malformed("deid.gold-missing", "every gold document needs an entry in the findings", where=f"id {ident!r}")
        seen.add(ident)
        _document(document, findings[ident], counts)
    return _table(counts, confidence)


def _document(document: Mapping[str, Any], found: Sequence[Mapping[str, Any]], counts: _Counts) -> None:
    ident, text = document["id"], document["text"]
    mask, truth = _mask(text, found, ident), _mask(text, document["spans"], ident)
    counts.documents += 1
    leaks, direct = False, False
    units: dict[str, bool] = {}
    for span in document["spans"]:
        marks = [mask[i] for i in range(span["start"], span["end"]) if text[i].isalnum()]
        if not marks:
            counts.unlabelled += 1
            continue
        covered, label = all(marks), str(span["label"])
        counts.mention(_cells(document, span), covered=covered, touched=any(marks))
        if not covered:
            counts.misses.append((ident, span["start"], span["end"], label))
        if label.upper() in DIRECT or span.get("kind") == "direct":
            direct, leaks = True, leaks or not covered
        if span.get("unit") is not None:
            units[str(span["unit"])] = units.get(str(span["unit"]), True) and covered
    counts.clean.total += direct
    counts.clean.covered += direct and not leaks
    counts.units.total += len(units)
    counts.units.covered += sum(units.values())
    for word in _WORD.finditer(text):
        if any(mask[word.start() : word.end()]):
            counts.words.total += 1
            counts.words.covered += any(truth[word.start() : word.end()])
    counts.characters.total += sum(not c.isspace() for c in text)
    counts.characters.covered += sum(m for c, m in zip(text, mask, strict=True) if not c.isspace())


def _cells(document: Mapping[str, Any], span: Mapping[str, Any]) -> list[tuple[str, str]]:
    label, language = str(span["label"]), str(document.get("lang") or document.get("language") or "unstated")
    context = str(document.get("context") or context_of(document["text"], span["start"]))
    cells = [("", ""), ("label", label), ("language", language), ("context", context)]
    if span.get("kind"):
        cells.append(("kind", str(span["kind"])))
    return [*cells, ("language, context and label", f"{language} {context} {label}")]


def context_of(text: str, at: int) -> str:
    """Whether the line at *at* reads as code, as a row of a table, or as prose. A guess by its signs, and said to be one."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[start : end if end >= 0 else len(text)][:2000]
    if _CODE.search(line):
        return "code"
    return "table" if len(_CELLS.findall(line)) >= 2 else "prose"


def _table(counts: _Counts, confidence: float) -> Table:
    def interval(tally: _Tally) -> Interval:
        return clopper_pearson(tally.covered, tally.total, confidence)

    cells = {("", ""): _Tally(), **counts.cells}
    ordered = sorted(cells.items(), key=lambda item: (DIMENSIONS.index(item[0][0]), item[0][1]))
    return Table(
        rows=[
            Row(by=by, value=value, mentions=tally.total, touched=tally.touched, covered=interval(tally))
            for (by, value), tally in ordered
        ],
        clean=interval(counts.clean),
        units=interval(counts.units),
        precision=interval(counts.words),
        masked=interval(counts.characters),
        documents=counts.documents,
        unlabelled=counts.unlabelled,
        misses=tuple(counts.misses),
    )


def _mask(text: str, spans: Sequence[Mapping[str, Any]], ident: str) -> bytearray:
    mask = bytearray(len(text))
    for span in spans:
        start, end = span.get("start"), span.get("end")
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
            raise Malformed("deid.gold-offsets", "span offsets do not lie in the text", where=f"id {ident!r}")
        mask[start:end] = b"\1" * (end - start)
    return mask
