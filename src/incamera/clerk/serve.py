"""The key broker as a process of its own: it alone holds the passphrase, and answers on a socket to accounts that were named."""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from incamera.clerk.alone import Alone
from incamera.clerk.brokering import operations
from incamera.clerk.home import Home
from incamera.clerk.sharing import share
from incamera.core.errors import Malformed
from incamera.vault.protocol import Level
from incamera.vault.wire import Server

_PR_SET_DUMPABLE = 4


def broker(
    home: Home,
    socket: Path | None,
    accounts: Sequence[str],
    *,
    clerks: Sequence[str] = (),
    custodians: Sequence[str] = (),
    ready: Callable[[dict[str, Any]], None],
) -> None:
    """Answer for a home's keys until the process is told to end (SIGTERM, SIGINT); what is released is checked and recorded as
    always.

    Args:
        socket: Where to listen; by default what the home names.
        accounts: Accounts of the operating system, by name or number, that may ask for keys under a grant: workers.
            The kernel says who asks.
        clerks: Accounts that may also store, place holds and answer orders; see `docs/formats/broker.md`.
        custodians: Accounts that may do what the broker's own may: release holds, shred, roll, open matters.
        ready: Told once, when the socket listens.
    Raises:
        Malformed: `broker.no-socket`, `broker.no-accounts`, `broker.unknown-account`.
        Refused: `broker.keys-open`, `vault.broker-running`, `vault.not-a-socket`. Unavailable: `vault.no-socket-directory`.
    """
    if socket is None and home.broker is None:
        raise Malformed("broker.no-socket", "say where to listen: the home names no socket", where="--socket")
    if not (accounts or clerks or custodians):
        raise Malformed("broker.no-accounts", "name the accounts that may ask, at least one", where="--account")
    heard = levels(accounts, clerks, custodians)
    harden()
    if any(level is Level.CLERK for level in heard.values()):
        share(home.path)
    alone = None if home.broker else Alone(home.path)  # a home that names its broker has been claimed when it was opened
    door = Server(operations(home), address=socket or Path(home.broker or ""), accounts=heard)
    stop = threading.Thread(target=door.stop, name="stop")

    def end(*_: object) -> None:
        if not stop.is_alive() and stop.ident is None:
            stop.start()  # not here: the handler interrupts the very loop that has to end

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        told = {level.name.lower(): sorted(uid for uid, given in heard.items() if given is level) for level in Level}
        ready({"socket": door.address, "accounts": told, "origin": home.origin})
        door.serve()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        door.close()
        if alone is not None:
            alone.end()


def levels(workers: Sequence[str], clerks: Sequence[str], custodians: Sequence[str]) -> dict[int, Level]:
    """What each account is heard as; named twice it is the higher one. The broker's own account is a custodian."""
    named = ((Level.WORKER, workers), (Level.CLERK, clerks), (Level.CUSTODIAN, custodians))
    heard = {_uid(account): level for level, accounts in named for account in accounts}
    return heard | {os.geteuid(): Level.CUSTODIAN}


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
