"""The project's own interchange: `{"id","turns":[{"role","text"}]}` for conversations, `{"id","text"}` for documents.

Documents become conversations of one user turn, source `document`, so that one examination serves both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from incamera.ingest.draft import Draft, DraftTurn
from incamera.ingest.regions import region
from incamera.ingest.report import Report
from incamera.ingest.source import Record, Source, item, mapping, text_or_none
from incamera.ingest.times import instant

NAME: Final = "plain"
DOCUMENT: Final = "document"

_CONVERSATION: Final = frozenset(
    {"id", "turns", "subject", "started_at", "region", "country", "tier", "flags", "title", "outputs_missing"}
)
_FLAGS: Final = frozenset({"temporary", "deletion_requested_at", "party_account"})
_TURN: Final = frozenset({"role", "text", "llm", "model", "tool", "at", "hidden", "sources", "client_encrypted"})


def recognises(record: Record) -> bool:
    """`turns` is a list of objects with `role` and `text`."""
    turns = record.get("turns")
    return isinstance(turns, list) and "id" in record and all(isinstance(t, dict) and "role" in t for t in turns[:1])


def is_document(record: Record) -> bool:
    """`id` and `text`, and nothing that makes it a message."""
    return isinstance(record.get("text"), str) and "id" in record and "role" not in record and "work_id" not in record


def convert(records: list[Record], report: Report) -> Iterator[Draft]:
    """One record to one draft."""
    for record in records:
        draft = Draft(NAME, report)
        draft.id = _id(record)
        draft.subject = text_or_none(record.get("subject"))
        draft.started_at = instant(record.get("started_at"))
        draft.region = region(record.get("region") or record.get("country"))
        draft.tier = draft.label(record.get("tier"), "tier", draft.header)
        _flags(draft, mapping(record.get("flags"), "flags"))
        for i, said in enumerate(record["turns"]):
            draft.turns.append(_turn(draft, item(said, "turns"), f"turns[{i}]"))
        draft.header += draft.others(record.get("title"), "title")
        draft.header += draft.rest(record, _CONVERSATION)
        yield draft


def convert_document(records: list[Record], report: Report) -> Iterator[Draft]:
    """One document to one draft of one turn."""
    for record in records:
        draft = Draft(DOCUMENT, report)
        draft.id = _id(record)
        draft.subject = text_or_none(record.get("subject"))
        turn = DraftTurn("user")
        turn.add("text", "text", record["text"])
        draft.turns.append(turn)
        draft.header += draft.rest(record, frozenset({"id", "text", "subject"}))
        yield draft


def _id(record: Record) -> str | None:
    value = record.get("id")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text_or_none(value)


def _flags(draft: Draft, flags: Record) -> None:
    if isinstance(flags.get("temporary"), bool):
        draft.temporary = flags["temporary"]
    draft.deletion_requested_at = instant(flags.get("deletion_requested_at"))
    if "deletion_requested_at" in flags:
        draft.gives.add("deletion_requested_at")
    draft.party_account = flags.get("party_account") is True
    draft.header += draft.rest(flags, _FLAGS, "flags")


def _turn(draft: Draft, said: Record, path: str) -> DraftTurn:
    turn = DraftTurn(draft.role(said.get("role")), at=instant(said.get("at")))
    names = [draft.label(said.get(key), f"{path}.{key}", turn.parts) for key in ("llm", "model")]
    turn.llm = names[0] or names[1]
    turn.tool = draft.label(said.get("tool"), f"{path}.tool", turn.parts)
    turn.hidden = said.get("hidden") is True
    if isinstance(said.get("text"), str):
        turn.add("tool_result" if turn.role == "tool" else "text", f"{path}.text", said["text"])
    else:
        turn.parts += draft.others(said.get("text"), f"{path}.text")
    if said.get("client_encrypted") is True:
        turn.failed = "client_encrypted"
    sources = said.get("sources")
    if isinstance(sources, list):
        turn.sources += [s for s in sources if isinstance(s, str) and s]
        turn.parts += draft.others([s for s in sources if not isinstance(s, str)], f"{path}.sources")
    else:
        turn.parts += draft.others(sources, f"{path}.sources")
    turn.parts += draft.rest(said, _TURN, path)
    return turn


SOURCE: Final = Source(NAME, 'interchange conversations: {"id", "turns": [{"role", "text"}]}', recognises, convert)
DOCUMENTS: Final = Source(DOCUMENT, 'interchange documents: {"id", "text"}', is_document, convert_document)
