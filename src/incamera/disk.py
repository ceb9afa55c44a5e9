"""Durable files: whole under their final name, or not there at all, whatever kills the process or fills the disk.

A file is written beside its place, flushed to the disk, given its name, and its directory flushed too: after a crash a reader
finds the old file or the new one. What the operating system refuses stays an `OSError`; each room says it in its own words.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: A name that ends so was never given its place: whoever wrote it was killed.
PARTIAL = ".partial"


@contextmanager
def replacing(path: Path, *, mode: int = 0o600, share: bool = False) -> Iterator[BinaryIO]:
    """A new file, open for writing, that takes the place of *path* when the block has ended well.

    Args:
        share: In a directory that is `shared` the file is the group's, too, whatever the umask says.
    Raises:
        OSError: from any step; *path* is then what it was, unless only flushing its directory failed.
    """
    with _beside(path, mode) as (part, stream):
        if share and (group := shared(path.parent) & 0o060):
            os.fchmod(stream.fileno(), mode | group)
        yield stream
        _flush(stream)
        part.replace(path)
    sync(path.parent)


@contextmanager
def creating(path: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """`replacing`, for a name that must be free: nothing is ever overwritten, not even by two who create it at once.

    Raises:
        FileExistsError: something stands there already. OSError: as `replacing`.
    """
    with _beside(path, mode) as (part, stream):
        yield stream
        _flush(stream)
        path.hardlink_to(part)  # unlike a rename, a link refuses to replace what is there
    sync(path.parent)


def replace(path: Path, data: bytes, *, mode: int = 0o600, share: bool = False) -> None:
    """`replacing`, for bytes in hand."""
    with replacing(path, mode=mode, share=share) as stream:
        stream.write(data)


def sync(path: Path) -> None:
    """Flush a file, or the names in a directory, to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def shared(directory: Path) -> int:
    """What whoever made *directory* lets its group do there, as mode bits: nothing, unless it says so by its set-group-id bit.

    A broker shares sealed data with an account that cannot read its keys; files are then the group's like their directory.
    """
    mode = directory.stat().st_mode
    return mode & 0o070 if mode & stat.S_ISGID else 0


@contextmanager
def _beside(path: Path, mode: int) -> Iterator[tuple[Path, BinaryIO]]:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield part, stream
    finally:
        part.unlink(missing_ok=True)


def _flush(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
