"""A signature holds for one key, one use and one message."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.crypto import parse_public, public_text, sign, verify
from incamera.core.errors import Malformed, Unverified

KEY = Ed25519PrivateKey.generate()
PUBLIC = public_text(KEY)
SIGNATURE = sign(KEY, "approval/1", b"message")


def test_it_verifies() -> None:
    verify(PUBLIC, "approval/1", b"message", SIGNATURE)


@pytest.mark.parametrize(
    ("public", "context", "message", "signature"),
    [
        (public_text(Ed25519PrivateKey.generate()), "approval/1", b"message", SIGNATURE),
        (PUBLIC, "approval/2", b"message", SIGNATURE),
        (PUBLIC, "approval/1", b"massage", SIGNATURE),
        (PUBLIC, "approval/1\0mess", b"age", SIGNATURE),
        (PUBLIC, "approval/1", b"message", "A" * 86 + "=="),
        (PUBLIC, "approval/1", b"message", SIGNATURE[:-4]),
        (PUBLIC, "approval/1", b"message", "not base64!"),
        (PUBLIC, "approval/1", b"message", "\u00fc"),
        (PUBLIC, "approval/1", b"message", ""),
    ],
    ids=["key", "context", "message", "border", "zeros", "short", "alphabet", "not ASCII", "empty"],
)
def test_anything_else_does_not(public: str, context: str, message: bytes, signature: str) -> None:
    with pytest.raises(Unverified) as caught:
        verify(public, context, message, signature, where="approval 1")
    assert (caught.value.code, caught.value.where) == ("crypto.bad-signature", "approval 1")


@pytest.mark.parametrize(
    "text",
    ["", "ed25519:", "ed25519:AAAA", "rsa:" + PUBLIC[8:], PUBLIC[8:], "ed25519:\u00fc"],
    ids=["empty", "no-body", "short", "other-kind", "no-kind", "not-base64"],  # the key is another in every process
)
def test_a_key_that_is_none_is_not_called_a_bad_signature(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_public(text, where="parties[0]")
    assert (caught.value.code, caught.value.where) == ("crypto.bad-key", "parties[0]")
    with pytest.raises(Malformed) as again:
        verify(text, "approval/1", b"message", SIGNATURE)
    assert again.value.code == "crypto.bad-key"
