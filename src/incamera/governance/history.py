"""What the ledger already says about a matter's approvals: revoked, used up, and how late it is at least."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from incamera.core.records import Entry


class Past(Protocol):
    """An act as the ledger tells it."""

    @property
    def at(self) -> datetime: ...
    @property
    def entry(self) -> Entry: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A fold over the acts of one matter.

    `revoked` maps a request to its latest revocation: approvals signed before it are void. `spent` holds approvals whose
    grant led to a sealed production: a further production needs new ones. `latest` is the time of the last act: a clock that
    runs behind it cannot be trusted to say that an approval has not expired.
    """

    revoked: dict[str, datetime] = field(default_factory=dict)
    spent: frozenset[str] = frozenset()
    latest: datetime | None = None

    @classmethod
    def of(cls, acts: Iterable[Past]) -> History:
        """Fold the acts of one matter, in the order of the ledger."""
        revoked: dict[str, datetime] = {}
        granted: set[str] = set()
        spent: set[str] = set()
        latest: datetime | None = None
        for past in acts:
            fields, act = past.entry.fields, past.entry.act
            latest = max(latest, past.at) if latest else past.at
            if act == "access.revoked":
                revoked[fields["request"]] = past.at
            elif act == "access.granted":
                granted.update(fields["approvals"])
            elif act == "production.sealed":
                spent |= granted
        return cls(revoked=revoked, spent=frozenset(spent), latest=latest)
