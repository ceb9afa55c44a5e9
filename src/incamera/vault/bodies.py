"""Conversations, accounts and results as sealed bytes: compress, pad, encrypt, and back. Pure functions over keys."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from incamera.core.errors import Malformed
from incamera.vault import envelope
from incamera.vault.envelope import BODY_VERSION, COMMIT_LABEL, Binding

BODY = b"body"
ACCOUNT = b"account"
RESULT = b"result"
RESULT_KEY_INFO = b"incamera/working-set/1"

#: zstd level: on rows of a few kB, level 3 takes a quarter more time than level 1 and saves next to nothing.
LEVEL = 1
#: What a body may unpack to; `Vault.put` refuses more.
BODY_BYTES_MAX = 1 << 30
#: The length before a padded body, as `envelope.pad` writes it.
_LENGTH = struct.Struct(">I")


class Codec:
    """One zstd context each way. Not thread-safe: one per thread or process."""

    __slots__ = ("_compressor", "decompress", "error")

    def __init__(self) -> None:
        import zstandard

        self._compressor: Any = zstandard.ZstdCompressor(level=LEVEL)
        self.decompress: Any = zstandard.ZstdDecompressor().decompress
        self.error: type[Exception] = zstandard.ZstdError

    def shrink(self, data: bytes) -> bytes:
        """Compressed and padded. No dictionary: one trained on subjects' words would survive their shredding."""
        return envelope.pad(self._compressor.compress(data))

    def grow(self, padded: bytes, *, where: str | bytes) -> bytes:
        """What `shrink` took. Raises `Unverified` (`vault.bad-padding`): authentic bytes that are no compressed body."""
        try:
            return self.decompress(envelope.unpad(padded, where=where), BODY_BYTES_MAX)  # type: ignore[no-any-return]
        except self.error:
            raise envelope.bad_padding(where) from None


class Sealed(NamedTuple):
    """One row of the vault."""

    cref: bytes
    uref: bytes
    commit: bytes
    body: bytes


def seal_body(
    bind: Binding, codec: Codec, packed: bytes, *, key: bytes, uref: bytes, cref: bytes, kind: int, nonce: bytes
) -> Sealed:
    """Seal a packed conversation under its own key, which must never have sealed anything before.

    Raises:
        Malformed: `vault.too-large`, more than 1 GiB of packed text in one conversation.
    """
    if len(packed) > BODY_BYTES_MAX:
        raise _too_large(cref)
    aad = bind(BODY, uref=uref, cref=cref, version=BODY_VERSION, kind=kind)
    return Sealed(cref, uref, envelope.key_commitment(key), envelope.seal(key, codec.shrink(packed), aad, nonce=nonce))


def _too_large(cref: bytes) -> Malformed:
    return Malformed("vault.too-large", "one conversation holds more than 1 GiB", where=f"conversation {cref.hex()}")


@dataclass(frozen=True, slots=True, repr=False)
class Fresh:
    """Packed conversations by column, each with a key and a nonce that nothing was ever sealed under."""

    crefs: list[bytes]
    urefs: list[bytes]
    kinds: list[int]
    packed: list[bytes]
    keys: list[bytes]
    nonces: list[bytes]


def seal_bodies(bind: Binding, codec: Codec, fresh: Fresh) -> list[Sealed]:
    """`seal_body` for many, column by column, without a call of Python code for each of its steps.

    Raises:
        Malformed: `vault.too-large`.
    """
    for cref, packed in zip(fresh.crefs, fresh.packed, strict=True):
        if len(packed) > BODY_BYTES_MAX:
            raise _too_large(cref)
    sha256 = hashlib.sha256
    commits = [sha256(COMMIT_LABEL + key).digest() for key in fresh.keys]
    padded = map(codec.shrink, fresh.packed)
    columns = zip(fresh.keys, fresh.nonces, padded, _aads(bind, fresh.crefs, fresh.urefs, fresh.kinds), strict=True)
    sealed = [nonce + AESGCM(key).encrypt(nonce, body, aad) for key, nonce, body, aad in columns]
    return list(map(Sealed, fresh.crefs, fresh.urefs, commits, sealed))


def open_body(bind: Binding, codec: Codec, row: Sealed, *, key: bytes, kind: int) -> bytes:
    """The packed conversation of a row. The key is checked against the row's commitment before anything is decrypted.

    Raises:
        Unverified: `vault.key-commitment`, `vault.not-authentic`, `vault.bad-padding`.
    """
    envelope.check_commitment(key, row.commit, where=row.cref)
    aad = bind(BODY, uref=row.uref, cref=row.cref, version=BODY_VERSION, kind=kind)
    return codec.grow(envelope.unseal(key, row.body, aad, where=row.cref), where=row.cref)


