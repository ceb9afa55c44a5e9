"""The one place of this room that opens paths: frames, draws, seeds and reveals.

Frames are gzip without a time stamp, so the same frame is the same file. Nothing is overwritten; what exists is complete.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final, cast

from incamera import disk
from incamera.core.errors import Malformed, Unavailable
from incamera.core.ids import Digest
from incamera.sampling.draw import Draw, read
from incamera.sampling.frame import Frame
from incamera.sampling.seed import Seed
from incamera_verify import draw as arithmetic
from incamera_verify.errors import VerificationError

#: A seed or a reveal is one line.
SMALL_BYTES_MAX: Final = 64 * 1024


def write_frame(path: Path, frame: Frame) -> None:
    """Write `frame.jsonl.gz`; raises `Unavailable` as every writer here does: `sample.exists`, `sample.unwritable`."""
    _write(path, frame.lines(), zipped=True)


def read_frame(path: Path) -> Frame:
    """A frame, recounted: root, strata and number of rows are what its rows give.

    Raises:
        Malformed: `sample.bad-frame`, naming the line.
        Unavailable: `sample.unreadable`.
    """
    try:
        with gzip.open(path, "rb") as stream:
            header, rows = arithmetic.read_frame(cast("IO[bytes]", stream))  # type: ignore[arg-type]
        return Frame(
            rows=tuple(rows),
            root=Digest(header["root"]),
            strata=header["strata"],
            stratified_by=tuple(header["stratified_by"]),
            population=header["population"],
            excluded=header["excluded"],
            excluded_each=header["excluded_each"],
        )
    except VerificationError as flaw:
        raise Malformed("sample.bad-frame", flaw.hint, where=f"{path.name} {flaw.where}") from None
    except (KeyError, TypeError, EOFError, zlib.error, gzip.BadGzipFile):
        raise Malformed("sample.bad-frame", "the file is cut off, or its header lacks a field", where=path.name) from None
    except OSError as flaw:
        raise _unreadable(path, flaw) from None


def write_draw(path: Path, draw: Draw) -> None:
    """Write `draw.jsonl`."""
    _write(path, draw.lines())


def read_draw(path: Path) -> Draw:
    """A draw file; raises `Malformed` (`sample.bad-draw`) or `Unavailable` (`sample.unreadable`)."""
    try:
        data = path.read_bytes()
    except OSError as flaw:
        raise _unreadable(path, flaw) from None
    return read(data, where=path.name)


def write_seed(path: Path, seed: Seed) -> None:
    """Write a seed file, mode 0600: it is a secret until the reveal."""
    _write(path, [seed.json()], private=True)


def read_seed(path: Path) -> Seed:
    """A seed file; raises `Malformed` (`sample.bad-seed-file`) or `Unavailable` (`sample.unreadable`)."""
    return Seed.parse(read_small(path), where=path.name)


def write_reveal(path: Path, data: bytes) -> None:
    """Write a reveal (`seed.reveal`)."""
    _write(path, [data])


def read_small(path: Path) -> bytes:
    """A seed or reveal file, whole.

    Raises:
        Unavailable: `sample.unreadable`.
        Malformed: `sample.too-long`.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(SMALL_BYTES_MAX + 1)
    except OSError as flaw:
        raise _unreadable(path, flaw) from None
    if len(data) > SMALL_BYTES_MAX:
        raise Malformed("sample.too-long", f"expected at most {SMALL_BYTES_MAX} bytes", where=path.name)
    return data


def _write(path: Path, lines: Iterable[bytes], *, zipped: bool = False, private: bool = False) -> None:
    """A new file, whole and on disk, or none at all."""
    try:
        with disk.creating(path, mode=0o600 if private else 0o644) as stream:
            if zipped:
                with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stream, mtime=0) as packed:
                    packed.writelines(lines)
            else:
                stream.writelines(lines)
    except FileExistsError:
        raise Unavailable("sample.exists", "the file is there already and is not overwritten", where=path.name) from None
    except OSError as flaw:
        raise Unavailable(
            "sample.unwritable", f"the file cannot be written: {os.strerror(flaw.errno or 0)}", where=path.name
        ) from None


def _unreadable(path: Path, flaw: OSError) -> Unavailable:
    reason = os.strerror(flaw.errno) if flaw.errno else "it cannot be read"
    return Unavailable("sample.unreadable", f"the file cannot be read: {reason}", where=path.name)
