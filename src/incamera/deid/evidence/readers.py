"""Readers: people who look at a random draw and mark what identifies. The only evidence that bounds a production.

A reader of *redacted* text marks what still identifies; a reader of *raw* text marks all that identifies, blind to the output,
and what they marked is compared with what was replaced. Draw, signed tally and bound are `incamera_verify.reading`, the same
code with which the other side checks them; here are the packets that readers get and the marks they give back.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from incamera.core.canon import canonical
from incamera.core.errors import Malformed
from incamera.core.ids import digest
from incamera.core.records import HEADER, Conversation, Redacted
from incamera.deid.find import LLM, SOURCES, TOOL
from incamera_verify import bounds, draw, reading
from incamera_verify.reading import ANY, KINDS, Plan

PACKET_VERSION = "incamera/reading-packet/1"
NOT_ESTABLISHED = "not established"
#: What each kind takes in, as the packet tells its reader.
ABOUT = {
    "structured": "numbers and codes that name somebody: e-mail, phone, card, account, case or record number, address, link, key",
    "names": "names of people, and names of places or organisations that give a person away; nicknames and handles too",
    "other": "anything else by which a stranger could tell who it is: a rare job with a place, a dated event, a family detail",
}
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Piece:
    """One string of a conversation, at the place that spans use."""

    turn: int
    part: int
    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a reader marked: a kind, a place, and the words in it as half-open code points. No text."""

    kind: str
    turn: int
    part: int
    words: tuple[tuple[int, int], ...]

    def row(self) -> list[Any]:
        """Its form in an annotation file."""
        return [self.kind, self.turn, self.part, [list(word) for word in self.words]]


def decimal(value: float) -> str:
    """A share as digits, never in exponents: how plans state rates and confidence."""
    return f"{value:.17f}".rstrip("0").rstrip(".") if "e" in repr(value) else repr(value)


# --- how many -----------------------------------------------------------------------------------------------------------


def places(
    sizes: Mapping[str, int], *, rate: Fraction, alpha: Fraction, by_stratum: bool, readings: int | None, twice: float
) -> dict[str, tuple[int, int, int]]:
    """Stratum to (rows, rows to read, rows to read twice).

    Args:
        sizes: Rows of each stratum.
        by_stratum: Each stratum has to hold the rate by itself.
        readings: Rows to read of each stratum, as far as it has so many; None for the fewest with which the rate holds if
            nothing is found. A single leak among the fewest misses it.
        twice: Share of the read rows that two readers read, rounded up.
    """
    if readings is not None:
        count = {stratum: min(of, readings) for stratum, of in sizes.items()}
    elif by_stratum:
        count = {stratum: _fewest(of, rate, alpha / max(1, len(sizes))) for stratum, of in sizes.items()}
    else:
        count = _fewest_together(sizes, rate, alpha)
    return {stratum: (of, count[stratum], min(count[stratum], ceil(count[stratum] * twice))) for stratum, of in sizes.items()}


def _fewest(of: int, rate: Fraction, alpha: Fraction) -> int:
    return bisect_left(range(of), True, key=lambda read: bounds.hypergeometric(0, read, of, alpha) <= rate * of)


def _fewest_together(sizes: Mapping[str, int], rate: Fraction, alpha: Fraction) -> dict[str, int]:
    """Proportional places; the fewest that hold the rate, found by halving and then walked up past uneven roundings."""
    total = sum(sizes.values())

    def holds(size: int) -> bool:
        quota = draw.quotas(sizes, size)
        strata = [bounds.Stratum(leaks=0, read=quota[s], rows=of) for s, of in sizes.items()]
        return bounds.whole(strata, alpha) <= rate * total

    fewest = bisect_left(range(total), True, key=holds)
    while fewest < total and not holds(fewest):
        fewest += 1
    return draw.quotas(sizes, fewest)


# --- what a reader gets -------------------------------------------------------------------------------------------------


def pieces(conversation: Conversation | Redacted) -> list[Piece]:
    """Every string of a conversation, raw or redacted, with its place: header, parts, then tool, language model and sources."""
    found = [Piece(turn=HEADER, part=p, role="header", text=part.text) for p, part in enumerate(conversation.header)]
    for turn in conversation.turns:
        here = [(p, part.text) for p, part in enumerate(turn.parts)]
        here += [(place, text) for place, text in ((TOOL, turn.tool), (LLM, turn.llm)) if text is not None]
        here += [(SOURCES - k, source) for k, source in enumerate(turn.sources)]
        found += [Piece(turn=turn.index, part=p, role=turn.role, text=text) for p, text in here]
    return found


def packet_header(plan: Plan, reader: int) -> dict[str, Any]:
    """The first line of a packet: whose it is, of which draw, and what to do."""
    return {
        "version": PACKET_VERSION,
        "matter": plan.matter,
        "order": plan.order,
        "plan": plan.digest,
        "reader": plan.readers[reader],
        "text": plan.text,
        "rows": len(plan.of(reader)),
        "kinds": ABOUT,
        "how": 'Set "marks" of every row to a list, empty if nothing identifies anybody: '
        '{"kind": ..., "quote": ...} for words as they stand, or {"kind", "turn", "part", "start", "end"}.',
    }


