"""A home: one party's vault, ledger, keys and matters on one machine. Opens paths so that the rooms need not.

Holder, requester and neutral each have their own. Signing and grant keys lie in keys.db under the open epoch, so that a roll
reaches them like everything else; `home.toml` holds no secret. Layout: `docs/house.md`; bytes: `docs/formats/home.md`.
"""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from incamera import disk
from incamera.clerk.alone import Alone
from incamera.clerk.clock import SystemClock
from incamera.clerk.follow import Follower
from incamera.clerk.granting import court_grant
from incamera.clerk.homefile import (
    HomeFacts,
    bring_secrets,
    clear_remains,
    key_missing,
    read_facts,
    remove_wrapped,
    require_kms,
    require_passphrase,
)
from incamera.clerk.keyservice import Local, Passphrase, open_service, parse
from incamera.clerk.passphrase import passphrase_from
from incamera.core.crypto import GrantKey
from incamera.core.errors import Error, Refused, Unavailable
from incamera.core.ids import Digest
from incamera.core.ports import Clock
from incamera.core.records import Entry, Grant, Receipt
from incamera.governance import policy
from incamera.governance.gate import Gate
from incamera.governance.request import SignedApproval
from incamera.governance.standing import Standing
from incamera.governance.terms import Order
from incamera.ledger.log import Ledger
from incamera.vault import envelope
from incamera.vault.database import Database
from incamera.vault.embedded import GRANT_SECRET
from incamera.vault.files import make_directory
from incamera.vault.keys import Keyring
from incamera.vault.kms import Kms
from incamera.vault.store import Vault
from incamera_verify.note import Algorithm, Signer, Verifier

__all__ = ["Home", "passphrase_from", "require_kms", "require_passphrase", "write_atomically"]

#: What the home keeps secret, besides what the vault keeps for itself, by the names under which keys.db has it.
LEDGER_SECRET, MANIFEST_SECRET, MATTER_SECRET = "ledger", "manifest", "matter"


