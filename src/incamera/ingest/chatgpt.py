"""ChatGPT account exports: one conversation a record, messages in a tree under `mapping`.

Optional keys that only a holder's own log carries are read too: `is_temporary_chat`, `deletion_requested_at`, `region`,
`country`, `tier`.

Source: public descriptions of the export's shape; every content type that is not known is kept, counted and treated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from incamera.core.records import PartKind
from incamera.ingest.addresses import addresses
from incamera.ingest.chatgpt_content import content_parts
from incamera.ingest.draft import Draft, DraftTurn, label
from incamera.ingest.regions import region
from incamera.ingest.report import Report
from incamera.ingest.source import Record, Source, listing, mapping, text_or_none
from incamera.ingest.times import instant

NAME: Final = "chatgpt"

_CONVERSATION: Final = frozenset(
    {
        *("id", "conversation_id", "mapping", "current_node", "title", "create_time", "update_time", "user_id", "owner"),
        *("is_temporary_chat", "deletion_requested_at", "region", "country", "tier"),
    }
)
_MESSAGE: Final = frozenset(
    {
        *("id", "author", "content", "metadata", "create_time", "update_time"),
        *("recipient", "channel", "weight", "status", "end_turn", "role"),
    }
)
_METADATA: Final = frozenset({"attachments", "model_slug", "user_context_message_data"})
#: Metadata whose addresses are what the answer cites or searched.
_CITING: Final = frozenset(
    {"citations", "content_references", "search_result_groups", "selected_sources", "_cite_metadata", "image_results"}
)


def recognises(record: Record) -> bool:
    """A `mapping` of nodes, each an object with a message, a parent or children."""
    nodes = record.get("mapping")
    if not isinstance(nodes, dict):
        return False
    if not nodes:
        return "current_node" in record or "create_time" in record
    first = next(iter(nodes.values()))
    return isinstance(first, dict) and not {"message", "parent", "children"}.isdisjoint(first)


def convert(records: list[Record], report: Report) -> Iterator[Draft]:
    """One export record to one draft with all branches."""
    for record in records:
        draft = Draft(NAME, report)
        draft.id = text_or_none(record.get("conversation_id")) or text_or_none(record.get("id"))
        _facts(draft, record)
        for ref, node in record["mapping"].items():
            _node(draft, ref, mapping(node, "mapping"))
        draft.leaf = text_or_none(record.get("current_node"))
        yield draft


def _facts(draft: Draft, record: Record) -> None:
    owner = record.get("owner")
    draft.subject = text_or_none(record.get("user_id"))
    if isinstance(owner, dict):
        draft.subject = text_or_none(owner.get("user_id")) or draft.subject
        draft.header += draft.others(owner, "owner", key="owner")
    draft.started_at = instant(record.get("create_time"))
    draft.region = region(record.get("region") or record.get("country"))
    draft.tier = draft.label(record.get("tier"), "tier", draft.header)
    if isinstance(record.get("is_temporary_chat"), bool):
        draft.temporary = record["is_temporary_chat"]
    draft.deletion_requested_at = instant(record.get("deletion_requested_at"))
    if "deletion_requested_at" in record:
        draft.gives.add("deletion_requested_at")
    draft.header += draft.others(record.get("title"), "title", key="title")
    draft.header += draft.rest(record, _CONVERSATION)


def _node(draft: Draft, ref: str, node: Record) -> None:
    draft.links[ref] = text_or_none(node.get("parent"))
    message = node.get("message")
    if message is None:
        return
    message = mapping(message, "message")
    author = mapping(message.get("author"), "message.author")
    role_name = author.get("role") or message.get("role")
    metadata = mapping(message.get("metadata"), "message.metadata")
    content = message.get("content")
    turn = DraftTurn(draft.role(role_name), ref=ref, parent=draft.links[ref], at=instant(message.get("create_time")))
    turn.llm = draft.label(metadata.get("model_slug"), "metadata.model_slug", turn.parts)
    _address(draft, turn, author, message)
    kind = _kind(turn, message)
    instructions: list[tuple[str, str]] = []
    content_parts(draft, turn, content, kind, instructions)
    for path, text in instructions:
        draft.header += draft.others(text, path)
    _metadata(draft, turn, metadata)
    turn.parts += draft.rest(message, _MESSAGE)
    if message.get("status") == "error":
        turn.failed = "error"
    if turn.parts or turn.sources or not instructions:
        draft.turns.append(turn)


def _address(draft: Draft, turn: DraftTurn, author: Record, message: Record) -> None:
    """Who speaks to whom: the tool of a call or a result, and whether the person saw the message."""
    name, recipient = author.get("name"), message.get("recipient")
    called = recipient not in (None, "", "all")
    if called:
        turn.tool = draft.label(recipient, "recipient", turn.parts)
    if name:
        known = label(name) if turn.role == "tool" else None
        if known and not turn.tool:
            turn.tool = known
        else:
            turn.parts += draft.others(name, "author.name")
    turn.parts += draft.rest(author, frozenset({"role", "name"}), "author")
    metadata = message.get("metadata")
    turn.hidden = (
        called
        or message.get("weight") == 0
        or message.get("channel") == "analysis"
        or (isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation") is True)
    )


def _kind(turn: DraftTurn, message: Record) -> PartKind:
    if turn.role == "tool":
        return "tool_result"
    if turn.role == "assistant" and message.get("recipient") not in (None, "", "all"):
        return "tool_call"
    return "reasoning" if message.get("channel") == "analysis" else "text"


def _metadata(draft: Draft, turn: DraftTurn, metadata: Record) -> None:
    if "user_context_message_data" in metadata:
        # The person's custom instructions, repeated in every conversation: they belong to the header.
        draft.header += draft.others(metadata["user_context_message_data"], "metadata.user_context_message_data")
    for i, attachment in enumerate(listing(metadata.get("attachments"), "message.metadata.attachments")):
        path = f"metadata.attachments[{i}]"
        if isinstance(attachment, dict):
            turn.add("attachment", f"{path}.name", attachment.get("name"))
            turn.parts += draft.rest(attachment, frozenset({"name"}), path)
        else:
            turn.parts += draft.others(attachment, path)
    for key in (k for k in metadata if k in _CITING):
        turn.sources += addresses(metadata[key])
    turn.parts += _without_addresses(draft.rest(metadata, _METADATA, "metadata"), turn.sources)


def _without_addresses(parts: Any, sources: list[str]) -> Iterator[Any]:
    if not sources:
        return iter(parts)
    known = set(sources)
    return (part for part in parts if part.text not in known)


SOURCE: Final = Source(NAME, "ChatGPT export: objects with a `mapping` of messages", recognises, convert)
