"""Facts of a small vault, and two parties with seeds."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core.crypto import public_text
from incamera.sampling.seed import Seed, new_seed


@dataclass(frozen=True)
class Facts:
    """Facts of one conversation."""

    cref: str = field(default_factory=lambda: secrets.token_hex(16))
    subject: str = "u"
    month: str | None = "2024-01"
    region: str | None = "US"
    tier: str | None = "free"
    source: str = "chatgpt"
    temporary: bool = False
    deletion_requested: bool = False
    party_account: bool = False
    outputs_missing: int = 0


@dataclass(frozen=True)
class Party:
    """A party with its seed and key; also what stands of it in the order."""

    party: str
    seed: Seed
    private: Ed25519PrivateKey

    @property
    def commitment(self) -> str:
        return self.seed.commitment

    @property
    def key(self) -> str:
        return public_text(self.private)


@pytest.fixture(scope="session")
def parties() -> list[Party]:
    return [Party(name, new_seed(name), Ed25519PrivateKey.generate()) for name in ("holder", "requester")]
