"""The key broker as a process of its own: it alone holds the passphrase, and answers on a socket to accounts that were named."""

from __future__ import annotations

import ctypes
import pwd
import resource
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from incamera.clerk.home import Home
from incamera.core.errors import Malformed
from incamera.vault.protocol import Level
from incamera.vault.wire import Server

_PR_SET_DUMPABLE = 4


def broker(home: Home, socket: Path | None, accounts: Sequence[str], *, ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve key releases until the process is told to end (SIGTERM, SIGINT); every one is checked and recorded as always.

    Args:
        socket: Where to listen; by default what the home names.
        accounts: Accounts of the operating system, by name or number, that may ask. The kernel says who asks.
        ready: Told once, when the socket listens.
    Raises:
        Malformed: `broker.no-socket`, `broker.no-accounts`, `broker.unknown-account`.
        Refused: `vault.broker-running`, `vault.not-a-socket`. Unavailable: `vault.no-socket-directory`.
    """
    if socket is None and home.broker is None:
        raise Malformed("broker.no-socket", "say where to listen: the home names no socket", where="--socket")
    if not accounts:
        raise Malformed("broker.no-accounts", "name the accounts that may ask; nobody else is heard", where="--account")
    uids = sorted({_uid(account) for account in accounts})
    harden()
    door = Server(
        home.vault.operations(), address=socket or Path(home.broker or ""), accounts=dict.fromkeys(uids, Level.WORKER)
    )
    stop = threading.Thread(target=door.stop, name="stop")

    def end(*_: object) -> None:
        if not stop.is_alive() and stop.ident is None:
            stop.start()  # not here: the handler interrupts the very loop that has to end

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        ready({"socket": door.address, "accounts": uids, "origin": home.origin})
        door.serve()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        door.close()


def harden() -> None:
    """No core dump and, on Linux, no memory for a debugger of the same account: keys are in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _uid(account: str) -> int:
    if account.isdigit():
        return int(account)
    try:
        return pwd.getpwnam(account).pw_uid
    except KeyError:
        raise Malformed("broker.unknown-account", "this machine has no such account", where=account) from None
