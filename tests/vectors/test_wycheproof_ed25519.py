"""Wycheproof vectors of Ed25519, through the verifier that reads every checkpoint.

A note's text is UTF-8, so the vectors whose message is no UTF-8 are put to the same key object without the text around it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from incamera_verify.errors import VerificationError
from incamera_verify.note import Algorithm, Verifier


def accepted(key: Verifier, message: bytes, signature: bytes) -> bool:
    try:
        text = message.decode()
    except UnicodeDecodeError:
        try:
            key._public.verify(signature, message)
        except InvalidSignature:
            return False
        return True
    try:
        key.verify(text, signature)
    except VerificationError as flaw:
        assert flaw.code == "note.bad-signature"
        return False
    return True


@pytest.mark.shared
def test_ed25519(shared: Path) -> None:
    document: dict[str, Any] = json.loads((shared / "data" / "vectors" / "wycheproof" / "ed25519_test.json").read_text())
    counts = {"valid": 0, "invalid": 0}
    for group in document["testGroups"]:
        key = Verifier("wycheproof", Algorithm.ED25519, bytes.fromhex(group["publicKey"]["pk"]))
        for test in group["tests"]:
            counts[test["result"]] += 1
            got = accepted(key, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            assert got == (test["result"] == "valid"), test["tcId"]
    assert sum(counts.values()) == 151
    assert min(counts.values()) > 50
