"""The ledger's files: the only module of the room that opens paths.

Three ways of writing, each durable when it returns: `write` replaces a file whole (temporary file, fsync, rename, fsync
of the directory), `Journal.append` adds at the end of the open journal (one write, one fdatasync), and `extend` adds to
a file at a known length. Anything the world refuses becomes `Unavailable`.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from incamera import disk
from incamera.core.errors import Unavailable

CHECKPOINT = "checkpoint"
HISTORY = "checkpoints"
JOURNAL = "journal"
DROPPED = "dropped"
WITNESSED = "witnessed"
TIMESTAMPS = "timestamps"


class Store:
    """The directory of one ledger, in the layout of C2SP tlog-tiles plus `journal`, `checkpoints` and two lock files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def exists(self, name: str) -> bool:
        return (self.directory / name).exists()

    def read(self, name: str) -> bytes | None:
        """The whole file, or None where there is none."""
        try:
            return (self.directory / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as flaw:
            raise unavailable(flaw, name) from None

    def write(self, name: str, data: bytes) -> None:
        """Put *data* in the place of *name*: after a crash the file is the old one or the new one, never a mixture."""
        self.write_all([(name, data)])

    def write_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        """`write` for several files, with one fsync of each directory at the end."""
        directories: set[Path] = set()
        name = ""
        for name, data in files:
            path = self.directory / name
            temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
            try:
                self._make_directory(path.parent)
                with temporary.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
            except OSError as flaw:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
                raise unavailable(flaw, name) from None
            directories.add(path.parent)
        try:
            for directory in directories:
                disk.sync(directory)
        except OSError as flaw:
            raise unavailable(flaw, name) from None

    def make(self) -> None:
        """The ledger's own directory and those above it."""
        try:
            self._make_directory(self.directory)
        except OSError as flaw:
            raise unavailable(flaw, str(self.directory)) from None

    def extend(self, name: str, length: int, data: bytes) -> None:
        """Cut *name* to *length* bytes, what a finished write left, and add *data*."""
        path = self.directory / name
        try:
            with path.open("r+b") as file:
                file.truncate(length)
                file.seek(length)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as flaw:
            raise unavailable(flaw, name) from None

    def keep_dropped(self, data: bytes, digest: str) -> None:
        """Keep the bytes that a repair cuts off: evidence is set aside, never destroyed."""
        self.write(f"{DROPPED}/{digest[:16]}", data)

    def remove_partials(self, tile: str) -> None:
        """Drop the partial forms of a tile that is full now. Best effort: they are superseded, not wrong."""
        directory = self.directory / f"{tile}.p"
        with suppress(OSError):
            for path in list(directory.iterdir()):
                path.unlink()
            directory.rmdir()

    def names(self, under: str) -> list[str]:
        """The files in the directory *under*, sorted; temporary ones are left out."""
        try:
            return sorted(path.name for path in (self.directory / under).iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as flaw:
            raise unavailable(flaw, under) from None

    @contextmanager
    def locked(self, name: str = "lock", *, shared: bool = False) -> Iterator[None]:
        """Hold the lock file between processes. Threads of one process are kept apart by the caller's own locks."""
        try:
            handle = self._lock_file(name, shared=shared)
        except OSError as flaw:
            raise unavailable(flaw, name) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _lock_file(self, name: str, *, shared: bool) -> int:
        path = self.directory / name
        if shared:
            with suppress(OSError):
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _make_directory(self, directory: Path) -> None:
        if directory.is_dir():
            return
        self._make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        disk.sync(directory.parent)


class Journal:
    """The open journal: reads what it holds, adds at its end, and notices when another process replaced it."""

    def __init__(self, store: Store, *, writable: bool) -> None:
        self._path = store.directory / JOURNAL
        try:
            self._handle = os.open(self._path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        except OSError as flaw:
            raise unavailable(flaw, JOURNAL) from None

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    @property
    def closed(self) -> bool:
        return self._handle < 0

    @property
    def replaced(self) -> bool:
        """Whether the path leads to another file by now. Raises `Unavailable`, `ledger.closed`."""
        if self._handle < 0:
            raise Unavailable("ledger.closed", "the ledger was closed; open it again", where=JOURNAL)
        try:
            there, here = self._path.stat(), os.fstat(self._handle)
        except OSError as flaw:
            raise unavailable(flaw, JOURNAL) from None
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    @property
    def length(self) -> int:
        return os.fstat(self._handle).st_size

    def read(self, start: int = 0) -> bytes:
        """Everything from byte *start* on."""
        try:
            return os.pread(self._handle, max(0, self.length - start), start)
        except OSError as flaw:
            raise unavailable(flaw, JOURNAL) from None

    def append(self, at: int, data: bytes) -> None:
        """Write *data* at byte *at*, the end, and return when it is on disk.

        Raises:
            Unavailable: nothing was promised; the journal was cut back to *at*, or `ledger.cannot-undo` says it could not be.
        """
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._handle, data[written:], at + written)
            os.fdatasync(self._handle)
        except OSError as flaw:
            self.cut(at)
            raise unavailable(flaw, JOURNAL) from None

    def cut(self, length: int) -> None:
        """Drop everything from byte *length* on, durably."""
        try:
            os.ftruncate(self._handle, length)
            os.fdatasync(self._handle)
        except OSError:
            raise Unavailable(
                "ledger.cannot-undo",
                "the disk refused to take back a failed write; free space and open the ledger again",
                where=JOURNAL,
            ) from None


def unavailable(flaw: OSError, where: str) -> Unavailable:
    """The world's refusal, by kind: full, forbidden, or broken."""
    if flaw.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Unavailable("ledger.disk-full", "the disk is full: nothing was promised; free space and try again", where=where)
    if flaw.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Unavailable("ledger.no-access", "the ledger's files cannot be opened by this account", where=where)
    if flaw.errno in (errno.ENOENT, errno.ENOTDIR):
        return Unavailable("ledger.missing", "there is no such file in the ledger", where=where)
    return Unavailable("ledger.io", f"the disk failed with error {flaw.errno}", where=where)
