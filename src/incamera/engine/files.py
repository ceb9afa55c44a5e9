"""Where the engine opens paths: finished fragments with their manifest rows, and spilled partitions.

Everything here is as sealed as the steps left it; the engine adds no plaintext and takes none away.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from incamera import disk
from incamera.core.errors import Error, Unavailable

VERSION = "incamera/fragment/1"
#: Directories of a shuffle's partitions begin so.
SPILL = "incamera-group-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One manifest row: this fragment, under this task, gave these rows, and their file has this digest."""

    fragment: str
    task: str
    rows: int
    sha256: str


class Shelf:
    """A directory of finished fragments: `<id>-<task>.arrow` beside `.json`, its manifest row, written last."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as flaw:
            raise refuse(flaw, directory) from None

    def finished(self, fragment: str, task: str) -> Finished | None:
        """The manifest row of a fragment that was finished under this very task, or None: then it is done again."""
        try:
            row = json.loads((self.directory / f"{_stem(fragment, task)}.json").read_bytes())
            if row.pop("v") != VERSION:
                return None
            found = Finished(**row)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return found if (found.fragment, found.task) == (fragment, task) else None

    def put(self, fragment: str, task: str, rows: int, data: bytes) -> Finished:
        """Store a fragment's result durably, then its manifest row: a killed worker leaves the one without the other."""
        row = Finished(fragment=fragment, task=task, rows=rows, sha256=hashlib.sha256(data).hexdigest())
        fields = {"v": VERSION, "fragment": fragment, "task": task, "rows": rows, "sha256": row.sha256}
        self._replace(f"{_stem(fragment, task)}.arrow", data)
        self._replace(f"{_stem(fragment, task)}.json", json.dumps(fields, sort_keys=True).encode() + b"\n")
        return row

    def get(self, row: Finished) -> bytes | None:
        """The stored result, or None if it is not what its row says: then it is done again."""
        try:
            data = (self.directory / f"{_stem(row.fragment, row.task)}.arrow").read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == row.sha256 else None

    def _replace(self, name: str, data: bytes) -> None:
        path = self.directory / name
        try:
            disk.replace(path, data)
        except OSError as flaw:
            raise refuse(flaw, path) from None

    @contextmanager
    def mine(self) -> Iterator[None]:
        """One run at a time: holds the directory's lock, and clears what a killed run left half-written.

        Raises:
            Unavailable: `engine.busy`, another run works here.
        """
        handle = os.open(self.directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Unavailable("engine.busy", "another run works in this directory", where=self.directory.name) from None
            for path in self.directory.glob(f"*{disk.PARTIAL}"):
                path.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)


class Spill:
    """Partitions of a shuffle, one Arrow stream each, written by one process."""

    def __init__(self, directory: Path, schema: pa.Schema, count: int) -> None:
        self.paths = [directory / f"partition-{number:03d}.arrow" for number in range(count)]
        self._schema = schema
        self._sinks: dict[int, tuple[pa.OSFile, pa.RecordBatchStreamWriter]] = {}

    def write(self, number: int, table: pa.Table) -> None:
        """Add rows to a partition."""
        try:
            if number not in self._sinks:
                sink = pa.OSFile(str(self.paths[number]), "wb")
                self._sinks[number] = (sink, pa.ipc.new_stream(sink, self._schema))
            self._sinks[number][1].write_table(table)
        except OSError as flaw:
            raise refuse(flaw, self.paths[number]) from None

    def close(self) -> list[tuple[int, Path]]:
        """Finish the files; returns the partitions that hold rows."""
        for sink, writer in self._sinks.values():
            writer.close()
            sink.close()
        return [(number, self.paths[number]) for number in sorted(self._sinks)]


def _stem(fragment: str, task: str) -> str:
    return f"{fragment}-{task[:12]}"


def read_stream(path: str) -> pa.Table:
    """All rows of an Arrow stream file."""
    try:
        with pa.OSFile(path, "rb") as source, pa.ipc.open_stream(source) as reader:
            return reader.read_all()
    except OSError as flaw:
        raise refuse(flaw, Path(path)) from None


def encode(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> tuple[bytes, int]:
    """Batches as one Arrow stream, and the number of rows. Equal rows in equal batches give equal bytes."""
    sink = pa.BufferOutputStream()
    rows = 0
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return sink.getvalue().to_pybytes(), rows


def decode(data: bytes) -> Iterator[pa.RecordBatch]:
    """The batches that `encode` took."""
    with pa.ipc.open_stream(pa.BufferReader(data)) as reader:
        yield from reader


def refuse(flaw: OSError, path: Path) -> Error:
    """The house's error for what the operating system said."""
    if flaw.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("engine.disk-full", "no space is left; finished fragments are kept, run again", where=path.name)
    reason = errno.errorcode.get(flaw.errno or 0, "unknown")
    return Unavailable("engine.unwritable", f"the working directory cannot be used: {reason}", where=path.name)
