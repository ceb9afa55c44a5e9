"""A secret that two of three trustees open together: HPKE within HPKE, once for each pair. No secret sharing by hand.

Of a pair the first in alphabetical order is *inner*, the other *outer*. The outer one peels the shell and hands the core
on; only the inner one opens it. Holds that can be recovered and escrowed conversations both rest on this.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from incamera.core.errors import Malformed, Refused, Unverified
from incamera.vault import envelope

#: Who holds a share. Names are fixed, so that a file says whom to ask.
TRUSTEES = ("court", "holder", "neutral")
#: (inner, outer) of every pair, in the order in which sealed pairs stand.
PAIRS = tuple(itertools.combinations(TRUSTEES, 2))
#: An HPKE message is an encapsulated X25519 key and the ciphertext with its tag.
HPKE_BYTES = 32 + 16

Trustees = Mapping[str, X25519PublicKey]


def trustees_from(keys: Mapping[str, str]) -> dict[str, X25519PublicKey]:
    """The three public keys, each 32 bytes in hex.

    Raises:
        Malformed: `vault.bad-trustees`: a name too many or missing, one key twice, or no key.
    """
    try:
        public = {name: X25519PublicKey.from_public_bytes(bytes.fromhex(text)) for name, text in keys.items()}
    except (ValueError, TypeError):
        raise Malformed("vault.bad-trustees", "a trustee's key is 32 bytes in hex") from None
    if sorted(public) != list(TRUSTEES) or len({key.public_bytes_raw() for key in public.values()}) != len(TRUSTEES):
        raise Malformed("vault.bad-trustees", f"name {', '.join(TRUSTEES)}, each with a key of its own")
    return public


def pair_of(names: Mapping[str, object] | set[str]) -> tuple[str, str]:
    """(inner, outer) of the first two trustees among *names*. Raises `Refused` (`vault.recovery-pair`)."""
    known = sorted(set(names) & set(TRUSTEES))
    if len(known) < 2:
        raise Refused("vault.recovery-pair", "this takes two of the three trustees")
    return known[0], known[1]


class Pairs:
    """Seals and opens secrets of one use: *version* and *name* (a hold, a conversation) are bound into every share."""

    def __init__(self, version: str, name: bytes) -> None:
        self._bound = (version.encode(), name)

    def seal(self, secret: bytes, trustees: Trustees) -> list[bytes]:
        """*secret* for each of `PAIRS`. Cost: six HPKE messages, about half a millisecond."""
        sealed = []
        for inner, outer in PAIRS:
            core = seal_to(trustees[inner], secret, self._info(b"share", inner, outer))
            sealed.append(seal_to(trustees[outer], core, self._info(b"shell", inner, outer)))
        return sealed

    def peel(self, shell: bytes, key: X25519PrivateKey, *, inner: str, outer: str) -> bytes:
        """What the outer trustee hands to the inner one; of no use to anybody else. Raises as `open_with`."""
        return open_with(key, shell, self._info(b"shell", inner, outer))

    def open(self, core: bytes, key: X25519PrivateKey, *, inner: str, outer: str) -> bytes:
        """The secret, by the inner trustee. Raises as `open_with`."""
        return open_with(key, core, self._info(b"share", inner, outer))

    def _info(self, use: bytes, inner: str, outer: str) -> bytes:
        version, name = self._bound
        return envelope.fields(version, use, name, inner.encode(), outer.encode())


def seal_to(public: X25519PublicKey, secret: bytes, info: bytes) -> bytes:
    """HPKE (RFC 9180, base mode) of *secret* to *public*, bound to *info*."""
    return _SUITE.encrypt(secret, public, info)


def open_with(key: X25519PrivateKey, sealed: bytes, info: bytes) -> bytes:
    """What `seal_to` sealed.

    Raises:
        Unverified: `vault.recovery-share`, another key, another use, or altered bytes.
    """
    try:
        return _SUITE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError):
        raise Unverified("vault.recovery-share", "the key does not open this share, or the file was altered") from None


_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
