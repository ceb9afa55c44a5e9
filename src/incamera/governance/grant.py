"""From approvals to a grant: two people, two keys, two roles, one request, all of it in the ledger before it counts.

Every attempt leaves a mark: `access.requested`, then `access.approved` for each approval that holds, then `access.granted` or
`access.refused`. A grant exists only after its entry is durable, and carries that receipt under the home's own MAC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from incamera.core.canon import instant
from incamera.core.crypto import grant_tag
from incamera.core.errors import Awaiting, Error, Refused, Unverified
from incamera.core.ids import digest
from incamera.core.ports import Appender, Clock
from incamera.core.records import Approval, Entry, Grant, Receipt
from incamera.governance.history import History
from incamera.governance.identity import Identity
from incamera.governance.policy import GrantFacts, Policy, Question, ShardFacts, Verdict
from incamera.governance.request import AccessRequest, approval_digest, parse_instant, request_for, verify_approval
from incamera.governance.terms import APPROVING_ROLES, Order, Signer

#: A grant's time box, whatever the approvals allow.
LIFETIME: Final = timedelta(days=7)
#: How far two machines' clocks may differ before a time is taken for a lie.
SKEW: Final = timedelta(minutes=2)


def issue(
    request: AccessRequest,
    approvals: Sequence[Approval],
    *,
    order: Order,
    actor: Identity,
    mac_key: bytes,
    appender: Appender,
    clock: Clock,
    policy: Policy,
    history: History | None = None,
    lifetime: timedelta = LIFETIME,
) -> Grant:
    """A grant for the order's request, if two people with the right to approve it have done so; recorded either way.

    Args:
        approvals: As read from their files; more than two are welcome, a bad one is refused whatever the others say.
        actor: Who will open the conversations. Not an approver: by name, and by key where it has one.
        mac_key: The home's grant key; the vault checks the tag under it.
        history: What the ledger tells about this matter (`History.of`); without it revocations are not seen.
    Raises:
        Awaiting: `access.awaiting-approval`, naming the roles that could still approve.
        Refused: `access.other-request`, `access.bad-signature`, `access.unknown-key`, `access.role-mismatch`,
            `access.role-cannot-approve`, `access.expired-approval`, `access.postdated-approval`, `access.own-approval`,
            `access.revoked-approval`, `access.replayed-approval`, `access.one-operator`, `access.clock-behind`,
            `access.request-ended`, `access.denied-by-policy`. Each is in the ledger as `access.refused` before it is raised.
        Unavailable: the ledger could not write; then nothing was granted.
    """
    attempt = _Attempt(
        request=request,
        order=order,
        actor=actor,
        appender=appender,
        now=clock.now(),
        history=history or History(),
        lifetime=lifetime,
    )
    asked = attempt.record("access.requested", expires_at=instant(attempt.ends([])), **attempt.subject())
    verdict = Verdict(allowed=False, policies=())
    try:
        signers = attempt.check(approvals, policy)
        verdict = policy.decide(attempt.question(asked, approvals, signers))
        if not verdict.allowed:
            raise Refused("access.denied-by-policy", f"denied by {', '.join(verdict.policies) or 'default'}")
    except Error as flaw:
        fields = {"code": flaw.code, "request": request.digest, "purpose": request.purpose, "approvals": len(approvals)}
        attempt.record("access.refused", **fields, policies=list(verdict.policies))
        raise
    for approval in approvals:
        attempt.record("access.approved", **_approved(approval))
    bounds = {"not_before": instant(attempt.now), "expires_at": instant(attempt.ends(approvals))}
    names = [approval_digest(approval) for approval in approvals]
    receipt = attempt.record(
        "access.granted", **attempt.subject(), **bounds, approvals=names, policy=policy.digest, policies=list(verdict.policies)
    )
    return _sealed(attempt, names, receipt, approvals, mac_key)


def _sealed(attempt: _Attempt, names: list[Any], receipt: Receipt, approvals: Sequence[Approval], mac_key: bytes) -> Grant:
    """The grant itself, after its receipt exists."""
    untagged = Grant(
        actor=attempt.actor.name,
        matter=attempt.request.matter,
        purpose=attempt.request.purpose,
        scope=attempt.request.scope,
        max_records=attempt.request.max_records,
        not_before=attempt.now.astimezone(UTC).replace(microsecond=0),
        expires_at=attempt.ends(approvals),
        approvals=tuple(names),
        receipt=receipt,
        tag="",
    )
    return replace(untagged, tag=grant_tag(mac_key, untagged))


def _approved(approval: Approval) -> dict[str, Any]:
    return {
        "request": approval.request,
        "role": approval.role,
        "key": digest(approval.key.encode()),
        "approval": approval_digest(approval),
        "expires_at": instant(approval.expires_at),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One attempt to obtain a grant, and the checks it has to pass."""

    request: AccessRequest
    order: Order
    actor: Identity
    appender: Appender
    now: datetime
    history: History
    lifetime: timedelta

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

    def check(self, approvals: Sequence[Approval], policy: Policy) -> list[Signer]:
        """The signers of the approvals, if each of them holds and at least two stand apart."""
        if self.history.latest is not None and self.now < self.history.latest - SKEW:
            raise Refused("access.clock-behind", "the clock is behind the ledger's last entry: set it right")
        if self.request != request_for(self.order, policy=policy.digest):
            raise Refused("access.other-request", "the request does not follow from this order and these policies")
        if self.ends([]) <= self.now:
            raise Refused("access.request-ended", "the order's time for access is over")
        signers = [self.signer(approval) for approval in approvals]
        for number, signer in enumerate(signers):
            for other in signers[:number]:
                if signer.key == other.key or _same_person(signer.name, other.name):
                    raise Refused("access.one-operator", "two approvals must come from two people", where=signer.role)
        if len({signer.role for signer in signers}) < 2:
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
        signer = next((s for s in self.order.signers if s.key == approval.key), None)
        if signer is None:
            raise Refused("access.unknown-key", "the approving key is not in the order's [trust]", where=where)
        if signer.role != approval.role:
            raise Refused("access.role-mismatch", f"the order gives this key the role {signer.role}", where=where)
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
        open_ = sorted({s.role for s in self.order.signers if s.role in APPROVING_ROLES} - done)
        said = f"approved by {', '.join(sorted(done))}; " if done else "not approved yet; "
        return Awaiting(
            "access.awaiting-approval", f"{said}needs {2 - len(done)} more of {', '.join(open_)}", where=self.request.matter
        )

    def question(self, asked: Receipt, approvals: Sequence[Approval], signers: Sequence[Signer]) -> Question:
        """The question put to the policies: may this actor decrypt what this matter covers?"""
        request = self.request
        return Question(
            actor=self.actor.name,
            roles=self.actor.roles,
            action="decrypt",
            shard=ShardFacts(id=request.matter, matters=(request.matter,)),
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
            ),
        )


def _same_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
