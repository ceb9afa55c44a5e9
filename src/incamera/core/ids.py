"""Names of things: public digests, commitments about people, random references.

`Digest` (SHA-256) names what is public: an order, a package, a recipe. `Commitment` (HMAC-SHA256 under the
subject's key) names anything about a person: a bare hash of a short text can be guessed, and once the key is
shredded a commitment says nothing at all.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NewType

#: 64 lower-case hex digits: SHA-256 of public bytes.
Digest = NewType("Digest", str)
#: 64 lower-case hex digits: HMAC-SHA256 under a subject's key.
Commitment = NewType("Commitment", str)
#: 32 lower-case hex digits: the random pseudonym of a subject (`uref`) or a conversation (`cref`) in the vault.
Ref = NewType("Ref", str)


def digest(data: bytes) -> Digest:
    """SHA-256 of public bytes."""
    return Digest(hashlib.sha256(data).hexdigest())


def commit(key: bytes, data: bytes) -> Commitment:
    """HMAC-SHA256 of *data* under a subject's ledger key.

    Privacy: reveals nothing about *data* without *key*; equal inputs under one key give equal commitments.
    """
    return Commitment(hmac.new(key, data, hashlib.sha256).hexdigest())


def new_ref() -> Ref:
    """A fresh random 128-bit reference. Never derived from a name, an id or a seed."""
    return Ref(secrets.token_hex(16))
