"""A conversation while a source is being read: turns named by the source's own references, then ordered and frozen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from incamera.core.records import Conversation, Flags, Part, PartKind, Role, Turn
from incamera.ingest import leaves
from incamera.ingest.report import Report
from incamera.ingest.tree import Place, arrange

MissingReason = Literal["no_output", "error", "deleted", "client_encrypted"]

_ROLES: Final[dict[str, Role]] = {
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
_LABEL = re.compile(r"[A-Za-z0-9_.:/@+-]{1,100}")
_ANSWER_KINDS: Final = frozenset({"text", "code", "tool_call", "tool_result", "attachment"})


@dataclass(slots=True, repr=False)
class DraftTurn:
    """One utterance as the source tells it. `ref` and `parent` are the source's own node names; None makes a linear thread.

    `failed` says why an output is missing where the source says so.
    """

    role: Role
    parts: list[Part] = field(default_factory=list)
    ref: str | None = None
    parent: str | None = None
    at: datetime | None = None
    llm: str | None = None
    tool: str | None = None
    sources: list[str] = field(default_factory=list)
    hidden: bool = False
    active: bool = True
    failed: MissingReason | None = None

    def add(self, kind: PartKind, path: str, text: object) -> None:
        """Keep *text* as received, if it is text and there is any; the bytes in a `data:` URI are not read."""
        if isinstance(text, str) and text:
            header = leaves.media(text)
            self.parts.append(Part(kind="attachment" if header else kind, path=path, text=header or text))


@dataclass(slots=True, repr=False)
class Draft:
    """What a source says about one conversation. `None` means that the source does not say.

    `links` maps every node of the source's tree to its parent, nodes without a turn included; empty for linear threads.
    `leaf` is the node at the end of the visible path. `gives` names facts that the source states even where they are empty.
    """

    source: str
    report: Report
    id: str | None = None
    subject: str | None = None
    turns: list[DraftTurn] = field(default_factory=list)
    header: list[Part] = field(default_factory=list)
    links: dict[str, str | None] = field(default_factory=dict)
    leaf: str | None = None
    started_at: datetime | None = None
    region: str | None = None
    tier: str | None = None
    temporary: bool | None = None
    deletion_requested_at: datetime | None = None
    party_account: bool = False
    gives: set[str] = field(default_factory=set)

    def unknown(self, name: object) -> None:
        """A key that this version does not know."""
        self.report.drifted(self.source, "unknown-key", name)

    def others(self, value: Any, path: str, *, key: str = "", kind: PartKind = "extra") -> Iterable[Part]:
        """Parts for every leaf of *value*, of kind `extra` where no better one is known."""
        if value is None:
            return ()
        return leaves.parts(value, path, kind=kind, key=key, unknown=self.unknown)

    def label(self, value: object, path: str, kept: list[Part]) -> str | None:
        """The machine's name that *value* is; a string that could be more than that goes to *kept*, where it is treated."""
        name = label(value)
        if name is None:
            kept += self.others(value, path)
        return name

    def rest(self, record: dict[str, Any], handled: frozenset[str], path: str = "") -> Iterable[Part]:
        """Parts for every key of *record* that the source module did not handle itself."""
        if record.keys() <= handled:
            return ()
        left = {key: value for key, value in record.items() if key not in handled and value is not None}
        return self.others(left, path) if left else ()

    def role(self, name: object) -> Role:
        """The role that *name* means. An unknown one is counted and read as a tool: neither a person's words nor an answer."""
        known = _ROLES.get(name.lower()) if isinstance(name, str) else None
        if known is None:
            self.report.drifted(self.source, "unknown-role", name)
            return "tool"
        return known

    def freeze(self) -> Conversation:
        """The finished record: turns in reading order, parents as indexes, the visible path flagged, missing outputs counted."""
        assert self.id is not None and self.subject is not None
        places = self._places()
        turns = tuple(_turn(self.turns[p.number], i, p) for i, p in enumerate(places))
        return Conversation(
            id=self.id,
            subject=self.subject,
            source=self.source,
            turns=turns,
            header=tuple(self.header),
            started_at=self.started_at or next((t.at for t in turns if t.at), None),
            region=self.region,
            tier=self.tier,
            flags=Flags(
                temporary=bool(self.temporary),
                deletion_requested_at=self.deletion_requested_at,
                party_account=self.party_account,
            ),
            outputs_missing=_missing([self.turns[p.number] for p in places if p.active]),
        )

    def _places(self) -> list[Place]:
        if all(t.ref is None for t in self.turns):
            return [Place(i, i - 1 if i else None, t.active) for i, t in enumerate(self.turns)]
        named: dict[str, str | None] = {}
        for i, turn in enumerate(self.turns):
            # A reference that comes twice, or none, gets a name of its own: no turn is lost to another's name.
            ref = turn.ref if turn.ref is not None and turn.ref not in named else f"{turn.ref}\0{i}"
            named[ref] = turn.parent
        return arrange(list(named.items()), self.links, self.leaf, self._broken)

    def _broken(self, what: str) -> None:
        self.report.drifted(self.source, "broken-tree", what)


def _missing(path: list[DraftTurn]) -> dict[str, int]:
    """User turns of the visible path that no answer follows before the next one, by reason."""
    counts: Counter[str] = Counter()
    waiting: MissingReason | None = None
    for turn in path:
        if turn.role == "user" and not turn.hidden and (turn.parts or turn.failed):
            if waiting:
                counts[waiting] += 1
            waiting = turn.failed or "no_output"
        elif waiting and turn.failed:
            waiting = turn.failed
        elif turn.role == "assistant" and not turn.hidden and any(p.kind in _ANSWER_KINDS for p in turn.parts):
            waiting = None
    if waiting:
        counts[waiting] += 1
    return dict(counts)


def label(value: object) -> str | None:
    """A machine's name (an llm, a tool) as the source gives it; None where the string could be more than that."""
    return value if isinstance(value, str) and _LABEL.fullmatch(value) else None


def _turn(draft: DraftTurn, index: int, place: Place) -> Turn:
    return Turn(
        index=index,
        role=draft.role,
        parts=tuple(draft.parts),
        parent=place.parent,
        at=draft.at,
        llm=draft.llm,
        tool=draft.tool,
        sources=tuple(dict.fromkeys(draft.sources)),
        active=place.active,
        hidden=draft.hidden,
    )
