"""Reading wrapped keys: neighbours in one range, strangers by reference, both levels in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from incamera.vault.database import Database

#: Places of one batch; a batch has at most 4,096 rows, so slots of two batches never meet.
SLOT_BITS = 20


class KeyRow(NamedTuple):
    """A conversation key as it is stored."""

    slot: int
    cref: bytes
    uref: bytes
    wrapped: bytes
    version: int
    kind: int
    state: str


#: `KeyRow._make` without its call of Python code: a scan makes one of these for every conversation.
_KEY_ROW: Callable[[Iterable[Any]], KeyRow] = partial(tuple.__new__, KeyRow)


class SubjectRow(NamedTuple):
    """A subject key as it is stored."""

    uref: bytes
    epoch: int
    version: int
    wrapped: bytes
    secret: bytes
    state: str


def slot(batch: int, place: int) -> int:
    """Where the key of row *place* of *batch* lies: keys of one file are neighbours, and a scan reads them in order."""
    return batch << SLOT_BITS | place


def read(database: Database, crefs: Sequence[bytes]) -> tuple[list[KeyRow], dict[bytes, SubjectRow]]:
    """Key rows of *crefs* that are not shredded, and their subjects' rows, by one snapshot.

    A roll or a shred in between can therefore not tear the two levels apart.
    """
    with database.translate(), database.engine.connect() as connection:
        rows = _neighbours(database, connection, crefs) or _strangers(database, connection, crefs)
        urefs = list({row.uref for row in rows})
        query = "SELECT uref, epoch, version, wrapped, secret, state FROM subject_key WHERE state <> 'shredded' AND uref IN ({})"
        subjects = [SubjectRow._make(row) for row in _plain(database, database.chosen_by(connection, query, urefs))]
    known = {subject.uref: subject for subject in subjects}
    if len(known) < len(urefs):
        rows = [row for row in rows if row.uref in known]
    return rows, known


_COLUMNS = "SELECT slot, cref, uref, wrapped, version, class, state FROM conversation_key WHERE state <> 'shredded' AND "


def _neighbours(database: Database, connection: Connection, crefs: Sequence[bytes]) -> list[KeyRow]:
    """Rows of *crefs* read as one range of slots, or nothing where they do not lie together."""
    ends = "SELECT slot FROM conversation_key WHERE cref IN (?, ?) ORDER BY slot"
    slots = [row[0] for row in database.execute(connection, ends, (crefs[0], crefs[-1])).all()]
    if not slots or slots[-1] - slots[0] >= 2 * len(crefs) + 16:
        return []
    wanted = set(crefs)
    result = database.execute(connection, _COLUMNS + "slot BETWEEN ? AND ?", (slots[0], slots[-1]))
    found = [row for row in map(_KEY_ROW, _plain(database, result.cursor.fetchall())) if row[1] in wanted]
    result.close()
    return found if len(found) == len(wanted) else []


def _strangers(database: Database, connection: Connection, crefs: Sequence[bytes]) -> list[KeyRow]:
    wanted = sorted(set(crefs))
    found = database.chosen_by(connection, _COLUMNS + "cref IN ({})", wanted)
    return list(map(_KEY_ROW, _plain(database, found)))


def holds(database: Database, rows: Sequence[KeyRow]) -> Iterable[tuple[Any, ...]]:
    """(cref, hold, matter) of every hold over *rows*; over neighbours, rows that no hold covers are passed by."""
    if not rows:
        return []
    slots = [row.slot for row in rows]
    low, high = min(slots), max(slots)
    if high - low >= 2 * len(rows) + 16:
        return database.chosen(f"{_HOLDS} WHERE held.cref IN ({{}})", [row.cref for row in rows])
    query = f"{_HOLDS} JOIN conversation_key AS c ON c.cref = held.cref WHERE c.hold_count > 0 AND c.slot BETWEEN ? AND ?"
    return database.rows(query, (low, high))


_HOLDS = "SELECT held.cref, hold.id, hold.matter FROM held JOIN hold ON hold.id = held.hold_id"


def _plain(database: Database, rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """Rows with bytes in them: SQLite's driver hands bytes, PostgreSQL's may hand memoryviews."""
    if not database.postgres:
        return rows
    return (tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in rows)
