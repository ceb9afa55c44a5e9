"""The core types. Frozen, keyword-only, and silent: no `repr` ever shows text.

Text changes type as it earns trust: `Sealed` (vault rows) -> `Conversation` -> `Redacted` -> `Cleared`.
Offsets are half-open and count Unicode code points of one part's text, exactly as received.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from incamera.core.ids import Commitment, Digest, Ref

Role = Literal["user", "assistant", "system", "tool"]
PartKind = Literal["text", "code", "tool_call", "tool_result", "reasoning", "attachment", "extra"]
FindingKind = Literal["direct", "quasi", "sensitive"]
Call = Literal["produce", "withhold", "not_responsive"]
#: Who can open a subject's conversations: the holder under a grant; two of three trustees with it; the subject alone.
Custody = Literal["operator", "escrowed", "user"]

#: `Span.turn` of the conversation's header (title, custom instructions, unknown strings).
HEADER = -1


class Silent:
    """A record whose `repr` names its type and its references, and nothing that a person wrote."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in ("index", "cref", "kind", "turn", "act") if hasattr(self, name)]
        return f"<{type(self).__name__}{' ' if shown else ''}{' '.join(shown)}>"


# --- what came in ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part(Silent):
    """Every string that can carry text, exactly as received. `path` says where it stood in the source record."""

    kind: PartKind
    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Turn(Silent):
    """One utterance. Branches are kept: `parent` is the index of the turn answered, `active` marks the visible path.

    `llm` is the language model's name as the source gives it; `tool` the tool a call goes to or a result comes from;
    `sources` the addresses (URLs, file ids) the answer cites, kept for citation and hallucination analysis and treated as text.
    """

    index: int
    role: Role
    parts: tuple[Part, ...]
    parent: int | None = None
    at: datetime | None = None
    llm: str | None = None
    tool: str | None = None
    sources: tuple[str, ...] = ()
    active: bool = True
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Account and product facts about a conversation; they carry no text."""

    temporary: bool = False
    deletion_requested_at: datetime | None = None
    party_account: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Conversation(Silent):
    """Raw. Exists in memory only, inside one Step, behind a Grant.

    `id` and `subject` are the source's own (they may identify; the vault replaces them by random references).
    `region` and `tier` are None where the source does not say; region unknown is treated as EEA.
    `outputs_missing` counts user turns on the active path that no answer follows, by reason.
    """

    id: str
    subject: str
    source: str
    turns: tuple[Turn, ...]
    header: tuple[Part, ...] = ()
    started_at: datetime | None = None
    region: str | None = None
    tier: str | None = None
    flags: Flags = field(default_factory=Flags)
    outputs_missing: Mapping[str, int] = field(default_factory=dict)

    def parts(self) -> Iterator[tuple[int, int, Part]]:
        """(turn, part index, part) of every part, header first, in document order."""
        for p, part in enumerate(self.header):
            yield HEADER, p, part
        for turn in self.turns:
            for p, part in enumerate(turn.parts):
                yield turn.index, p, part


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Account(Silent):
    """What the holder knows of a subject, and no general tool can: used to find these values in that subject's own text.

    `custody` is the class in which this subject's conversations are sealed; None leaves it as it is.
    """

    subject: str
    names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    tier: str | None = None
    region: str | None = None
    custody: Custody | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Work(Silent):
    """A claimed work. Confidential to its owner: unpublished works are claimed too."""

    work_id: str
    text: str
    title: str = ""
    owner: str = ""
    published: str = ""
    url: str = ""


# --- what was found and what stands in its place ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """[start, end) code points of part *part* of turn *turn* (`HEADER` for the header)."""

    turn: int
    part: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What looks identifying, and where. `label` is an upper-case entity type, `detector` the rule that found it."""

    span: Span
    label: str
    kind: FindingKind
    score: float
    detector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogate:
    """What stands in a finding's place. `replacement` is the produced text; the original is nowhere in this record."""

    span: Span
    label: str
    replacement: str
    method: str
    scope: Literal["conversation", "subject"] = "conversation"
    detector: str = ""
    kind: FindingKind = "direct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A finding left in place inside a protected run, with the work that explains it. Logged and counted."""

    span: Span
    label: str
    detector: str
    work_id: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Redacted(Silent):
    """A conversation after de-identification, and the way back for spans.

    `source` commits to the packed Conversation under the subject's key; `header` and `turns` hold replaced text, with
    every string leaf treated (title, tool names, sources, file names); `withheld` maps (turn, part) that could not be
    treated (language not covered, too large) to a reason code, and their text is the slip `[WITHHELD: CODE]`.
    """

    source: Commitment
    recipe: Digest
    header: tuple[Part, ...]
    turns: tuple[Turn, ...]
    surrogates: tuple[Surrogate, ...]
    waivers: tuple[Waiver, ...] = ()
    withheld: tuple[tuple[Span, str], ...] = ()

    def rebase(self, span: Span) -> Span:
        """*span* of the source, moved to the produced text.

        A span that begins or ends inside a replaced stretch takes the whole replacement in.
        """
        start = end = 0
        shift = 0
        start_set = end_set = False
        for s in self._in_part(span.turn, span.part):
            a, b, r = s.span.start, s.span.end, len(s.replacement)
            if not start_set and span.start < b:
                start, start_set = (span.start if span.start <= a else a) + shift, True
            if not end_set and span.end <= a:
                end, end_set = span.end + shift, True
            elif not end_set and span.end <= b:
                end, end_set = a + shift + r, True
            shift += r - (b - a)
        return Span(
            turn=span.turn,
            part=span.part,
            start=start if start_set else span.start + shift,
            end=end if end_set else span.end + shift,
        )

    def _in_part(self, turn: int, part: int) -> list[Surrogate]:
        return sorted((s for s in self.surrogates if s.span.turn == turn and s.span.part == part), key=lambda s: s.span)


