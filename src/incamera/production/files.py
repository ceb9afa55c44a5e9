"""The only module of the room that opens paths: a volume is staged beside its place, made durable, and renamed into it.

Nothing half-written ever stands under the final name: a full disk or a kill leaves a `.partial` directory, which the next
run of the same volume removes.
"""

from __future__ import annotations

import csv
import errno
import gzip
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from incamera import disk
from incamera.core.errors import Refused, Unavailable
from incamera_verify.logs import cell

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_COPY = 1 << 20
_FSYNC_THREADS = 16


@contextmanager
def world(place: str) -> Iterator[None]:
    """Turn what the operating system says into an error that names the place and no text.

    Raises:
        Unavailable: `production.disk-full`, `production.io`.
    """
    try:
        yield
    except OSError as flaw:
        if flaw.errno in _FULL:
            raise Unavailable(
                "production.disk-full", "no space left; nothing stands under the volume's name", where=place
            ) from None
        raise Unavailable("production.io", f"the operating system refused: {os.strerror(flaw.errno or 0)}", where=place) from None


class Staging:
    """The directory in which a volume grows.

    Raises:
        Refused: `production.volume-exists`, a volume of this name was already delivered to this place.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        self.path = final.parent / f".{final.name}.partial"
        with world(str(final)):
            if final.exists():
                raise Refused(
                    "production.volume-exists", "a volume stands there already; volumes are never overwritten", where=str(final)
                )
            if self.path.exists():
                shutil.rmtree(self.path)
            self.path.mkdir(parents=True)

    def write(self, name: str, data: bytes) -> None:
        """One whole file."""
        with self.stream(name) as stream:
            stream.write(data)

    def copy(self, name: str, source: Path) -> None:
        """A file from elsewhere, as it is."""
        with world(str(source)), source.open("rb") as reader, self.stream(name) as writer:
            while block := reader.read(_COPY):
                writer.write(block)

    @contextmanager
    def stream(self, name: str) -> Iterator[BinaryIO]:
        """A new file, open for writing."""
        path = self.path / name
        with world(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                yield stream

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[Callable[[Iterable[Any]], None]]:
        """A new CSV file: RFC 4180 quoting, LF, UTF-8; yields a function that writes one line."""
        with self.stream(name) as stream:
            text = io.TextIOWrapper(cast("IO[bytes]", stream), encoding="utf-8", newline="", write_through=False)
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)

            def write(values: Iterable[Any]) -> None:
                with world(name):
                    writer.writerow([cell(value) for value in values])

            yield write
            text.flush()
            text.detach()

    def discard(self) -> None:
        """Remove what was staged."""
        shutil.rmtree(self.path, ignore_errors=True)

    def commit(self) -> None:
        """Make every byte durable, then give the directory its name. The rename is the moment the volume exists."""
        with world(str(self.final)):
            with ThreadPoolExecutor(_FSYNC_THREADS) as pool:  # many small files at once share the disk's flushes
                for directory, _, names in os.walk(self.path, topdown=False):
                    list(pool.map(disk.sync, [Path(directory) / name for name in names]))
                    disk.sync(Path(directory))
            if self.final.exists():
                raise Refused(
                    "production.volume-exists",
                    "a volume appeared there meanwhile; nothing was overwritten",
                    where=str(self.final),
                )
            self.path.rename(self.final)
            disk.sync(self.final.parent)


@contextmanager
def gzipped(stream: BinaryIO) -> Iterator[gzip.GzipFile]:
    """A gzip stream without name or time in its header: equal content gives equal bytes."""
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stream, mtime=0) as packed:
        yield packed
