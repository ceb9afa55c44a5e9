"""File mode: one JSON object in, one JSON object out, without a vault (DESIGN section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from incamera.core.errors import Malformed
from incamera.core.records import HEADER, Account, Conversation, Part, Turn
from incamera.deid.adapters import Detector
from incamera.deid.apply import Replaced, coarse, treat
from incamera.deid.find import Found, Request, find, find_many
from incamera.deid.hits import DETECTORS, KINDS, LABELS
from incamera.deid.recipe import Recipe, load

_ROLES = ("user", "assistant", "system", "tool")
Record = dict[str, Any]


def find_record(
    record: Mapping[str, Any],
    *,
    recipe: Recipe | None = None,
    account: Account | None = None,
    detectors: Sequence[Detector] = (),
) -> Record:
    """`{"id", "findings": [...]}` of a document `{"id","text"}` or a conversation `{"id","turns":[...]}`.

    A withheld part is one finding over the whole of it, labelled WITHHELD, its reason in `detector`.

    Raises:
        Malformed: `deid.not-a-record`.
    """
    conversation = _conversation(record)
    found = find(conversation, recipe=recipe or load(), account=account, detectors=detectors)
    return {"id": record["id"], "findings": _rows(found, document="turns" not in record)}


def find_records(
    records: Iterable[Mapping[str, Any]],
    *,
    recipe: Recipe | None = None,
    batch: int = 64,
    detectors: Sequence[Detector] = (),
) -> Iterator[Record]:
    """`find_record` for many, in order; *batch* changes speed and memory, never a finding.

    Raises:
        Malformed: `deid.not-a-record`, when the flawed record's batch is reached.
    """
    recipe = recipe or load()
    remaining = iter(records)
    while some := list(islice(remaining, batch)):
        found = find_many([Request(_conversation(r)) for r in some], recipe=recipe, detectors=detectors)
        yield from ({"id": r["id"], "findings": _rows(f, document="turns" not in r)} for r, f in zip(some, found, strict=True))


def apply_record(
    record: Mapping[str, Any],
    *,
    recipe: Recipe | None = None,
    account: Account | None = None,
    key: bytes | None = None,
    detectors: Sequence[Detector] = (),
) -> Record:
    """The same record with replaced text and `"surrogates"`: `id`, roles and treated strings, nothing else.

    Keys that the interchange does not name are left out, `subject` is left out (it identifies), `started_at` is cut
    down to the recipe's coarseness. Span offsets count code points of the text that came in.

    Raises:
        Malformed: `deid.not-a-record`.
    """
    recipe = recipe or load()
    conversation = _conversation(record)
    found = find(conversation, recipe=recipe, account=account, detectors=detectors)
    return _applied(record, conversation, found, recipe, key)


def apply_records(
    records: Iterable[Mapping[str, Any]],
    *,
    recipe: Recipe | None = None,
    key: bytes | None = None,
    batch: int = 64,
    detectors: Sequence[Detector] = (),
) -> Iterator[Record]:
    """`apply_record` for many, in order, as `find_records` is for `find_record`."""
    recipe = recipe or load()
    remaining = iter(records)
    while some := list(islice(remaining, batch)):
        conversations = [_conversation(r) for r in some]
        found = find_many([Request(c) for c in conversations], recipe=recipe, detectors=detectors)
        yield from (_applied(r, c, f, recipe, key) for r, c, f in zip(some, conversations, found, strict=True))


def _applied(record: Mapping[str, Any], conversation: Conversation, found: Found, recipe: Recipe, key: bytes | None) -> Record:
    treated = treat(conversation, found, recipe=recipe, key=key)
    texts = {(t.turn, t.part): t.text for t in treated}
    document = "turns" not in record
    out: Record = {"id": record["id"]}
    if document:
        out["text"] = texts[0, 0]
    else:
        out["turns"] = [{"role": t.role, "text": texts[t.index, 0]} for t in conversation.turns]
    if conversation.header:
        out["title"] = texts[HEADER, 0]
    if started := _started(record.get("started_at"), recipe):
        out["started_at"] = started
    rows = [row for t in treated for row in _treated(t, _place(t.turn, t.part, document))]
    withheld = [
        {
            **_place(span.turn, span.part, document),
            "start": span.start,
            "end": span.end,
            "label": "WITHHELD",
            "replacement": f"[WITHHELD: {code}]",
            "method": "withheld",
            "scope": "conversation",
        }
        for span, code in found.withheld
        if span.end
    ]
    out["surrogates"] = sorted(rows + withheld, key=_standing) if withheld else rows
    return out


def _treated(one: Replaced, place: Record) -> list[Record]:
    rows: list[Record] = [
        {
            "start": start,
            "end": end,
            "label": LABELS[label],
            "replacement": replacement,
            "method": method,
            "scope": "conversation",
            "kind": KINDS[kind],
            "detector": DETECTORS[detector],
        }
        for (start, end, label, kind, _, detector), (replacement, method) in zip(one.rows, one.surrogates, strict=True)
    ]
    return [{**place, **row} for row in rows] if place else rows


def _started(value: Any, recipe: Recipe) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        when = coarse(datetime.fromisoformat(value), recipe.at)
    except ValueError:
        return None
    return when.isoformat() if when else None


def _place(turn: int, part: int, document: bool) -> Record:
    return {} if document and turn != HEADER else {"turn": turn, "part": part}


def _standing(row: Record) -> tuple[int, int, int]:
    """Where a row stands; a document's own text is turn 0, behind its title."""
    return row.get("turn", 0), row.get("part", 0), row["start"]


