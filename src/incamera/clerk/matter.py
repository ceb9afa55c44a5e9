"""Opening a matter: the order is read, recorded, and its hold placed over what is stored."""

from __future__ import annotations

from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from incamera.clerk.desk import Desk
from incamera.clerk.home import Home
from incamera.core.facts import TIERS, closed
from incamera.core.ids import digest
from incamera.core.records import Account, Matter
from incamera.governance import order as orders
from incamera.governance.hold import hold_rule
from incamera_verify.merkle import leaf_hash, root


def open_matter(desk: Desk) -> Matter:
    """Record the order and its protocol; the first act of every matter. A matter that is open stays as it is.

    Raises:
        Refused: `answer.other-order`, the matter was opened under another order.
    """
    order, home = desk.order, desk.home
    if desk.done("matter") is None:
        desk.once(
            "matter.opened",
            key=("order",),
            order=order.digest,
            protocol=order.protocol,
            order_document=order.matter.order_document_sha256,
            holds=[hold_rule(order).id],
            roles=sorted(set(order.roles.values())),
            keys=[digest(key.encode()) for key in sorted(order.roles)],
            kms=home.kms.name,
            demonstration=home.demonstration,
        )
        for name, value in order.defaults:
            desk.watch.note(f"order leaves {name} open: {value}")
        desk.finish("matter", {"protocol": order.protocol, "opened_at": home.clock.now().isoformat()})
    return Matter(
        id=desk.matter,
        caption=order.matter.caption,
        order=order.digest,
        protocol=order.protocol,
        holds=(hold_rule(order).id,),
        roles=order.roles,
        opened_at=home.clock.now(),
        privacy_budget={"rho": order.privacy.rho, "delta": order.privacy.delta},
    )


def open_by_hand(home: Home, order_path: Path) -> dict[str, Any]:
    """Open the order's matter and do nothing else: from here on approvals by the people whom the order names count.

    Raises:
        Malformed: `order.*`. Refused: `answer.other-order`; `broker.reserved-act`, only the custodian opens a matter.
    """
    desk = Desk(home=home, order=orders.load(order_path))
    with desk.running("matter"):
        matter = open_matter(desk)
    return {"matter": matter.id, "order": matter.order, "protocol": matter.protocol, "approvers": sorted(matter.roles.values())}


def place_hold(desk: Desk, accounts: Iterable[Account], tiers: Container[str] = TIERS) -> int:
    """Place the order's hold over everything stored that its rule names; returns how many conversations it covers.

    The hold rule is not the frame rule. Placed again after a later collection it covers what came in since; what is
    held already stays held. *tiers* are the tiers that its rules can tell apart, as for the frame.
    """
    home, rule = desk.home, hold_rule(desk.order)
    found = home.vault.subjects(sorted(rule.listed_subjects(accounts)))
    listed = frozenset(ref for ref in found.values() if ref)
    unknown = sum(ref is None for ref in found.values())
    if unknown:
        desk.watch.note(f"{unknown} accounts of the hold have no conversation in the vault")
    held = [facts for facts in home.vault.facts() if rule.holds(closed(facts, tiers), listed)]
    crefs = sorted(facts.cref for facts in held)
    desk.once(
        "hold.placed",
        key=("hold", "held"),
        held=root(leaf_hash(bytes.fromhex(cref)) for cref in crefs).hex(),
        **rule.entry_fields(
            authority=desk.order.digest, subjects=len({facts.subject for facts in held}), conversations=len(crefs)
        ),
    )
    home.vault.holds.place(rule.id, crefs, matter=desk.matter, order=desk.order.digest)
    return len(crefs)


def read(order_path: Path) -> dict[str, Any]:
    """What an order says, what it leaves open, and the digests by which the ledger and the approvals name it."""
    order = orders.load(order_path)
    return {
        "matter": order.matter.id,
        "order": order.digest,
        "order_document": order.matter.order_document_sha256,
        "protocol": order.protocol,
        "scope": order.scope,
        "terms": order.terms,
        "defaults": dict(order.defaults),
        "paragraphs": dict(order.paragraphs),
    }


STAGES = ("matter", "collect", "frame", "draw", "works", "vocabulary", "examined", "sealed")


def stages(home: Home, order_path: Path) -> list[dict[str, Any]]:
    """The stages of a matter, finished or not; counts and digests only."""
    desk = Desk(home=home, order=orders.load(order_path))
    return [{"stage": name, "finished": (facts := desk.done(name)) is not None, "facts": _brief(facts or {})} for name in STAGES]


def _brief(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items() if isinstance(value, int | str))
