"""What the ledger tells by now that a grant cannot: whether it was given, was taken back, and what stands beside it.

A grant is a file, and a file can be kept, copied and, by whoever stole the home's grant key, made. The ledger cannot: so
before any key is released the grant has to be the one that stands there, and to stand there still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from incamera.core.canon import instant
from incamera.core.errors import Refused
from incamera.core.records import Entry, Grant
from incamera.governance.breakglass import REVIEW_WITHIN, NumberedPast, Open


@dataclass(slots=True)
class Standing:
    """A fold over the acts of a ledger, one after the other: grants given and revoked, consents, reviews that are open.

    Cost: memory for one small entry a grant, and one a subject that was ever asked for consent.
    """

    given: dict[int, Entry] = field(default_factory=dict)
    revoked: set[int] = field(default_factory=set)
    consents: dict[str, frozenset[str]] = field(default_factory=dict)
    unreviewed: dict[int, Open] = field(default_factory=dict)

    def see(self, past: NumberedPast) -> None:
        """Take in the next act of the ledger."""
        entry = past.entry
        if entry.act in ("access.granted", "access.break_glass"):
            self.given[past.index] = entry
            if entry.act == "access.break_glass":
                self.unreviewed[past.index] = Open(at=past.at, actor=entry.actor)
        elif entry.act == "access.revoked":
            request, only = entry.fields["request"], entry.fields.get("grant")
            self.revoked |= {
                index for index, given in self.given.items() if given.fields["request"] == request and only in (None, index)
            }
        elif entry.act == "access.reviewed":
            self.unreviewed.pop(entry.fields["entry"], None)
        elif entry.act == "consent.changed":
            self._consent(entry.fields)

    def _consent(self, fields: Mapping[str, Any]) -> None:
        purpose = frozenset({fields["purpose"]})
        before = self.consents.get(fields["subject"], frozenset())
        self.consents[fields["subject"]] = before | purpose if fields["state"] == "given" else before - purpose

    def check(self, grant: Grant) -> None:
        """Accept only a grant that the ledger gave in exactly these terms, and has not taken back.

        Raises:
            Refused: `access.unknown-grant`, `access.revoked-grant`.
        """
        given = self.given.get(grant.receipt.index)
        if given is None or not _agree(given, grant):
            raise Refused("access.unknown-grant", "the ledger gave no such grant in these terms", where=grant.matter)
        if grant.receipt.index in self.revoked:
            raise Refused("access.revoked-grant", "access was revoked after this grant: ask for a new one", where=grant.matter)

    def overdue(self, now: datetime) -> bool:
        """Whether a broken glass waits too long for its review."""
        return any(now - waiting.at > REVIEW_WITHIN for waiting in self.unreviewed.values())


def _agree(given: Entry, grant: Grant) -> bool:
    """Whether the act says what the grant says, in every field that both have."""
    stated: dict[str, Any] = {"purpose": grant.purpose, "scope": grant.scope, "listed": grant.listed}
    if given.act == "access.break_glass":
        stated["minutes"] = (grant.expires_at - grant.not_before).total_seconds() / 60
        approved = not grant.approvals
    else:
        stated |= {
            "max_records": grant.max_records,
            "not_before": instant(grant.not_before),
            "expires_at": instant(grant.expires_at),
            "approvals": list(grant.approvals),
        }
        approved = bool(grant.approvals)
    same = all(given.fields.get(name) == value for name, value in stated.items())
    return approved and same and (given.matter, given.actor) == (grant.matter, grant.actor)
