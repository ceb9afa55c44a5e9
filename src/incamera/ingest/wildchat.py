"""WildChat and LMSYS rows: `conversation` of `role` and `content`, as JSON lines or Parquet.

The only name of a person is the hash of an address: it serves as the subject and is never text. Country becomes the region;
state, request header and the moderation scores are not carried over: they are facts about the sender, or no text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from incamera.ingest.draft import Draft, DraftTurn
from incamera.ingest.regions import region
from incamera.ingest.report import Report
from incamera.ingest.source import Record, Source, item, text_or_none
from incamera.ingest.times import instant

NAME: Final = "wildchat"

#: Facts about the sender and scores: no text of the conversation, and left behind on purpose.
_LEFT: Final = frozenset(
    {
        *("hashed_ip", "header", "state", "country", "openai_moderation", "detoxify_moderation", "toxic", "redacted"),
        *("language", "turn_identifier", "timestamp", "role", "content", "tstamp"),
    }
)
_CONVERSATION: Final = _LEFT | {"conversation", "conversation_hash", "conversation_id", "model", "turn", "id", "judge", "user"}


def recognises(record: Record) -> bool:
    """`conversation` is a list of objects with `role` and `content`."""
    turns = record.get("conversation")
    return isinstance(turns, list) and all(isinstance(t, dict) and "role" in t and "content" in t for t in turns[:1])


def convert(records: list[Record], report: Report) -> Iterator[Draft]:
    """One row to one draft."""
    for record in records:
        draft = Draft(NAME, report)
        draft.id = text_or_none(record.get("conversation_hash")) or text_or_none(record.get("conversation_id"))
        draft.started_at = instant(record.get("timestamp")) or instant(record.get("tstamp"))
        llm = draft.label(record.get("model"), "model", draft.header)
        turns = [item(t, "conversation") for t in record["conversation"]]
        sender = [record, *turns]
        draft.subject = next((h for h in (text_or_none(r.get("hashed_ip")) for r in sender) if h), None)
        draft.region = next((c for c in (region(r.get("country")) for r in sender) if c), None)
        for i, said in enumerate(turns):
            turn = DraftTurn(draft.role(said.get("role")), at=instant(said.get("timestamp")))
            turn.llm = llm if turn.role == "assistant" else None
            path = f"conversation[{i}]"
            if isinstance(said.get("content"), str):
                turn.add("text", f"{path}.content", said["content"])
            else:
                turn.parts += draft.others(said.get("content"), f"{path}.content")
            turn.parts += draft.rest(said, _LEFT, path)
            draft.turns.append(turn)
        draft.header += draft.rest(record, _CONVERSATION)
        yield draft


SOURCE: Final = Source(NAME, "WildChat or LMSYS: objects with `conversation` of `role` and `content`", recognises, convert)
