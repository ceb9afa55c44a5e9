"""The journal's bytes: the acts since the last publication, each batch with the checkpoint that was signed for it.

    incamera-journal/1\\n
    {"base":N,"history":BYTES,"seqs":{...}}\\n       where the tile files end, how long `checkpoints` is, acts per matter
    SHA-256 of the two lines above, in hex\\n
    batch*                                           header 20 bytes | entries (C2SP bundle) | signed note | SHA-256 of all before

One batch is one write and one fdatasync, so a crash leaves whole batches and at most one torn one at the end. The header
carries its own CRC: a length that was altered is told from a write that was cut off.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from incamera.core.errors import Unverified
from incamera.ledger.store import JOURNAL
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.tiles import pack_entries, unpack_entries

FORMAT = b"incamera-journal/1\n"

_MAGIC = b"IJB1"
_FRAME = struct.Struct(">4sIII")
_HEADER_BYTES = _FRAME.size + 4
_SUM_BYTES = 32

#: How a journal ends: cleanly, in a write that was cut off, or in bytes no writer of ours made.
Ending = Literal["clean", "torn", "damaged"]


@dataclass(frozen=True, slots=True)
class Head:
    """Where the journal starts: leaves already in tile files, bytes of history already written, acts so far by matter."""

    base: int
    history: int
    seqs: dict[str, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Leaves that were made durable together, the note signed over them, and where in the file the batch ends."""

    leaves: list[bytes]
    note: bytes
    end: int


def pack_head(head: Head) -> bytes:
    """The journal's first three lines."""
    lines = FORMAT + canonical({"base": head.base, "history": head.history, "seqs": head.seqs}) + b"\n"
    return lines + hashlib.sha256(lines).hexdigest().encode() + b"\n"


def unpack_head(data: bytes) -> tuple[Head, int]:
    """The head and its length in bytes.

    Raises:
        Unverified: `ledger.bad-journal`.
    """
    end = data.find(b"\n", len(FORMAT)) + 1
    try:
        value = json.loads(data[len(FORMAT) : end])
        head = Head(value["base"], value["history"], value["seqs"])
        counts = (head.base, head.history, *head.seqs.values())
        whole = pack_head(head)
        if not data.startswith(whole) or any(type(count) is not int or count < 0 for count in counts):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, VerificationError):
        raise Unverified("ledger.bad-journal", "the journal's head is not what this version writes", where=JOURNAL) from None
    return head, len(whole)


def pack_batch(leaves: Sequence[bytes], note: bytes) -> bytes:
    """One batch, ready for one write."""
    entries = pack_entries(leaves)
    frame = _FRAME.pack(_MAGIC, len(leaves), len(entries), len(note))
    body = b"".join((frame, zlib.crc32(frame).to_bytes(4, "big"), entries, note))
    return body + hashlib.sha256(body).digest()


def unpack_batches(data: bytes, offset: int = 0) -> tuple[list[Batch], Ending]:
    """The whole batches in *data*, whose first byte stands at *offset* of the file, and how the bytes end.

    `torn` means what a killed writer leaves: too few bytes for what the header announces, or nothing but zeros.
    `damaged` means bytes that are complete and wrong; only a person may decide to drop those.
    """
    batches: list[Batch] = []
    at = 0
    while at < len(data):
        rest = data[at:] if len(data) - at < _HEADER_BYTES else data[at : at + _HEADER_BYTES]
        if len(rest) < _HEADER_BYTES:
            return batches, _ending(data[at:], torn=_MAGIC.startswith(rest[:4]))
        magic, count, entries_bytes, note_bytes = _FRAME.unpack_from(rest)
        if magic != _MAGIC or zlib.crc32(rest[: _FRAME.size]).to_bytes(4, "big") != rest[_FRAME.size :]:
            return batches, _ending(data[at:], torn=False)
        middle = at + _HEADER_BYTES + entries_bytes
        end = middle + note_bytes + _SUM_BYTES
        if end > len(data):
            return batches, "torn"
        body = data[at : end - _SUM_BYTES]
        if hashlib.sha256(body).digest() != data[end - _SUM_BYTES : end]:
            return batches, "damaged"
        leaves = _leaves(data[at + _HEADER_BYTES : middle])
        if not leaves or len(leaves) != count:
            return batches, "damaged"
        batches.append(Batch(leaves, data[middle : end - _SUM_BYTES], offset + end))
        at = end
    return batches, "clean"


def _leaves(data: bytes) -> list[bytes]:
    try:
        return unpack_entries(data, JOURNAL)
    except VerificationError:
        return []


def _ending(rest: bytes, *, torn: bool) -> Ending:
    return "torn" if torn or not rest.strip(b"\0") else "damaged"
