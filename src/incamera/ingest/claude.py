"""Claude account exports and compliance API chats: messages under `chat_messages`, text in content blocks.

`text` beside `content[]` repeats the text blocks and lacks the tools: it is read only where there are no blocks.
The export names no llm; the compliance API does. A deleted chat of the compliance API has empty contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from incamera.core.records import PartKind
from incamera.ingest.addresses import addresses
from incamera.ingest.draft import Draft, DraftTurn, label
from incamera.ingest.report import Report
from incamera.ingest.source import Record, Source, item, listing, text_or_none
from incamera.ingest.times import instant

NAME: Final = "claude"

_CONVERSATION: Final = frozenset(
    {
        *("uuid", "id", "name", "chat_messages", "created_at", "updated_at", "account", "user", "model", "deleted_at"),
        *("is_temporary", "current_leaf_message_uuid", "has_more", "first_id", "last_id"),
    }
)
_MESSAGE: Final = frozenset(
    {
        *("uuid", "id", "parent_message_uuid", "sender", "role", "text", "content", "created_at", "updated_at"),
        *("attachments", "files", "index", "stop_reason"),
    }
)
#: block type -> (key that holds the text, kind); the other keys of a block are kept as extra.
_BLOCKS: Final[dict[str, tuple[str, PartKind]]] = {
    "text": ("text", "text"),
    "thinking": ("thinking", "reasoning"),
    "redacted_thinking": ("data", "reasoning"),
    "tool_use": ("input", "tool_call"),
    "server_tool_use": ("input", "tool_call"),
    "tool_result": ("content", "tool_result"),
    "web_search_tool_result": ("content", "tool_result"),
    "token_budget": ("", "extra"),
    "voice_note": ("text", "text"),
}


def recognises(record: Record) -> bool:
    """`chat_messages` is a list."""
    return isinstance(record.get("chat_messages"), list)


def convert(records: list[Record], report: Report) -> Iterator[Draft]:
    """One export record to one draft; branches by `parent_message_uuid` where messages have parents."""
    for record in records:
        draft = Draft(NAME, report)
        draft.id = text_or_none(record.get("uuid")) or text_or_none(record.get("id"))
        _facts(draft, record)
        messages = [item(m, "chat_messages") for m in record["chat_messages"]]
        linked = any(text_or_none(m.get("parent_message_uuid")) for m in messages)
        for message in messages:
            draft.turns.append(_turn(draft, message, linked, gone=record.get("deleted_at") is not None))
        if linked:
            _link(draft, record)
        yield draft


def _facts(draft: Draft, record: Record) -> None:
    for key in ("account", "user"):
        owner = record.get(key)
        if isinstance(owner, dict):
            draft.subject = draft.subject or text_or_none(owner.get("uuid")) or text_or_none(owner.get("id"))
            draft.header += draft.others(owner, key, key=key)
    draft.started_at = instant(record.get("created_at"))
    draft.deletion_requested_at = instant(record.get("deleted_at"))
    if "deleted_at" in record:
        draft.gives.add("deletion_requested_at")
    if isinstance(record.get("is_temporary"), bool):
        draft.temporary = record["is_temporary"]
    draft.header += draft.others(record.get("name"), "name", key="title")
    draft.header += draft.others(record.get("model"), "model", key="model")
    draft.header += draft.rest(record, _CONVERSATION)


def _link(draft: Draft, record: Record) -> None:
    """The export's root is a parent that no message has: it holds no turn."""
    refs = {t.ref for t in draft.turns}
    for turn in draft.turns:
        if turn.parent is not None and turn.parent not in refs:
            draft.links[turn.parent] = None
    draft.leaf = text_or_none(record.get("current_leaf_message_uuid"))
    if draft.leaf is None and draft.turns:
        draft.leaf = draft.turns[-1].ref


def _turn(draft: Draft, message: Record, linked: bool, *, gone: bool) -> DraftTurn:
    turn = DraftTurn(draft.role(message.get("sender") or message.get("role")), at=instant(message.get("created_at")))
    turn.llm = label(message.get("model"))
    if linked:
        turn.ref = text_or_none(message.get("uuid")) or text_or_none(message.get("id"))
        turn.parent = text_or_none(message.get("parent_message_uuid"))
    blocks = message.get("content")
    if isinstance(blocks, str):
        turn.add("text", "content", blocks)
    else:
        for i, block in enumerate(listing(blocks, "chat_messages.content")):
            _block(draft, turn, block, f"content[{i}]")
    said = message.get("text")
    if isinstance(said, str) and said not in "\n\n".join(p.text for p in turn.parts):
        turn.add("text", "text", said)
    for i, attachment in enumerate(listing(message.get("attachments"), "chat_messages.attachments")):
        _attachment(draft, turn, attachment, f"attachments[{i}]")
    for i, file in enumerate(listing(message.get("files"), "chat_messages.files")):
        _attachment(draft, turn, file, f"files[{i}]")
    turn.parts += draft.rest(message, _MESSAGE)
    if gone and not turn.parts:
        turn.failed = "deleted"
    return turn


def _block(draft: Draft, turn: DraftTurn, block: Any, path: str) -> None:
    if not isinstance(block, dict):
        turn.parts += draft.others(block, path)
        return
    type_ = block.get("type")
    key, kind = _BLOCKS.get(type_, ("", "extra")) if isinstance(type_, str) else ("", "extra")
    if type_ not in _BLOCKS:
        draft.report.drifted(draft.source, "unknown-type", type_)
        key, kind = "text", "text"
    turn.sources += addresses(block.get("citations"))
    if kind in ("tool_call", "tool_result"):
        turn.tool = turn.tool or label(block.get("name"))
        if kind == "tool_result":
            turn.sources += addresses(block.get("content"))
    value = block.get(key) if key else None
    if isinstance(value, str):
        turn.add(kind, f"{path}.{key}", value)
    elif value is not None:
        turn.parts += draft.others(value, f"{path}.{key}", kind=kind, key=key)
    handled = {"type", key}
    if turn.tool is not None and turn.tool == block.get("name"):
        handled.add("name")
    known = set(turn.sources)
    turn.parts += (p for p in draft.rest(block, frozenset(handled), path) if p.text not in known)


def _attachment(draft: Draft, turn: DraftTurn, item: Any, path: str) -> None:
    """The name as an attachment; text that the service extracted from the file was part of the prompt."""
    if not isinstance(item, dict):
        turn.parts += draft.others(item, path)
        return
    for key in ("file_name", "filename"):
        turn.add("attachment", f"{path}.{key}", item.get(key))
    turn.add("text", f"{path}.extracted_content", item.get("extracted_content"))
    turn.parts += draft.rest(item, frozenset({"file_name", "filename", "extracted_content"}), path)


SOURCE: Final = Source(NAME, "Claude export: objects with a list `chat_messages`", recognises, convert)
