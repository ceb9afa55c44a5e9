"""The data files over years: read whole, written anew, and purged of the rows of what was shredded. No key of text is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from incamera.core.batch import SEALED
from incamera.core.ids import new_ref
from incamera.vault import files, fragments, intake
from incamera.vault.bodies import Sealed
from incamera.vault.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactReport:
    """A compaction: files rewritten, rows of shredded conversations that are gone for good, bytes freed."""

    files: int = 0
    purged: int = 0
    bytes_freed: int = 0


class Upkeep:
    """Reads, writes and compacts data files. The caller holds the vault's one writer's lock."""

    def __init__(self, directory: Path, state: Database, *, tenant: bytes, file_secret: bytes) -> None:
        self._directory = directory
        self._state = state
        self._tenant = tenant
        self._file_secret = file_secret

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

    def holding(self, crefs: Sequence[bytes]) -> Iterator[tuple[int, str, set[bytes]]]:
        """(batch, file, references) of every data file that holds some of *crefs*."""
        query = "SELECT c.batch, f.name, c.cref FROM conversation AS c JOIN file AS f ON f.batch = c.batch WHERE c.cref IN ({})"
        found = sorted((batch, name, bytes(cref)) for batch, name, cref in self._state.chosen(query, list(crefs)))
        for (batch, name), rows in groupby(found, key=lambda row: row[:2]):
            yield batch, name, {cref for _, _, cref in rows}

    def rows(self, name: str) -> list[Sealed]:
        """Every row of a data file, still sealed."""
        return _rows(self.read(name))

    def write(self, batch: int, table: pa.Table) -> tuple[str, int]:
        """Write sealed rows as a new file of *batch*, durably; returns its name and size. Nothing points to it yet."""
        name = f"{batch:010d}-{new_ref()[:12]}.parquet"
        key = fragments.outer_key(self._file_secret, self._tenant, name)
        prefix = fragments.outer_label(self._tenant, name)
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
        key = fragments.outer_key(self._file_secret, self._tenant, name)
        with files.open_parquet(path, key=key, prefix=fragments.outer_label(self._tenant, name)) as file:
            return files.read_groups(file, path).cast(SEALED)


def _rows(table: pa.Table) -> list[Sealed]:
    return [Sealed(*row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]
