"""Sealing: AES-256-GCM under bound associated data, HKDF subkeys, key commitments, padded sizes. Pure functions.

Layout of every sealed value: `nonce (12) || ciphertext || tag (16)`. What a value is and whose it is stands in the
associated data, length-prefixed, so a value moved to another row, subject, vault, version, class or level is refused.
"""

from __future__ import annotations

import hashlib
import os
from enum import IntEnum
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from incamera.core.errors import Unverified
from incamera.core.facts import CUSTODY
from incamera.core.records import Custody

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

COMMIT_LABEL = b"incamera/commit/1"
_LENGTH_BYTES = 4
_HEADS_KEPT = 1024
_REF_BYTES = 16


class Class(IntEnum):
    """Who can open a conversation. Bound in the associated data, so nobody relabels a stored one."""

    OPERATOR = 0
    ESCROWED = 1
    HELD_BY_SUBJECT = 2

    @property
    def custody(self) -> Custody:
        """The class by the name it has outside the vault."""
        return CUSTODY[self]

    @classmethod
    def of(cls, custody: Custody) -> Class:
        return cls(CUSTODY.index(custody))


def fields(*values: bytes) -> bytes:
    """Length-prefixed concatenation (two bytes, big-endian, before each value): no two lists of values share bytes."""
    return b"".join(len(value).to_bytes(2, "big") + value for value in values)


def fields_long(*values: bytes) -> bytes:
    """`fields` with eight-byte lengths, for values of any size."""
    return b"".join(len(value).to_bytes(8, "big") + value for value in values)


class Binding:
    """Makes the associated data of one vault: {magic, tenant, algorithm, level, version, class} and the ids of the sealed thing.

    All but the ids is joined once; a scan makes millions of these.
    """

    __slots__ = ("_heads", "tenant")

    def __init__(self, tenant: bytes) -> None:
        self.tenant = tenant
        self._heads: dict[tuple[bytes, int, int], bytes] = {}

    def __call__(self, level: bytes, *, uref: bytes = b"", cref: bytes = b"", version: int = 0, kind: int = 0) -> bytes:
        """Associated data of a value at *level* (`body`, `conversation-key`, `subject-key`, ...)."""
        head = self._heads.get((level, version, kind))
        if head is None:
            head = fields(MAGIC, self.tenant, ALGORITHM, level, version.to_bytes(4, "big"), kind.to_bytes(1, "big"))
            if len(self._heads) < _HEADS_KEPT:
                self._heads[level, version, kind] = head
        return head + len(uref).to_bytes(2, "big") + uref + len(cref).to_bytes(2, "big") + cref

    def row(self, level: bytes, *, uref: bytes, version: int, kind: int) -> bytes:
        """The associated data of a subject's conversations up to the cref: append its 16 bytes."""
        return self(level, uref=uref, cref=bytes(_REF_BYTES), version=version, kind=kind)[:-_REF_BYTES]


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


def unseal(key: bytes, sealed: bytes, aad: bytes, *, where: str | bytes = "") -> bytes:
    """The plaintext that `seal` sealed under the same key and associated data. *where* is a name, or a reference in bytes.

    Raises:
        Unverified: `vault.not-authentic`: another key, altered bytes, or a value moved from where it was sealed.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):
        raise not_authentic(where) from None


def not_authentic(where: str | bytes) -> Unverified:
    """The one error for whatever AES-GCM refuses."""
    hint = "the sealed bytes are altered, moved from their place, or under another key"
    return Unverified("vault.not-authentic", hint, where=_place(where))


def _place(where: str | bytes) -> str:
    """A reference is spelled out only where something went wrong."""
    return where if isinstance(where, str) else where.hex()


def derive(key: bytes, info: bytes, *, length: int = KEY_BYTES, salt: bytes | None = None) -> bytes:
    """HKDF-SHA256 subkey of *key* for the one use that *info* names. Source: RFC 5869."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(key)


def key_commitment(key: bytes) -> bytes:
    """32 bytes that bind a body to one key: GCM alone lets a crafted ciphertext open under two keys.

    Source: Dodis, Grubbs, Ristenpart, Woodage, "Fast message franking", CRYPTO 2018.
    """
    return hashlib.sha256(COMMIT_LABEL + key).digest()


def check_commitment(key: bytes, commitment: bytes, *, where: str | bytes = "") -> None:
    """Raises `Unverified` (`vault.key-commitment`) unless *commitment* is *key*'s. Called before any decryption."""
    if hashlib.sha256(COMMIT_LABEL + key).digest() != commitment:  # both are public: nothing to time
        raise Unverified("vault.key-commitment", "the key is not the one that this body was sealed under", where=_place(where))


@lru_cache(maxsize=1 << 12)
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
    framed = len(data).to_bytes(_LENGTH_BYTES, "big") + data
    return framed.ljust(padded_size(len(framed)), b"\0")


def unpad(padded: bytes, *, where: str | bytes = "") -> memoryview:
    """The bytes that `pad` framed, without a copy.

    Raises:
        Unverified: `vault.bad-padding`, which an authentic body never has.
    """
    size = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if len(padded) < _LENGTH_BYTES or size > len(padded) - _LENGTH_BYTES:
        raise bad_padding(where)
    return memoryview(padded)[_LENGTH_BYTES : _LENGTH_BYTES + size]


def bad_padding(where: str | bytes) -> Unverified:
    """The one error for authentic bytes that are no padded, compressed body."""
    return Unverified("vault.bad-padding", "the sealed body is authentic, and no body of this format", where=_place(where))