def packet_row(row: str, text: Sequence[Piece]) -> dict[str, Any]:
    """One row to read: its strings and nothing about what was found or replaced."""
    return {
        "row": row,
        "parts": [{"turn": p.turn, "part": p.part, "role": p.role, "text": p.text} for p in text],
        "marks": None,
    }


# --- what a reader gives back -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Filled:
    """A packet that came back: its header, and the marks of each row."""

    header: Mapping[str, Any]
    marks: Mapping[str, tuple[Mark, ...]]

    def counts(self) -> list[dict[str, Any]]:
        """Marks by row and kind, in order of row id: the rows of a tally."""
        return [
            {"row": row, **{kind: sum(m.kind == kind for m in marks) for kind in KINDS}}
            for row, marks in sorted(self.marks.items())
        ]

    def marks_rows(self) -> dict[str, list[Any]]:
        """The marks as they stand in an annotation file: places and kinds, no text."""
        return {row: [mark.row() for mark in marks] for row, marks in sorted(self.marks.items())}

    def marks_digest(self) -> str:
        """SHA-256 over the canonical marks: how a tally names them."""
        return digest(canonical(self.marks_rows()))


def filled(lines: Iterable[tuple[int, Mapping[str, Any]]], where: str) -> Filled:
    """A packet as a reader filled it in.

    Raises:
        Malformed: `deid.not-a-packet`; `deid.reading-incomplete`, a row without its list of marks: leaving out what is hard
            to read would flatter the bound; `deid.bad-mark`, naming line and number of the mark.
    Privacy: reads the packet's text to find quoted words; keeps offsets only.
    """
    rows = iter(lines)
    _, header = next(rows, (0, {}))
    if header.get("version") != PACKET_VERSION:
        raise Malformed("deid.not-a-packet", f"expected {PACKET_VERSION} in the first line", where=where)
    marks: dict[str, tuple[Mark, ...]] = {}
    for number, row in rows:
        place = f"{where}:{number}"
        parts = row.get("parts")
        if not isinstance(row.get("row"), str) or not isinstance(parts, list) or row["row"] in marks:
            raise Malformed("deid.not-a-packet", "expected a row with its parts and its marks, each row once", where=place)
        if not isinstance(row.get("marks"), list):
            hint = "every row must come back with its list of marks, an empty one where nothing identifies anybody"
            raise Malformed("deid.reading-incomplete", hint, where=place)
        text = {(p["turn"], p["part"]): p["text"] for p in parts}
        marks[row["row"]] = tuple(
            mark for n, given in enumerate(row["marks"], 1) for mark in _marks(given, text, f"{place} mark {n}")
        )
    if len(marks) != header.get("rows"):
        raise Malformed("deid.reading-incomplete", f"the packet had {header.get('rows')} rows", where=where)
    return Filled(header=header, marks=marks)


def _marks(given: Any, text: Mapping[tuple[int, int], str], where: str) -> Iterator[Mark]:
    """One mark, or one for every place where quoted words stand."""
    flaw = Malformed(
        "deid.bad-mark", f"a mark has a kind ({', '.join(KINDS)}) and a quote, or turn, part, start, end", where=where
    )
    if not isinstance(given, Mapping) or given.get("kind") not in KINDS:
        raise flaw
    quote = given.get("quote")
    if isinstance(quote, str) and quote:
        spans = [(place, m.start(), m.end()) for place, whole in text.items() for m in re.finditer(re.escape(quote), whole)]
        if not spans:
            raise Malformed("deid.bad-mark", "the quoted words do not stand in the row", where=where)
    else:
        numbers = [n for name in ("turn", "part", "start", "end") if type(n := given.get(name)) is int]
        if len(numbers) != 4:
            raise flaw
        place, start, end = (numbers[0], numbers[1]), numbers[2], numbers[3]
        if not 0 <= start < end <= len(text.get(place, "")):
            raise flaw
        spans = [(place, start, end)]
    for place, start, end in spans:
        words = tuple((start + m.start(), start + m.end()) for m in _WORD.finditer(text[place][start:end]))
        yield Mark(kind=given["kind"], turn=place[0], part=place[1], words=words or ((start, end),))


# --- what it says -------------------------------------------------------------------------------------------------------


def leaked(marks: Iterable[Mark], replaced: Iterable[tuple[int, int, int, int]]) -> frozenset[str]:
    """Kinds of which some mark on raw text has a word that no replaced stretch covers whole.

    Args:
        replaced: (turn, part, start, end) on the same text.
    """
    by_place: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for turn, part, start, end in replaced:
        by_place.setdefault((turn, part), []).append((start, end))
    merged = {place: _merged(spans) for place, spans in by_place.items()}
    return frozenset(
        mark.kind
        for mark in marks
        if not all(any(a <= s and e <= b for a, b in merged.get((mark.turn, mark.part), ())) for s, e in mark.words)
    )


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def sentence(verdict: reading.Verdict | None, confidence: str = "0.95") -> str:
    """The line of a certificate."""
    if verdict is None:
        return f"Leak bound: {NOT_ESTABLISHED} (no reader looked at this production)."
    whole = verdict.whole(ANY)
    said = reading.sentence(whole, confidence)
    return f"{said[0].upper()}{said[1:]} leak; {whole.leaks} of {whole.read} read did."
