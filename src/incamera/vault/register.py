"""The derived-data register: every copy made from conversations, its key, and how far a shred reaches into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from incamera.core.canon import canonical, instant
from incamera.core.ids import Digest, Ref, digest
from incamera.core.ports import Clock
from incamera.vault.database import Database

#: What a shred does to a copy: its key dies with the conversation's; it is erased at once by its keeper; it is rebuilt
#: without the subject when next made; or it was handed over and is out of reach.
Reach = Literal["dies-with-key", "erased-at-shred", "ages-out", "not-reachable"]
#: Removes what a keeper derived from these conversations; returns how many pieces that were.
Eraser = Callable[[Sequence[Ref]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """One kind of copy: `name` (a working set, an index, a volume), what it is, under which key it lies."""

    name: str
    kind: str
    reach: Reach
    key_path: str
    note: str = ""
    at: str = ""


class Register:
    """Kept in keys.db beside the keys it speaks of. Erasers are code, so they are registered again by each process."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._erasers: dict[str, Eraser] = {}

    def add(self, derived: Derived, eraser: Eraser | None = None) -> None:
        """Enter a copy before it is made. Entering it again is fine; its words may change, its name may not be reused."""
        if eraser is not None:
            self._erasers[derived.name] = eraser
        row = (derived.kind, derived.reach, derived.key_path, derived.note, instant(self._clock.now()), derived.name)
        with self._database.begin() as connection:
            if self._database.execute(connection, "SELECT 1 FROM derived WHERE name = ?", (derived.name,)).first():
                self._database.execute(
                    connection, "UPDATE derived SET kind = ?, reach = ?, key_path = ?, note = ?, at = ? WHERE name = ?", row
                )
            else:
                self._database.execute(
                    connection, "INSERT INTO derived (kind, reach, key_path, note, at, name) VALUES (?, ?, ?, ?, ?, ?)", row
                )

    def all(self) -> list[Derived]:
        """Every entry, by name."""
        rows = self._database.rows("SELECT name, kind, reach, key_path, note, at FROM derived ORDER BY name")
        return [Derived(name=n, kind=k, reach=r, key_path=p, note=o, at=a) for n, k, r, p, o, a in rows]

    def digest(self) -> Digest:
        """SHA-256 over the canonical register: what a shred's ledger entry names."""
        return digest(canonical([[d.name, d.kind, d.reach, d.key_path, d.note] for d in self.all()]))

    def counts(self) -> tuple[int, int]:
        """(entries that a shred reaches, entries that it does not)."""
        reaches = [derived.reach for derived in self.all()]
        return len(reaches) - reaches.count("not-reachable"), reaches.count("not-reachable")

    def erase(self, crefs: Sequence[Ref]) -> int:
        """Run every eraser over *crefs*; returns the number of pieces removed."""
        return sum(eraser(crefs) for eraser in self._erasers.values())
