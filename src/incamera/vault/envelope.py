"""Sealing: AES-256-GCM under bound associated data, HKDF subkeys, key commitments, padded sizes. Pure functions.

Layout of every sealed value: `nonce (12) || ciphertext || tag (16)`. What a value is and whose it is stands in the
associated data, length-prefixed, so a value moved to another row, subject, vault, version, class or level is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from enum import IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from incamera.core.errors import Unverified

MAGIC = b"incamera/sealed/1"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
#: nonce + key + tag: what one wrapped key takes.
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
#: AES-256-GCM, the only algorithm of this version.
ALGORITHM = b"\x01"
#: Version of the sealing of bodies; a new layout of bodies gets a new one.
BODY_VERSION = 1

_COMMIT_LABEL = b"incamera/commit/1"
_LENGTH_BYTES = 4


class Class(IntEnum):
    """Who can open a conversation. Bound in the associated data, so nobody relabels a stored one."""

    OPERATOR = 0
    ESCROWED = 1
    HELD_BY_SUBJECT = 2


def fields(*values: bytes) -> bytes:
    """Length-prefixed concatenation (two bytes, big-endian, before each value): no two lists of values share bytes."""
    return b"".join(len(value).to_bytes(2, "big") + value for value in values)


def fields_long(*values: bytes) -> bytes:
    """`fields` with eight-byte lengths, for values of any size."""
    return b"".join(len(value).to_bytes(8, "big") + value for value in values)


class Binding:
    """Makes the associated data of one vault: {magic, tenant, algorithm, level} with the ids of the sealed thing.

    The constant parts are joined once; a scan makes millions of these.
    """

    __slots__ = ("_head", "_levels", "tenant")

    def __init__(self, tenant: bytes) -> None:
        self.tenant = tenant
        self._head = fields(MAGIC, tenant, ALGORITHM)
        self._levels: dict[bytes, bytes] = {}

    def __call__(self, level: bytes, *, uref: bytes = b"", cref: bytes = b"", version: int = 0, kind: int = 0) -> bytes:
        """Associated data of a value at *level* (`body`, `conversation-key`, `subject-key`, ...)."""
        head = self._levels.get(level)
        if head is None:
            head = self._levels[level] = self._head + fields(level)
        return b"".join(
            (
                head,
                len(uref).to_bytes(2, "big"),
                uref,
                len(cref).to_bytes(2, "big"),
                cref,
                b"\0\4",
                version.to_bytes(4, "big"),
                b"\0\1",
                kind.to_bytes(1, "big"),
            )
        )


def seal(key: bytes, plaintext: bytes, aad: bytes, *, nonce: bytes | None = None) -> bytes:
    """AES-256-GCM of *plaintext* under a random nonce. *nonce* is for published vectors and for batched randomness only.

    Source: NIST SP 800-38D. A conversation key seals one body, so its nonce never repeats; wrapping keys are counted.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    nonce = os.urandom(NONCE_BYTES) if nonce is None else nonce
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def unseal(key: bytes, sealed: bytes, aad: bytes, *, where: str = "") -> bytes:
    """The plaintext that `seal` sealed under the same key and associated data.

    Raises:
        Unverified: `vault.not-authentic`: another key, altered bytes, or a value moved from where it was sealed.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):
        raise Unverified(
            "vault.not-authentic", "the sealed bytes are altered, moved from their place, or under another key", where=where
        ) from None


def derive(key: bytes, info: bytes, *, length: int = KEY_BYTES, salt: bytes | None = None) -> bytes:
    """HKDF-SHA256 subkey of *key* for the one use that *info* names. Source: RFC 5869."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def key_commitment(key: bytes) -> bytes:
    """32 bytes that bind a body to one key: GCM alone lets a crafted ciphertext open under two keys.

    Source: Dodis, Grubbs, Ristenpart, Woodage, "Fast message franking", CRYPTO 2018.
    """
    return hashlib.sha256(_COMMIT_LABEL + key).digest()


def check_commitment(key: bytes, commitment: bytes, *, where: str = "") -> None:
    """Raises `Unverified` (`vault.key-commitment`) unless *commitment* is *key*'s. Called before any decryption."""
    if not hmac.compare_digest(key_commitment(key), commitment):
        raise Unverified("vault.key-commitment", "the key is not the one that this body was sealed under", where=where)


def padded_size(size: int) -> int:
    """The next PADME size: leaks O(log log n) bits of a length for at most 12 % more bytes.

    Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019.
    """
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (size + mask) & ~mask


def pad(data: bytes) -> bytes:
    """*data* behind its length (4 bytes, big-endian), zero-filled to a PADME size."""
    framed = len(data) + _LENGTH_BYTES
    return b"".join((len(data).to_bytes(_LENGTH_BYTES, "big"), data, bytes(padded_size(framed) - framed)))


def unpad(padded: bytes, *, where: str = "") -> memoryview:
    """The bytes that `pad` framed, without a copy.

    Raises:
        Unverified: `vault.bad-padding`, which an authentic body never has.
    """
    size = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if len(padded) < _LENGTH_BYTES or size > len(padded) - _LENGTH_BYTES:
        raise Unverified("vault.bad-padding", "the length inside the sealed body exceeds the body", where=where)
    return memoryview(padded)[_LENGTH_BYTES : _LENGTH_BYTES + size]
