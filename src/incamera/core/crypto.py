"""Signatures and key files for people and parties: Ed25519 from `cryptography`, and nothing of our own.

Sealing of conversations lives in `vault/`; the ledger's notes live in `incamera_verify.note`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from incamera.core.canon import grant_bytes
from incamera.core.errors import Malformed, Unverified
from incamera.core.records import Grant


def public_text(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """`ed25519:` and the raw public key in base64: how a key stands in an order, an approval or a trust file."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return "ed25519:" + base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def parse_public(text: str, *, where: str = "") -> Ed25519PublicKey:
    """The key of `public_text`.

    Raises:
        Malformed: `crypto.bad-key`.
    """
    kind, _, body = text.partition(":")
    try:
        if kind != "ed25519":
            raise ValueError
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(body, validate=True))
    except (ValueError, binascii.Error):
        raise Malformed("crypto.bad-key", "expected 'ed25519:' and 32 bytes in base64", where=where) from None


def sign(key: Ed25519PrivateKey, context: str, message: bytes) -> str:
    """Base64 Ed25519 signature over `context || 0x00 || message`; the context keeps one signature from serving two uses."""
    return base64.b64encode(key.sign(context.encode() + b"\0" + message)).decode()


def verify(public: str, context: str, message: bytes, signature: str, *, where: str = "") -> None:
    """Raises `Unverified` (`crypto.bad-signature`) unless *signature* is *public*'s over this context and message."""
    try:
        raw = base64.b64decode(signature, validate=True)
        parse_public(public, where=where).verify(raw, context.encode() + b"\0" + message)
    except (InvalidSignature, ValueError, binascii.Error):
        raise Unverified("crypto.bad-signature", "the signature does not verify under the stated key", where=where) from None


#: The home's grant key, or whoever has it and tags a grant with it: a broker, which looks first whether there is such a grant.
GrantKey = bytes | Callable[[Grant], str]


def grant_tag(mac_key: GrantKey, grant: Grant) -> str:
    """Hex HMAC-SHA256 of a grant under the home's grant key: what `grant.tag` must be.

    Only `governance.grant.issue` writes it, only `vault.within` and the key broker check it (`verify_grant_tag`).
    """
    if callable(mac_key):
        return mac_key(grant)
    return hmac.new(mac_key, b"incamera/grant/1\0" + grant_bytes(grant), hashlib.sha256).hexdigest()


def verify_grant_tag(mac_key: bytes, grant: Grant) -> None:
    """Raises `Unverified` (`crypto.bad-grant-tag`) unless this home issued exactly this grant; constant time."""
    if not hmac.compare_digest(grant_tag(mac_key, grant), grant.tag):
        raise Unverified("crypto.bad-grant-tag", "the grant was not issued by this home, or was altered since")
