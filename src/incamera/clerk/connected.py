"""A home whose keys.db only the broker opens: everything that needs a key of it is asked over the broker's socket.

Files that hold no key are read here as ever: facts and sealed rows, the ledger's tiles, matters. The private keys of the
ledger and the grant key never come this way: acts are written, and grants tagged, on the other side, which decides what this
account may write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from incamera.clerk.brokering import HomeKeys
from incamera.clerk.home import MANIFEST_SECRET, MATTER_SECRET, Home
from incamera.clerk.homefile import HomeFacts, read_facts
from incamera.clerk.keyservice import Passphrase
from incamera.core.errors import Refused, Unavailable
from incamera.core.ids import Digest
from incamera.core.ports import Clock
from incamera.core.records import Entry, Grant, Receipt
from incamera.governance.request import SignedApproval
from incamera.governance.terms import Order
from incamera.ledger.history import History
from incamera.ledger.log import Ledger
from incamera.ledger.store import Journal
from incamera.vault.keys import Keyring
from incamera.vault.remote import Line
from incamera.vault.serving import VaultFacts
from incamera.vault.store import Vault
from incamera_verify.note import Signer, Verifier


def open_home(path: Path, *, passphrase: Passphrase, keys_here: bool = False, clock: Clock | None = None) -> Home:
    """The home at *path*: through its broker where it names one, and with its keys in this process where it does not.

    Args:
        keys_here: Open keys.db in this process all the same: the broker itself, and repairs while it is stopped.
    Raises:
        As `Home.open`, or as `connect`.
    """
    if keys_here or read_facts(path).broker is None:
        return Home.open(path, passphrase=passphrase, clock=clock)
    return connect(path, clock=clock)


def connect(path: Path, *, clock: Clock | None = None) -> Home:
    """The home at *path*, through the broker that it names.

    Raises:
        Unavailable: `home.missing`, `vault.broker-gone`. Malformed: `home.damaged`.
        Refused: `vault.not-permitted`, the broker hears this account as a worker only.
    """
    facts = read_facts(path)
    assert facts.broker is not None
    return ConnectedHome.over(path, facts, Line(facts.broker), clock)


@dataclass(kw_only=True, repr=False)
class ConnectedHome(Home):
    """`Home`, for an account that cannot read keys.db."""

    line: Line

    @classmethod
    def over(cls, path: Path, facts: HomeFacts, line: Line, clock: Clock | None) -> ConnectedHome:
        about = line.ask("vault", VaultFacts)
        plain = Home._of(path, facts, _ToldKms(about.kms, about.kms_warning), clock)
        return cls(
            path=path,
            origin=facts.origin,
            kms=plain.kms,
            address=facts.kms,
            demonstration=facts.demonstration,
            broker=line.address,
            clock=plain.clock,
            line=line,
        )

    @cached_property
    def ledger(self) -> Ledger:
        return ConnectedLedger(self.path / "ledger", self.ledger_keys, self.line)

    @cached_property
    def vault(self) -> Vault:
        return Vault.connect(self.path, self.line.address, appender=self.ledger, clock=self.clock)

    def court_grant(self, order: Order, approvals: Sequence[SignedApproval], *, actor: str, listed: Digest) -> Grant:
        return self.line.ask("issue_grant", Grant, order=order, approvals=list(approvals), actor=actor, listed=listed)

    @cached_property
    def _keys(self) -> HomeKeys:
        return self.line.ask("home_keys", HomeKeys)

    @cached_property
    def ledger_signers(self) -> tuple[Signer, ...]:
        raise _stays("the ledger's private keys")

    @property
    def ledger_keys(self) -> tuple[Verifier, ...]:
        return tuple(Verifier.parse(text) for text in self._keys.ledger)

    @property
    def log_key(self) -> str:
        return self._keys.ledger[0]

    @property
    def grant_key(self) -> Callable[[Grant], str]:
        """Has the broker tag a grant, which it does if its own ledger gave that grant in these terms."""
        return lambda grant: self.line.ask("tag_grant", str, grant=grant)

    @cached_property
    def _secrets(self) -> Mapping[str, bytes]:
        return {MANIFEST_SECRET: self._keys.manifest, MATTER_SECRET: self._keys.matter}

    @contextmanager
    def _keyring(self) -> Iterator[Keyring]:
        yield _none()


class ConnectedLedger(Ledger):
    """The ledger read from its files, and written by the broker."""

    def __init__(self, directory: Path, keys: Sequence[Verifier], line: Line) -> None:
        self._line = line
        History.__init__(self, directory, keys)  # and nothing of what a writer sets up

    def append_many(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Raises `Refused` (`broker.reserved-act`), and as `Ledger.append_many` does on the other side."""
        receipts = self._line.ask("append", list[Receipt], entries=list(entries)) if entries else []
        self.refresh()
        return receipts

    def refresh(self) -> None:
        History.refresh(self)

    def publish(self) -> None:
        self._line.tell("publish")
        self.refresh()

    def keep_witnessed(self, size: int, note: bytes) -> None:
        self._line.tell("keep_witnessed", size=size, note=note)

    def keep_timestamp(self, size: int, authority: str, response: bytes) -> None:
        self._line.tell("keep_timestamp", size=size, authority=authority, response=response)

    def close(self) -> None:
        """Publish, as whoever wrote does, and let go of the files; a broker that is gone publishes when it comes back."""
        try:
            self._line.tell("publish")
        except (Unavailable, Refused):
            pass
        finally:
            History.close(self)

    def _reopened(self) -> Journal:
        return Journal(self._store, writable=False)


@dataclass(slots=True)
class _ToldKms:
    """A key service as the broker tells of it."""

    name: str
    warning: str | None

    def new_epoch(self) -> str:
        raise _stays("the key service")

    def wrap(self, epoch: str, key: bytes, context: Mapping[str, str]) -> bytes:
        raise _stays("the key service")

    def unwrap(self, epoch: str, blob: bytes, context: Mapping[str, str]) -> bytes:
        raise _stays("the key service")

    def destroy(self, epoch: str) -> datetime:
        raise _stays("the key service")


def _none() -> Keyring:
    raise _stays("keys.db")


def _stays(what: str) -> Refused:
    return Refused("broker.keys-stay", f"{what} is the broker's alone; stop it and run this as its account")
