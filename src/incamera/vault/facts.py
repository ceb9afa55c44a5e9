"""What the frame may ask about a conversation without opening it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from incamera.core.facts import CUSTODY
from incamera.core.ids import Ref
from incamera.core.records import Custody
from incamera.vault.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Frame attributes of one conversation. `day` and `month` are UTC; None means that the source does not say.

    `cref` and `subject` are random references; `outputs_missing` counts unanswered turns over all reasons. `custody` says who
    can open the conversation: a `user`'s own is counted by a frame like any other, and answered with ciphertext.
    Privacy: no text and no source id; day, region and tier together may still single a subject out.
    """

    cref: Ref
    subject: Ref
    day: str | None
    month: str | None
    region: str | None
    tier: str | None
    source: str
    temporary: bool
    deletion_requested: bool
    party_account: bool
    turns: int
    outputs_missing: int
    custody: Custody


_QUERY = (
    "SELECT cref, uref, day, region, tier, source, temporary, deletion_requested, party_account, turns, outputs_missing,"
    " class, state FROM conversation WHERE state = 'live' {} ORDER BY cref"
)


def stream(state: Database, held: frozenset[bytes] | None = None) -> Iterator[Facts]:
    """Facts of every live conversation in the order of their random ids, a few thousand in memory at a time.

    *held* adds those that await shredding and are among these crefs.
    """
    query = _QUERY.format("OR state = 'pending'" if held else "")
    for cref, uref, day, region, tier, source, temporary, deletion, party, turns, missing, kind, present in state.stream(query):
        if present == "pending" and bytes(cref) not in (held or ()):
            continue
        yield Facts(
            cref=Ref(bytes(cref).hex()),
            subject=Ref(bytes(uref).hex()),
            day=day,
            month=day[:7] if day else None,
            region=region,
            tier=tier,
            source=source,
            temporary=bool(temporary),
            deletion_requested=bool(deletion),
            party_account=bool(party),
            turns=turns,
            outputs_missing=sum(json.loads(missing).values()) if missing else 0,
            custody=CUSTODY[kind],
        )
