"""What keeps the promises over years: rolling and destroying epochs, and purging the rows of what was shredded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from incamera.core.batch import SEALED
from incamera.core.canon import instant
from incamera.core.errors import Error
from incamera.core.ids import new_ref
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry
from incamera.vault import files, fragments, intake
from incamera.vault.bodies import Sealed
from incamera.vault.database import Database
from incamera.vault.keys import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class RollReport:
    """A roll: the epoch now open, how many subject keys it took over, and which epochs were destroyed in the KMS."""

    epoch: int
    rewrapped: int
    destroyed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactReport:
    """A compaction: files rewritten, rows of shredded conversations that are gone for good, bytes freed."""

    files: int = 0
    purged: int = 0
    bytes_freed: int = 0


class Upkeep:
    """Rolls and compacts. The caller holds the vault's one writer's lock."""

    def __init__(
        self, directory: Path, keyring: Keyring, state: Database, *, file_secret: bytes, appender: Appender, clock: Clock
    ) -> None:
        self._directory = directory
        self._keyring = keyring
        self._state = state
        self._file_secret = file_secret
        self._appender = appender
        self._clock = clock

    # --- epochs -------------------------------------------------------------------------------------------------

    def roll(self, *, actor: str, grace: timedelta = timedelta(0)) -> RollReport:
        """Open a new epoch, re-wrap every key, and destroy the epochs that closed at least *grace* ago.

        From a destroyed epoch on, no backup of keys.db made before the roll opens anything: neither what was shredded
        since nor what lives. Back up after each roll. Data files are not touched.

        Raises:
            Refused: `vault.epoch-in-use`; the roll is kept, nothing is destroyed.
            Unverified: `vault.not-authentic`, a held key does not open under its new epoch: nothing is destroyed.
        """
        with self._telling(actor):
            rewrapped = self._keyring.roll()
        self._tell(actor, rewrapped)
        destroyed = []
        for number, closed_at in self._closed():
            if datetime.fromisoformat(closed_at) + grace <= self._clock.now():
                with self._telling(actor):
                    gone = self._keyring.destroy(number)
                self._tell(actor, 0, number, gone)
                destroyed.append(number)
        self._keyring.database.checkpoint()
        return RollReport(epoch=self._keyring.epoch, rewrapped=rewrapped, destroyed=tuple(destroyed))

    @contextmanager
    def _telling(self, actor: str) -> Iterator[None]:
        """A roll or a destruction that a lock or the key service refuses is an act, too; what was rolled until then stays so."""
        try:
            yield
        except Error as flaw:
            fields = {"epoch": str(self._keyring.epoch), "kms": self._keyring.kms.name, "code": flaw.code}
            self._appender.append(Entry(act="epoch.refused", matter="", actor=actor, fields=fields))
            raise

    def _closed(self) -> list[tuple[int, str]]:
        query = "SELECT number, closed_at FROM epoch WHERE closed_at IS NOT NULL AND destroyed_at IS NULL ORDER BY number"
        return [(int(number), str(at)) for number, at in self._keyring.database.rows(query)]

    def _tell(self, actor: str, rewrapped: int, retired: int | None = None, gone: datetime | None = None) -> None:
        fields: dict[str, object] = {"epoch": str(self._keyring.epoch), "rewrapped": rewrapped, "kms": self._keyring.kms.name}
        if retired is not None and gone is not None:
            fields |= {"retired": str(retired), "destroyed_at": instant(gone)}
        self._appender.append(Entry(act="epoch.rolled", matter="", actor=actor, fields=fields))

    # --- compaction ----------------------------------------------------------------------------------------------

    def compact(self) -> CompactReport:
        """Rewrite every file that holds rows of shredded conversations, without those rows.

        Crash-safe: the new file is whole before one transaction points to it, and the old one is removed after.
        A fragment handed out before is read no more (`vault.unreadable`): compact between runs.
        """
        dead = {
            batch: (name, size)
            for batch, name, size in self._state.rows(
                "SELECT f.batch, f.name, f.bytes FROM file AS f WHERE EXISTS"
                " (SELECT 1 FROM conversation AS c WHERE c.batch = f.batch AND c.state = 'shredded' AND c.place >= 0)"
            )
        }
        purged = freed = 0
        for batch, (name, size) in sorted(dead.items()):
            rows, new_size = self._rewrite(batch, name)
            purged += rows
            freed += size - new_size
        return CompactReport(files=len(dead), purged=purged, bytes_freed=freed)

    def _rewrite(self, batch: int, name: str) -> tuple[int, int]:
        gone = {
            int(place)
            for (place,) in self._state.rows(
                "SELECT place FROM conversation WHERE batch = ? AND state = 'shredded' AND place >= 0", (batch,)
            )
        }
        table = self.read(name)
        kept = table.take(pa.array([place for place in range(table.num_rows) if place not in gone], pa.int64()))
        rows = _rows(kept)
        new, size = self.write(batch, kept) if rows else (f"purged-{batch}", 0)
        with self._state.begin() as connection:
            execute = self._state.execute
            # A row that is gone keeps its tombstone; its place, below zero, points nowhere.
            execute(connection, "UPDATE conversation SET place = -1 WHERE batch = ? AND state = 'shredded'", (batch,))
            places = [(place, row.cref) for place, row in enumerate(rows)]
            self._state.execute_many(connection, "UPDATE conversation SET place = ? WHERE cref = ?", places)
            execute(
                connection,
                "UPDATE file SET name = ?, rows = ?, bytes = ?, root = ? WHERE batch = ?",
                (new, len(rows), size, intake.rows_root(rows), batch),
            )
        files.remove(self._directory / name)
        return len(gone), size

    def rows(self, name: str) -> list[Sealed]:
        """Every row of a data file, still sealed."""
        return _rows(self.read(name))

    def write(self, batch: int, table: pa.Table) -> tuple[str, int]:
        """Write sealed rows as a new file of *batch*, durably; returns its name and size. Nothing points to it yet."""
        name = f"{batch:010d}-{new_ref()[:12]}.parquet"
        key = fragments.outer_key(self._file_secret, self._keyring.tenant, name)
        prefix = fragments.outer_label(self._keyring.tenant, name)
        return name, files.write_parquet(self._directory / name, table, key=key, prefix=prefix)

    def size(self, name: str) -> int:
        """Bytes of a data file."""
        return (self._directory / name).stat().st_size

    def remove(self, name: str) -> None:
        """Remove a file to which nothing points any more."""
        files.remove(self._directory / name)

    def read(self, name: str) -> pa.Table:
        """A data file as a table of `SEALED` rows. Raises `Unverified` (`vault.damaged-file`)."""
        path = self._directory / name
        key = fragments.outer_key(self._file_secret, self._keyring.tenant, name)
        with files.open_parquet(path, key=key, prefix=fragments.outer_label(self._keyring.tenant, name)) as file:
            return files.read_groups(file, path).cast(SEALED)


def _rows(table: pa.Table) -> list[Sealed]:
    return [Sealed(*row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
