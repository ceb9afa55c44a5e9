"""Signed notes, checkpoints and cosignatures, as C2SP defines them.

A note is text under one or more signatures; a checkpoint is a note whose text states a log's origin, size and root.
Three kinds of key sign here: plain Ed25519 (the log), and the two timestamped cosignatures (witnesses; the ML-DSA-44
one serves the log too, as its signature against quantum computers). Signatures by keys nobody named are ignored;
a named key's bad signature refuses the whole note.

Source: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from incamera_verify.errors import VerificationError
from incamera_verify.merkle import HASH_BYTES

#: C2SP asks that verifiers accept at least 16 signatures and bound the number.
SIGNATURES_MAX = 64
#: A checkpoint with 64 ML-DSA-44 signatures stays below this.
NOTE_BYTES_MAX = 1 << 18

_SEED_BYTES = 32
_DASH = "\u2014 "


class Algorithm(IntEnum):
    """Signature type bytes of C2SP signed-note."""

    ED25519 = 0x01
    COSIGNATURE_ED25519 = 0x04
    COSIGNATURE_MLDSA44 = 0x06

    @property
    def public_bytes(self) -> int:
        """Length of a raw public key."""
        return 1312 if self is Algorithm.COSIGNATURE_MLDSA44 else 32

    @property
    def timestamped(self) -> bool:
        """Whether the signature carries its own time."""
        return self is not Algorithm.ED25519


# --- checkpoints ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's state: *size* leaves under *root* (32 raw bytes). Extension lines are refused: cosignatures do not cover them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n"

    @classmethod
    def parse(cls, text: str, where: str = "") -> Checkpoint:
        """Read the signed lines.

        Raises:
            VerificationError: `note.bad-checkpoint`.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise VerificationError("note.bad-checkpoint", "a checkpoint has three lines: origin, size, root", where)
        origin, size, root = lines[:3]
        if not origin:
            raise VerificationError("note.bad-checkpoint", "the origin line is empty", where)
        if not (size.isascii() and size.isdigit()) or len(size) > 19 or (size[0] == "0" and size != "0"):
            raise VerificationError("note.bad-checkpoint", "the size is not a plain decimal number", where)
        raw = _decode(root)
        if raw is None or len(raw) != HASH_BYTES:
            raise VerificationError("note.bad-checkpoint", "the root is not 32 bytes in base64", where)
        return cls(origin, int(size), raw)


# --- keys ------------------------------------------------------------------------------------------------------------------


class _Public(Protocol):
    def verify(self, signature: bytes, data: bytes) -> None: ...


@dataclass(frozen=True)
class Verifier:
    """A public key under a name: who may have signed. `public` is the raw key."""

    name: str
    algorithm: Algorithm
    public: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != self.algorithm.public_bytes:
            raise VerificationError("note.bad-key", "the public key has the wrong length", self.name)

    @cached_property
    def key_id(self) -> bytes:
        """Four bytes that, with the name, say which key signed."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    @property
    def text(self) -> str:
        """`name+key id+base64`: how a key stands in a trust file (a C2SP vkey)."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(bytes([self.algorithm]) + self.public)}"

    @classmethod
    def parse(cls, text: str, where: str = "") -> Verifier:
        """Read a key from `text`.

        Raises:
            VerificationError: `note.bad-key`.
        """
        name, key_id, body = _fields(text, 3, where)
        algorithm, public = _key_material(body, where)
        key = cls(name, algorithm, public)
        if key.key_id.hex() != key_id:
            raise VerificationError("note.bad-key", "the key id does not belong to this name and key", where or name)
        return key

    def verify(self, text: str, blob: bytes) -> int:
        """Accept *blob* as this key's signature over the note *text*; returns the POSIX time it states, or 0.

        Raises:
            VerificationError: `note.bad-signature`, `note.bad-checkpoint` (cosignatures are made over checkpoints only).
        """
        time = 0
        if self.algorithm.timestamped:
            if len(blob) < 8:
                raise self._bad()
            time = int.from_bytes(blob[:8], "big")
            blob = blob[8:]
            if time >= 1 << 63:
                raise self._bad()
        try:
            self._public.verify(blob, signed_bytes(self.algorithm, self.name, time, text))
        except (InvalidSignature, ValueError):
            raise self._bad() from None
        return time

    @cached_property
    def _public(self) -> _Public:
        try:
            if self.algorithm is Algorithm.COSIGNATURE_MLDSA44:
                return _mldsa().MLDSA44PublicKey.from_public_bytes(self.public)  # type: ignore[no-any-return]
            return Ed25519PublicKey.from_public_bytes(self.public)
        except UnsupportedAlgorithm:
            raise _unsupported() from None
        except ValueError:
            raise VerificationError("note.bad-key", "the bytes are no public key of this kind", self.name) from None

    def _bad(self) -> VerificationError:
        return VerificationError("note.bad-signature", "a named key's signature does not verify", self.name)


