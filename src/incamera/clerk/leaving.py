"""How something leaves: into a file that the caller names, theirs alone, whole or not at all, and never onto a terminal.

What is being written has no name until it is complete: a run that is killed leaves nothing behind that anybody could read.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from incamera.core.errors import Refused, Unavailable
from incamera.core.ids import Digest


class Leaving:
    """A file that has no name yet. `write` takes bytes, `digest` tells what was written, `publish` gives the name."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path = path
        self._stream = stream
        self._hash = hashlib.sha256()

    def __repr__(self) -> str:
        return "<Leaving>"

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        with _told(self._path):
            self._stream.write(data)

    @property
    def digest(self) -> Digest:
        """SHA-256 of what was written so far."""
        return Digest(self._hash.hexdigest())

    def publish(self) -> None:
        """Give the file its name, durably. Raises `Refused` (`access.file-exists`): nothing is ever overwritten."""
        with _told(self._path):
            self._stream.flush()
            place = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                if isinstance(self._stream, io.BytesIO):
                    _write_new(self._path.name, self._stream.getvalue(), place)
                else:
                    os.fsync(self._stream.fileno())
                    os.link(f"/proc/self/fd/{self._stream.fileno()}", self._path.name, dst_dir_fd=place)
                os.fsync(place)
            finally:
                os.close(place)


@contextmanager
def leaving(path: Path) -> Iterator[Leaving]:
    """A file for *path*, readable by its owner alone; gone unless it is published.

    Raises:
        Refused: `access.file-exists`, also for a terminal, a pipe or any other device: they exist.
        Unavailable: `governance.unwritable`, no such directory, disk full, not permitted.
    """
    with _told(path):
        if path.exists() or path.is_symlink():
            raise exists(path)
        stream = _nameless(path.parent)
    try:
        yield Leaving(path, stream)
    finally:
        with suppress(OSError):  # what could not be written is not wanted any more, and was told of
            stream.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system says of the file, in our words."""
    try:
        yield
    except FileExistsError:
        raise exists(path) from None
    except OSError as flaw:
        hint = f"the file cannot be written: {os.strerror(flaw.errno or 0)}"
        raise Unavailable("governance.unwritable", hint, where=path.name) from None


def exists(path: Path) -> Refused:
    """What is said where the file is there already."""
    return Refused("access.file-exists", "the file is there already; nothing is overwritten", where=str(path))


def _nameless(directory: Path) -> IO[bytes]:
    """A file without a name in *directory*; in memory where the system or the file system has none."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is not None and directory.is_dir():
        try:
            return os.fdopen(os.open(directory, flag | os.O_WRONLY, 0o600), "wb")
        except OSError as flaw:
            if flaw.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT):
                raise
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return io.BytesIO()


def _write_new(name: str, data: bytes, place: int) -> None:
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=place)
        raise
