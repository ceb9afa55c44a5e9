"""A vault in a directory of its own, a ledger in memory, a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from incamera.core.ids import Ref
from incamera.core.records import Grant
from incamera.testing.clock import HandClock
from incamera.testing.grants import issue
from incamera.testing.ledger import MemoryLedger
from incamera.testing.vaults import CHEAP, PASSPHRASE, conversation, examine
from incamera.vault.database import Database
from incamera.vault.kms import LocalKms
from incamera.vault.store import Vault


@lru_cache(maxsize=1)
def _empty_databases() -> dict[str, bytes]:
    """Both databases, migrated and empty: migrating anew for every test would be most of the tests' time."""
    with TemporaryDirectory() as place:
        for lineage in ("keys", "state"):
            Database.at(Path(place) / f"{lineage}.db", lineage, create=True).close()
        return {path.name: path.read_bytes() for path in Path(place).glob("*.db")}


@dataclass
class Place:
    """A home with what it takes to open its vault again."""

    home: Path
    clock: HandClock
    ledger: MemoryLedger
    vault: Vault
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def make(cls, home: Path, **options: Any) -> Place:
        """An empty vault in *home*, under a local KMS. *options* go to `Vault.create`: databases elsewhere, for one."""
        clock, ledger = HandClock(), MemoryLedger()
        if not options:
            for name, data in _empty_databases().items():
                (home / name).write_bytes(data)
        kms = LocalKms.create(home / "kms.json", PASSPHRASE, cost=CHEAP)
        vault = Vault.create(home, kms, appender=ledger, clock=clock, log=[ledger.verifier], **options)
        return cls(home, clock, ledger, vault, options)

    def fill(self, count: int) -> Place:
        """Conversations 0 to *count* - 1, of seven subjects."""
        self.vault.put(conversation(n) for n in range(count))
        return self

    def kms(self) -> LocalKms:
        """The home's KMS, opened once more."""
        return LocalKms.open(self.home / "kms.json", PASSPHRASE)

    def again(self, home: Path | None = None, **options: Any) -> Vault:
        """Another handle on the vault, or on a copy of it."""
        stated: dict[str, Any] = {"grant_key": self.vault.grant_key, "log": [self.ledger.verifier]} | self.options | options
        return Vault.open(home or self.home, self.kms(), appender=self.ledger, clock=self.clock, **stated)

    def reopen(self) -> Vault:
        """Close and open, as after a restart."""
        self.vault.close()
        self.vault = Vault.open(
            self.home, self.kms(), appender=self.ledger, clock=self.clock, log=[self.ledger.verifier], **self.options
        )
        return self.vault

    def grant(self, **changed: Any) -> Grant:
        """A grant of this home; see `incamera.testing.grants.issue`."""
        return issue(self.vault.grant_key, self.ledger, now=self.clock.now(), **changed)

    def refs(self, count: int = 200) -> dict[str, Ref]:
        """Source id -> reference of what `fill` stored."""
        return {name: ref for name, ref in self.vault.lookup(f"c{n}" for n in range(count)).items() if ref}

    def subject(self, number: int) -> Ref:
        """The reference of conversation *number*'s subject."""
        name = conversation(number).subject
        found = self.vault.subjects([name])[name]
        assert found is not None
        return found

    def readable(self, grant: Grant | None = None) -> set[str]:
        """Ids of the conversations that open under *grant*."""
        grant = grant or self.grant()
        step = self.vault.within(grant, examine)
        batches = [batch for fragment in self.vault.fragments() for batch in step(fragment.read())]
        values = (value for batch in self.vault.unseal(grant, batches) for value in batch["result"].to_pylist())
        return {value.decode("utf-8", "surrogatepass").split("\n")[0] for value in values}