def _rows(found: Found, *, document: bool) -> list[Record]:
    rows = [
        {
            **place,
            "start": start,
            "end": end,
            "label": LABELS[label],
            "kind": KINDS[kind],
            "score": score / 1000,
            "detector": DETECTORS[detector],
        }
        for turn, part, hits in found.placed
        for place in (_place(turn, part, document),)
        for start, end, label, kind, score, detector in hits.tolist()
    ]
    withheld = [
        {
            **_place(span.turn, span.part, document),
            "start": span.start,
            "end": span.end,
            "label": "WITHHELD",
            "kind": "direct",
            "score": 1.0,
            "detector": f"withheld.{code}",
        }
        for span, code in found.withheld
        if span.end > span.start
    ]
    return sorted(rows + withheld, key=_standing) if withheld else rows


def _conversation(record: Mapping[str, Any]) -> Conversation:
    if not isinstance(record, Mapping) or not isinstance(record.get("id"), str):
        raise Malformed("deid.not-a-record", "expected an object with a string 'id' and 'text' or 'turns'")
    where = f"id {record['id'][:80]!r}"
    if isinstance(record.get("text"), str) and "turns" not in record:
        turns = [Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=record["text"]),))]
    elif isinstance(record.get("turns"), list):
        turns = [_turn(i, t, where) for i, t in enumerate(record["turns"])]
    else:
        raise Malformed("deid.not-a-record", "expected 'text' (a string) or 'turns' (a list)", where=where)
    title = record.get("title")
    header = (Part(kind="text", path="title", text=title),) if isinstance(title, str) else ()
    return Conversation(
        id=record["id"], subject=str(record.get("subject", "")), source="plain", turns=tuple(turns), header=header
    )


def _turn(index: int, turn: Any, where: str) -> Turn:
    if not isinstance(turn, Mapping) or not isinstance(turn.get("text"), str):
        raise Malformed("deid.not-a-record", "every turn needs a string 'text'", where=f"{where} turn {index}")
    role = turn.get("role")
    return Turn(index=index, role=role if role in _ROLES else "user", parts=(Part(kind="text", path="text", text=turn["text"]),))


__all__ = ["Record", "apply_record", "apply_records", "find_record", "find_records"]
