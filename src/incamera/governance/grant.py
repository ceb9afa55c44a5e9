"""From approvals to a grant: two people, two keys, two roles, one request, all of it in the ledger before it counts.

Every attempt leaves a mark: `access.requested`, then `access.approved` for each approval that holds, then `access.granted` or
`access.refused`. A grant exists only after its entry is durable, and carries that receipt under the home's own MAC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any, Final

from incamera.core.canon import instant
from incamera.core.crypto import GrantKey, grant_tag
from incamera.core.errors import Error, Refused
from incamera.core.ids import Digest, digest
from incamera.core.ports import Appender, Clock
from incamera.core.records import Approval, Grant, Receipt
from incamera.governance.attempt import Attempt
from incamera.governance.history import History
from incamera.governance.identity import Identity
from incamera.governance.policy import Policy, Verdict
from incamera.governance.request import AccessRequest, approval_digest, request_for
from incamera.governance.standing_terms import StandingTerms
from incamera.governance.terms import Order, Signer

#: A grant's time box, whatever the approvals allow.
LIFETIME: Final = timedelta(days=7)


def issue(
    request: AccessRequest,
    approvals: Sequence[Approval],
    *,
    order: Order,
    actor: Identity,
    mac_key: GrantKey,
    appender: Appender,
    clock: Clock,
    policy: Policy,
    log: str,
    listed: Digest | None = None,
    history: History | None = None,
    lifetime: timedelta = LIFETIME,
) -> Grant:
    """A grant for the order's request, if two people with the right to approve it have done so; recorded either way.

    Args:
        approvals: As read from their files; more than two are welcome, a bad one is refused whatever the others say.
        actor: Who will open the conversations. Not an approver: by name, and by key where it has one.
        mac_key: The home's grant key; the vault checks the tag under it.
        log: The Ed25519 key of this home's ledger: approvals for another home's are refused.
        listed: Merkle root over the conversations it covers, as the vault keeps the list; without one the policies open only
            what a hold of this matter covers.
        history: What the ledger tells about this matter (`History.of`); without it revocations are not seen.
    Raises:
        Awaiting: `access.awaiting-approval`, naming the roles that could still approve.
        Refused: `access.other-request`, `access.bad-signature`, `access.unknown-key`, `access.role-mismatch`,
            `access.role-cannot-approve`, `access.expired-approval`, `access.postdated-approval`, `access.own-approval`,
            `access.revoked-approval`, `access.replayed-approval`, `access.one-operator`, `access.clock-behind`,
            `access.request-ended`, `access.denied-by-policy`. Each is in the ledger as `access.refused` before it is raised.
        Unavailable: the ledger could not write; then nothing was granted.
    """
    attempt = Attempt(
        request=request,
        expected=request_for(order, policy=policy.digest, log=log),
        signers=order.signers,
        actor=actor,
        appender=appender,
        now=clock.now(),
        history=history or History(),
        lifetime=lifetime,
        listed=listed,
    )
    return _decide(attempt, approvals, policy, mac_key)


def issue_standing(
    terms: StandingTerms,
    approvals: Sequence[Approval],
    *,
    signers: Sequence[Signer],
    actor: Identity,
    mac_key: GrantKey,
    appender: Appender,
    clock: Clock,
    policy: Policy,
    log: str,
    history: History | None = None,
) -> Grant:
    """A grant for a purpose that no court ordered, over the list that its terms name; recorded either way.

    Args:
        signers: Who may approve in the holder's own house, by the same roles as in an order.
        actor: Who will use it: the account that asked, under the key it asked with.
    Raises:
        Awaiting, Refused, Unavailable: as `issue`; `access.other-asker`.
    """
    request = terms.request(policy=policy.digest, log=log)
    attempt = Attempt(
        request=request,
        expected=request,
        signers=tuple(signers),
        actor=actor,
        appender=appender,
        now=clock.now(),
        history=history or History(),
        lifetime=timedelta(hours=terms.hours),
        person=terms.subject,
        asker=(terms.actor, terms.key),
        listed=terms.listed,
    )
    return _decide(attempt, approvals, policy, mac_key)


def _decide(attempt: Attempt, approvals: Sequence[Approval], policy: Policy, mac_key: GrantKey) -> Grant:
    """Record the request, check, ask the policies, record the outcome; only then is there a grant."""
    request = attempt.request
    asked = attempt.record("access.requested", expires_at=instant(attempt.ends([])), **attempt.subject())
    verdict = Verdict(allowed=False, policies=())
    try:
        signers = attempt.check(approvals)
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
    if attempt.listed is not None:
        bounds["listed"] = attempt.listed
    receipt = attempt.record(
        "access.granted", **attempt.subject(), **bounds, approvals=names, policy=policy.digest, policies=list(verdict.policies)
    )
    return _sealed(attempt, names, receipt, approvals, mac_key)


def _sealed(attempt: Attempt, names: list[Any], receipt: Receipt, approvals: Sequence[Approval], mac_key: GrantKey) -> Grant:
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
        listed=attempt.listed,
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
