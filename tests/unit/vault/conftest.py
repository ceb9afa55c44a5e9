"""A vault in a temporary home, a ledger in memory, a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from incamera.core.records import Grant
from incamera.testing.clock import HandClock
from incamera.testing.grants import issue
from incamera.testing.ledger import MemoryLedger
from incamera.testing.vaults import CHEAP, PASSPHRASE, conversation
from incamera.vault.kms import LocalKms
from incamera.vault.store import Vault


@dataclass
class Place:
    """A home with what it takes to open its vault again."""

    home: Path
    clock: HandClock
    ledger: MemoryLedger
    vault: Vault

    def reopen(self) -> Vault:
        self.vault.close()
        kms = LocalKms.open(self.home / "kms.json", PASSPHRASE)
        self.vault = Vault.open(self.home, kms, appender=self.ledger, clock=self.clock, log=[self.ledger.verifier])
        return self.vault

    def grant(self, **changed: Any) -> Grant:
        return issue(self.vault.grant_key, self.ledger, now=self.clock.now(), **changed)

    def refs(self) -> dict[str, str]:
        """Source id -> cref of what `fill` stored."""
        return {k: v for k, v in self.vault.lookup(f"c{n}" for n in range(200)).items() if v}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    clock, ledger = HandClock(), MemoryLedger()
    kms = LocalKms.create(tmp_path / "kms.json", PASSPHRASE, cost=CHEAP)
    vault = Vault.create(tmp_path, kms, appender=ledger, clock=clock, log=[ledger.verifier])
    made = Place(tmp_path, clock, ledger, vault)
    yield made
    made.vault.close()


@pytest.fixture
def fill(place: Place) -> Callable[[int], Place]:
    def filled(count: int = 40) -> Place:
        place.vault.put(conversation(n) for n in range(count))
        return place

    return filled
