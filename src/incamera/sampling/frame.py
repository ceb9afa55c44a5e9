"""The frame: every conversation that could be drawn, as random row ids with their strata, under one root.

Each conversation of the vault is either in the frame, in exactly one stratum, or excluded by the first rule of the order that
names it; both are counted. The row ids are random, so the frame can be given to anybody: it tells how many, by stratum, and
nothing about whom. Which row stands for which conversation is the *row map*, which stays sealed with the matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from sys import intern
from typing import Any, Final

from incamera.core.errors import Malformed, Refused
from incamera.core.facts import TIERS, UNKNOWN, FactsLike, Selection, closed
from incamera.core.ids import Digest, Ref, new_ref
from incamera_verify import draw
from incamera_verify.canon import canonical
from incamera_verify.draw import FRAME_VERSION, FrameRow

MAP_VERSION: Final = "incamera/row-map/1"
STRATA: Final = ("month", "region", "tier", "source")
#: Stratum of a frame that is not divided.
WHOLE: Final = "all"

_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A committed frame. Carries no personal data.

    `excluded` counts each conversation once, under the first rule that names it, in the order of the rules; `excluded_each`
    counts every rule by itself, so rules that overlap add up to more. `population` is the frame and everything excluded.
    """

    rows: tuple[FrameRow, ...]
    root: Digest
    strata: Mapping[str, int]
    stratified_by: tuple[str, ...]
    population: int
    excluded: Mapping[str, int]
    excluded_each: Mapping[str, int]

    @property
    def header(self) -> dict[str, Any]:
        """First line of the frame file; its digest goes into the ledger with the root."""
        return {
            "v": FRAME_VERSION,
            "rows": len(self.rows),
            "root": self.root,
            "strata": dict(self.strata),
            "stratified_by": list(self.stratified_by),
            "population": self.population,
            "excluded": dict(self.excluded),
            "excluded_each": dict(self.excluded_each),
        }

    def lines(self) -> Iterator[bytes]:
        """The frame file, line by line, each with its line end."""
        yield canonical(self.header) + b"\n"
        for row in self.rows:
            yield draw.leaf(*row) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMap:
    """Which row stands for which conversation, and why each other conversation is in no row. Never leaves the holder.

    Privacy: with the frame file in others' hands this map is what tells a drawn row's conversation; seal it with the matter.
    """

    rows: Mapping[Ref, Ref]
    excluded: Mapping[Ref, str]

    def lines(self) -> Iterator[bytes]:
        """The map as JSON lines: a header, then `{"cref","row"}` or `{"cref","excluded"}`."""
        yield canonical({"v": MAP_VERSION, "rows": len(self.rows), "excluded": len(self.excluded)}) + b"\n"
        for cref, row in self.rows.items():
            yield canonical({"cref": cref, "row": row}) + b"\n"
        for cref, rule in self.excluded.items():
            yield canonical({"cref": cref, "excluded": rule}) + b"\n"

    @classmethod
    def parse(cls, lines: Iterable[bytes]) -> RowMap:
        """The map of `lines`.

        Raises:
            Malformed: `sample.bad-row-map`, naming the line.
        """
        rows: dict[Ref, Ref] = {}
        excluded: dict[Ref, str] = {}
        header: dict[str, Any] = {}
        number = 0
        try:
            for number, line in enumerate(lines, 1):
                value = json.loads(line)
                if number == 1:
                    header = value
                elif "row" in value:
                    rows[value["cref"]] = value["row"]
                else:
                    excluded[value["cref"]] = value["excluded"]
            if header != {"v": MAP_VERSION, "rows": len(rows), "excluded": len(excluded)}:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise Malformed("sample.bad-row-map", f"expected {MAP_VERSION}, complete", where=f"line {number}") from None
        return cls(rows=rows, excluded=excluded)