@dataclass(frozen=True)
class Signer:
    """A private key under a name. Its `repr` shows the name only; `text` is the secret itself."""

    name: str
    algorithm: Algorithm
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.seed) != _SEED_BYTES:
            raise VerificationError("note.bad-key", "a private key is a seed of 32 bytes", self.name)

    @classmethod
    def generate(cls, name: str, algorithm: Algorithm = Algorithm.ED25519) -> Signer:
        """A fresh key from the operating system's randomness."""
        return cls(name, algorithm, os.urandom(_SEED_BYTES))

    @property
    def text(self) -> str:
        """`PRIVATE+KEY+name+key id+base64`. Privacy: this is the secret; seal it before it touches a disk."""
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{_encode(bytes([self.algorithm]) + self.seed)}"

    @classmethod
    def parse(cls, text: str, where: str = "") -> Signer:
        """Read a key from `text`. Raises `VerificationError`, `note.bad-key`, which never quotes the key."""
        private, word, name, key_id, body = _fields(text, 5, where)
        if (private, word) != ("PRIVATE", "KEY"):
            raise VerificationError("note.bad-key", "expected PRIVATE+KEY+name+id+base64", where)
        algorithm, seed = _key_material(body, where)
        key = cls(name, algorithm, seed)
        if key.verifier.key_id.hex() != key_id:
            raise VerificationError("note.bad-key", "the key id does not belong to this name and key", where or name)
        return key

    @cached_property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.algorithm, self._private.public_key().public_bytes_raw())

    def sign(self, text: str, time: int = 0) -> Signature:
        """Sign the note *text*; *time* (POSIX seconds) enters timestamped kinds only.

        Raises:
            VerificationError: `note.bad-checkpoint`, a cosignature over anything but a checkpoint.
        """
        blob: bytes = self._private.sign(signed_bytes(self.algorithm, self.name, time, text))
        if self.algorithm.timestamped:
            blob = time.to_bytes(8, "big") + blob
        return Signature(self.name, self.verifier.key_id, blob)

    @cached_property
    def _private(self) -> Any:
        if self.algorithm is Algorithm.COSIGNATURE_MLDSA44:
            try:
                return _mldsa().MLDSA44PrivateKey.from_seed_bytes(self.seed)
            except UnsupportedAlgorithm:
                raise _unsupported() from None
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def signed_bytes(algorithm: Algorithm, name: str, time: int, text: str) -> bytes:
    """What a key of this kind signs for the note *text*: the text itself, or a cosignature's message around it."""
    if algorithm is Algorithm.ED25519:
        return text.encode()
    checkpoint = Checkpoint.parse(text)
    if algorithm is Algorithm.COSIGNATURE_ED25519:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    label = b"subtree/v1\n\0"
    return b"".join(
        (
            label,
            _opaque(name),
            struct.pack(">Q", time),
            _opaque(checkpoint.origin),
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )


# --- notes -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the signer's name, its key id, and the bytes it made."""

    name: str
    key_id: bytes
    blob: bytes = field(repr=False)

    @property
    def line(self) -> str:
        """The line as it stands in the note, newline included."""
        return f"{_DASH}{self.name} {_encode(self.key_id + self.blob)}\n"

    @classmethod
    def parse(cls, line: str, where: str = "") -> Signature:
        """Read one line, newline included. Raises `VerificationError`, `note.malformed`."""
        words = line.removeprefix(_DASH).removesuffix("\n").split(" ")
        raw = _decode(words[1]) if len(words) == 2 else None
        if not (line.startswith(_DASH) and line.endswith("\n")) or raw is None or len(raw) < 5:
            raise VerificationError("note.malformed", "a signature line is not '\u2014 name base64'", where)
        _check_name(words[0], "note.malformed")
        return cls(words[0], raw[:4], raw[4:])


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that held: whose, and the POSIX time it states (0 where its kind states none)."""

    key: Verifier
    time: int


@dataclass(frozen=True, slots=True)
class Note:
    """Text and the signatures under it. Nothing is known about the text before `verify` returned."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(s.line for s in self.signatures)}"

    def __bytes__(self) -> bytes:
        return str(self).encode()

    @classmethod
    def parse(cls, data: bytes, where: str = "") -> Note:
        """Take a note apart, strictly: what parses is byte for byte what `bytes(note)` gives back.

        Raises:
            VerificationError: `note.malformed`.
        """
        if len(data) > NOTE_BYTES_MAX:
            raise VerificationError("note.malformed", f"a note has at most {NOTE_BYTES_MAX} bytes", where)
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError as flaw:
            raise VerificationError("note.malformed", f"the note is not UTF-8 from byte {flaw.start} on", where) from None
        if any(c < " " and c != "\n" for c in whole):
            raise VerificationError("note.malformed", "the note holds a control character", where)
        head, gap, tail = whole.rpartition("\n\n")
        if not gap or not tail.endswith("\n"):
            raise VerificationError("note.malformed", "the note has no signature block", where)
        lines = tail.split("\n")[:-1]
        if len(lines) > SIGNATURES_MAX:
            raise VerificationError("note.malformed", f"a note has at most {SIGNATURES_MAX} signatures", where)
        return cls(head + "\n", tuple(Signature.parse(line + "\n", where) for line in lines))

    def verify(self, keys: Iterable[Verifier], where: str = "") -> tuple[Verified, ...]:
        """The signatures by *keys*, each checked; others are ignored.

        Raises:
            VerificationError: `note.bad-signature`, `note.unsigned` (no key of *keys* signed), `note.malformed` (one key
                signed twice).
        """
        known = {(key.name, key.key_id): key for key in keys}
        held: dict[tuple[str, bytes], Verified] = {}
        for signature in self.signatures:
            place = (signature.name, signature.key_id)
            key = known.get(place)
            if key is None:
                continue
            if place in held:
                raise VerificationError("note.malformed", "one key signed twice", where or signature.name)
            held[place] = Verified(key, key.verify(self.text, signature.blob))
        if not held:
            raise VerificationError("note.unsigned", "none of the trusted keys signed this note", where)
        return tuple(held.values())


def sign_note(text: str, signers: Sequence[Signer], time: int = 0) -> Note:
    """*text* (which ends in a newline) under the signatures of all *signers*, in their order."""
    note = Note(text, tuple(signer.sign(text, time) for signer in signers))
    if Note.parse(bytes(note)) != note:
        raise VerificationError("note.malformed", "the text cannot stand in a note")
    return note


def open_checkpoint(
    data: bytes,
    log: Sequence[Verifier],
    *,
    witnesses: Sequence[Verifier] = (),
    quorum: int = 0,
    where: str = "",
) -> Checkpoint:
    """The checkpoint in *data*, signed by **every** key of *log* and by at least *quorum* witnesses.

    Every key, so that whoever breaks one algorithm cannot strip the other's signature. Witnesses count by name: two
    keys of one witness are one witness, and a witness that shares the log's name is none.

    Raises:
        VerificationError: `note.unsigned`, `note.quorum`, `note.wrong-origin`, and those of `Note` and `Checkpoint`.
    """
    if not log:
        raise VerificationError("note.unsigned", "no key of the log was given", where)
    note = Note.parse(data, where)
    held = {verified.key for verified in note.verify([*log, *witnesses], where)}
    for key in log:
        if key not in held:
            raise VerificationError("note.unsigned", "a key of the log did not sign", where or key.name)
    checkpoint = Checkpoint.parse(note.text, where)
    names = {key.name for key in log}
    if names != {checkpoint.origin}:
        raise VerificationError("note.wrong-origin", "the checkpoint names another log than its keys", where)
    seen = {key.name for key in held if key in set(witnesses)} - names
    if len(seen) < quorum:
        raise VerificationError("note.quorum", f"{len(seen)} of the {quorum} required witnesses cosigned", where)
    return checkpoint


# --- details ---------------------------------------------------------------------------------------------------------------


def _mldsa() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        raise _unsupported() from None
    return mldsa


def _unsupported() -> VerificationError:
    return VerificationError("note.unsupported", "ML-DSA-44 needs a newer `cryptography`, built with OpenSSL 3.5 or later")


def _check_name(name: str, code: str = "note.bad-key") -> None:
    if not name or any(c.isspace() or c == "+" or c < " " for c in name):
        raise VerificationError(code, "a key name is not empty and holds neither spaces nor '+'")


def _fields(text: str, count: int, where: str) -> list[str]:
    parts = text.split("+", count - 1)
    if len(parts) != count:
        raise VerificationError("note.bad-key", "the key text has too few parts between '+' signs", where)
    return parts


def _key_material(body: str, where: str) -> tuple[Algorithm, bytes]:
    raw = _decode(body)
    if not raw:
        raise VerificationError("note.bad-key", "the key is not valid base64", where)
    try:
        return Algorithm(raw[0]), raw[1:]
    except ValueError:
        raise VerificationError("note.bad-key", f"signature type {raw[0]:#04x} is not known here", where) from None


def _opaque(text: str) -> bytes:
    raw = text.encode()
    if not 1 <= len(raw) <= 255:
        raise VerificationError("note.bad-checkpoint", "a name in a cosignature has 1 to 255 bytes")
    return bytes([len(raw)]) + raw


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decode(text: str) -> bytes | None:
    """Strict base64: one byte string has one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _encode(raw) == text else None
