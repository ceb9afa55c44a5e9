"""Wycheproof vectors of the vault's two primitives, through the vault's own wrappers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from incamera.core.errors import Unverified
from incamera.vault import envelope


def vectors(shared: Path, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    document = json.loads((shared / "data" / "vectors" / "wycheproof" / name).read_text())
    return [(group, test) for group in document["testGroups"] for test in group["tests"]]


@pytest.mark.shared
def test_aes_256_gcm(shared: Path) -> None:
    """Every vector with our key and nonce size; the others cannot be written in our layout."""
    valid = invalid = 0
    for group, test in vectors(shared, "aes_gcm_test.json"):
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        key, nonce, aad, message, body, tag = (bytes.fromhex(test[k]) for k in ("key", "iv", "aad", "msg", "ct", "tag"))
        sealed = nonce + body + tag
        if test["result"] == "valid":
            assert envelope.unseal(key, sealed, aad) == message, test["tcId"]
            assert envelope.seal(key, message, aad, nonce=nonce) == sealed, test["tcId"]
            valid += 1
        else:
            with pytest.raises(Unverified):
                envelope.unseal(key, sealed, aad)
            invalid += 1
    assert (valid, invalid) == (39, 27)


@pytest.mark.shared
def test_other_key_and_nonce_sizes_are_not_ours(shared: Path) -> None:
    for group, test in vectors(shared, "aes_gcm_test.json"):
        if group["keySize"] != 256:
            with pytest.raises(ValueError, match="32 bytes"):
                envelope.seal(bytes.fromhex(test["key"]), b"", b"")
        elif group["ivSize"] != 96:
            with pytest.raises(ValueError, match="12 bytes"):
                envelope.seal(bytes.fromhex(test["key"]), b"", b"", nonce=bytes.fromhex(test["iv"]))


@pytest.mark.shared
def test_hkdf_sha256(shared: Path) -> None:
    checked = 0
    for _, test in vectors(shared, "hkdf_sha256_test.json"):
        ikm, salt, info = (bytes.fromhex(test[k]) for k in ("ikm", "salt", "info"))
        if test["result"] == "valid":
            assert envelope.derive(ikm, info, length=test["size"], salt=salt) == bytes.fromhex(test["okm"]), test["tcId"]
            checked += 1
        else:
            with pytest.raises(ValueError):
                envelope.derive(ikm, info, length=test["size"], salt=salt)
    assert checked == 83
