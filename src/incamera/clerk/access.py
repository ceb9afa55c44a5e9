"""Keys and approvals of people, on their own machines, and what a holder's ledger says about access."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from incamera.clerk.home import Home
from incamera.core.canon import instant
from incamera.core.crypto import public_text
from incamera.core.errors import Malformed
from incamera.core.ports import Clock
from incamera.core.records import Entry
from incamera.governance import keys, policy
from incamera.governance import order as orders
from incamera.governance.request import AccessRequest, approve, request_for, write_approval
from incamera.governance.terms import Order
from incamera_verify.errors import VerificationError
from incamera_verify.note import Algorithm, Verifier


def keygen(out: Path, *, role: str, name: str, passphrase: bytes | None) -> dict[str, Any]:
    """Make a signing key; its public line is for the order's `[trust]`."""
    made = keys.keygen(out, role=role, name=name, passphrase=passphrase)
    return {"name": made.name, "role": made.role, "key": made.public, "file": str(out), "trust": made.trust_line()}


def public_of(key: Path) -> str:
    """The public text of a private key file."""
    return public_text(keys.load_private(key))


def request_of(order: Order, log: str) -> AccessRequest:
    """The request an order stands for in the home whose log has this key, under the policies of this version.

    Raises:
        Malformed: `access.bad-log`.
    """
    try:
        key = Verifier.parse(log, "--log")
    except VerificationError:
        key = None
    if key is None or key.algorithm is not Algorithm.ED25519:
        raise Malformed("access.bad-log", "name the holder's log by its Ed25519 key, as `incamera ledger keys` prints it")
    return request_for(order, policy=policy.shipped().digest, log=key.text)


def show_request(order_path: Path, log: str) -> dict[str, Any]:
    """What an approver is asked to sign: read it before signing."""
    request = request_of(orders.load(order_path), log)
    return {**request.terms, "request": request.digest}


def sign_approval(
    order_path: Path, key: Path, *, log: str, role: str, days: int, out: Path, passphrase: bytes | None, clock: Clock
) -> dict[str, Any]:
    """Sign the order's request with one's own key and write the approval file.

    Raises:
        Refused: `access.role-cannot-approve`, `access.request-ended`. Malformed: `order.*`, `governance.*`, `access.bad-log`.
    """
    order = orders.load(order_path)
    approval = approve(request_of(order, log), keys.load_private(key, passphrase), role=role, now=clock.now(), days=days)
    write_approval(approval, out)
    return {
        "request": approval.request,
        "role": approval.role,
        "key": approval.key,
        "expires_at": instant(approval.expires_at),
        "file": str(out),
    }


def acts(home: Home, matter: str | None) -> list[dict[str, Any]]:
    """Requests, approvals, grants, refusals and revocations as the ledger tells them."""
    return [
        {
            "index": past.index,
            "at": instant(past.at),
            "act": past.entry.act,
            "matter": past.entry.matter,
            "actor": past.entry.actor,
            "request": past.entry.fields.get("request"),
            "code": past.entry.fields.get("code") or past.entry.fields.get("role"),
        }
        for past in home.ledger.entries(matter)
        if past.entry.act.startswith("access.")
    ]


def revoke(home: Home, order_path: Path, *, reason: str, actor: str = "holder") -> dict[str, Any]:
    """Void every approval of this order's request that was signed until now; a further run needs new ones."""
    order = orders.load(order_path)
    request = request_of(order, home.log_key)
    receipt = home.ledger.append(
        Entry(act="access.revoked", matter=order.matter.id, actor=actor, fields={"request": request.digest, "reason": reason})
    )
    return {"request": request.digest, "entry": receipt.index}
