"""Following a ledger: each act is read once, and who asks again reads only what came since, from this process or another."""

from __future__ import annotations

import threading
from collections.abc import Callable

from incamera.ledger.entry import Recorded
from incamera.ledger.history import History


class Follower:
    """Hands every act of *ledger* to *see*, in order, once. Thread-safe."""

    def __init__(self, ledger: History, see: Callable[[Recorded], None]) -> None:
        self._ledger = ledger
        self._see = see
        self._next = 0
        self._turn = threading.Lock()

    def catch_up(self) -> None:
        """Take in what was appended since. Raises `Unverified` where the log is not what it was."""
        with self._turn:
            self._ledger.refresh()
            for recorded in self._ledger.entries(start=self._next):
                self._see(recorded)
                self._next = recorded.index + 1
