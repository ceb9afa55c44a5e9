"""Reading wrapped keys: neighbours in one range, strangers by reference, both levels in one snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
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


@dataclass(frozen=True, slots=True, repr=False)
class KeyRows:
    """Conversation keys by column: a scan asks one thing of thousands of rows, not many things of one."""

    slots: Sequence[int] = ()
    crefs: Sequence[bytes] = ()
    urefs: Sequence[bytes] = ()
    wrapped: Sequence[bytes] = ()
    versions: Sequence[int] = ()
    kinds: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.crefs)

    def __iter__(self) -> Iterator[KeyRow]:
        return map(KeyRow, *self._columns)

    @property
    def _columns(self) -> tuple[Sequence[Any], ...]:
        return self.slots, self.crefs, self.urefs, self.wrapped, self.versions, self.kinds

    def where(self, kept: Sequence[bool]) -> KeyRows:
        """The rows at whose place *kept* is true; themselves, where it is true everywhere."""
        return self if all(kept) else KeyRows(*(tuple(compress(column, kept)) for column in self._columns))


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


class Stored(NamedTuple):
    """What keys.db holds of some conversations: their keys, their subjects', and which of them await shredding."""

    rows: KeyRows
    subjects: dict[bytes, SubjectRow]
    pending: frozenset[bytes]


def read(database: Database, crefs: Sequence[bytes]) -> Stored:
    """What is not shredded of *crefs*, by one snapshot: a roll or a shred in between cannot tear the two levels apart."""
    wanted = set(crefs)
    with database.translate(), database.engine.connect() as connection:
        found = _neighbours(database, connection, crefs, wanted)
        pending: set[bytes] = set()
        if len(found) < len(wanted):
            strangers = _strangers(database, connection, sorted(wanted.difference(row[1] for row in found)))
            found += [row[:-1] for row in strangers]
            pending = {row[1] for row in strangers if row[-1] != "live"}
        urefs = list({row[2] for row in found})
        subjects = {row[0]: SubjectRow._make(row) for row in _plain(database, database.chosen_by(connection, _SUBJECTS, urefs))}
    if len(subjects) < len(urefs):
        found = [row for row in found if row[2] in subjects]
    if waiting := {uref for uref, subject in subjects.items() if subject.state != "live"}:
        pending |= {row[1] for row in found if row[2] in waiting}
    return Stored(KeyRows(*zip(*found, strict=True)), subjects, frozenset(pending))


_SUBJECTS = "SELECT uref, epoch, version, wrapped, secret, state FROM subject_key WHERE state <> 'shredded' AND uref IN ({})"
_KEY = "SELECT slot, cref, uref, wrapped, version, class"


def _neighbours(database: Database, connection: Connection, crefs: Sequence[bytes], wanted: set[bytes]) -> list[Any]:
    """Live rows of *crefs* read as one range of slots, or nothing where they do not lie together."""
    ends = "SELECT slot FROM conversation_key WHERE cref IN (?, ?) ORDER BY slot"
    slots = [row[0] for row in database.execute(connection, ends, (crefs[0], crefs[-1])).all()] if crefs else []
    if not slots or slots[-1] - slots[0] >= 2 * len(crefs) + 16:
        return []
    live = f"{_KEY} FROM conversation_key WHERE state = 'live' AND slot BETWEEN ? AND ?"
    result = database.execute(connection, live, (slots[0], slots[-1]))
    found = [row for row in _plain(database, result.cursor.fetchall()) if row[1] in wanted]
    result.close()
    return found


def _strangers(database: Database, connection: Connection, crefs: Sequence[bytes]) -> list[Any]:
    """Rows wherever they lie, each with its state behind it."""
    query = f"{_KEY}, state FROM conversation_key WHERE state <> 'shredded' AND cref IN ({{}})"
    return list(_plain(database, database.chosen_by(connection, query, crefs)))


def holds(database: Database, rows: KeyRows) -> Iterable[tuple[Any, ...]]:
    """(cref, hold, matter) of every hold over *rows*; over neighbours, rows that no hold covers are passed by."""
    if not rows:
        return []
    low, high = min(rows.slots), max(rows.slots)
    if high - low >= 2 * len(rows) + 16:
        return database.chosen(f"{_HOLDS} WHERE held.cref IN ({{}})", rows.crefs)
    query = f"{_HOLDS} JOIN conversation_key AS c ON c.cref = held.cref WHERE c.hold_count > 0 AND c.slot BETWEEN ? AND ?"
    return database.rows(query, (low, high))


_HOLDS = "SELECT held.cref, hold.id, hold.matter FROM held JOIN hold ON hold.id = held.hold_id"


def _plain(database: Database, rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """Rows with bytes in them: SQLite's driver hands bytes, PostgreSQL's may hand memoryviews."""
    if not database.postgres:
        return rows
    return (tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in rows)
