"""What a command is given to act under: a court's order, or a standing request. Told apart by the paper, not by an option."""

from __future__ import annotations

from pathlib import Path

from incamera.clerk import standing
from incamera.clerk.desk import Desk
from incamera.clerk.home import Home
from incamera.clerk.standing import StandingWork
from incamera.core.errors import Malformed
from incamera.core.ids import Digest
from incamera.governance import files, policy, standing_terms
from incamera.governance import order as orders
from incamera.governance.request import AccessRequest, request_for
from incamera.governance.standing_terms import StandingTerms
from incamera.governance.terms import Order
from incamera_verify.errors import VerificationError
from incamera_verify.note import Algorithm, Verifier


def read(path: Path) -> Order | StandingTerms:
    """The paper at *path*.

    Raises:
        Malformed: `order.*`, `access.bad-request`. Unavailable: `governance.unreadable`.
    """
    return standing_terms.load(path) if standing_terms.is_standing(files.read(path)) else orders.load(path)


def work(home: Home, path: Path) -> Desk | StandingWork:
    """The work under the paper at *path*. Raises as `read`."""
    paper = read(path)
    return standing.work(home, paper) if isinstance(paper, StandingTerms) else Desk(home=home, order=paper)


def request_of(paper: Order | StandingTerms, log: str) -> AccessRequest:
    """What approvers sign, for the home whose log has this key, under the policies of this version.

    Raises:
        Malformed: `access.bad-log`.
    """
    try:
        key = Verifier.parse(log, "--log")
    except VerificationError:
        key = None
    if key is None or key.algorithm is not Algorithm.ED25519:
        raise Malformed("access.bad-log", "name the holder's log by its Ed25519 key, as `incamera ledger keys` prints it")
    shipped: Digest = policy.shipped().digest
    if isinstance(paper, StandingTerms):
        return paper.request(policy=shipped, log=key.text)
    return request_for(paper, policy=shipped, log=key.text)
