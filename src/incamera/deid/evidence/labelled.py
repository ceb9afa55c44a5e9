"""Labelled sets: gold spans against findings, the whole table out.

The measures are those of the field: a mention counts as covered when every letter and digit of it lies in a finding,
whatever the finding's label; a document leaks when one of its direct mentions is not covered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from incamera.core.errors import Malformed
from incamera.stats.intervals import Interval, clopper_pearson

DIRECT = ("PERSON", "PER", "CODE")
_WORD = re.compile(r"[^\W_]+")


@dataclass(slots=True, kw_only=True)
class _Tally:
    covered: int = 0
    total: int = 0

    def interval(self, confidence: float) -> Interval:
        return clopper_pearson(self.covered, self.total, confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`recall` by label ("" for all); `clean` documents without a direct leak; precision over words; masked over non-blanks."""

    recall: Mapping[str, Interval]
    clean: Interval
    token_precision: float | None
    masked_share: float | None
    documents: int = 0
    misses: Sequence[tuple[str, int, int, str]] = field(default_factory=tuple)


def evaluate(
    gold: Iterable[Mapping[str, Any]], findings: Mapping[str, Sequence[Mapping[str, Any]]], *, confidence: float = 0.95
) -> Table:
    """Compare gold documents (`{"id","text","spans"}`) with findings by document id.

    Misses carry id, offsets and label; never text.

    Raises:
        Malformed: `deid.gold-missing`, a gold document has no entry in *findings*; `deid.gold-offsets`, a span outside its text.
    """
    tallies: dict[str, _Tally] = {"": _Tally()}
    clean = _Tally()
    words_found = words_right = characters = masked = documents = 0
    misses: list[tuple[str, int, int, str]] = []
    for document in gold:
        ident, text = document["id"], document["text"]
        if ident not in findings:
            raise Malformed("deid.gold-missing", "every gold document needs an entry in the findings", where=f"id {ident!r}")
        mask, truth = _mask(text, findings[ident], ident), _mask(text, document["spans"], ident)
        documents += 1
        leaks, direct = False, False
        for span in document["spans"]:
            marks = [mask[i] for i in range(span["start"], span["end"]) if text[i].isalnum()]
            if not marks:
                continue
            covered, label = all(marks), str(span["label"])
            for tally in (tallies[""], tallies.setdefault(label, _Tally())):
                tally.covered += covered
                tally.total += 1
            if not covered:
                misses.append((ident, span["start"], span["end"], label))
            if label.upper() in DIRECT:
                direct, leaks = True, leaks or not covered
        clean.total += direct
        clean.covered += direct and not leaks
        for word in _WORD.finditer(text):
            if any(mask[word.start() : word.end()]):
                words_found += 1
                words_right += any(truth[word.start() : word.end()])
        characters += sum(not c.isspace() for c in text)
        masked += sum(m for c, m in zip(text, mask, strict=True) if not c.isspace())
    return Table(
        recall={label: tally.interval(confidence) for label, tally in sorted(tallies.items())},
        clean=clean.interval(confidence),
        token_precision=words_right / words_found if words_found else None,
        masked_share=masked / characters if characters else None,
        documents=documents,
        misses=tuple(misses),
    )


def _mask(text: str, spans: Sequence[Mapping[str, Any]], ident: str) -> bytearray:
    mask = bytearray(len(text))
    for span in spans:
        start, end = span.get("start"), span.get("end")
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
            raise Malformed("deid.gold-offsets", "span offsets do not lie in the text", where=f"id {ident!r}")
        mask[start:end] = b"\1" * (end - start)
    return mask
