"""Keys and approvals of people, on their own machines, and what a holder's ledger says about access."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from incamera.clerk import papers
from incamera.clerk.home import Home
from incamera.clerk.papers import request_of
from incamera.core.canon import instant
from incamera.core.crypto import public_text
from incamera.core.ports import Clock
from incamera.core.records import Entry
from incamera.governance import keys
from incamera.governance.request import approve, write_approval
from incamera.governance.standing_terms import StandingTerms


def keygen(out: Path, *, role: str, name: str, passphrase: bytes | None) -> dict[str, Any]:
    """Make a signing key; its public line is for the order's `[trust]`."""
    made = keys.keygen(out, role=role, name=name, passphrase=passphrase)
    return {"name": made.name, "role": made.role, "key": made.public, "file": str(out), "trust": made.trust_line()}


def public_of(key: Path) -> str:
    """The public text of a private key file."""
    return public_text(keys.load_private(key))


def show_request(path: Path, log: str) -> dict[str, Any]:
    """What an approver is asked to sign: read it before signing. Of a standing request, also what it is about."""
    paper = papers.read(path)
    request = request_of(paper, log)
    about = {"about": {name: value for name, value in paper.terms.items() if value is not None and name != "v"}}
    return {**request.terms, **(about if isinstance(paper, StandingTerms) else {}), "request": request.digest}


def sign_approval(
    path: Path, key: Path, *, log: str, role: str, days: int, out: Path, passphrase: bytes | None, clock: Clock
) -> dict[str, Any]:
    """Sign the request of an order, or a standing one, with one's own key and write the approval file.

    Raises:
        Refused: `access.role-cannot-approve`, `access.request-ended`.
        Malformed: `order.*`, `access.bad-request`, `governance.*`, `access.bad-log`.
    """
    request = request_of(papers.read(path), log)
    approval = approve(request, keys.load_private(key, passphrase), role=role, now=clock.now(), days=days)
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


def revoke(home: Home, path: Path, *, reason: str, actor: str = "holder") -> dict[str, Any]:
    """Void every approval of this request signed until now, and the grants given on them; a further run needs new ones."""
    request = request_of(papers.read(path), home.log_key)
    receipt = home.ledger.append(
        Entry(act="access.revoked", matter=request.matter, actor=actor, fields={"request": request.digest, "reason": reason})
    )
    return {"request": request.digest, "entry": receipt.index}
