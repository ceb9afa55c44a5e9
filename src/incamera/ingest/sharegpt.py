"""ShareGPT rows: `conversations` of `from` and `value`. Linear, without times, and without any subject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from incamera.core.records import PartKind
from incamera.ingest.draft import Draft, DraftTurn
from incamera.ingest.report import Report
from incamera.ingest.source import Record, Source, item, text_or_none

NAME: Final = "sharegpt"

_SPEECH: Final[dict[str, PartKind]] = {
    "function_call": "tool_call",
    "observation": "tool_result",
    "tool": "tool_result",
    "function": "tool_result",
}


def recognises(record: Record) -> bool:
    """`conversations` is a list of objects with `from` and `value`."""
    turns = record.get("conversations")
    return isinstance(turns, list) and all(isinstance(t, dict) and "from" in t for t in turns[:1])


def convert(records: list[Record], report: Report) -> Iterator[Draft]:
    """One row to one draft."""
    for record in records:
        draft = Draft(NAME, report)
        draft.id = text_or_none(record.get("id"))
        llm = draft.label(record.get("model"), "model", draft.header)
        for i, said in enumerate(record["conversations"]):
            said = item(said, "conversations")
            name = said.get("from")
            turn = DraftTurn("assistant" if name == "function_call" else draft.role(name))
            turn.llm = llm if turn.role == "assistant" else None
            value = said.get("value")
            path = f"conversations[{i}].value"
            if isinstance(value, str):
                turn.add(_SPEECH.get(str(name), "text"), path, value)
            elif value is not None:
                turn.parts += draft.others(value, path, key="value")
            turn.parts += draft.rest(said, frozenset({"from", "value"}), f"conversations[{i}]")
            draft.turns.append(turn)
        draft.header += draft.others(record.get("system"), "system")
        draft.header += draft.rest(record, frozenset({"id", "conversations", "model", "system"}))
        yield draft


SOURCE: Final = Source(NAME, "ShareGPT: objects with `conversations` of `from` and `value`", recognises, convert)
