"""The one place of this room that opens paths: orders, approvals, and the private keys of people.

Whatever is written is complete under its final name or not there at all, and private keys are readable by their owner only.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from incamera import disk
from incamera.core.errors import Malformed, Unavailable
from incamera.core.ids import Digest

#: Orders, approvals and keys are pages, not archives.
SMALL_BYTES_MAX: Final = 4 * 1024 * 1024


def read(path: Path, *, limit: int = SMALL_BYTES_MAX) -> bytes:
    """A small file, whole: of at most *limit* bytes.

    Raises:
        Unavailable: `governance.unreadable`, missing, a directory, or not permitted.
        Malformed: `governance.too-large`, more than *limit*.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as flaw:
        raise _unreadable(path, flaw) from None
    if len(data) > limit:
        raise Malformed("governance.too-large", f"expected a file of at most {limit} bytes", where=path.name)
    return data


def digest_of(path: Path) -> Digest:
    """SHA-256 of a file of any size, in one pass.

    Raises:
        Unavailable: `governance.unreadable`.
    """
    import hashlib

    try:
        with path.open("rb") as stream:
            return Digest(hashlib.file_digest(stream, "sha256").hexdigest())
    except OSError as flaw:
        raise _unreadable(path, flaw) from None


def write_new(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file that must not exist yet: whole and on disk, or not at all; mode 0600 if *private*, else 0644.

    Raises:
        Unavailable: `governance.exists`, nothing is ever overwritten; `governance.unwritable`, disk full or not permitted.
    """
    try:
        with disk.creating(path, mode=0o600 if private else 0o644) as stream:
            stream.write(data)
    except FileExistsError:
        raise Unavailable("governance.exists", "the file is there already and is not overwritten", where=path.name) from None
    except OSError as flaw:
        raise Unavailable(
            "governance.unwritable", f"the file cannot be written: {os.strerror(flaw.errno or 0)}", where=path.name
        ) from None


def is_private(path: Path) -> bool:
    """Whether nobody but the owner can read the file."""
    return path.stat().st_mode & 0o077 == 0


def _unreadable(path: Path, flaw: OSError) -> Unavailable:
    reason = os.strerror(flaw.errno) if flaw.errno else "it cannot be read"
    return Unavailable("governance.unreadable", f"the file cannot be read: {reason}", where=path.name)