class Rows(NamedTuple):
    """Rows of the vault by column, each body as its nonce and the rest."""

    crefs: list[bytes]
    urefs: list[bytes]
    commits: list[bytes]
    nonces: list[bytes]
    ciphertexts: Sequence[bytes | memoryview]

    def row(self, place: int) -> Sealed:
        body = self.nonces[place] + bytes(self.ciphertexts[place])
        return Sealed(self.crefs[place], self.urefs[place], self.commits[place], body)


def open_bodies(
    bind: Binding, codec: Codec, rows: Rows, keys: Mapping[bytes, bytes], classes: Mapping[bytes, int]
) -> list[bytes]:
    """`open_body` for many rows: *keys* by cref, *classes* for those that are not operator-held. In the order of *rows*.

    The same checks column by column, without a call of Python code for each row; where any of them fails, the rows are
    opened one by one, so that the error names the row.
    """
    given = [keys[cref] for cref in rows.crefs]
    with suppress(InvalidTag, ValueError, struct.error, codec.error):
        return _opened(bind, codec, rows, given, classes)
    kinds = [classes.get(cref, 0) for cref in rows.crefs]
    return [open_body(bind, codec, rows.row(n), key=given[n], kind=kinds[n]) for n in range(len(given))]


def _opened(bind: Binding, codec: Codec, rows: Rows, keys: list[bytes], classes: Mapping[bytes, int]) -> list[bytes]:
    sha256, decompress = hashlib.sha256, codec.decompress
    if [sha256(COMMIT_LABEL + key).digest() for key in keys] != rows.commits:
        raise ValueError  # before anything is decrypted
    kinds = [classes.get(cref, 0) for cref in rows.crefs] if classes else None
    columns = zip(keys, rows.nonces, rows.ciphertexts, _aads(bind, rows.crefs, rows.urefs, kinds), strict=True)
    padded = [AESGCM(key).decrypt(nonce, ciphertext, aad) for key, nonce, ciphertext, aad in columns]
    texts = []
    for body in padded:
        (size,) = _LENGTH.unpack_from(body)
        end = size + _LENGTH.size
        if end > len(body):
            raise ValueError
        texts.append(decompress(body[_LENGTH.size : end], BODY_BYTES_MAX))
    return texts


def _aads(bind: Binding, crefs: Sequence[bytes], urefs: Sequence[bytes], kinds: Sequence[int] | None) -> list[bytes]:
    """What each body is bound to: rows of one subject and class share all but the cref. Without *kinds*, of class 0."""
    if kinds is None:
        heads = {uref: bind.row(BODY, uref=uref, version=BODY_VERSION, kind=0) for uref in set(urefs)}
        return [heads[uref] + cref for uref, cref in zip(urefs, crefs, strict=True)]
    places = list(zip(urefs, kinds, strict=True))
    shared = {place: bind.row(BODY, uref=place[0], version=BODY_VERSION, kind=place[1]) for place in set(places)}
    return [shared[place] + cref for place, cref in zip(places, crefs, strict=True)]


def seal_account(bind: Binding, codec: Codec, packed: bytes, *, key: bytes, uref: bytes) -> bytes:
    """What the holder knows of a subject, under that subject's account key."""
    return envelope.seal(key, codec.shrink(packed), bind(ACCOUNT, uref=uref))


def open_account(bind: Binding, codec: Codec, sealed: bytes, *, key: bytes, uref: bytes) -> bytes:
    """What `seal_account` sealed."""
    return codec.grow(envelope.unseal(key, sealed, bind(ACCOUNT, uref=uref), where=uref), where=uref)


def result_key(conversation_key: bytes, matter: str) -> bytes:
    """The working-set subkey of a conversation in one matter: a shred of the conversation reaches every result of it."""
    return envelope.derive(conversation_key, envelope.fields(RESULT_KEY_INFO, matter.encode()))


def seal_result(bind: Binding, codec: Codec, result: bytes, *, key: bytes, cref: bytes) -> bytes:
    """A result under its conversation's working-set subkey."""
    return envelope.seal(key, codec.shrink(result), bind(RESULT, cref=cref))


def open_result(bind: Binding, codec: Codec, sealed: bytes, *, key: bytes, cref: bytes) -> bytes:
    """What `seal_result` sealed."""
    return codec.grow(envelope.unseal(key, sealed, bind(RESULT, cref=cref), where=cref), where=cref)