# --- matching -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Commonness:
    """How ordinary a passage is: recorded and graded, never a reason to drop it.

    `works` and `owners` count the claimed works and owners that hold the run; `background` the documents of the named
    background set that hold it; `surprisal` is the sum of unigram -log2 p over its words, in bits.
    """

    works: int
    owners: int
    background: int | None = None
    surprisal: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One maximal exact run shared with a work. As sensitive as its text: whoever holds the work can read it from the offsets.

    `words` counts tokens of the stream that `fold` names: words of `words/1`, or characters of `chars/1`.
    """

    span: Span
    work_id: str
    work_start: int
    work_end: int
    words: int
    elicitation: tuple[str, ...] = ()
    commonness: Commonness | None = None
    fold: str = "words/1"


def produced(redacted: Redacted) -> dict[str, Any]:
    """The public form of a redacted conversation: what the bulk lane carries and what a decision is about.

    Strings, whole numbers, booleans and nulls only, ASCII keys: its RFC 8785 bytes can be remade by any JSON library.
    """
    return {
        "header": [_part(p) for p in redacted.header],
        "turns": [
            {
                "index": t.index,
                "parent": t.parent,
                "role": t.role,
                "at": t.at.isoformat() if t.at else None,
                "llm": t.llm,
                "tool": t.tool,
                "sources": list(t.sources),
                "active": t.active,
                "hidden": t.hidden,
                "parts": [_part(p) for p in t.parts],
            }
            for t in redacted.turns
        ],
        "recipe": redacted.recipe,
    }


def _part(part: Part) -> dict[str, str]:
    return {"kind": part.kind, "path": part.path, "text": part.text}


# --- permission, decision, evidence -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """The reason anything may happen at all. `holds` are hold ids; `roles` maps a signer's public key to its role."""

    id: str
    caption: str
    order: Digest
    protocol: Digest
    holds: tuple[str, ...]
    roles: Mapping[str, str]
    opened_at: datetime
    privacy_budget: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One signed consent to one canonical grant request, by one key in one role."""

    request: Digest
    role: str
    key: str
    at: datetime
    expires_at: datetime
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An act's place in the ledger. `path` is the inclusion path to `checkpoint`'s root, hex, leaf to root."""

    index: int
    leaf: Digest
    path: tuple[str, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Permission, already written in the ledger. `tag` is a MAC by the grantor that the vault verifies.

    `listed` is the Merkle root over the references of the conversations it covers, where it covers a list: no other opens.
    """

    actor: str
    matter: str
    purpose: str
    scope: Digest
    max_records: int
    not_before: datetime
    expires_at: datetime
    approvals: tuple[Digest, ...]
    receipt: Receipt
    tag: str
    listed: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A call on one target: SHA-256 of `canonical(produced(redacted))`, or the Merkle root over a fragment's leaves."""

    matter: str
    target: Digest
    call: Call
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cleared(Silent):
    """De-identified text under a recorded decision: the only thing a production takes.

    `conversation` is the random row id of the frame: the only name by which a conversation leaves. The decision targets
    the Merkle root over `rows` leaves, each `incamera_verify.rows.clearance_leaf(...)`; `row` is this record's index there,
    `proof` its path.
    """

    conversation: Ref
    redacted: Redacted
    matches: tuple[Match, ...]
    facts: Mapping[str, Any]
    decision: Decision
    receipt: Receipt
    row: int
    proof: tuple[str, ...]
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Disclosed(Silent):
    """Raw text under a recorded decision: to the person concerned, under a warrant, or to a judge in camera."""

    conversation: Conversation
    decision: Decision
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """What left."""

    volume: str
    matter: str
    first_bates: str
    last_bates: str
    items: int
    manifest: Digest
    checkpoint: str
    recipients: tuple[str, ...]
    sealed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act for the ledger: `act` from the closed vocabulary of `ledger/entry.py`, `fields` without text or identifiers."""

    act: str
    matter: str
    actor: str
    fields: Mapping[str, Any]
