"""The one place where the vault opens paths: durable replacement, quarantine of leftovers, sealed Parquet."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from incamera import disk
from incamera.core.errors import Error, Unavailable, Unverified

PARTIAL = disk.PARTIAL
ROW_GROUP_ROWS = 1024


def refuse(flaw: OSError, path: Path) -> Error:
    """The house's error for what the operating system said about *path*."""
    if flaw.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        hint = "the disk takes no more: space, quota or permitted file size; nothing already stored was touched"
        return Unavailable("vault.disk-full", hint, where=path.name)
    return Unavailable(
        "vault.unreadable", f"the file cannot be used: {errno.errorcode.get(flaw.errno or 0, 'unknown')}", where=path.name
    )


def exists(path: Path) -> bool:
    return path.exists()


def make_directory(path: Path) -> None:
    """Create *path* for its owner only, and for the group where the directory above is shared with it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
            if group := disk.shared(path.parent):
                path.chmod(stat.S_ISGID | 0o700 | group)
    except OSError as flaw:
        raise refuse(flaw, path) from None


def close_to_others(path: Path, *, group: bool) -> None:
    """Take from a file of this account what others may do with it, as after a restore that did not keep its mode.

    Where *group* says so, what the group of a shared directory was given stays: state.db is written by accounts that may not
    write the directory it lies in.
    """
    about = path.stat()
    kept = 0o660 if group and disk.shared(path.parent) else 0o600
    if about.st_uid == os.geteuid() and stat.S_IMODE(about.st_mode) & ~kept:
        path.chmod(about.st_mode & kept)


def read(path: Path) -> bytes:
    """All bytes of a small file."""
    try:
        return path.read_bytes()
    except OSError as flaw:
        raise refuse(flaw, path) from None


def replace(path: Path, data: bytes) -> None:
    """Put *data* at *path* whole or not at all, durably, readable by its owner (and the group of a shared directory) only."""
    with _replacing(path) as stream:
        stream.write(data)


def create(path: Path, data: bytes) -> None:
    """`replace`, refused where *path* exists: a second initialisation must not destroy the first one's keys."""
    if path.exists():
        raise Unavailable("vault.exists", "the file exists already and is not overwritten", where=path.name)
    replace(path, data)


def append(path: Path, line: bytes) -> None:
    """Add *line*, durably; a torn last line, which nobody was promised, is cut off first."""
    try:
        with path.open("r+b") as sink:
            size = sink.seek(0, os.SEEK_END)
            sink.seek(0)
            end = sink.read(size).rfind(b"\n") + 1
            sink.truncate(end)
            sink.seek(end)
            sink.write(line)
            sink.flush()
            os.fsync(sink.fileno())
    except OSError as flaw:
        raise refuse(flaw, path) from None


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    try:
        with disk.replacing(path, share=True) as stream:
            yield stream
    except OSError as flaw:
        raise refuse(flaw, path) from None


def remove(path: Path) -> None:
    """Unlink and make the unlinking durable."""
    try:
        path.unlink(missing_ok=True)
        disk.sync(path.parent)
    except OSError as flaw:
        raise refuse(flaw, path) from None


def lock_file(path: Path) -> int:
    """A handle on the lock file *path*, made if need be. The caller locks it, and closes it."""
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(handle).st_uid == os.geteuid():  # else somebody else made it meanwhile
            os.fchmod(handle, 0o600 | disk.shared(path.parent) & 0o060)
        return handle


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the one writer's lock on *path*; it dies with the process, however that ends."""
    try:
        handle = lock_file(path)
    except OSError as flaw:
        raise refuse(flaw, path) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def names(directory: Path) -> list[str]:
    """File names in *directory*, sorted."""
    try:
        return sorted(entry.name for entry in os.scandir(directory) if entry.is_file(follow_symlinks=False))
    except OSError as flaw:
        raise refuse(flaw, directory) from None


# --- sealed Parquet -------------------------------------------------------------------------------------------------


def write_parquet(path: Path, table: pa.Table, *, key: bytes, prefix: bytes) -> int:
    """Write *table* as one encrypted Parquet file, durably; returns its size in bytes.

    Bodies are sealed already; this outer layer (Parquet modular encryption, AES_GCM_V1) hides ids and counts from a
    disk thief, and *prefix* ties the file to its vault and name. Bodies do not compress again, so pages are stored raw.
    """
    from pyarrow.parquet.encryption import create_encryption_properties

    properties = create_encryption_properties(key, aad_prefix=prefix, store_aad_prefix=False)

    with _replacing(path) as stream:
        pq.write_table(
            table,
            stream,
            compression="none",
            use_dictionary=False,
            write_statistics=False,
            row_group_size=ROW_GROUP_ROWS,
            encryption_properties=properties,
        )
    return path.stat().st_size


def open_parquet(path: Path, *, key: bytes, prefix: bytes) -> pq.ParquetFile:
    """Open what `write_parquet` wrote.

    Raises:
        Unavailable: `vault.unreadable`, the file is not there.
        Unverified: `vault.damaged-file`, altered, truncated, or another file under this name.
    """
    from pyarrow.parquet.encryption import create_decryption_properties

    try:
        return pq.ParquetFile(path, decryption_properties=create_decryption_properties(key, aad_prefix=prefix), memory_map=False)
    except FileNotFoundError as flaw:
        raise refuse(flaw, path) from None
    except (OSError, pa.ArrowException):
        raise damaged(path) from None


def read_groups(file: pq.ParquetFile, path: Path, groups: list[int] | None = None) -> pa.Table:
    """Row groups of an open file; a corrupted page is `Unverified` (`vault.damaged-file`)."""
    try:
        return file.read_row_groups(groups, use_threads=False) if groups is not None else file.read(use_threads=False)
    except (OSError, pa.ArrowException):
        raise damaged(path) from None


def damaged(path: Path) -> Unverified:
    """The error for a file whose content is not what was stored under its name."""
    return Unverified(
        "vault.damaged-file", "the file is altered, truncated, or stands under another file's name", where=path.name
    )


def erase(directory: Path, keep: Callable[[str], bool]) -> list[str]:
    """Remove every file of *directory* that *keep* does not name; returns the names removed."""
    gone = [name for name in names(directory) if not keep(name)]
    for name in gone:
        remove(directory / name)
    return gone


def group_rows(file: pq.ParquetFile) -> list[int]:
    """First row of each row group, and the number of rows at the end."""
    metadata: Any = file.metadata
    starts = [0]
    for group in range(metadata.num_row_groups):
        starts.append(starts[-1] + metadata.row_group(group).num_rows)
    return starts