def build(
    facts: Iterable[FactsLike],
    rules: Selection,
    *,
    stratified_by: Sequence[str] = ("month",),
    lacks: Callable[[str], object] = lambda _: (),
    tiers: Iterable[str] = (),
    row_id: Callable[[FactsLike], str] = lambda _: new_ref(),
) -> tuple[Frame, RowMap]:
    """The frame of an order over the facts of a vault.

    Args:
        facts: One per conversation, in any order; read once.
        rules: The order's `[frame]`.
        stratified_by: The order's strata, of month, region, tier, source; what a source does not say is `unknown`, a stratum
            of its own.
        lacks: Names of the sources that lack a field altogether (`ingest.Report.lacks`); empty or False if none does.
        tiers: Names of tiers, in lower case, that may stand in a stratum beside the common ones and those of the rules; any
            other is `unknown`.
        row_id: Names a row; random by default. An extension passes the ids of the earlier frame.
    Raises:
        Refused: `sample.lacking-field`, a rule needs a field that a source lacks, so it would silently not apply.
        Malformed: `sample.unknown-stratum`, `sample.repeated-conversation`, `sample.repeated-row`.
    Privacy: reads facts, no text; the frame emits counts and random ids.
    Cost: one pass and a sort; about 400 bytes a conversation in memory.
    """
    if not set(stratified_by) <= set(STRATA):
        raise Malformed("sample.unknown-stratum", f"strata are {', '.join(STRATA)}")
    _require(rules, lacks)
    allowed = TIERS.union(tiers, rules.named_tiers)
    rows: dict[Ref, Ref] = {}
    listed: list[FrameRow] = []
    out: dict[Ref, str] = {}
    first = dict.fromkeys(rules.names, 0)
    each = dict.fromkeys(rules.names, 0)
    for told in facts:
        fact, cref = closed(told, allowed), Ref(told.cref)
        if cref in rows or cref in out:
            raise Malformed("sample.repeated-conversation", "the vault told the facts of one conversation twice", where=cref)
        reasons = _reasons(rules, fact)
        for rule in reasons:
            each[rule] += 1
        if reasons:
            first[reasons[0]] += 1
            out[cref] = reasons[0]
        else:
            row = Ref(row_id(fact))
            rows[cref] = row
            listed.append(FrameRow(row, intern(stratum(fact, stratified_by))))
    listed.sort()
    if any(one.row == other.row for one, other in pairwise(listed)):
        raise Malformed("sample.repeated-row", "two conversations got one row id")
    ordered = tuple(listed)
    frame = Frame(
        rows=ordered,
        root=Digest(draw.frame_root(ordered).hex()),
        strata=draw.strata(ordered),
        stratified_by=tuple(stratified_by),
        population=len(rows) + len(out),
        excluded=first,
        excluded_each=each,
    )
    return frame, RowMap(rows=rows, excluded=out)


def stratum(facts: FactsLike, by: Sequence[str]) -> str:
    """The stratum of a conversation, `month=2024-01;tier=free`. Values are reduced to letters, digits and `._+-`."""
    return ";".join(f"{name}={_UNSAFE.sub('_', getattr(facts, name) or UNKNOWN)[:40]}" for name in by) or WHOLE


def _require(rules: Selection, lacks: Callable[[str], object]) -> None:
    """Refuse a rule that some source cannot answer: applied to nothing, it would look as if nothing were excluded."""
    for field, rule in rules.fields.items():
        lacking = lacks(field)
        if lacking:
            sources = f" ({', '.join(map(str, lacking))})" if isinstance(lacking, tuple | list | set | frozenset) else ""
            raise Refused(
                "sample.lacking-field", f"the rule {rule} needs {field}, which the source lacks{sources}", where=f"frame.{field}"
            )


def _reasons(rules: Selection, fact: FactsLike) -> list[str]:
    if rules.by_day and not hasattr(fact, "day"):
        raise Refused(
            "sample.lacking-field", "the rule period needs day, and the vault keeps months: use whole months", where="frame.day"
        )
    return rules.excluded_by(fact)
