"""A standing request at the holder's: its directory, its approvers, its grant, and how it ends."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from incamera.clerk import accounts
from incamera.clerk.authorize import keep, kept_grant
from incamera.clerk.desk import Work
from incamera.clerk.home import Home
from incamera.core.errors import Refused
from incamera.core.ids import Digest
from incamera.core.records import Grant
from incamera.governance import policy
from incamera.governance.grant import issue_standing
from incamera.governance.history import History
from incamera.governance.identity import Identity
from incamera.governance.request import AccessRequest, read_approval
from incamera.governance.standing_terms import StandingTerms

DIRECTORY: Final = "access"
#: Why a grant was ended whose purpose is fulfilled.
USED: Final = "used"


@dataclass(kw_only=True, repr=False)
class StandingWork(Work):
    """Work under a request that no court ordered. The account that asked acts."""

    terms: StandingTerms

    @property
    def matter(self) -> str:
        return self.terms.matter

    @property
    def path(self) -> Path:
        path = self.home.path / DIRECTORY / self.terms.id
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    @property
    def paper(self) -> Digest:
        return self.terms.digest

    @property
    def request(self) -> AccessRequest:
        """What approvers sign, in this home."""
        return self.terms.request(policy=policy.shipped().digest, log=self.home.log_key)

    def unused(self) -> None:
        """Raises `Refused` (`access.used`) where the request was carried out: it serves once."""
        if self.recorded("access.revoked", request=self.request.digest, reason=USED) is not None:
            raise Refused("access.used", "this request was carried out, and serves once: ask anew", where=self.matter)

    def authorize(self, officer: Identity, files: Sequence[Path]) -> Grant:
        """A live grant over the request's list: one that was given before, or a new one on these approvals.

        Raises:
            Awaiting: `access.awaiting-approval`. Refused: as `governance.grant.issue_standing`.
        """
        if (kept := kept_grant(self)) is not None and (officer.name, officer.key) == (self.terms.actor, self.terms.key):
            return kept
        approvals = [read_approval(path) for path in files]
        accounts.require_signed_in(self.home, approvals, matter=self.matter, actor=self.actor)
        grant = issue_standing(
            self.terms,
            approvals,
            signers=accounts.approvers(self.home),
            actor=officer,
            mac_key=self.home.grant_key,
            appender=self.home.ledger,
            clock=self.home.clock,
            policy=policy.shipped(),
            log=self.home.log_key,
            history=History.of(self.home.ledger.entries(self.matter)),
        )
        keep(self, grant, approvals)
        return grant

    def end(self, grant: Grant) -> None:
        """The purpose is fulfilled: the grant opens nothing more, what was unsealed for it and its working set are gone."""
        self.act("access.revoked", request=self.request.digest, reason=USED, grant=grant.receipt.index)
        self.home.vault.unsealing.end(grant)
        shutil.rmtree(self.path)


def work(home: Home, terms: StandingTerms) -> StandingWork:
    """The work of a request, by the account that asked."""
    return StandingWork(home=home, terms=terms, actor=terms.actor)


def unsealing(paper: Path) -> Path:
    """Where the request for the trustees is handed over: beside the paper."""
    return paper.with_name(f"{paper.stem}.unseal.json")
