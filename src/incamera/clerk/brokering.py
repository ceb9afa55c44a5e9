"""What a broker answers for a home besides its vault: acts are written, court orders' grants given, and nothing is lent out.

The ledger is what every grant and every hold rests on, so who may write an act decides what it is worth. A clerk writes the
acts of the walk from collection to production. Acts that give a right, take a protection away or state what the broker did
itself are the broker's or the custodian's.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from incamera.clerk.follow import Follower
from incamera.clerk.granting import court_grant
from incamera.clerk.home import MANIFEST_SECRET, MATTER_SECRET, Home
from incamera.core.crypto import grant_tag
from incamera.core.errors import Refused
from incamera.core.ids import Digest
from incamera.core.records import Entry, Grant, Receipt
from incamera.governance.request import SignedApproval
from incamera.governance.standing import Standing
from incamera.governance.terms import Order
from incamera.ledger.entry import ACTS
from incamera.vault.protocol import Level, Operation, Operations

_DigestText = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Slug = Annotated[str, Meta(pattern="^[a-z0-9._:/+-][a-z0-9._:/+_-]{0,79}$")]
_Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9.-]{0,79}$")]
_Count = Annotated[int, Meta(ge=0, lt=1 << 53)]

#: The acts a clerk writes. `matter.opened` is not among them: whoever opens a matter says who may approve in it.
CLERKS: Final = frozenset(
    {
        "run.started",
        "run.resumed",
        "run.finished",
        "hold.placed",
        "notice.sent",
        "collect.finished",
        "frame.committed",
        "seed.revealed",
        "seed.fallback",
        "draw.made",
        "unsealing.asked",
        "unsealing.ended",
        "vault.compacted",
        "vocabulary.built",
        "fragment.examined",
        "canaries.planted",
        "canaries.removed",
        "reading.drawn",
        "reading.packed",
        "reading.received",
        "reading.judged",
        "decision.recorded",
        "production.built",
        "production.sealed",
        "production.verified",
        "export.made",
    }
)


class HomeKeys(msgspec.Struct, kw_only=True):
    """What a clerk works with: the log's public keys, and the two secrets that open no conversation. `matter` is the root of row
    maps, indexes and pseudonyms; `manifest` signs productions."""

    ledger: list[str]
    manifest: bytes
    matter: bytes


def operations(home: Home) -> Operations:
    """Everything that may be asked of a broker of *home*, its vault's operations among them."""
    service = _Service(home)
    clerk = (service.home_keys, service.append, service.publish, service.issue_grant)
    custodian = (service.tag_grant, service.keep_witnessed, service.keep_timestamp)
    levels = ((Level.CLERK, clerk), (Level.CUSTODIAN, custodian))
    return {**home.vault.operations(), **{run.__name__: Operation(level, run) for level, runs in levels for run in runs}}


class _Service:
    """One method for each operation; its annotations are what is accepted."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._standing = Standing()
        self._follower = Follower(home.ledger, self._standing.see)

    def home_keys(self) -> HomeKeys:
        home = self._home
        return HomeKeys(
            ledger=[key.text for key in home.ledger_keys],
            manifest=home._secrets[MANIFEST_SECRET],
            matter=home._secrets[MATTER_SECRET],
        )

    def append(self, entries: list[Entry], level: Level) -> list[Receipt]:
        """Write acts, all or none. Raises `Refused` (`broker.reserved-act`) where one of them is not a clerk's to write."""
        for entry in entries:
            if level < Level.CUSTODIAN and entry.act not in CLERKS:
                known = entry.act if entry.act in ACTS else "the act"
                raise Refused("broker.reserved-act", "this act is the custodian's or the broker's own", where=known)
        return self._home.ledger.append_many(entries)

    def publish(self) -> None:
        self._home.ledger.publish()

    def issue_grant(self, order: Order, approvals: list[SignedApproval], actor: _Slug, listed: _DigestText) -> Grant:
        """A court order's grant, given here from the approvals themselves: nobody's word stands for them."""
        return court_grant(self._home, order, approvals, actor=actor, listed=Digest(listed))

    def tag_grant(self, grant: Grant) -> str:
        """The tag of a grant that the ledger gave in just these terms. Raises `Refused` (`access.unknown-grant`)."""
        self._follower.catch_up()
        self._standing.check(grant)
        return grant_tag(self._home.grant_key, grant)

    def keep_witnessed(self, size: _Count, note: bytes) -> None:
        self._home.ledger.keep_witnessed(size, note)

    def keep_timestamp(self, size: _Count, authority: _Name, response: bytes) -> None:
        self._home.ledger.keep_timestamp(size, authority, response)
