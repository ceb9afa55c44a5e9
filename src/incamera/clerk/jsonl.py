"""JSON Lines in and out for file mode: gzip by name or magic, errors by line, output that appears whole or not at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any, cast

from incamera import disk
from incamera.core.errors import Malformed, Unavailable

Row = dict[str, Any]
#: Lines a worker takes at a time: enough to amortise the hand-over, few enough to keep memory small.
CHUNK = 64


def read(path: Path) -> Iterator[tuple[int, Row]]:
    """(line number, object) of each non-empty line.

    Raises:
        Malformed: `files.not-a-file`, `files.not-json` (file and line), `files.not-utf8` (file), `files.empty`.
    """
    if not path.is_file():
        raise Malformed("files.not-a-file", "expected a file of JSON lines", where=str(path))
    seen = False
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                seen = True
                yield number, _object(line, f"{path}:{number}")
    except UnicodeDecodeError as flaw:
        raise Malformed("files.not-utf8", f"byte {flaw.start} of its buffer is not UTF-8", where=str(path)) from None
    except (EOFError, gzip.BadGzipFile):
        raise Malformed("files.truncated", "the compressed file ends early or is damaged", where=str(path)) from None
    if not seen:
        raise Malformed("files.empty", "the file holds no record", where=str(path))


def _opened(path: Path) -> IO[str]:
    with path.open("rb") as head:
        packed = head.read(2) == b"\x1f\x8b"
    if packed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="\n")
    return path.open(encoding="utf-8-sig", newline="\n")


def _object(line: str, where: str) -> Row:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise Malformed("files.not-json", "the line is not JSON", where=where) from None
    if not isinstance(value, dict):
        raise Malformed("files.not-json", "the line is not a JSON object", where=where)
    return value


@contextmanager
def writing(path: Path) -> Iterator[Callable[[Row], None]]:
    """A function that writes one object a line; the file gets its name when all is written. `.gz` is compressed.

    Raises:
        Unavailable: `files.not-writable`.
    """
    with ExitStack() as opened:
        try:
            plain = opened.enter_context(disk.replacing(path))
        except OSError as flaw:
            raise Unavailable("files.not-writable", flaw.strerror or "the output cannot be written", where=str(path)) from None
        out: IO[bytes] = plain
        if path.suffix == ".gz":
            packed = gzip.GzipFile(fileobj=plain, mode="wb", mtime=0, filename="")
            out = cast("IO[bytes]", opened.enter_context(packed))
        out_write = out.write

        def write(row: Row) -> None:
            out_write(encode(row))

        yield write


def encode(row: Row) -> bytes:
    """One line; lone surrogates, which real exports contain, stay as JSON escapes."""
    try:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def mapped(work: Callable[[list[tuple[int, Row]]], list[Row]], rows: Iterable[tuple[int, Row]], processes: int) -> Iterator[Row]:
    """*work* over chunks of rows, in order, in this process or in several. At most two chunks a worker wait in memory."""
    if processes <= 1:
        for chunk in _chunks(rows):
            yield from work(chunk)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("forkserver")) as pool:
        waiting: list[Any] = []
        for chunk in _chunks(rows):
            waiting.append(pool.submit(work, chunk))
            if len(waiting) >= 2 * processes:
                yield from waiting.pop(0).result()
        for future in waiting:
            yield from future.result()


def _chunks(rows: Iterable[tuple[int, Row]]) -> Iterator[list[tuple[int, Row]]]:
    chunk: list[tuple[int, Row]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
