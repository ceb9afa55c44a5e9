"""What an engine reads: sealed rows of the vault, by file and row, picklable and without keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from incamera.core.batch import SEALED
from incamera.core.errors import Malformed, Unverified
from incamera.core.ids import Ref
from incamera.vault import envelope, files
from incamera.vault.database import Database
from incamera.vault.sessions import client

#: Sealed rows in one fragment of a draw: one receipt, one unit of retry.
FRAGMENT_ROWS = 2048

#: A file's name and the rows wanted of it, ascending, each with the reference that must stand there; None means all.
FilePart = tuple[str, tuple[tuple[int, bytes], ...] | None]


@dataclass(frozen=True, kw_only=True, repr=False)
class SealedFragment:
    """Rows of one or more files. `id` depends on what is read only, so an engine recognises finished work.

    Privacy: holds file names and row numbers; the outer file key is asked of the broker where the rows are read.
    """

    directory: str
    address: str
    tenant: bytes
    parts: tuple[FilePart, ...]
    rows: int

    def __repr__(self) -> str:
        return f"<SealedFragment {self.id} rows={self.rows}>"

    @cached_property
    def id(self) -> str:
        """32 hex digits over file names and references."""
        values = (name.encode() + b"".join(cref for _, cref in rows or ()) for name, rows in self.parts)
        return hashlib.sha256(envelope.fields_long(b"incamera/fragment/1", *values)).hexdigest()[:32]

    def read(self) -> Iterator[pa.RecordBatch]:
        """`SEALED` batches, one row group (at most 1,024 rows) each.

        Raises:
            Unverified: `vault.damaged-file`, `vault.row-moved`.
            Unavailable: `vault.unreadable`, `vault.broker-gone`.
        """
        for name, rows in self.parts:
            path = Path(self.directory) / name
            file = files.open_parquet(path, key=client(self.address).file_key(name), prefix=outer_label(self.tenant, name))
            with file:
                yield from _read_rows(file, path, rows)


def _read_rows(file: Any, path: Path, rows: Sequence[tuple[int, bytes]] | None) -> Iterator[pa.RecordBatch]:
    starts = files.group_rows(file)
    if rows is not None and rows and rows[-1][0] >= starts[-1]:
        raise files.damaged(path)
    for group in range(len(starts) - 1):
        low, high = starts[group], starts[group + 1]
        wanted = None if rows is None else [(row - low, cref) for row, cref in rows if low <= row < high]
        if wanted == []:
            continue
        table = files.read_groups(file, path, [group])
        if table.schema.names != SEALED.names:
            raise files.damaged(path)
        if wanted is not None:
            table = table.take(pa.array([row for row, _ in wanted], pa.int64()))
            if table["cref"].to_pylist() != [cref for _, cref in wanted]:
                raise Unverified(
                    "vault.row-moved", "a row of the file is not the conversation that stands there", where=path.name
                )
        yield from table.cast(SEALED).combine_chunks().to_batches()


def outer_label(tenant: bytes, name: str) -> bytes:
    """What ties a file's outer layer to its vault and its name."""
    return envelope.fields(b"incamera/file/1", tenant, name.encode())


def outer_key(secret: bytes, tenant: bytes, name: str) -> bytes:
    """The key of one file's outer layer."""
    return envelope.derive(secret, outer_label(tenant, name))


def whole_files(state: Database) -> Iterator[tuple[tuple[FilePart, ...], int]]:
    """Every file as one fragment, oldest first."""
    for name, rows in state.stream("SELECT name, rows FROM file WHERE rows > 0 ORDER BY batch"):
        yield ((name, None),), int(rows)


def chosen_rows(state: Database, crefs: Iterable[Ref], size: int = FRAGMENT_ROWS) -> Iterator[tuple[tuple[FilePart, ...], int]]:
    """Fragments of at most *size* rows that hold exactly *crefs*, in the order of files and rows.

    Raises:
        Malformed: `vault.unknown-conversation`, a reference that this vault never gave.
    """
    wanted = sorted({bytes.fromhex(ref) for ref in crefs})
    query = (
        "SELECT c.batch, c.place, f.name, c.state, c.cref FROM conversation AS c JOIN file AS f ON f.batch = c.batch"
        " WHERE c.cref IN ({})"
    )
    found = list(state.chosen(query, wanted))
    if len(found) < len(wanted):
        known = {bytes(row[4]) for row in found}
        lost = next(cref for cref in wanted if cref not in known)
        raise Malformed("vault.unknown-conversation", "the vault has no such conversation", where=lost.hex())
    places = sorted((batch, place, name, bytes(cref)) for batch, place, name, present, cref in found if present != "shredded")
    for low in range(0, len(places), size):
        some = places[low : low + size]
        parts = tuple(
            (name, tuple((place, cref) for _, place, _, cref in rows)) for name, rows in groupby(some, key=lambda place: place[2])
        )
        yield parts, len(some)
