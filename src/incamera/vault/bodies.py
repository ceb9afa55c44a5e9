"""Conversations, accounts and results as sealed bytes: compress, pad, encrypt, and back. Pure functions over keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from incamera.core.errors import Malformed, Unverified
from incamera.vault import envelope
from incamera.vault.envelope import BODY_VERSION, Binding

BODY = b"body"
ACCOUNT = b"account"
RESULT = b"result"
RESULT_KEY_INFO = b"incamera/working-set/1"

#: zstd level: on chat text level 3 costs 1.4 times level 1 and saves 6 %; bodies are written once and read often.
LEVEL = 3
#: What a body may unpack to; `Vault.put` refuses more.
BODY_BYTES_MAX = 1 << 30


class Codec:
    """One zstd context each way. Not thread-safe: one per thread or process."""

    __slots__ = ("_compressor", "_decompressor")

    def __init__(self) -> None:
        import zstandard

        self._compressor: Any = zstandard.ZstdCompressor(level=LEVEL)
        self._decompressor: Any = zstandard.ZstdDecompressor()

    def shrink(self, data: bytes) -> bytes:
        """Compressed and padded. No dictionary: one trained on subjects' words would survive their shredding."""
        return envelope.pad(self._compressor.compress(data))

    def grow(self, padded: bytes, *, where: str) -> bytes:
        """What `shrink` took. Raises `Unverified` (`vault.bad-padding`): authentic bytes that are no compressed body."""
        from zstandard import ZstdError

        try:
            return self._decompressor.decompress(envelope.unpad(padded, where=where), max_output_size=BODY_BYTES_MAX)  # type: ignore[no-any-return]
        except ZstdError:
            raise Unverified("vault.bad-padding", "the sealed body does not decompress", where=where) from None


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
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
    where = f"conversation {row.cref.hex()}"
    envelope.check_commitment(key, row.commit, where=where)
    aad = bind(BODY, uref=row.uref, cref=row.cref, version=BODY_VERSION, kind=kind)
    return codec.grow(envelope.unseal(key, row.body, aad, where=where), where=where)


def seal_account(bind: Binding, codec: Codec, packed: bytes, *, key: bytes, uref: bytes) -> bytes:
    """What the holder knows of a subject, under that subject's account key."""
    return envelope.seal(key, codec.shrink(packed), bind(ACCOUNT, uref=uref))


def open_account(bind: Binding, codec: Codec, sealed: bytes, *, key: bytes, uref: bytes) -> bytes:
    """What `seal_account` sealed."""
    where = f"subject {uref.hex()}"
    return codec.grow(envelope.unseal(key, sealed, bind(ACCOUNT, uref=uref), where=where), where=where)


def result_key(conversation_key: bytes, matter: str) -> bytes:
    """The working-set subkey of a conversation in one matter: a shred of the conversation reaches every result of it."""
    return envelope.derive(conversation_key, envelope.fields(RESULT_KEY_INFO, matter.encode()))


def seal_result(bind: Binding, codec: Codec, result: bytes, *, key: bytes, cref: bytes) -> bytes:
    """A result under its conversation's working-set subkey."""
    return envelope.seal(key, codec.shrink(result), bind(RESULT, cref=cref))


def open_result(bind: Binding, codec: Codec, sealed: bytes, *, key: bytes, cref: bytes) -> bytes:
    """What `seal_result` sealed."""
    where = f"result of {cref.hex()}"
    return codec.grow(envelope.unseal(key, sealed, bind(RESULT, cref=cref), where=where), where=where)
