"""Permission for one matter: two signed approvals become a grant, and a grant that lives is used again by a resumed run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from incamera.clerk import derived
from incamera.clerk.desk import Desk, Work
from incamera.clerk.home import write_atomically
from incamera.core.canon import pack, unpack
from incamera.core.ids import Digest, Ref
from incamera.core.records import Approval, Grant
from incamera.governance.request import SignedApproval, read_approval

GRANT, APPROVALS = "grant.json", "approvals"


def authorize(desk: Desk, files: Sequence[Path], crefs: Iterable[Ref]) -> tuple[Grant, tuple[Approval, ...]]:
    """A live grant over *crefs*, the draw, and over nothing else; with the approvals it rests on.

    Raises:
        Awaiting: `access.awaiting-approval`, naming the roles that could still approve.
        Refused: `access.*`, each recorded in the ledger before it is raised.
    """
    approvals = [read_approval(path) for path in files]
    listed = desk.home.vault.list_for_grant(crefs)
    derived.enter_matter(desk)
    kept = _kept(desk, listed)
    if kept is not None:
        return kept
    desk.watch.stage("authorize")
    grant = desk.home.court_grant(desk.order, approvals, actor=desk.actor, listed=listed)
    keep(desk, grant, approvals)
    return grant, tuple(approvals)


def keep(desk: Work, grant: Grant, approvals: Iterable[SignedApproval]) -> None:
    """Write a grant down for a run that is resumed, after the approvals it rests on."""
    for number, approval in enumerate(approvals, 1):
        write_atomically(desk.path / APPROVALS / f"{number}.json", approval.json())
    write_atomically(desk.path / GRANT, pack(grant), mode=0o600)


def _kept(desk: Desk, listed: Digest) -> tuple[Grant, tuple[SignedApproval, ...]] | None:
    grant = kept_grant(desk)
    if grant is None or grant.listed != listed:
        return None
    return grant, tuple(read_approval(place) for place in sorted((desk.path / APPROVALS).glob("*.json")))


def kept_grant(desk: Work) -> Grant | None:
    """The grant of an earlier run, if nothing has ended it; the broker checks it again, all of it."""
    path = desk.path / GRANT
    if not path.exists():
        return None
    grant = unpack(path.read_bytes(), Grant)
    revoked = desk.recorded("access.revoked")
    if desk.home.clock.now() >= grant.expires_at or (revoked is not None and revoked.index > grant.receipt.index):
        return None
    return grant
