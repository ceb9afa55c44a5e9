"""How long work tells of its progress. Stage names and counts only: a Watcher never sees text."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    def stage(self, name: str, total: int | None = None) -> None:
        """A stage begins; *total* units are to come, where that is known."""

    def advance(self, count: int = 1) -> None:
        """*count* more units are done."""

    def note(self, line: str) -> None:
        """A line a person must see now: a warning, a default that was chosen."""


class Silent:
    """The Watcher of scripts and tests."""

    def stage(self, name: str, total: int | None = None) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        pass

    def note(self, line: str) -> None:
        pass
