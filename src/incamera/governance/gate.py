"""The policies at the moment of opening: one decision per grant and shard, enforced by which keys are released.

A grant says that somebody may open conversations for a purpose; which of them they may open depends on the conversations. Those
that agree in every attribute the policies read form a shard and are decided together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from incamera.core.records import Grant
from incamera.governance.policy import Action, GrantFacts, Policy, Question, ShardFacts
from incamera.governance.request import subject_scope

#: The role in which a grant of each purpose is used; who may be in it was decided when the grant was issued.
ROLE_OF: Final = {
    "court_order": "examiner",
    "safety_escalation": "safety",
    "support": "service",
    "training": "service",
    "analytics": "service",
    "data_subject_request": "rights",
}


class Gate:
    """Decides for conversations under a grant that the key broker has proven: tag, receipt, time.

    Cost: one decision per different shard, well under a millisecond each; nothing is remembered between calls, for holds and
    consents may change.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def allowed(self, grant: Grant, shards: Sequence[ShardFacts], *, now: datetime, used_records: int) -> list[bool]:
        """One answer for each of *shards*, which may be single conversations; equal ones are asked about once.

        Args:
            shards: Their `id` is not looked at; everything else is.
            used_records: Conversations already opened under this grant.
        Privacy: reads references and counts; no text reaches the engine.
        """
        answers: dict[ShardFacts, bool] = {}
        found = []
        for shard in shards:
            kind = _anonymous(shard)
            if kind not in answers:
                answers[kind] = self._policy.decide(_question(grant, kind, now, used_records)).allowed
            found.append(answers[kind])
        return found


def _anonymous(shard: ShardFacts) -> ShardFacts:
    return ShardFacts(
        id="shard",
        key_class=shard.key_class,
        matters=tuple(sorted(shard.matters)),
        holds=tuple(sorted(shard.holds)),
        consents=tuple(sorted(shard.consents)),
        pending_shred=shard.pending_shred,
        subject=shard.subject,
    )


def _question(grant: Grant, shard: ShardFacts, now: datetime, used_records: int) -> Question:
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
