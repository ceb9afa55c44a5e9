"""One opener of keys.db at a time, in a home that has a broker: a lock that dies with whoever holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from incamera.core.errors import Refused, Unavailable

LOCK = ".opener"


class Alone:
    """Held from its making to `end`.

    Raises:
        Refused: `broker.keys-open`, another process has it. Unavailable: `broker.keys-open`, this account may not open the lock.
    """

    def __init__(self, home: Path) -> None:
        try:
            self._handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError:
            hint = "only the broker's account opens the keys of this home"
            raise Unavailable("broker.keys-open", hint, where=str(home)) from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            hint = "a broker, or something that stands in for it, has the keys of this home open; stop it first"
            raise Refused("broker.keys-open", hint, where=str(home)) from None

    def end(self) -> None:
        """Let others open keys.db. Idempotent."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
