"""OpenAssistant: whole message trees, messages with nested replies, and flat messages with a parent's id.

The visible path follows the best-ranked reply at each step (the first where there are no ranks); the rest are branches.
Flat messages of one tree must stand together, as the export writes them; a tree's messages after that are exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from incamera.ingest.draft import Draft, DraftTurn
from incamera.ingest.report import Report
from incamera.ingest.source import Record, Source, item, listing, mapping, text_or_none
from incamera.ingest.times import instant

NAME: Final = "oasst"

_MESSAGE: Final = frozenset(
    {
        *("message_id", "parent_id", "text", "role", "lang", "review_count", "review_result", "deleted", "rank", "synthetic"),
        *("model_name", "emojis", "replies", "labels", "detoxify", "user_id", "created_date", "message_tree_id", "tree_state"),
        *("user_message_id", "parent_message_id", "task_message_id"),
    }
)


def recognises(record: Record) -> bool:
    """A tree with a `prompt`, or a message with `text`, `role` and its own and its parent's id."""
    if "message_tree_id" in record and isinstance(record.get("prompt"), dict):
        return True
    return "text" in record and "role" in record and _id(record) is not None and (_parent_key(record) in record)


def _id(record: Record) -> str | None:
    return text_or_none(record.get("message_id")) or text_or_none(record.get("user_message_id"))


def _parent_key(record: Record) -> str:
    return "parent_id" if "message_id" in record else "parent_message_id"


def _parent(record: Record) -> str | None:
    return text_or_none(record.get(_parent_key(record)))


@dataclass(slots=True)
class Threads:
    """Collects flat messages until a message comes that belongs to no open thread."""

    _open: list[Record] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _tree: str | None = None

    def feed(self, record: Record) -> Iterator[list[Record]]:
        """A tree is complete in itself; a flat message joins its tree or opens the next."""
        if "prompt" in record:
            yield from self.end()
            yield [record]
            return
        tree, parent = text_or_none(record.get("message_tree_id")), _parent(record)
        joins = bool(self._open) and (parent in self._ids or (tree is not None and tree == self._tree))
        if not joins:
            yield from self.end()
            self._tree = tree
        self._open.append(record)
        if (own := _id(record)) is not None:
            self._ids.add(own)

    def end(self) -> Iterator[list[Record]]:
        """The thread still open."""
        if self._open:
            yield self._open
        self._open, self._ids, self._tree = [], set(), None


def convert(records: list[Record], report: Report) -> Iterator[Draft]:
    """One tree, or the messages of one, to one draft."""
    draft = Draft(NAME, report)
    first = records[0]
    roots = [mapping(first["prompt"], "prompt")] if "prompt" in first else records
    draft.id = text_or_none(first.get("message_tree_id")) or _id(roots[0])
    draft.subject = text_or_none(roots[0].get("user_id"))
    if "prompt" in first:
        draft.header += draft.rest(first, _MESSAGE | {"prompt"})
    ranks: dict[str, list[tuple[float, int, str]]] = {}
    stack: list[tuple[Record, str | None, str]] = [(r, None, f"messages[{i}]") for i, r in reversed(list(enumerate(roots)))]
    while stack:
        message, above, path = stack.pop()
        ref = _id(message) or f"{above}/{len(draft.turns)}"
        parent = above if above is not None else _parent(message)
        draft.turns.append(_turn(draft, message, ref, parent, path))
        if parent is not None:
            rank = message.get("rank")
            ranks.setdefault(parent, []).append((rank if isinstance(rank, int | float) else 1e9, len(draft.turns), ref))
        replies = [item(r, "replies") for r in listing(message.get("replies"), "replies")]
        stack.extend((r, ref, f"{path}.replies[{i}]") for i, r in reversed(list(enumerate(replies))))
    draft.leaf = _best(draft.turns[0].ref, ranks)
    yield draft


def _turn(draft: Draft, message: Record, ref: str, parent: str | None, path: str) -> DraftTurn:
    turn = DraftTurn(draft.role(message.get("role")), ref=ref, parent=parent, at=instant(message.get("created_date")))
    llm = draft.label(message.get("model_name"), "model_name", turn.parts)
    turn.llm = llm if turn.role == "assistant" and message.get("synthetic") else None
    if isinstance(message.get("text"), str):
        turn.add("text", "text", message["text"])
    else:
        turn.parts += draft.others(message.get("text"), "text")
    if message.get("deleted") is True and not turn.parts:
        turn.failed = "deleted"
    turn.parts += draft.rest(message, _MESSAGE)
    return turn


def _best(ref: str | None, ranks: dict[str, list[tuple[float, int, str]]]) -> str | None:
    seen: set[str] = set()
    while ref in ranks and ref not in seen:
        seen.add(ref)
        ref = min(ranks[ref])[2]
    return ref


SOURCE: Final = Source(
    NAME,
    "OpenAssistant: `message_tree_id` with `prompt`, or messages with `message_id`, `parent_id`, `role` and `text`",
    recognises,
    convert,
    Threads,
)
