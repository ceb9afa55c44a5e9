"""Escrowed conversations: the holder asks two trustees, takes their answer in, and ends it, under an order or a standing request.

The trustees' own steps run on their machines, without a home, and never see a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from incamera.clerk import papers, sample, trustees
from incamera.clerk.authorize import authorize, kept_grant
from incamera.clerk.desk import Desk, Work
from incamera.clerk.home import Home
from incamera.clerk.recovery import private_key
from incamera.core.canon import instant
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.core.ports import Clock
from incamera.core.records import Entry, Grant
from incamera.governance import files
from incamera.vault import escrow
from incamera_verify.errors import VerificationError
from incamera_verify.note import Verifier


def request(home: Home, paper: Path, approvals: Sequence[Path], *, out: Path, actor: str) -> dict[str, Any]:
    """Ask for the escrowed ones of a matter's draw, under its grant; writes the document for two trustees.

    The grant is the one that `answer` goes on with: what the approvals allow, over the draw and nothing else. A standing request
    has its grant from whoever asked (`access use`, `vault switch-class`).

    Raises:
        Refused: `sample.no-draw`, `custody.no-grant`, `vault.nothing-escrowed`, and as `authorize`.
        Awaiting: `access.awaiting-approval`. Unavailable: `governance.exists`.
    """
    desk = papers.work(home, paper)
    _absent(out)
    crefs = list(sample.drawn_of(desk).values()) if isinstance(desk, Desk) else home.vault.listed(desk.terms.listed)
    with desk.running("authorize"):
        grant = authorize(desk, approvals, crefs)[0] if isinstance(desk, Desk) else _grant(desk)
        document, fields = trustees.ask(desk, grant, crefs, actor=actor)
    files.write_new(out, document)
    return {"matter": desk.matter, **fields, "file": str(out)}


def admit(home: Home, paper: Path, answer: Path) -> dict[str, Any]:
    """Take the trustees' answer in. `key.unsealed` is in the ledger before a key is kept; the same answer again is one.

    Raises:
        Refused: `custody.no-grant`, `vault.unseal-unknown`. Unverified, Malformed: as `Unsealing.admit`.
    """
    desk = papers.work(home, paper)
    count = home.vault.unsealing.admit(_grant(desk), files.read(answer, limit=DOCUMENT_BYTES_MAX))
    return {"matter": desk.matter, "unsealed": count}


def end(home: Home, paper: Path, *, actor: str, carry_out: bool) -> dict[str, Any]:
    """Forget what was unsealed for the grant, and every open request, before their time; nobody waits for trustees then.

    Raises:
        Refused: `custody.no-grant`.
    """
    desk = papers.work(home, paper)
    grant = _grant(desk)
    if not carry_out:
        return {"carried_out": False, "matter": desk.matter}
    gone = home.vault.unsealing.end(grant)
    fields: dict[str, Any] = {"grant": grant.receipt.index, "conversations": gone}
    home.ledger.append(Entry(act="unsealing.ended", matter=desk.matter, actor=actor, fields=fields))
    return {"carried_out": True, "matter": desk.matter, "forgotten": gone}


# --- the trustees, on machines of their own ----------------------------------------------------------------------------

#: Room for the sealed keys of the largest grant: about 600 bytes a conversation.
DOCUMENT_BYTES_MAX = 1 << 31


def peel(
    document: Path,
    key: Path,
    *,
    outer: str,
    inner: str,
    log: Sequence[str],
    secret: bytes | None,
    clock: Clock,
    out: Path,
    carry_out: bool,
) -> dict[str, Any]:
    """The outer trustee's part: what is asked is shown; with *carry_out* the share for the inner one is written.

    Raises:
        Unverified: `vault.receipt`, `vault.recovery-share`. Refused: `vault.unseal-expired`, `vault.recovery-pair`.
        Malformed: `vault.unseal-document`, `custody.bad-key`. Unavailable: `recovery.bad-key`, `governance.exists`.
    """
    asked = _asked(document, log, clock)
    if not carry_out:
        return {"carried_out": False, **_shown(asked)}
    _absent(out)
    share = escrow.peel(asked, outer=outer, inner=inner, key=private_key(outer, key, secret))
    files.write_new(out, share)
    return {"carried_out": True, **_shown(asked), "file": str(out)}


def unseal(
    document: Path,
    share: Path,
    key: Path,
    *,
    inner: str,
    log: Sequence[str],
    secret: bytes | None,
    clock: Clock,
    out: Path,
    carry_out: bool,
) -> dict[str, Any]:
    """The inner trustee's part: the answer, sealed to the holder's broker for this request alone.

    Raises:
        As `peel`; Unverified: `vault.unseal-differs`, `vault.key-commitment`.
    """
    asked = _asked(document, log, clock)
    if not carry_out:
        return {"carried_out": False, **_shown(asked)}
    _absent(out)
    given = files.read(share, limit=DOCUMENT_BYTES_MAX)
    answer = escrow.unseal(asked, given, key=private_key(inner, key, secret))
    files.write_new(out, answer)
    return {"carried_out": True, **_shown(asked), "file": str(out)}


# --- the parts ----------------------------------------------------------------------------------------------------------


def _grant(desk: Work) -> Grant:
    grant = kept_grant(desk)
    if grant is None:
        raise Refused("custody.no-grant", "no grant lives under this paper; ask with its approvals", where=desk.matter)
    return grant


def _asked(document: Path, log: Sequence[str], clock: Clock) -> escrow.Request:
    """The request, proven by the holder's ledger under the keys that the trustee was given by another way."""
    try:
        keys = [Verifier.parse(text, "--log") for text in log]
    except VerificationError:
        raise Malformed("custody.bad-key", "expected keys as `incamera ledger keys` prints them", where="--log") from None
    asked = escrow.read_request(files.read(document, limit=DOCUMENT_BYTES_MAX))
    asked.check(keys, now=clock.now())
    return asked


def _shown(asked: escrow.Request) -> dict[str, Any]:
    return {
        "request": asked.digest,
        "matter": asked.grant.get("matter"),
        "purpose": asked.grant.get("purpose"),
        "actor": asked.grant.get("actor"),
        "entry": asked.grant["receipt"].get("index"),
        "conversations": len(asked.sealed),
        "expires_at": instant(asked.expires_at),
    }


def _absent(path: Path) -> None:
    if path.exists():
        raise Unavailable("governance.exists", "the file is there already and is not overwritten", where=path.name)
