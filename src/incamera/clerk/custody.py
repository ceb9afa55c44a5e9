"""The custodian's upkeep: epochs are rotated and rolled, dead rows purged, and the register of copies is shown.

What destroys is shown first and carried out only when asked for; what was carried out is an act of the ledger.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from incamera.clerk import standing
from incamera.clerk.home import Home
from incamera.core.errors import Refused
from incamera.core.records import Entry

#: A grace that no epoch outlives: rotate, and destroy nothing.
_NEVER: Final = timedelta(days=365 * 1000)


def epochs(home: Home) -> list[dict[str, Any]]:
    """Every epoch: when it was opened, closed and destroyed, and how many subject keys it still wraps."""
    return [asdict(epoch) for epoch in home.vault.keyring.epochs()]


def rotate(home: Home, *, actor: str) -> dict[str, Any]:
    """Open a new epoch and re-wrap every key under it. Nothing is destroyed, no byte of a conversation is rewritten."""
    return asdict(home.vault.roll_epoch(actor=actor, grace=_NEVER))


def roll(home: Home, *, grace: timedelta, actor: str, carry_out: bool) -> dict[str, Any]:
    """Rotate, and destroy in the KMS the epochs that closed at least *grace* ago: backups of keys.db from then open nothing.

    Raises:
        Refused: `vault.epoch-in-use`. Unverified: `vault.not-authentic`: a held key did not open, and nothing was destroyed.
    """
    if carry_out:
        return {"carried_out": True, **asdict(home.vault.roll_epoch(actor=actor, grace=grace))}
    now = home.clock.now()
    closing = [epoch for epoch in home.vault.keyring.epochs() if epoch.destroyed_at is None]
    doomed = [e.number for e in closing if (datetime.fromisoformat(e.closed_at) if e.closed_at else now) + grace <= now]
    return {"carried_out": False, "rewrapped": sum(e.subjects for e in closing), "destroyed": doomed}


def compact(home: Home, *, actor: str, carry_out: bool) -> dict[str, Any]:
    """Rewrite every file that holds rows of shredded conversations, without those rows.

    Raises:
        Refused: `custody.run-in-progress`, a run of some matter reads those files.
    """
    if not carry_out:
        files, rows = home.vault.purgeable()
        return {"carried_out": False, "files": files, "purged": rows}
    with _no_run(home):
        done = asdict(home.vault.compact())
    home.ledger.append(Entry(act="vault.compacted", matter="", actor=actor, fields=done))
    return {"carried_out": True, **done}


def register(home: Home) -> list[dict[str, Any]]:
    """Every kind of copy made from conversations, its key, and how far a shred reaches into it."""
    return [asdict(derived) for derived in home.vault.register.all()]


@contextmanager
def _no_run(home: Home) -> Iterator[None]:
    """Hold the lock of every matter and standing request, so that no run begins or goes on meanwhile."""
    with ExitStack() as stack:
        runs = [*(home.path / "matters").glob("*/.run"), *(home.path / standing.DIRECTORY).glob("*/.run")]
        for path in sorted(runs):
            lock = os.open(path, os.O_RDWR)
            stack.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    "custody.run-in-progress", "a run works on this matter; compact when it is done", where=path.parent.name
                ) from None
        yield
