"""Output of long work that a killed run goes on with: files that grow beside their names, and a record of how far they are good.

Beside each output stands `.NAME.partial`; beside the first one also `.NAME.record`. The record's first line says what the work
is; each later line says how many units are done, how long each file is then, and the counts so far. A line is written only when
the data it speaks of is on disk, so what follows the last good line is cut off and done again. Format: `docs/formats/partial.md`.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from incamera.clerk import jsonl
from incamera.clerk.jsonl import Row
from incamera.core.canon import canonical
from incamera.core.errors import Refused, Unavailable

FORMAT = "incamera-partial/1"
#: Seconds of work that a kill may cost.
EVERY = 1.0


class Growing:
    """The files of one piece of work. `done` units and `counts` were reached by earlier runs with the same header."""

    def __init__(self, outs: Mapping[str, Path], header: Mapping[str, Any], opened: ExitStack) -> None:
        self.outs = outs
        self.done = 0
        self.counts: Counter[str] = Counter()
        self._record_path = _beside(next(iter(outs.values())), "record")
        self._record = opened.enter_context(_open(self._record_path))
        try:
            fcntl.flock(self._record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "another run is writing this output: wait for it, or give another name"
            raise Refused("files.in-use", hint, where=str(self._record_path)) from None
        self._data = {name: opened.enter_context(_open(_beside(out, "partial"))) for name, out in outs.items()}
        first = canonical({"format": FORMAT, **header}) + b"\n"
        if not self._resume(first):
            self._restart(first)
        self._saved = time.monotonic()

    def write(self, name: str, row: Row) -> None:
        """One object as a line of the output *name*."""
        self._data[name].write(jsonl.encode(row))

    def advance(self) -> None:
        """One more unit is done, with all its rows written and counted."""
        self.done += 1
        if time.monotonic() - self._saved >= EVERY:
            self.save()

    def save(self) -> None:
        """Put everything so far on disk, then say so."""
        for file in self._data.values():
            _sync(file)
        sizes = {name: file.tell() for name, file in self._data.items()}
        self._record.write(canonical({"done": self.done, "sizes": sizes, "counts": dict(self.counts)}) + b"\n")
        _sync(self._record)
        self._saved = time.monotonic()

    def finish(self) -> None:
        """Give every file its name. The record goes last: a run killed in between starts anew and makes the same files."""
        for name, out in self.outs.items():
            _sync(self._data[name])
            beside = _beside(out, "partial")
            if out.suffix == ".gz":
                beside = _compressed(beside, _beside(out, "packed"))
            beside.replace(out)
            _beside(out, "partial").unlink(missing_ok=True)
        self._record_path.unlink()

    def discard(self) -> None:
        """Leave nothing behind."""
        for out in self.outs.values():
            _beside(out, "partial").unlink(missing_ok=True)
        self._record_path.unlink(missing_ok=True)

    def _resume(self, first: bytes) -> bool:
        """Go back to the last line of the record that holds; False where there is none for this work."""
        lines = self._record.read().splitlines(keepends=True)
        if not lines or lines[0] != first:
            return False
        while len(lines) > 1:
            said = _line(lines[-1])
            if said and all(os.fstat(f.fileno()).st_size >= said["sizes"][name] for name, f in self._data.items()):
                for name, file in self._data.items():
                    _cut(file, said["sizes"][name])
                _cut(self._record, sum(map(len, lines)))
                self.done, self.counts = said["done"], Counter(said["counts"])
                return True
            lines.pop()
        return False

    def _restart(self, first: bytes) -> None:
        for file in (self._record, *self._data.values()):
            _cut(file, 0)
        self._record.write(first)
        _sync(self._record)


@contextmanager
def growing(outs: Mapping[str, Path], header: Mapping[str, Any]) -> Iterator[Growing]:
    """Files that appear whole, under the names *outs*, when the block ends; interrupted, they wait for the same work again.

    Args:
        outs: Output by name; the first one also names the record. `.gz` is compressed at the end.
        header: Everything that decides the bytes. Another header starts anew.

    Raises:
        Unavailable: `files.not-writable`. Refused: `files.in-use`, another run is at the same output.

    Privacy: partial files are as sensitive as the output; only their owner may read them.
    """
    with ExitStack() as opened:
        grown = Growing(outs, header, opened)
        try:
            yield grown
        except BaseException:
            if grown.done:
                grown.save()
            else:
                grown.discard()
            raise
        grown.finish()


def _beside(out: Path, suffix: str) -> Path:
    return out.with_name(f".{out.name}.{suffix}")


def _open(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    except OSError as flaw:
        raise Unavailable("files.not-writable", flaw.strerror or "the output cannot be written", where=str(path)) from None


def _line(raw: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(raw) if raw.endswith(b"\n") else None
    except ValueError:
        return None


def _cut(file: BinaryIO, size: int) -> None:
    file.truncate(size)
    file.seek(size)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _compressed(plain: Path, packed: Path) -> Path:
    with plain.open("rb") as source, _open(packed) as raw:
        raw.truncate(0)
        with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        _sync(raw)
    return packed
