"""A proof that one entry stands in a log, as one text file that verifies offline (C2SP tlog-proof).

A person's receipt is such a proof with the leaf itself in its `extra` line: the leaf is trusted only because its hash
leads to the signed root.

Source: https://c2sp.org/tlog-proof.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import HASH_BYTES, leaf_hash, verify_inclusion
from incamera_verify.note import Checkpoint, Verifier, open_checkpoint
from incamera_verify.tiles import Leaf

FORMAT = "c2sp.org/tlog-proof@v1"
#: A tree of 2^63 leaves has paths of 63 hashes.
PATH_MAX = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """An entry's index, its inclusion path (raw hashes, leaf side first), the signed checkpoint, and opaque extra bytes."""

    index: int
    path: tuple[bytes, ...]
    note: bytes
    extra: bytes = field(default=b"", repr=False)

    def __bytes__(self) -> bytes:
        lines = [
            FORMAT,
            *([f"extra {_encode(self.extra)}"] if self.extra else []),
            f"index {self.index}",
            *map(_encode, self.path),
        ]
        return "\n".join(lines).encode() + b"\n\n" + self.note

    @classmethod
    def parse(cls, data: bytes, where: str = "") -> Proof:
        """Take a proof apart, strictly; nothing is verified yet.

        Raises:
            VerificationError: `proof.malformed`.
        """
        head, gap, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise _malformed("the proof's lines are not ASCII", where) from None
        if not gap or lines.pop(0) != FORMAT:
            raise _malformed(f"expected the line '{FORMAT}', an index, a path, a blank line and a checkpoint", where)
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = _decode(lines.pop(0).removeprefix("extra "), where)
        number = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
        if not number.isdigit() or len(number) > 19 or (number[0] == "0" and number != "0"):
            raise _malformed("the index line is missing or no plain number", where)
        path = tuple(_decode(line, where) for line in lines)
        if len(path) > PATH_MAX or any(len(step) != HASH_BYTES for step in path):
            raise _malformed("the path is not a list of hashes", where)
        return cls(int(number), path, note, extra)

    def verify(
        self, leaf: bytes, log: Sequence[Verifier], *, witnesses: Sequence[Verifier] = (), quorum: int = 0, where: str = ""
    ) -> Checkpoint:
        """Accept only if *leaf* stands at this index under a checkpoint of *log* that *quorum* witnesses cosigned.

        Raises:
            VerificationError: the codes of `note.open_checkpoint` and `merkle.verify_inclusion`.
        """
        checkpoint = open_checkpoint(self.note, log, witnesses=witnesses, quorum=quorum, where=where)
        verify_inclusion(leaf_hash(leaf), self.index, checkpoint.size, self.path, checkpoint.root)
        return checkpoint


def open_receipt(
    data: bytes, log: Sequence[Verifier], *, witnesses: Sequence[Verifier] = (), quorum: int = 0, where: str = ""
) -> tuple[Leaf, Checkpoint]:
    """The act that a receipt proves, and the signed state it stands in.

    Raises:
        VerificationError: `proof.no-leaf`, and those of `Proof.parse` and `Proof.verify`.
    """
    proof = Proof.parse(data, where)
    checkpoint = proof.verify(proof.extra, log, witnesses=witnesses, quorum=quorum, where=where)
    try:
        value = json.loads(proof.extra)
        if type(value) is not dict or canonical(value) != proof.extra:
            raise ValueError
    except (ValueError, RecursionError, VerificationError):
        raise VerificationError("proof.no-leaf", "the receipt does not carry a leaf of this log", where) from None
    return Leaf(proof.index, proof.extra, value), checkpoint


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(text: str, where: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("a line is not base64", where) from None
    if not raw or _encode(raw) != text:
        raise _malformed("a line is not base64", where)
    return raw


def _malformed(hint: str, where: str) -> VerificationError:
    return VerificationError("proof.malformed", hint, where)
