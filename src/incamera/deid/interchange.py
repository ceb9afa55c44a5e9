"""File mode: one JSON object in, one JSON object out, without a vault (DESIGN section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from incamera.core.errors import Malformed
from incamera.core.ids import Commitment
from incamera.core.records import HEADER, Account, Conversation, Part, Span, Turn
from incamera.deid.adapters import Detector
from incamera.deid.apply import apply, coarse
from incamera.deid.find import Found, Request, find, find_many
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
    redacted = apply(conversation, found, recipe=recipe, source=Commitment(""), at=recipe.at, key=key)
    document = "turns" not in record
    out: Record = {"id": record["id"]}
    if document:
        out["text"] = redacted.turns[0].parts[0].text
    else:
        out["turns"] = [{"role": t.role, "text": t.parts[0].text} for t in redacted.turns]
    if redacted.header:
        out["title"] = redacted.header[0].text
    if started := _started(record.get("started_at"), recipe):
        out["started_at"] = started
    rows = [
        (
            s.span,
            {
                "label": s.label,
                "replacement": s.replacement,
                "method": s.method,
                "scope": s.scope,
                "kind": s.kind,
                "detector": s.detector,
            },
        )
        for s in redacted.surrogates
    ]
    rows += [
        (span, {"label": "WITHHELD", "replacement": f"[WITHHELD: {code}]", "method": "withheld", "scope": "conversation"})
        for span, code in redacted.withheld
        if span.end
    ]
    out["surrogates"] = [
        {**_place(span, document), "start": span.start, "end": span.end, **row} for span, row in sorted(rows, key=lambda r: r[0])
    ]
    return out


def _started(value: Any, recipe: Recipe) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        when = coarse(datetime.fromisoformat(value), recipe.at)
    except ValueError:
        return None
    return when.isoformat() if when else None


def _place(span: Span, document: bool) -> Record:
    return {} if document and span.turn != HEADER else {"turn": span.turn, "part": span.part}


def _rows(found: Found, *, document: bool) -> list[Record]:
    rows: list[tuple[Span, Record]] = [
        (f.span, {"label": f.label, "kind": f.kind, "score": f.score, "detector": f.detector}) for f in found.findings
    ]
    for span, code in found.withheld:
        if span.end > span.start:
            rows.append((span, {"label": "WITHHELD", "kind": "direct", "score": 1.0, "detector": f"withheld.{code}"}))
    rows.sort(key=lambda r: r[0])
    return [{**_place(span, document), "start": span.start, "end": span.end, **row} for span, row in rows]


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
