"""Opening what a path holds: files, directories, ZIP and gzip archives, within limits that no archive can exceed.

An archive is never unpacked to disk. Sizes are checked before reading, and again while reading.
"""

from __future__ import annotations

import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from incamera.core.errors import Malformed, Unavailable
from incamera.ingest import shape
from incamera.ingest.report import Report

#: What a damaged archive or gzip stream raises.
BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on archives. `ratio` is unpacked to packed size, judged from `floor_bytes` on; deflate itself ends near 1032."""

    entries: int = 500_000
    ratio: int = 400
    floor_bytes: int = 64 << 20
    total_bytes: int = 1 << 40
    in_memory_bytes: int = 512 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One readable thing. `name` is the path as given, with `!` before an archive's member; `bundle` is what it belongs to."""

    name: str
    bundle: str
    base: str
    kind: shape.Container
    open: Callable[[], BinaryIO]
    path: Path | None = None
    named: bool = False  # the person named this very file


class _Guard(io.RawIOBase):
    """A reader that counts, stops an archive that unpacks to more than its limit, and ends where an archive is damaged.

    Damage is noted in the report and read as the end of the file, so that what came before it is kept.
    """

    def __init__(self, inner: BinaryIO, limit: int, name: str, report: Report) -> None:
        self._inner = inner
        self._left = limit
        self._name = name
        self._report = report

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # One raw read at a time: a longer one would lose what it had when it met the damage.
        read = getattr(self._inner, "read1", self._inner.read)
        try:
            data = read(len(buffer))
        except BROKEN:
            self._report.flaw_once("ingest.archive-damaged", where=self._name)
            return 0
        self._left -= len(data)
        if self._left < 0:
            raise _bomb(self._name)
        self._report.bytes_read += len(data)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


def _bomb(name: str) -> Malformed:
    return Malformed("ingest.archive-too-large", "the archive unpacks to more than its limit allows", where=name)


def members(path: Path, report: Report, limits: Limits) -> Iterator[Member]:
    """Everything readable under *path*, in the order of names; what cannot be opened becomes an exception of *report*.

    Raises:
        Malformed: `ingest.not-found`, `ingest.not-a-file`.
    """
    if path.is_dir():
        for folder, folders, files in os.walk(path):
            folders.sort()
            for file in sorted(files):
                if (Path(folder) / file).is_file():
                    yield from _file(Path(folder) / file, report, limits, named=False)
                else:
                    # A pipe would never end, and a dangling link leads nowhere.
                    report.companions["not-a-file"] += 1
    elif path.is_file():
        yield from _file(path, report, limits, named=True)
    elif path.exists():
        raise Malformed("ingest.not-a-file", "neither a file nor a directory", where=str(path))
    else:
        raise Malformed("ingest.not-found", "there is no such file or directory", where=str(path))


def _file(path: Path, report: Report, limits: Limits, *, named: bool) -> Iterator[Member]:
    # A file that was named is a bundle of its own; files of one directory are one bundle.
    bundle = str(path if named else path.parent)

    def reopen() -> BinaryIO:
        try:
            return path.open("rb")
        except OSError:
            raise Unavailable(
                "ingest.unreadable", "the file cannot be opened: check that it may be read", where=str(path)
            ) from None

    file = _Found(str(path), bundle, path.name, reopen, path.stat().st_size, path, named)
    yield from _classified(file, report, limits)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file or an archive's entry, not yet looked into. `size` is what it takes where it lies."""

    name: str
    bundle: str
    base: str
    reopen: Callable[[], BinaryIO]
    size: int
    path: Path | None = None
    named: bool = False


def _classified(file: _Found, report: Report, limits: Limits) -> Iterator[Member]:
    def guarded() -> BinaryIO:
        return _guard(file.reopen(), limits.total_bytes, file.name, report)

    kind = _kind(guarded, file.name, report)
    if kind == "zip" and file.path is not None:
        yield from _zip(file.path, report, limits)
    elif kind == "zip":
        report.flaw("ingest.archive-nested", where=file.name)
    elif kind == "gzip":
        yield from _gzip(file, report, limits)
    else:
        yield Member(file.name, file.bundle, file.base, kind, guarded, file.path, file.named)


def _kind(reopen: Callable[[], BinaryIO], name: str, report: Report) -> shape.Container:
    try:
        with reopen() as stream:
            return shape.container(stream)
    except BROKEN:
        report.flaw_once("ingest.archive-damaged", where=name)
        return "empty"


def _gzip(file: _Found, report: Report, limits: Limits) -> Iterator[Member]:
    limit = min(limits.total_bytes, max(limits.floor_bytes, file.size * limits.ratio))

    def unpacked() -> BinaryIO:
        return _guard(_Gzip(file.reopen()), limit, file.name, report)

    kind = _kind(unpacked, file.name, report)
    if kind in ("zip", "gzip"):
        report.flaw("ingest.archive-nested", where=file.name)
    else:
        yield Member(file.name, file.bundle, file.base, kind, unpacked, None, file.named)


class _Gzip(gzip.GzipFile):
    """A gzip reader that closes the file it was given."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner
        super().__init__(fileobj=inner, mode="rb")

    def close(self) -> None:
        super().close()
        self._inner.close()


def _guard(inner: object, limit: int, name: str, report: Report) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Guard(cast(BinaryIO, inner), limit, name, report), 1 << 20))


def _zip(path: Path, report: Report, limits: Limits) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = sorted((i for i in archive.infolist() if not i.is_dir()), key=lambda i: i.filename)
    except (*BROKEN, UnicodeDecodeError):
        report.flaw("ingest.archive-damaged", where=str(path))
        return
    if len(entries) > limits.entries or sum(i.file_size for i in entries) > limits.total_bytes:
        raise _bomb(str(path))
    for entry in entries:
        name = f"{path}!{entry.filename}"
        if entry.file_size > max(limits.floor_bytes, entry.compress_size * limits.ratio):
            raise _bomb(name)
        if entry.flag_bits & 1:
            report.flaw("ingest.archive-encrypted", where=name)
            continue
        folder, _, base = entry.filename.rpartition("/")
        yield from _classified(_Found(name, f"{path}!{folder}", base, _entry(path, entry), entry.file_size), report, limits)


def _entry(path: Path, entry: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    def reopen() -> BinaryIO:
        with zipfile.ZipFile(path) as archive:
            # The member keeps the archive's file open until it is closed itself.
            return cast(BinaryIO, archive.open(entry))

    return reopen
