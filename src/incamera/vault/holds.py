"""Legal holds on keys: while one covers a conversation, its key can be neither erased nor overwritten.

This is the second of four locks. The first is policy (governance), the third the triggers of keys.db, the fourth the
gate before an epoch is destroyed (`Keyring.destroy`). Each holds alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from incamera.core.canon import instant
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest, Ref
from incamera.core.ports import Clock
from incamera.vault.database import chunks
from incamera.vault.keys import Keyring
from incamera.vault.recovering import Recovery

_CHUNK = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold: which matter and order it serves, and over how many conversations."""

    id: str
    matter: str
    order: Digest
    placed_at: str
    released_at: str | None
    conversations: int


class Holds:
    """Places, counts and releases. The ledger entries of a hold are the clerk's, who knows its rule and its authority."""

    def __init__(self, keyring: Keyring, *, clock: Clock, recovery: Recovery) -> None:
        self._keys = keyring.database
        self._recovery = recovery
        self._clock = clock

    def place(self, hold_id: str, crefs: Iterable[Ref], *, matter: str, order: Digest) -> int:
        """Put *crefs* under the hold; returns how many it newly covers. Idempotent, and a hold may grow.

        Raises:
            Refused: `vault.hold-released` (a released hold is not revived), `vault.hold-differs` (another matter or order).
            Malformed: `vault.unknown-conversation`, a key that is not there, or already shredded.
        """
        with self._keys.begin() as connection:
            row = self._keys.execute(
                connection, "SELECT matter, order_digest, released_at FROM hold WHERE id = ?", (hold_id,)
            ).first()
            if row is None:
                self._keys.execute(
                    connection,
                    "INSERT INTO hold (id, matter, order_digest, placed_at) VALUES (?, ?, ?, ?)",
                    (hold_id, matter, order, instant(self._clock.now())),
                )
            elif row[2] is not None:
                raise Refused("vault.hold-released", "the hold was released; place a new one under a new id", where=hold_id)
            elif (row[0], row[1]) != (matter, order):
                raise Refused("vault.hold-differs", "a hold of this id serves another matter or order", where=hold_id)
        self._recovery.begin(hold_id, matter=matter, order=order)
        return sum(self._cover(hold_id, chunk) for chunk in chunks((bytes.fromhex(ref) for ref in crefs), _CHUNK))

    def _cover(self, hold_id: str, crefs: list[bytes]) -> int:
        crefs = sorted(set(crefs))
        with self._keys.begin() as connection:
            marks = ",".join("?" * len(crefs))
            live = f"SELECT count(*) FROM conversation_key WHERE state <> 'shredded' AND cref IN ({marks})"  # noqa: S608
            if self._keys.execute(connection, live, crefs).scalar() != len(crefs):
                raise Malformed(
                    "vault.unknown-conversation", "a conversation to be held is not in the vault, or is shredded", where=hold_id
                )
            there = f"SELECT cref FROM held WHERE hold_id = ? AND cref IN ({marks})"  # noqa: S608
            seen = {bytes(cref) for (cref,) in self._keys.execute(connection, there, (hold_id, *crefs))}
            new = [(cref, hold_id) for cref in crefs if cref not in seen]
            # The recovery file first: a hold that is counted is a hold that can be recovered.
            self._recovery.add(hold_id, [cref for cref, _ in new])
            self._keys.execute_many(connection, "INSERT INTO held (cref, hold_id) VALUES (?, ?)", new)
        return len(new)

    def release(self, hold_id: str) -> int:
        """End the hold; returns how many conversations it covered. What awaits shredding is the shredder's to run next.

        Raises:
            Refused: `vault.no-hold`, there is none of this id; `vault.hold-released`, it ended before.
        """
        with self._keys.begin() as connection:
            row = self._keys.execute(connection, "SELECT released_at FROM hold WHERE id = ?", (hold_id,)).first()
            if row is None:
                raise Refused("vault.no-hold", "there is no hold of this id", where=hold_id)
            if row[0] is not None:
                raise Refused("vault.hold-released", "the hold was released before", where=hold_id)
            at = instant(self._clock.now())
            self._keys.execute(connection, "UPDATE hold SET released_at = ? WHERE id = ?", (at, hold_id))
            covered = self._keys.execute(connection, "SELECT count(*) FROM held WHERE hold_id = ?", (hold_id,)).scalar()
            self._keys.execute(connection, "DELETE FROM held WHERE hold_id = ?", (hold_id,))
        self._recovery.end(hold_id)
        return int(covered)

    def count(self, cref: Ref) -> int:
        """How many holds cover a conversation."""
        row = self._keys.one("SELECT hold_count FROM conversation_key WHERE cref = ?", (bytes.fromhex(cref),))
        return int(row[0]) if row else 0

    def held(self) -> frozenset[bytes]:
        """Every conversation that a hold covers."""
        return frozenset(bytes(cref) for (cref,) in self._keys.rows("SELECT DISTINCT cref FROM held"))

    def over(self, ref: bytes) -> list[str]:
        """Ids of the holds over a conversation, or over any conversation of a subject."""
        query = (
            "SELECT DISTINCT held.hold_id FROM held JOIN conversation_key AS c ON c.cref = held.cref"
            " WHERE c.cref = ? OR c.uref = ? ORDER BY held.hold_id"
        )
        return [row[0] for row in self._keys.rows(query, (ref, ref))]

    def covered(self, matter: str) -> frozenset[bytes]:
        """Conversations under a hold of *matter* that await shredding."""
        query = (
            "SELECT c.cref FROM conversation_key AS c JOIN subject_key AS s ON s.uref = c.uref"
            " JOIN held ON held.cref = c.cref JOIN hold ON hold.id = held.hold_id"
            " WHERE hold.matter = ? AND (c.state = 'pending' OR s.state = 'pending')"
        )
        return frozenset(bytes(cref) for (cref,) in self._keys.rows(query, (matter,)))

    def all(self) -> list[Hold]:
        """Every hold, released ones included, in the order of placing."""
        query = (
            "SELECT id, matter, order_digest, placed_at, released_at, (SELECT count(*) FROM held WHERE hold_id = id)"
            " FROM hold ORDER BY placed_at, id"
        )
        return [
            Hold(id=i, matter=m, order=Digest(o), placed_at=p, released_at=r, conversations=n)
            for i, m, o, p, r, n in self._keys.rows(query)
        ]
