"""A court order's grant: given by whoever has the home's grant key, to an order that was opened here as a matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from incamera.core.errors import Refused
from incamera.core.ids import Digest
from incamera.core.records import Grant
from incamera.governance import identity, policy
from incamera.governance.grant import issue
from incamera.governance.history import History
from incamera.governance.request import SignedApproval, request_for
from incamera.governance.terms import Order

if TYPE_CHECKING:
    from incamera.clerk.home import Home


def court_grant(home: Home, order: Order, approvals: Sequence[SignedApproval], *, actor: str, listed: Digest) -> Grant:
    """A grant over the list *listed*, if two people whom the order names have approved it; recorded either way.

    Raises:
        Awaiting, Refused, Unavailable: as `governance.grant.issue`.
        Refused: `broker.matter-not-opened`, the ledger opened no matter under just this order: whoever asks could have named
            the approvers themselves.
    """
    from incamera.clerk.accounts import require_signed_in  # it imports the home, which imports this

    home.ledger.refresh()
    past = list(home.ledger.entries(order.matter.id))
    stated = {"order": order.digest, "protocol": order.protocol}  # the second covers every term, approvers' keys with them
    opened = [one.entry.fields for one in past if one.entry.act == "matter.opened"]
    if not any(all(fields.get(name) == value for name, value in stated.items()) for fields in opened):
        hint = "open the matter as the custodian first: approvals count for an order that stands in the ledger"
        raise Refused("broker.matter-not-opened", hint, where=order.matter.id)
    require_signed_in(home, approvals, matter=order.matter.id, actor=actor)
    return issue(
        request_for(order, policy=policy.shipped().digest, log=home.log_key),
        approvals,
        order=order,
        actor=identity.local(actor),
        mac_key=home.grant_key,
        appender=home.ledger,
        clock=home.clock,
        policy=policy.shipped(),
        log=home.log_key,
        listed=listed,
        history=History.of(past),
    )