@dataclass(kw_only=True, repr=False)
class Home:
    """An opened home. Rooms are opened when first asked for."""

    path: Path
    origin: str
    kms: Kms
    address: str
    demonstration: bool
    broker: str | None = None
    clock: Clock = field(default_factory=SystemClock)
    _alone: Alone | None = field(default=None, init=False)

    def __repr__(self) -> str:
        return f"<Home {self.origin}>"

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        origin: str,
        passphrase: Passphrase,
        kms: str = Local.service,
        demonstration: bool = False,
        broker: str | None = None,
        clock: Clock | None = None,
    ) -> Home:
        """Make a home at *path* with fresh keys under a key service, an empty vault and a new ledger.

        Args:
            passphrase: Of the local key service, or the PIN of a hardware module; not asked for where none is taken.
            kms: The address of the key service; see `vault.kms_address`.
            broker: The socket of the key broker, where it is to be a process of its own; see `docs/guides/custodian.md`.
        Raises:
            Refused: `home.exists`, `home.not-empty`: nothing is overwritten. What a creation that was cut short left is cleared.
            Malformed: `vault.kms-address`. Unavailable: `vault.kms-*`, and nothing was made.
        """
        address = parse(kms)
        if (path / "home.toml").exists():
            raise Refused("home.exists", "this directory is a home already; choose another or use it", where=str(path))
        clear_remains(path)
        facts = HomeFacts(origin=origin, kms=address.text, demonstration=demonstration, broker=broker)
        was_there = path.exists()
        try:
            (path / "secrets").mkdir(parents=True, exist_ok=True, mode=0o700)
            home = cls._of(path, facts, open_service(address, path, passphrase, new=True), clock)
            Vault.create(path, home.kms, appender=_NoLedger(), clock=home.clock).close()
            home.make_keys()
        except Error:  # a key service that refuses leaves no half of a home behind
            clear_remains(path)
            if not was_there:
                path.rmdir()
            raise
        # Written last: a home that was interrupted while being made is not taken for one.
        write_atomically(path / "home.toml", facts.to_toml())
        return home

    def make_keys(self) -> None:
        """Keep fresh keys in keys.db, and begin the ledger with them: Ed25519 and ML-DSA-44, so that who breaks one algorithm
        has still not signed a checkpoint."""
        signers = [Signer.generate(self.origin), Signer.generate(self.origin, Algorithm.COSIGNATURE_MLDSA44)]
        with self._keyring() as keyring:
            keyring.keep_secret(LEDGER_SECRET, "\n".join(signer.text for signer in signers).encode())
            keyring.keep_secret(MANIFEST_SECRET, Signer.generate(f"{self.origin}/production").text.encode())
            keyring.keep_secret(MATTER_SECRET, secrets.token_bytes(32))
        Ledger.create(self.path / "ledger", self.ledger_signers, self.clock).close()

    @classmethod
    def refound(cls, path: Path, facts: HomeFacts, kms: Kms, clock: Clock | None = None) -> Home:
        """A home whose keys.db was recovered, under fresh keys and a new ledger: see `clerk.recovery`."""
        home = cls._of(path, facts, kms, clock)
        with home._keyring() as keyring:
            keyring.random_secret(GRANT_SECRET)
        home.make_keys()
        write_atomically(path / "home.toml", facts.to_toml())
        return home

    @classmethod
    def open(cls, path: Path, *, passphrase: Passphrase, clock: Clock | None = None) -> Home:
        """Open the home at *path*; one of an earlier version is brought up to date first.

        Args:
            passphrase: Of the local key service, or the PIN of a hardware module; not asked for where none is taken.
        Raises:
            Unavailable: `home.missing`; a key service that is missing, away, or does not open (`vault.kms-*`).
            Malformed: `home.damaged`, `vault.kms-address`. Refused: `vault.other-kms`, it is not the one of keys.db;
                `broker.keys-open`, the home has a broker, and it runs: ask it (`connected.connect`).
        """
        facts = read_facts(path)
        alone = Alone(path) if facts.broker else None
        try:
            kms = open_service(parse(facts.kms, where="home.toml"), path, passphrase)
        except BaseException:
            if alone is not None:
                alone.end()
            raise
        home = cls._of(path, facts, kms, clock)
        home._alone = alone
        if facts.epoch is not None:
            with home._keyring() as keyring:
                bring_secrets(path, facts, kms, keyring)
            write_atomically(path / "home.toml", facts.to_toml())
        remove_wrapped(path)
        return home

    @classmethod
    def _of(cls, path: Path, facts: HomeFacts, kms: Kms, clock: Clock | None) -> Home:
        return cls(
            path=path,
            origin=facts.origin,
            kms=kms,
            address=facts.kms,
            demonstration=facts.demonstration,
            broker=facts.broker,
            clock=clock or SystemClock(),
        )

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened: the vault (its broker with it), then the ledger."""
        for room in ("vault", "ledger"):
            if room in self.__dict__:
                self.__dict__.pop(room).close()
        if self._alone is not None:
            self._alone.end()

    # --- rooms -------------------------------------------------------------------------------------------------

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger.open(self.path / "ledger", self.ledger_signers, self.clock)

    @cached_property
    def vault(self) -> Vault:
        return Vault.open(
            self.path,
            self.kms,
            appender=self.ledger,
            clock=self.clock,
            grant_key=self._secrets[GRANT_SECRET],
            log=self.ledger_keys,
            gate=self.gate,
            broker=self.broker,
        )

    @cached_property
    def gate(self) -> Gate:
        """The access policies and what the ledger tells by now: asked by the broker for every release of keys."""
        standing = Standing()
        follower = Follower(self.ledger, standing.see)

        def now() -> Standing:
            follower.catch_up()
            return standing

        return Gate(policy.shipped(), standing=now)

    def court_grant(self, order: Order, approvals: Sequence[SignedApproval], *, actor: str, listed: Digest) -> Grant:
        """A court order's grant, from the approvals of people whom the order names; see `granting.court_grant`."""
        return court_grant(self, order, approvals, actor=actor, listed=listed)

    # --- keys --------------------------------------------------------------------------------------------------

    @cached_property
    def ledger_signers(self) -> tuple[Signer, ...]:
        """The keys of the log, Ed25519 first; each of them signs every checkpoint. Homes of version 1 have Ed25519 alone."""
        return tuple(Signer.parse(line) for line in self._secrets[LEDGER_SECRET].decode().splitlines())

    @property
    def ledger_signer(self) -> Signer:
        """The Ed25519 key of the log."""
        return self.ledger_signers[0]

    @property
    def log_key(self) -> str:
        """By which requests and approvals name this home: the public Ed25519 key of its log."""
        return self.ledger_signer.verifier.text

    @property
    def ledger_keys(self) -> tuple[Verifier, ...]:
        """The public keys of the log, all of which must have signed."""
        return tuple(signer.verifier for signer in self.ledger_signers)

    @cached_property
    def manifest_signer(self) -> Signer:
        return Signer.parse(self._secrets[MANIFEST_SECRET].decode())

    @property
    def grant_key(self) -> GrantKey:
        return self._secrets[GRANT_SECRET]

    @cached_property
    def _secrets(self) -> Mapping[str, bytes]:
        """The home's secrets, read once, before the vault opens: the vault needs a ledger, and the ledger its keys."""
        found: dict[str, bytes] = {}
        with self._keyring() as keyring:
            for name in (LEDGER_SECRET, MANIFEST_SECRET, MATTER_SECRET, GRANT_SECRET):
                secret = keyring.secret(name)
                if secret is None:
                    raise key_missing(name)
                found[name] = secret
        return found

    @contextmanager
    def _keyring(self) -> Iterator[Keyring]:
        database = Database.at(self.path / "keys.db", "keys", create=False)
        try:
            yield Keyring(database, self.kms, clock=self.clock)
        finally:
            database.close()

    def matter_key(self, matter: str, use: str) -> bytes:
        """32 bytes for one *use* in one matter: its row map, its index of works, its pseudonyms. Random at the root."""
        return envelope.derive(self._secrets[MATTER_SECRET], f"incamera/matter/1\0{matter}\0{use}".encode())

    # --- what may be shown -----------------------------------------------------------------------------------------

    def public(self) -> dict[str, Any]:
        """The home's name, its public keys and its KMS: what a receiver needs to pin, and nothing secret."""
        return {
            "home": str(self.path),
            "origin": self.origin,
            "ledger_key": self.log_key,
            "ledger_keys": [key.text for key in self.ledger_keys],
            "production_key": self.manifest_signer.verifier.text,
            "kms": self.kms.name,
            "kms_address": self.address,
            "demonstration": self.demonstration,
        }

    def stats(self) -> dict[str, Any]:
        """Counts of vault and ledger."""
        return {**asdict(self.vault.stats()), "kms_address": self.address, "ledger_entries": self.ledger.size}

    def holds(self) -> list[dict[str, Any]]:
        """Every hold, placed or released."""
        return [asdict(hold) for hold in self.vault.holds.all()]

    # --- paths -----------------------------------------------------------------------------------------------------

    def matter_path(self, matter: str) -> Path:
        """The directory of one matter, made if need be."""
        path = self.path / "matters" / matter
        make_directory(path)
        return path


class _NoLedger:
    """Stands where a vault that is being made has no ledger yet: making one writes no act."""

    def append(self, entry: Entry) -> Receipt:
        raise Unavailable("home.no-ledger", "the home is being made and has no ledger yet", where=entry.act)

    def append_many(self, entries: Sequence[Entry]) -> list[Receipt]:
        return [self.append(entry) for entry in entries]


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write beside, fsync, rename: a reader sees the old file or the new one, never half of one.

    In a directory that a broker shares with its group (`disk.shared`) the file is the group's, too.
    """
    for above in reversed([one for one in (path.parent, *path.parent.parents) if not one.exists()]):
        above.mkdir(exist_ok=True)
        if group := disk.shared(above.parent):
            above.chmod(stat.S_ISGID | 0o700 | group)
    disk.replace(path, data, mode=mode, share=True)
