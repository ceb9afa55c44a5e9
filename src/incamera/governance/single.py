"""Whether one operator stands behind what should have been several: the reasons for `SINGLE-OPERATOR RUN`.

A certificate may not borrow the weight of two parties from one. What is known to come from one hand is said in its first line;
what cannot be known (two people, one desk) is among the stated limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from incamera.core.records import Approval
from incamera.governance.terms import Order


def single_operator(
    order: Order, approvals: Sequence[Approval], reveals: Collection[str], *, own_keys: Collection[str] = (), demo: bool = False
) -> list[str]:
    """Reasons, in sentences for the certificate, why this run counts as one operator's; empty if none is known.

    Args:
        approvals: The approvals a grant was issued under; empty where none was needed.
        reveals: Parties whose seed went into the draw.
        own_keys: Public keys whose private half lies in this home: whoever runs it could have signed with them.
        demo: The run made its own identities.
    """
    reasons = []
    if demo:
        reasons.append("the keys of all parties were made by the demonstration itself")
    names = {signer.key: " ".join(signer.name.split()).casefold() for signer in order.signers}
    if any(count > 1 for count in Counter(names[a.key] for a in approvals if a.key in names).values()):
        reasons.append("one person gave several approvals")
    if len({approval.key for approval in approvals}) < len(approvals):
        reasons.append("one key gave several approvals")
    if approvals and any(approval.key in own_keys for approval in approvals):
        reasons.append("an approver's private key lies in the operator's own home")
    return reasons + _seeds(order, reveals, own_keys)


def _seeds(order: Order, reveals: Collection[str], own_keys: Collection[str]) -> list[str]:
    if order.sample.size is None:  # the whole frame: nothing was drawn, so nobody could steer the draw
        return []
    revealed = [c for c in order.sample.commitments if c.party in reveals]
    reasons = []
    if len(revealed) < 2:
        reasons.append("only one party's seed went into the draw")
    elif len({c.key for c in revealed}) < 2:
        reasons.append("the seeds of several parties were signed by one key")
    elif sum(c.key not in own_keys for c in revealed) < 1:
        reasons.append("every seed was signed by a key that lies in the operator's own home")
    return reasons
