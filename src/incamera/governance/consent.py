"""Consent, purpose by purpose: what a subject allowed, as the ledger tells it. Silence is no consent.

Only uses of the holder's own choosing rest on consent. A court's order, an emergency and the subject's own request do not, and
consent to one purpose says nothing about another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from incamera.core.errors import Refused
from incamera.core.ids import Digest
from incamera.core.ports import Appender
from incamera.core.records import Entry, Receipt
from incamera.governance.history import Past
from incamera.governance.purposes import STANDING

CONSENTABLE: Final = tuple(name for name, purpose in STANDING.items() if purpose.consent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consents:
    """Purposes consented to, by the subject's pseudonym in the ledger."""

    given: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, acts: Iterable[Past]) -> Consents:
        """Fold the acts of the ledger, in its order; the last word on a purpose counts."""
        given: dict[str, frozenset[str]] = {}
        for past in acts:
            if past.entry.act != "consent.changed":
                continue
            fields = past.entry.fields
            purpose = frozenset({fields["purpose"]})
            before = given.get(fields["subject"], frozenset())
            given[fields["subject"]] = before | purpose if fields["state"] == "given" else before - purpose
        return cls(given=given)

    def purposes(self, subject: str) -> tuple[str, ...]:
        """What this subject consented to, in order of name: `ShardFacts.consents`."""
        return tuple(sorted(self.given.get(subject, ())))


def change(subject: str, purpose: str, *, given: bool, actor: str, appender: Appender, request: Digest | None = None) -> Receipt:
    """Record that a subject gave or withdrew consent; it counts from its receipt on.

    Args:
        subject: The pseudonym under which the ledger knows the subject (a commitment, or the vault's reference).
        request: SHA-256 of what the subject sent, if it is kept.
    Raises:
        Refused: `consent.not-consentable`, the purpose does not rest on consent.
    """
    if purpose not in CONSENTABLE:
        raise Refused("consent.not-consentable", f"consent decides about {', '.join(CONSENTABLE)} only")
    fields: dict[str, object] = {"subject": subject, "purpose": purpose, "state": "given" if given else "withdrawn"}
    if request is not None:
        fields["request"] = request
    return appender.append(Entry(act="consent.changed", matter="", actor=actor, fields=fields))
