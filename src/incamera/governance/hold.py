"""The hold rule: which conversations must be kept, as a predicate over facts and listed accounts.

A hold rule is not a frame rule: an order may make the holder keep what it will never sample. They are separate rule sets with
separate counts; only where an order is silent on the hold does the hold follow the frame, so that nothing is lost meanwhile.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from incamera.core.canon import canonical, instant
from incamera.core.facts import FactsLike, Selection
from incamera.core.ids import Digest, digest
from incamera.core.records import Account
from incamera.governance.terms import HoldTerms, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRule:
    """What one order holds. `id` names the hold in the vault and in the ledger; `scope` is the digest of its terms."""

    id: str
    terms: HoldTerms
    frame: Selection
    scope: Digest
    until: date | None

    def holds(self, facts: FactsLike, listed: Container[str] = ()) -> bool:
        """Whether this conversation must be kept.

        Args:
            listed: Vault references of the subjects that `listed_subjects` named.
        """
        if facts.subject in listed:
            return True
        match self.terms.scope:
            case "all":
                return True
            case "listed":
                return False
            case "frame":
                return not self.frame.excluded_by(facts)
            case rules:
                return any(rule.applies(facts) for rule in rules)

    def listed_subjects(self, accounts: Iterable[Account]) -> set[str]:
        """Source names of the subjects the order lists, by account or by the domain of one of their e-mail addresses.

        Privacy: reads account facts; emits the sources' own subject ids, which the clerk turns into references at once.
        """
        named = set(self.terms.accounts)
        return named | {account.subject for account in accounts if any(self._in_domains(email) for email in account.emails)}

    def _in_domains(self, email: str) -> bool:
        host = email.rpartition("@")[2].strip().rstrip(".").lower()
        return any(host == domain or host.endswith("." + domain) for domain in self.terms.domains)

    def entry_fields(self, *, authority: Digest, subjects: int, conversations: int) -> dict[str, Any]:
        """The fields of the act `hold.placed`."""
        fields: dict[str, Any] = {
            "hold": self.id,
            "scope": self.scope,
            "authority": authority,
            "subjects": subjects,
            "conversations": conversations,
        }
        if self.until is not None:
            end = datetime(self.until.year, self.until.month, self.until.day, 23, 59, 59, tzinfo=UTC)
            fields["until"] = instant(end)
        return fields


def hold_rule(order: Order) -> HoldRule:
    """The hold that an order places."""
    terms = order.terms
    says = {"hold": terms["hold"], "frame": terms["frame"] if order.hold.scope == "frame" else None}
    scope = digest(canonical(says))
    return HoldRule(
        id=f"{order.matter.id[:40]}.{scope[:12]}", terms=order.hold, frame=order.frame, scope=scope, until=order.hold.until
    )
