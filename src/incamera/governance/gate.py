"""The policies at the moment of opening: one decision per grant and shard, enforced by which keys are released.

A grant says that somebody may open conversations for a purpose; which of them they may open depends on the conversations. Those
that agree in every attribute the policies read form a shard and are decided together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from incamera.core.ports import Shard
from incamera.core.records import Grant
from incamera.governance.consent import CONSENTABLE
from incamera.governance.policy import Action, GrantFacts, Policy, Question, ShardFacts
from incamera.governance.purposes import PERSONAL, ROLE_OF
from incamera.governance.request import subject_scope
from incamera.governance.standing import Standing


class Gate:
    """`core.ports.Gate`: decides for conversations under a grant that the key broker has proven: tag, receipt, time.

    Args:
        standing: What the ledger tells by now; asked at every call, for revocations and consents change. Without it the grant
            and the shards are taken at their word.

    Cost: one decision per different shard, well under a millisecond each; nothing is remembered between calls.
    """

    def __init__(self, policy: Policy, *, standing: Callable[[], Standing] | None = None) -> None:
        self._policy = policy
        self._standing = standing

    def allowed(self, grant: Grant, shards: Sequence[Shard], *, now: datetime, used_records: int) -> list[bool]:
        """One answer for each of *shards*, which may be single conversations; equal ones are asked about once.

        Args:
            used_records: Conversations opened under this grant before, those asked about now left out.
        Raises:
            Refused: `access.unknown-grant`, `access.revoked-grant`.
        Privacy: reads references and counts; no text reaches the engine.
        """
        standing = self._standing() if self._standing else None
        if standing is not None:
            standing.check(grant)
        overdue = standing is not None and standing.overdue(now)
        answers: dict[_Kind, bool] = {}
        found = []
        for shard in shards:
            kind = _kind(grant, shard, standing)
            if kind not in answers:
                question = _question(grant, _facts(grant, kind), now, used_records, overdue)
                answers[kind] = self._policy.decide(question).allowed
            found.append(answers[kind])
        return found


#: Class, matters, holds, whether it awaits shredding, whether its subject consented, and the subject: as far as policies read.
_Kind = tuple[str, tuple[str, ...], tuple[str, ...], bool, bool, str | None]


def _kind(grant: Grant, shard: Shard, standing: Standing | None) -> _Kind:
    """The shard as the policies see it: what they do not read for this purpose would only split it into equal questions."""
    purpose, consented = grant.purpose, False
    if purpose in CONSENTABLE:
        told = standing.consents.get(shard.subject or "", ()) if standing else ()
        consented = purpose in shard.consents or purpose in told
    subject = shard.subject if purpose in PERSONAL else None
    return shard.key_class, shard.matters, shard.holds, shard.pending_shred, consented, subject


def _facts(grant: Grant, kind: _Kind) -> ShardFacts:
    key_class, matters, holds, pending, consented, subject = kind
    return ShardFacts(
        id="shard",
        key_class=key_class,
        matters=matters,
        holds=holds,
        consents=(grant.purpose,) if consented else (),
        pending_shred=pending,
        subject=subject,
    )


def _question(grant: Grant, shard: ShardFacts, now: datetime, used_records: int, overdue: bool) -> Question:
    # A grant without approvals under its home's tag was issued by `break_glass`, which reached two people first.
    broken = not grant.approvals
    action: Action = "breakglass" if broken else "decrypt"
    person = shard.subject if shard.subject and subject_scope(shard.subject) == grant.scope else None
    return Question(
        actor=grant.actor,
        roles=(ROLE_OF.get(grant.purpose, "none"),),
        action=action,
        shard=shard,
        now=now,
        used_records=used_records,
        ledger_index=grant.receipt.index,
        mfa=True,  # asked when the grant was issued
        review_overdue=overdue,
        grant=GrantFacts(
            purpose=grant.purpose,
            matter=grant.matter,
            not_before=grant.not_before,
            expires_at=grant.expires_at,
            max_records=grant.max_records,
            approvals=len(grant.approvals),
            approved_by=grant.approvals,
            requested_by=grant.actor,
            paged=2 if broken else 0,
            subject=person,
        ),
    )
