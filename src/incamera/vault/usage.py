"""What each grant has opened, counted durably: a restart forgets nothing, a second opening costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sqlalchemy import Connection

from incamera.core.errors import Refused
from incamera.core.records import Grant
from incamera.vault.database import Database

#: Slots in one bitmap row.
BLOCK_BITS = 12


class Usage:
    """The tables `grant_use` and `opened` of keys.db."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revoked(self, grant: Grant) -> bool:
        row = self._database.one("SELECT revoked_at FROM grant_use WHERE tag = ?", (grant.tag,))
        return row is not None and row[0] is not None

    def revoke(self, grant: Grant, at: str) -> None:
        """End a grant before its time."""
        with self._database.begin() as connection:
            number, _ = self._entry(connection, grant)
            self._database.execute(connection, "UPDATE grant_use SET revoked_at = ? WHERE number = ?", (at, number))

    def others(self, grant: Grant, slots: Iterable[int]) -> int:
        """Conversations opened under the grant so far, those at *slots* left out: what a policy's cap is compared with."""
        row = self._database.one("SELECT number, used FROM grant_use WHERE tag = ?", (grant.tag,))
        if row is None:
            return 0
        asked = _bitmaps(slots)
        with self._database.translate(), self._database.engine.connect() as connection:
            before = self._read(connection, int(row[0]), list(asked))
        return int(row[1]) - sum((bits & before.get(block, 0)).bit_count() for block, bits in asked.items())

    def count(self, connection: Connection, grant: Grant, slots: Iterable[int]) -> int:
        """Count *slots* against the grant's cap, each once however often it is opened; returns the sum so far.

        Raises:
            Refused: `vault.record-cap`, `vault.grant-revoked`.
        """
        number, used = self._entry(connection, grant)
        if (
            self._database.execute(connection, "SELECT revoked_at FROM grant_use WHERE number = ?", (number,)).scalar()
            is not None
        ):
            raise Refused("vault.grant-revoked", "the grant was revoked", where=grant.matter)
        asked = _bitmaps(slots)
        before = self._read(connection, number, list(asked))
        after = {block: before.get(block, 0) | bits for block, bits in asked.items()}
        new = sum(bits.bit_count() - before.get(block, 0).bit_count() for block, bits in after.items())
        if used + new > grant.max_records:
            raise Refused(
                "vault.record-cap",
                f"the grant allows {grant.max_records} conversations and this would be {used + new}",
                where=grant.matter,
            )
        if new:
            size = 1 << BLOCK_BITS >> 3
            rows = [(number, block, bits.to_bytes(size, "little")) for block, bits in after.items() if bits != before.get(block)]
            self._database.execute_many(connection, _KEEP, rows)
            self._database.execute(connection, "UPDATE grant_use SET used = ? WHERE number = ?", (used + new, number))
        return used + new

    def _entry(self, connection: Connection, grant: Grant) -> tuple[int, int]:
        """The grant's number and count; PostgreSQL locks the row until the transaction ends, SQLite the database."""
        execute = self._database.execute
        lock = " FOR UPDATE" if self._database.postgres else ""
        row: Any = execute(connection, f"SELECT number, used FROM grant_use WHERE tag = ?{lock}", (grant.tag,)).first()  # noqa: S608
        if row is not None:
            return int(row[0]), int(row[1])
        number = (execute(connection, "SELECT max(number) FROM grant_use").scalar() or 0) + 1
        execute(connection, "INSERT INTO grant_use (number, tag, used) VALUES (?, ?, 0)", (number, grant.tag))
        return number, 0

    def _read(self, connection: Connection, number: int, blocks: list[int]) -> dict[int, int]:
        query = f"SELECT block, bits FROM opened WHERE grant_number = {int(number)} AND block IN ({{}})"  # noqa: S608
        return {
            block: int.from_bytes(bytes(bits), "little") for block, bits in self._database.chosen_by(connection, query, blocks)
        }


def _bitmaps(slots: Iterable[int]) -> dict[int, int]:
    """*slots* as one bitmap for each block that holds any."""
    asked = np.fromiter(slots, np.int64)
    blocks, bits = asked >> BLOCK_BITS, asked & (1 << BLOCK_BITS) - 1
    maps = {}
    for block in np.unique(blocks).tolist():
        marked = np.zeros(1 << BLOCK_BITS, np.uint8)
        marked[bits[blocks == block]] = 1
        maps[block] = int.from_bytes(np.packbits(marked, bitorder="little").tobytes(), "little")
    return maps


_KEEP = (
    "INSERT INTO opened (grant_number, block, bits) VALUES (?, ?, ?)"
    " ON CONFLICT (grant_number, block) DO UPDATE SET bits = excluded.bits"
)
