"""Holds by hand: placed as an order says, over what is stored now; released on an authority, which ends every wait."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from incamera.clerk.desk import Desk
from incamera.clerk.home import Home
from incamera.clerk.matter import open_matter, place_hold
from incamera.clerk.watch import Silent, Watcher
from incamera.core.records import Entry
from incamera.governance import order as orders
from incamera.governance.files import digest_of
from incamera.governance.hold import hold_rule
from incamera.ingest import files
from incamera.ingest.accounts import Accounts


def place(home: Home, order_path: Path, accounts: Path | None, *, watch: Watcher | None = None) -> dict[str, Any]:
    """Open the order's matter and place its hold over everything stored that its rule names; again, it covers what came since.

    Raises:
        Malformed: `order.*`. Refused: `answer.other-order`, `vault.hold-released`.
    """
    desk = Desk(home=home, order=orders.load(order_path), watch=watch or Silent())
    with desk.running("hold"):
        open_matter(desk)
        covered = place_hold(desk, files.load_accounts(accounts) if accounts else Accounts())
    return {"hold": hold_rule(desk.order).id, "matter": desk.matter, "conversations": covered}


def release(home: Home, hold_id: str, authority: Path, *, actor: str, carry_out: bool) -> dict[str, Any]:
    """End a hold on the *authority* of a document (its digest is recorded), and run the shreds that waited for it.

    Raises:
        Refused: `vault.no-hold`, `vault.hold-released`. Unavailable: `governance.unreadable`, the document is not there.
    """
    document = digest_of(authority)
    hold = next((hold for hold in home.vault.holds.all() if hold.id == hold_id and hold.released_at is None), None)
    waiting = home.vault.shredder.pending()
    if hold is not None and not carry_out:
        return {"carried_out": False, "hold": hold_id, "conversations": hold.conversations, "waiting_shreds": waiting}
    if hold is not None:
        fields = {"hold": hold_id, "authority": document, "conversations": hold.conversations}
        home.ledger.append(Entry(act="hold.released", matter=hold.matter, actor=actor, fields=fields))
    done = home.vault.release_hold(hold_id)  # says itself that there is none, or that it ended before
    outcomes = [report.outcome for report in done]
    return {
        "carried_out": True,
        "hold": hold_id,
        "shredded": outcomes.count("shredded"),
        "still_waiting": outcomes.count("pending"),
        "shreds": [asdict(report) for report in done],
    }
