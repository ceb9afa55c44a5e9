"""The checks between approvals and a grant: each approval by itself, all of them together, and the question to the policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from incamera.core.errors import Awaiting, Refused, Unverified
from incamera.core.ids import Digest
from incamera.core.ports import Appender
from incamera.core.records import Approval, Entry, Receipt
from incamera.governance.consent import CONSENTABLE
from incamera.governance.history import History
from incamera.governance.identity import Identity
from incamera.governance.policy import GrantFacts, Question, ShardFacts
from incamera.governance.request import AccessRequest, approval_digest, parse_instant, verify_approval
from incamera.governance.terms import APPROVING_ROLES, Signer

#: How many people approve, in as many roles, whatever the purpose is.
NEEDED: Final = 2
#: How far two machines' clocks may differ before a time is taken for a lie.
SKEW: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to obtain a grant: what is asked, by whom, and every check it has to pass.

    `expected` is the request that would be right; `person` the one subject whom a standing request is about; `asker` the account
    and key that made it; `listed` the root of the list of conversations that the grant will cover.
    """

    request: AccessRequest
    expected: AccessRequest
    signers: tuple[Signer, ...]
    actor: Identity
    appender: Appender
    now: datetime
    history: History
    lifetime: timedelta
    person: str | None = None
    asker: tuple[str, str] | None = None
    listed: Digest | None = None

    def record(self, act: str, **fields: Any) -> Receipt:
        return self.appender.append(Entry(act=act, matter=self.request.matter, actor=self.actor.name, fields=fields))

    def subject(self) -> dict[str, Any]:
        """The fields that both a request and a grant have in the ledger."""
        request = self.request
        return {
            "request": request.digest,
            "purpose": request.purpose,
            "scope": request.scope,
            "max_records": request.max_records,
        }

    def ends(self, approvals: Sequence[Approval]) -> datetime:
        """When a grant under these approvals ends: with the first of its bounds."""
        ends = [self.now + self.lifetime, *(approval.expires_at for approval in approvals)]
        if self.request.not_after is not None:
            ends.append(parse_instant(self.request.not_after))
        return min(ends).astimezone(UTC).replace(microsecond=0)

    def check(self, approvals: Sequence[Approval]) -> list[Signer]:
        """The signers of the approvals, if each of them holds and as many as are needed stand apart."""
        if self.history.latest is not None and self.now < self.history.latest - SKEW:
            raise Refused("access.clock-behind", "the clock is behind the ledger's last entry: set it right")
        if self.request != self.expected:
            raise Refused("access.other-request", "the request does not follow from this order, the policies and this home's log")
        if self.asker is not None and self.asker != (self.actor.name, self.actor.key):
            raise Refused("access.other-asker", "another account made this request, or another key was asked with")
        if self.ends([]) <= self.now:
            raise Refused("access.request-ended", "the order's time for access is over")
        signers = [self.signer(approval) for approval in approvals]
        for number, signer in enumerate(signers):
            for other in signers[:number]:
                if signer.key == other.key or _same_person(signer.name, other.name):
                    raise Refused("access.one-operator", "two approvals must come from two people", where=signer.role)
        if len({signer.role for signer in signers}) < NEEDED:
            raise self.awaiting(signers)
        return signers

    def signer(self, approval: Approval) -> Signer:
        """Who gave an approval, if it holds by itself."""
        where = approval.role if approval.role in APPROVING_ROLES else "approval"
        if approval.request != self.request.digest:
            raise Refused("access.other-request", f"the approval is for another request{self.differs(approval)}", where=where)
        try:
            verify_approval(approval)
        except Unverified:
            raise Refused("access.bad-signature", "the approval is not signed by the key it names", where=where) from None
        signer = next((s for s in self.signers if s.key == approval.key), None)
        if signer is None:
            raise Refused("access.unknown-key", "the approving key is not one of the signers", where=where)
        if signer.role != approval.role:
            raise Refused("access.role-mismatch", f"this key stands for the role {signer.role}", where=where)
        if signer.role not in APPROVING_ROLES:
            raise Refused("access.role-cannot-approve", f"these roles approve: {', '.join(APPROVING_ROLES)}", where=where)
        if self.actor.key == signer.key or _same_person(self.actor.name, signer.name):
            raise Refused("access.own-approval", "whoever opens the conversations cannot approve it", where=where)
        self.timely(approval, where)
        return signer

    def timely(self, approval: Approval, where: str) -> None:
        if approval.at > self.now + SKEW:
            raise Refused(
                "access.postdated-approval", "the approval was signed later than now: one of two clocks is wrong", where=where
            )
        if approval.expires_at <= self.now:
            raise Refused("access.expired-approval", "the approval has expired: ask for a new one", where=where)
        revoked = self.history.revoked.get(approval.request)
        if revoked is not None and approval.at <= revoked:
            raise Refused("access.revoked-approval", "access was revoked after this approval: ask for a new one", where=where)
        if approval_digest(approval) in self.history.spent:
            raise Refused("access.replayed-approval", "this approval already led to a production: ask for a new one", where=where)

    def differs(self, approval: Approval) -> str:
        """Which terms differ, where the approval brought its terms along."""
        terms = getattr(approval, "terms", None) or {}
        other = [name for name, value in self.request.terms.items() if terms.get(name) != value]
        return f": {', '.join(other)} differ" if terms and other else ""

    def awaiting(self, signers: Sequence[Signer]) -> Awaiting:
        done = {signer.role for signer in signers}
        open_ = sorted({s.role for s in self.signers if s.role in APPROVING_ROLES} - done)
        said = f"approved by {', '.join(sorted(done))}; " if done else "not approved yet; "
        return Awaiting(
            "access.awaiting-approval",
            f"{said}needs {NEEDED - len(done)} more of {', '.join(open_)}",
            where=self.request.matter,
        )

    def question(self, asked: Receipt, approvals: Sequence[Approval], signers: Sequence[Signer]) -> Question:
        """The question put to the policies: may this actor decrypt what this matter covers?"""
        request = self.request
        return Question(
            actor=self.actor.name,
            roles=self.actor.roles,
            action="decrypt",
            shard=self.foreseen(),
            now=self.now,
            ledger_index=asked.index,
            mfa=self.actor.mfa,
            grant=GrantFacts(
                purpose=request.purpose,
                matter=request.matter,
                not_before=self.now,
                expires_at=self.ends(approvals),
                max_records=request.max_records,
                approvals=len({(s.key, s.role) for s in signers}),
                approved_by=tuple(s.name for s in signers),
                requested_by=self.actor.name,
                subject=self.person,
            ),
        )

    def foreseen(self) -> ShardFacts:
        """The conversations a grant is for, as far as can be said before any is looked at."""
        purpose = self.request.purpose
        consents = (purpose,) if purpose in CONSENTABLE else ()
        return ShardFacts(id=self.request.matter, matters=(self.request.matter,), consents=consents, subject=self.person)


def _same_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
