"""The request for access that an order stands for, and the approvals people sign over it.

A request follows from the order and the public key of the holder's log, so approvers on other machines derive it themselves and
sign what they derived; in another home, which has another log, the approval is for nothing. Two approvals by two keys in two
roles make a grant possible (`governance.grant`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.canon import canonical, instant
from incamera.core.crypto import parse_public, public_text, sign, verify
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest, digest
from incamera.core.records import Approval
from incamera.governance import files
from incamera.governance.terms import APPROVING_ROLES, Order

REQUEST_VERSION: Final = "incamera/request/2"
APPROVAL_VERSION: Final = "incamera/approval/1"
#: The record cap of an order for the whole frame: the largest number that JSON carries exactly.
WHOLE_FRAME: Final = 2**53 - 1
_APPROVAL_KEYS = {"v", "request", "terms", "role", "key", "at", "expires_at", "signature"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """What is asked for: in which log, whose conversations (scope), how many at most, why, under which policies, until when.

    `log` is the Ed25519 key of the home's ledger as a note verifier key: the grant will stand there, and nowhere else.
    """

    log: str
    matter: str
    order: Digest
    order_document: Digest
    purpose: str
    scope: Digest
    max_records: int
    policy: Digest
    not_after: str | None

    @property
    def terms(self) -> dict[str, Any]:
        """The request as JSON values, version first: what an approver reads."""
        return {
            "v": REQUEST_VERSION,
            "log": self.log,
            "matter": self.matter,
            "order": self.order,
            "order_document": self.order_document,
            "purpose": self.purpose,
            "scope": self.scope,
            "max_records": self.max_records,
            "policy": self.policy,
            "not_after": self.not_after,
        }

    @property
    def digest(self) -> Digest:
        """SHA-256 of the canonical terms: what an approval signs."""
        return digest(canonical(self.terms))


def request_for(order: Order, *, policy: Digest, log: str) -> AccessRequest:
    """The request an order stands for in one home: the same on every machine that has the order and this version's policies.

    The cap is the size of the sample. The order itself sets no end: each approval has its own, and a hold that ends first leaves
    nothing to open.
    """
    return AccessRequest(
        log=log,
        matter=order.matter.id,
        order=order.digest,
        order_document=order.matter.order_document_sha256,
        purpose="court_order",
        scope=order.scope,
        max_records=order.sample.size or WHOLE_FRAME,
        policy=policy,
        not_after=None,
    )


def subject_scope(subject: str) -> Digest:
    """The scope of one person's conversations, by the vault's random reference: it says nothing to who does not have that."""
    return digest(canonical({"v": "incamera/subject-scope/1", "subject": subject}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedApproval(Approval):
    """An approval with the terms it was given for, so that a refusal can say which of them differ."""

    terms: Mapping[str, Any]

    def json(self) -> bytes:
        """The approval file."""
        return json.dumps({**_body(self), "terms": dict(self.terms), "signature": self.signature}, indent=2).encode() + b"\n"


def approve(request: AccessRequest, key: Ed25519PrivateKey, *, role: str, now: datetime, days: int = 30) -> SignedApproval:
    """Sign a request, for so many days and never longer than the request itself.

    Raises:
        Refused: `access.role-cannot-approve`; `access.request-ended`, the request's time is over.
        Malformed: `access.bad-days`.
    """
    if role not in APPROVING_ROLES:
        raise Refused("access.role-cannot-approve", f"these roles approve: {', '.join(APPROVING_ROLES)}")
    instant(now)  # a moment without a time zone is refused before it is compared
    if not 1 <= days <= 366:
        raise Malformed("access.bad-days", "an approval lasts from 1 to 366 days")
    expires = now + timedelta(days=days)
    if request.not_after is not None:
        expires = min(expires, parse_instant(request.not_after))
    if expires <= now:
        raise Refused("access.request-ended", "the order's time for access is over")
    unsigned = SignedApproval(
        request=request.digest,
        role=role,
        key=public_text(key),
        at=now.astimezone(UTC).replace(microsecond=0),
        expires_at=expires.astimezone(UTC).replace(microsecond=0),
        signature="",
        terms=request.terms,
    )
    return replace(unsigned, signature=sign(key, APPROVAL_VERSION, canonical(_body(unsigned))))


def write_approval(approval: SignedApproval, path: Path) -> None:
    """Write the approval file; never overwrites one."""
    files.write_new(path, approval.json())


def read_approval(path: Path) -> SignedApproval:
    """Read an approval file: its shape, not yet its signature, which `governance.grant` checks against the order.

    Raises:
        Malformed: `access.bad-approval`, with what is wrong.
        Unavailable: `governance.unreadable`.
    """
    try:
        value = json.loads(files.read(path))
    except (ValueError, RecursionError):
        raise _bad(path, "expected one JSON object") from None
    if not isinstance(value, dict) or set(value) != _APPROVAL_KEYS:
        raise _bad(path, f"expected exactly {', '.join(sorted(_APPROVAL_KEYS))}")
    texts = {name: item for name, item in value.items() if name != "terms"}
    if not all(isinstance(item, str) for item in texts.values()) or not isinstance(value["terms"], dict):
        raise _bad(path, "expected texts, and the request's terms as a table")
    if value["v"] != APPROVAL_VERSION:
        raise _bad(path, f"expected version {APPROVAL_VERSION}")
    if digest(canonical(value["terms"])) != value["request"]:
        raise _bad(path, "the digest of the terms is not the request that was signed")
    parse_public(value["key"], where=path.name)
    try:
        at, expires = parse_instant(value["at"]), parse_instant(value["expires_at"])
    except ValueError:
        raise _bad(path, "expected times as 2026-01-02T03:04:05Z") from None
    return SignedApproval(
        request=value["request"],
        role=value["role"],
        key=value["key"],
        at=at,
        expires_at=expires,
        signature=value["signature"],
        terms=value["terms"],
    )


def verify_approval(approval: Approval) -> None:
    """Raises `Unverified` (`crypto.bad-signature`) unless the stated key signed exactly this approval."""
    verify(approval.key, APPROVAL_VERSION, canonical(_body(approval)), approval.signature, where=approval.role)


def approval_digest(approval: Approval) -> Digest:
    """Names an approval in a grant and in the ledger."""
    return digest(canonical({**_body(approval), "signature": approval.signature}))


def parse_instant(text: str) -> datetime:
    """The moment of `core.canon.instant`. Raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _body(approval: Approval) -> dict[str, Any]:
    return {
        "v": APPROVAL_VERSION,
        "request": approval.request,
        "role": approval.role,
        "key": approval.key,
        "at": instant(approval.at),
        "expires_at": instant(approval.expires_at),
    }


def _bad(path: Path, hint: str) -> Malformed:
    return Malformed("access.bad-approval", hint, where=path.name)
