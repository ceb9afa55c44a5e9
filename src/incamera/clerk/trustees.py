"""Waiting for trustees: what is escrowed is asked for under the grant, and a run stops, in an orderly way, until it is answered.

The wait is boxed: it ends when the trustees' answer is taken in, when the request's time is over, or when the holder ends it; the
ledger tells which. What stayed sealed is then left out and counted, never waited for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from incamera.clerk.desk import Work
from incamera.clerk.home import write_atomically
from incamera.core.canon import instant
from incamera.core.errors import Awaiting
from incamera.core.ids import Ref, digest
from incamera.core.records import Grant
from incamera.ledger.entry import Recorded
from incamera.vault import escrow

#: Where the latest request lies, in the work's own directory.
REQUEST: Final = Path("unsealing", "request.json")


def ask(desk: Work, grant: Grant, crefs: Iterable[Ref], *, actor: str | None = None) -> tuple[bytes, dict[str, Any]]:
    """Ask for the escrowed ones of *crefs*: the document for the trustees, and what the ledger tells of it.

    Raises:
        Refused: `vault.nothing-escrowed`, and as `Unsealing.ask`.
    """
    document = desk.home.vault.unsealing.ask(grant, crefs)
    asked = escrow.read_request(document)
    fields: dict[str, Any] = {
        "request": asked.digest,
        "conversations": len(asked.sealed),
        "grant": grant.receipt.index,
        "until": instant(asked.expires_at),
    }
    # Before the act: a request that is told of can be handed over, also after a crash.
    write_atomically(desk.path / REQUEST, document, mode=0o600)
    desk.home.ledger.append(replace(desk.entry("unsealing.asked", **fields), actor=actor or desk.actor))
    return document, fields


def wait(desk: Work, grant: Grant, crefs: Sequence[Ref], *, paper: Path, handed: Path) -> None:
    """Go on where everything opens, or where waiting is over; else stop, with the request for the trustees at *handed*.

    Args:
        paper: The file by which `vault unseal` names this work: the order, or the standing request.
    Raises:
        Awaiting: `access.awaiting-trustees`, naming how many conversations, until when, and who can unseal them.
    """
    sealed = desk.home.vault.unsealing.sealed(grant, crefs)
    if not sealed:
        return
    asked = desk.recorded("unsealing.asked", grant=grant.receipt.index)
    if asked is not None and _over(desk, grant, asked):
        desk.watch.note(f"{len(sealed)} escrowed conversations stay sealed: nobody unsealed them in time, and they are left out")
        return
    document = _document(desk, asked)
    if document is None:
        document, fields = ask(desk, grant, sealed)
        until = str(fields["until"])
    else:
        assert asked is not None
        until = str(asked.entry.fields["until"])
    write_atomically(handed, document, mode=0o600)
    hint = (
        f"{len(sealed)} escrowed conversations wait until {until} for two of court, holder and neutral: hand {handed} over "
        f"(`incamera trustee peel`, then `incamera trustee unseal`), take the answer in (`incamera vault unseal admit {paper} "
        f"ANSWER.json`) and run again; `incamera vault unseal end {paper} --yes` goes on without them"
    )
    raise Awaiting("access.awaiting-trustees", hint, where=desk.matter)


def _over(desk: Work, grant: Grant, asked: Recorded) -> bool:
    """Whether the latest request was ended by the holder, or by its time."""
    ended = desk.recorded("unsealing.ended", grant=grant.receipt.index)
    until = datetime.fromisoformat(asked.entry.fields["until"])
    return (ended is not None and ended.index > asked.index) or desk.home.clock.now() >= until


def _document(desk: Work, asked: Recorded | None) -> bytes | None:
    """The document of the request that is open, if it is still there; else the trustees are asked anew."""
    path = desk.path / REQUEST
    if asked is None or not path.exists():
        return None
    document = path.read_bytes()
    return document if digest(document) == asked.entry.fields["request"] else None
