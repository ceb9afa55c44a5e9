"""What a file is, by its first bytes and its first records; names and endings are never consulted."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, Literal

from incamera.ingest import chatgpt, claude, gemini, oasst, openai_chat, plain, sharegpt, wildchat
from incamera.ingest.source import Source

Container = Literal["zip", "gzip", "parquet", "array", "lines", "values", "empty", "encoding", "other"]

#: Tried in this order; each shape is disjoint from those before it on the formats' own samples.
SOURCES: Final[tuple[Source, ...]] = (
    chatgpt.SOURCE,
    claude.SOURCE,
    gemini.SOURCE,
    sharegpt.SOURCE,
    wildchat.SOURCE,
    openai_chat.SOURCE,
    plain.SOURCE,
    oasst.SOURCE,
    plain.DOCUMENTS,
)
HEAD: Final = 1 << 16
_FOREIGN: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def container(stream: BinaryIO) -> Container:
    """What kind of file begins here. Reads at most `HEAD` bytes."""
    head = stream.read(HEAD)
    if not head:
        return "empty"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(_FOREIGN) or _wide(head):
        return "encoding"
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text:
        return "empty" if len(head) < HEAD else "other"
    if text.startswith(b"["):
        return "array"
    if text.startswith(b"{"):
        return "lines" if _is_lines(text) else "values"
    return "lines" if any(_whole(line) for line in text.split(b"\n")[1:50]) else "other"


def _wide(head: bytes) -> bool:
    """UTF-16 or UTF-32 without a mark: every second byte of the beginning is zero."""
    return len(head) >= 4 and (head[0:4:2] == b"\0\0" or head[1:4:2] == b"\0\0")


def _is_lines(text: bytes) -> bool:
    """Whether an object fills a line of its own. A pretty-printed object never begins and ends on one line at the margin."""
    pieces = text.split(b"\n")
    if len(pieces) == 1 or any(_whole(line) for line in pieces[:50]):
        return True
    # No whole line in sight: a pretty-printed object leaves its first line open; a damaged line just stops.
    return not pieces[0].rstrip().endswith((b"{", b"[", b","))


def _whole(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def recognise(record: Any, hint: Source | None = None) -> Source | None:
    """The source whose shape *record* has; *hint* (the last one found) is tried first."""
    if not isinstance(record, dict):
        return None
    if hint is not None and hint.recognises(record):
        return hint
    return next((source for source in SOURCES if source.recognises(record)), None)


def unwrap(value: Any) -> Iterator[Any]:
    """The records inside an API page (`{"object": "list", "data": [...]}`) or a `{"conversations": [...]}` wrapper."""
    if isinstance(value, dict) and value.get("object") == "list" and isinstance(value.get("data"), list):
        yield from value["data"]
    elif isinstance(value, list):
        yield from value
    elif isinstance(value, dict) and _wraps(value):
        yield from value["conversations"]
    else:
        yield value


def _wraps(value: dict[str, Any]) -> bool:
    inner = value.get("conversations")
    return isinstance(inner, list) and bool(inner) and isinstance(inner[0], dict) and recognise(inner[0]) is not None


def named(name: str) -> Source | None:
    """The source called *name*."""
    return next((source for source in SOURCES if source.name == name), None)
