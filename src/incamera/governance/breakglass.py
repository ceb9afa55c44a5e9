"""Breaking the glass: access in minutes, for an emergency, at the price of being seen and of being judged afterwards.

No approval can be waited for, so two people are told at once, the time is at most an hour, and the ledger carries an entry that
stays open until somebody else reviewed it. While one is overdue, nobody breaks the glass again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Protocol

from incamera.core.canon import canonical, instant
from incamera.core.crypto import GrantKey, grant_tag
from incamera.core.errors import Error, Malformed, Refused, Unavailable
from incamera.core.ids import Digest, digest
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry, Grant, Receipt
from incamera.governance.history import Past
from incamera.governance.identity import Identity
from incamera.governance.policy import GrantFacts, Policy, Question, ShardFacts

MINUTES_MAX: Final = 60
#: How long the review after the fact may take.
REVIEW_WITHIN: Final = timedelta(hours=72)


class Pager(Protocol):
    def page(self, person: str, notice: str) -> None:
        """Tell *person* at once. Raises `Unavailable` unless the message was taken for delivery."""


class NumberedPast(Past, Protocol):
    """An act with its index in the ledger."""

    @property
    def index(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A break-glass that waits for its review."""

    at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """Which break-glass entries still wait for their review, by ledger index."""

    open: dict[int, Open] = field(default_factory=dict)

    @classmethod
    def of(cls, acts: Iterable[NumberedPast]) -> Reviews:
        """Fold the acts of the ledger, in its order."""
        waiting: dict[int, Open] = {}
        for past in acts:
            if past.entry.act == "access.break_glass":
                waiting[past.index] = Open(at=past.at, actor=past.entry.actor)
            elif past.entry.act == "access.reviewed":
                waiting.pop(past.entry.fields["entry"], None)
        return cls(open=waiting)

    def overdue(self, now: datetime) -> bool:
        """Whether any of them waits too long; then the role is locked for everybody in it."""
        return any(now - waiting.at > REVIEW_WITHIN for waiting in self.open.values())


def break_glass(
    *,
    actor: Identity,
    matter: str,
    scope: Digest,
    max_records: int,
    minutes: int,
    reason: str,
    listed: Digest,
    people: Sequence[str],
    pager: Pager,
    reviews: Reviews,
    policy: Policy,
    mac_key: GrantKey,
    appender: Appender,
    clock: Clock,
) -> Grant:
    """A grant without approvals, for an emergency: recorded and announced before it exists.

    Args:
        scope: Digest of what the emergency is about, as the holder's own rules name it.
        listed: Merkle root over the conversations that may be opened, as the vault keeps the list: nothing else opens.
        reason: A code of the holder's own list (`imminent-harm`), never a sentence.
        people: Whom to tell; at least two must be reached, the actor does not count.
    Raises:
        Malformed: `access.bad-minutes`.
        Refused: `access.page-two`, fewer than two people were reached; `access.denied-by-policy`.
    """
    if not 1 <= minutes <= MINUTES_MAX:
        raise Malformed("access.bad-minutes", f"the glass is broken for 1 to {MINUTES_MAX} minutes")
    now = clock.now()
    expires = now + timedelta(minutes=minutes)
    terms = {
        "v": "incamera/breakglass/2",
        "matter": matter,
        "actor": actor.name,
        "scope": scope,
        "listed": listed,
        "max_records": max_records,
        "at": instant(now),
        "minutes": minutes,
        "reason": reason,
    }
    request = digest(canonical(terms))
    common = {"request": request, "purpose": "safety_escalation", "scope": scope}

    def record(act: str, **fields: object) -> Receipt:
        return appender.append(Entry(act=act, matter=matter, actor=actor.name, fields={**common, **fields}))

    asked = record("access.requested", max_records=max_records, expires_at=instant(expires))
    try:
        reached = _page(
            people,
            actor,
            pager,
            f"{actor.name} breaks the glass in {matter}: {reason}, {minutes} minutes, ledger entry {asked.index}",
        )
        facts = GrantFacts(
            purpose="safety_escalation",
            matter=matter,
            not_before=now,
            expires_at=expires,
            max_records=max_records,
            approvals=0,
            approved_by=(),
            requested_by=actor.name,
            paged=reached,
        )
        question = Question(
            actor=actor.name,
            roles=actor.roles,
            action="breakglass",
            shard=ShardFacts(id=matter, matters=(matter,)),
            now=now,
            grant=facts,
            ledger_index=asked.index,
            mfa=actor.mfa,
            review_overdue=reviews.overdue(now),
        )
        verdict = policy.decide(question)
        if not verdict.allowed:
            raise Refused("access.denied-by-policy", f"denied by {', '.join(verdict.policies) or 'default'}")
    except Error as flaw:
        record("access.refused", code=flaw.code)
        raise
    receipt = record("access.break_glass", minutes=minutes, paged=reached, reason=reason, listed=listed)
    untagged = Grant(
        actor=actor.name,
        matter=matter,
        purpose="safety_escalation",
        scope=scope,
        max_records=max_records,
        not_before=now.astimezone(UTC).replace(microsecond=0),
        expires_at=expires.astimezone(UTC).replace(microsecond=0),
        approvals=(),
        receipt=receipt,
        tag="",
        listed=listed,
    )
    return replace(untagged, tag=grant_tag(mac_key, untagged))


def review(
    entry: int,
    finding: Literal["justified", "unjustified"],
    *,
    matter: str,
    reviewer: Identity,
    reviews: Reviews,
    appender: Appender,
    report: Digest | None = None,
) -> Receipt:
    """Record the review of a broken glass. Whoever broke it does not review it.

    Raises:
        Refused: `access.nothing-to-review`, the entry is none, or was reviewed; `access.own-review`.
    """
    waiting = reviews.open.get(entry)
    if waiting is None:
        raise Refused("access.nothing-to-review", "no open break-glass has this ledger index", where=str(entry))
    if waiting.actor == reviewer.name:
        raise Refused("access.own-review", "whoever broke the glass cannot review it", where=str(entry))
    fields: dict[str, object] = {"entry": entry, "finding": finding}
    if report is not None:
        fields["report"] = report
    return appender.append(Entry(act="access.reviewed", matter=matter, actor=reviewer.name, fields=fields))


def _page(people: Sequence[str], actor: Identity, pager: Pager, notice: str) -> int:
    """How many different people were reached; at least two, or a refusal."""
    reached = 0
    for person in dict.fromkeys(" ".join(p.split()).casefold() for p in people):
        if person == actor.name.casefold():
            continue
        try:
            pager.page(person, notice)
            reached += 1
        except Unavailable:
            continue
    if reached < 2:
        raise Refused("access.page-two", f"two people must be told at once, {reached} could be reached")
    return reached
