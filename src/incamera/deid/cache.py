"""Derived tables kept between processes: made once from public packages, then mapped back from the user's cache directory.

Only what follows from installed packages and this program's own files is kept here, never anything of a conversation.
A file is trusted only if it is ours alone to write and its bytes have the SHA-256 that its first line names; else it is
made again. Where nothing can be written the bytes are made in memory, and the work is the same.

`INCAMERA_CACHE` names another directory; set and empty it keeps nothing.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from incamera.core.ids import Digest

VERSION = b"incamera-cache/1"
#: The first line is padded to this many bytes, so that arrays behind it lie aligned in a mapped file.
HEAD = 128
_ALIGNED = 64
_KEPT_S = 30 * 24 * 3600


def directory() -> Path | None:
    """Where derived tables are kept, or None where they are not."""
    named = os.environ.get("INCAMERA_CACHE")
    if named is not None:
        return Path(named) if named else None
    from platformdirs import user_cache_path

    try:
        return user_cache_path("incamera", appauthor=False)
    except RuntimeError:  # no home directory
        return None


def kept(name: str, key: Digest, make: Callable[[], bytes]) -> memoryview:
    """The bytes that *make* makes, from the cache if they are there. Read-only, aligned to 64 bytes.

    Args:
        name: What they are; becomes the beginning of a file name.
        key: Digest of everything they were made from, the version of their format included.

    Privacy: *make* must depend on public data only.
    Cost: a mapping and one SHA-256 over the bytes, about a millisecond a megabyte.
    """
    folder = directory()
    path = folder / f"{name}-{key[:32]}.bin" if folder is not None else None
    if path is not None and (found := _read(path)) is not None:
        return found
    payload = make()
    if path is None or not _write(path, payload):
        return memoryview(payload)
    # Mapped pages are shared by all processes that read the file; what was just made is not.
    return _read(path) or memoryview(payload)


def held(name: str, key: Digest) -> bool:
    """Whether a file of that name lies in the cache; `kept` says whether it can be trusted."""
    folder = directory()
    return folder is not None and (folder / f"{name}-{key[:32]}.bin").is_file()


def _read(path: Path) -> memoryview | None:
    """The payload of *path*, or None where there is none that can be trusted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not _ours(status) or status.st_size < HEAD:
            return None
        mapped = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None
    finally:
        os.close(descriptor)
    payload = mapped[HEAD:]
    return payload if bytes(mapped[:HEAD]) == _head(payload) else None


def _ours(status: os.stat_result) -> bool:
    """Whether nobody else can have written the file: its checksum only tells accidents."""
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def _head(payload: memoryview | bytes) -> bytes:
    line = VERSION + b" " + hashlib.sha256(payload).hexdigest().encode() + b" " + str(len(payload)).encode()
    return line.ljust(HEAD - 1) + b"\n"


def _write(path: Path, payload: bytes) -> bool:
    """Write beside and rename: readers see the whole file or none. False where that cannot be."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    except OSError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_head(payload))
            file.write(payload)
        Path(beside).replace(path)
        _forget(path)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        return False
    return True


def _forget(path: Path) -> None:
    """Delete earlier tables of the same name that nobody made anew for a month: what they were made from is gone."""
    name = path.name.rpartition("-")[0]
    for other in path.parent.glob(f"{name}-{'[0-9a-f]' * 32}.bin"):
        if other.stat().st_mtime < time.time() - _KEPT_S:
            other.unlink(missing_ok=True)


def packed(arrays: Sequence[NDArray[Any]]) -> bytes:
    """One-dimensional *arrays* as one payload: a line that lists them, then each from a multiple of 64 bytes on."""
    pieces = [json.dumps([[array.dtype.str, array.size] for array in arrays]).encode() + b"\n", *(a.tobytes() for a in arrays)]
    return b"".join(piece + bytes(-len(piece) % _ALIGNED) for piece in pieces)


def unpacked(payload: memoryview) -> list[NDArray[Any]]:
    """The arrays of `packed`, read-only views of *payload*."""
    line = bytes(payload[: bytes(payload[:4096]).index(b"\n") + 1])
    at = len(line) + -len(line) % _ALIGNED
    arrays: list[NDArray[Any]] = []
    for kind, size in json.loads(line):
        arrays.append(np.frombuffer(payload, kind, size, at))
        at += arrays[-1].nbytes + -arrays[-1].nbytes % _ALIGNED
    return arrays
