"""Conversations, accounts and results as sealed bytes: compress, pad, encrypt, and back. Pure functions over keys."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from incamera.core.errors import Malformed
from incamera.vault import envelope
from incamera.vault.envelope import BODY_VERSION, COMMIT_LABEL, NONCE_BYTES, TAG_BYTES, Binding

BODY = b"body"
ACCOUNT = b"account"
RESULT = b"result"
RESULT_KEY_INFO = b"incamera/working-set/1"

#: zstd level: on rows of a few kB, level 3 takes a quarter more time than level 1 and saves next to nothing.
LEVEL = 1
#: What a body may unpack to; `Vault.put` refuses more.
BODY_BYTES_MAX = 1 << 30
_BUFFER_BYTES = 64 << 10
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
        raise Malformed("vault.too-large", "one conversation holds more than 1 GiB", where=f"conversation {cref.hex()}")
    aad = bind(BODY, uref=uref, cref=cref, version=BODY_VERSION, kind=kind)
    return Sealed(cref, uref, envelope.key_commitment(key), envelope.seal(key, codec.shrink(packed), aad, nonce=nonce))


def open_body(bind: Binding, codec: Codec, row: Sealed, *, key: bytes, kind: int) -> bytes:
    """The packed conversation of a row. The key is checked against the row's commitment before anything is decrypted.

    Raises:
        Unverified: `vault.key-commitment`, `vault.not-authentic`, `vault.bad-padding`.
    """
    return next(open_bodies(bind, codec, [row], {row.cref: key}, {row.cref: kind}))


def open_bodies(
    bind: Binding,
    codec: Codec,
    rows: Iterable[tuple[bytes, bytes, bytes, bytes | memoryview]],
    keys: Mapping[bytes, bytes],
    classes: Mapping[bytes, int],
) -> Iterator[bytes]:
    """`open_body` for many rows: *keys* by cref, *classes* for those that are not operator-held. In the order of *rows*."""
    heads: dict[bytes | tuple[bytes, int], bytes] = {}
    sha256, decompress, length = hashlib.sha256, codec.decompress, _LENGTH.unpack_from
    buffer = bytearray(_BUFFER_BYTES)  # one for all rows: what is authentic is decompressed from here at once
    view = memoryview(buffer)
    for cref, uref, commit, body in rows:
        key = keys[cref]
        if sha256(COMMIT_LABEL + key).digest() != commit:
            envelope.check_commitment(key, commit, where=cref)
        kind = classes.get(cref, 0) if classes else 0
        place = (uref, kind) if kind else uref
        head = heads.get(place)
        if head is None:
            head = heads[place] = bind.row(BODY, uref=uref, version=BODY_VERSION, kind=kind)
        # `envelope.unseal`, `envelope.unpad` and `Codec.grow` written out: their calls would cost as much as the decryption.
        size = len(body) - NONCE_BYTES - TAG_BYTES
        if size > len(view):
            buffer = bytearray(size)
            view = memoryview(buffer)
        try:
            AESGCM(key).decrypt_into(body[:NONCE_BYTES], body[NONCE_BYTES:], head + cref, view[:size])
        except (InvalidTag, ValueError):
            raise envelope.not_authentic(cref) from None
        end = length(buffer)[0] + _LENGTH.size
        if end > size:
            raise envelope.bad_padding(cref)
        try:
            text = decompress(view[_LENGTH.size : end], BODY_BYTES_MAX)
        except codec.error:
            raise envelope.bad_padding(cref) from None
        yield text


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
