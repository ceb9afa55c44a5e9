"""A home: one party's vault, ledger, keys and matters on one machine. Opens paths so that the rooms need not.

Holder, requester and neutral each have their own. Signing and grant keys lie in `secrets/`, wrapped by the home's KMS;
`home.toml` holds no secret. Layout: `docs/house.md`; bytes: `docs/formats/home.md`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tomllib
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from incamera.clerk.clock import SystemClock
from incamera.core.errors import Malformed, Refused, Unavailable
from incamera.core.ports import Clock
from incamera.ledger.log import Ledger
from incamera.vault import envelope
from incamera.vault.kms import Kms, LocalKms
from incamera.vault.store import Vault
from incamera_verify.note import Signer

VERSION = "incamera/home/1"
#: Where the passphrase of the local KMS comes from, besides a file: never a command-line argument, which `ps` shows.
PASSPHRASE_VARIABLE = "INCAMERA_PASSPHRASE"  # noqa: S105


@dataclass(kw_only=True, repr=False)
class Home:
    """An opened home. Rooms are opened when first asked for."""

    path: Path
    origin: str
    kms: Kms
    epoch: str
    demonstration: bool
    clock: Clock = field(default_factory=SystemClock)

    def __repr__(self) -> str:
        return f"<Home {self.origin}>"

    @classmethod
    def create(cls, path: Path, *, origin: str, passphrase: str, demonstration: bool = False, clock: Clock | None = None) -> Home:
        """Make a home at *path* with a local KMS, fresh keys, an empty vault and a new ledger.

        Raises:
            Refused: `home.exists`, `home.not-empty`: nothing is overwritten. What a creation that was cut short left is cleared.
        """
        if (path / "home.toml").exists():
            raise Refused("home.exists", "this directory is a home already; choose another or use it", where=str(path))
        _clear_remains(path)
        (path / "secrets").mkdir(parents=True, exist_ok=True, mode=0o700)
        kms = LocalKms.create(path / "secrets" / "kms.json", passphrase)
        epoch = kms.new_epoch()
        home = cls(path=path, origin=origin, kms=kms, epoch=epoch, demonstration=demonstration, clock=clock or SystemClock())
        home._put_secret("ledger", Signer.generate(origin).text.encode())
        home._put_secret("manifest", Signer.generate(f"{origin}/production").text.encode())
        home._put_secret("grant", secrets.token_bytes(32))
        home._put_secret("matter", secrets.token_bytes(32))
        with Ledger.create(path / "ledger", [home.ledger_signer], home.clock) as ledger:
            Vault.create(
                path, kms, appender=ledger, clock=home.clock, grant_key=home.grant_key, log=[home.ledger_signer.verifier]
            ).close()
        # Written last: a home that was interrupted while being made is not taken for one.
        lines = [
            f'version = "{VERSION}"',
            f'origin = "{origin}"',
            f'kms = "{kms.name}"',
            f'epoch = "{epoch}"',
            f"demonstration = {str(demonstration).lower()}",
        ]
        write_atomically(path / "home.toml", ("\n".join(lines) + "\n").encode())
        return home

    @classmethod
    def open(cls, path: Path, *, passphrase: str, clock: Clock | None = None) -> Home:
        """Open the home at *path*.

        Raises:
            Unavailable: `home.missing`; a KMS file that is missing or does not open (`vault.kms-*`).
            Malformed: `home.damaged`.
        """
        facts = read_facts(path)
        kms = LocalKms.open(path / "secrets" / "kms.json", passphrase)
        return cls(
            path=path,
            origin=facts.origin,
            kms=kms,
            epoch=facts.epoch,
            demonstration=facts.demonstration,
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

    # --- rooms -------------------------------------------------------------------------------------------------

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger.open(self.path / "ledger", [self.ledger_signer], self.clock)

    @cached_property
    def vault(self) -> Vault:
        return Vault.open(
            self.path,
            self.kms,
            appender=self.ledger,
            clock=self.clock,
            grant_key=self.grant_key,
            log=[self.ledger_signer.verifier],
        )

    # --- keys --------------------------------------------------------------------------------------------------

    @cached_property
    def ledger_signer(self) -> Signer:
        return Signer.parse(self._secret("ledger").decode())

    @cached_property
    def manifest_signer(self) -> Signer:
        return Signer.parse(self._secret("manifest").decode())

    @cached_property
    def grant_key(self) -> bytes:
        return self._secret("grant")

    @cached_property
    def _matter_secret(self) -> bytes:
        return self._secret("matter")

    def matter_key(self, matter: str, use: str) -> bytes:
        """32 bytes for one *use* in one matter: its row map, its index of works, its pseudonyms. Random at the root."""
        return envelope.derive(self._matter_secret, f"incamera/matter/1\0{matter}\0{use}".encode())

    # --- what may be shown -----------------------------------------------------------------------------------------

    def public(self) -> dict[str, Any]:
        """The home's name, its public keys and its KMS: what a receiver needs to pin, and nothing secret."""
        return {
            "home": str(self.path),
            "origin": self.origin,
            "ledger_key": self.ledger_signer.verifier.text,
            "production_key": self.manifest_signer.verifier.text,
            "kms": self.kms.name,
            "demonstration": self.demonstration,
        }

    def stats(self) -> dict[str, Any]:
        """Counts of vault and ledger."""
        return {**asdict(self.vault.stats()), "ledger_entries": self.ledger.size}

    def holds(self) -> list[dict[str, Any]]:
        """Every hold, placed or released."""
        return [asdict(hold) for hold in self.vault.holds.all()]

    # --- paths -----------------------------------------------------------------------------------------------------

    def matter_path(self, matter: str) -> Path:
        """The directory of one matter, made if need be."""
        path = self.path / "matters" / matter
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def _secret_path(self, name: str) -> Path:
        return self.path / "secrets" / f"{name}.wrapped"

    def _put_secret(self, name: str, value: bytes) -> None:
        write_atomically(self._secret_path(name), self.kms.wrap(self.epoch, value, _context(self.origin, name)), mode=0o600)

    def _secret(self, name: str) -> bytes:
        try:
            blob = self._secret_path(name).read_bytes()
        except FileNotFoundError:
            raise Unavailable(
                "home.key-missing", "a key file of this home is gone; restore it from its backup", where=f"secrets/{name}.wrapped"
            ) from None
        return self.kms.unwrap(self.epoch, blob, _context(self.origin, name))


def _clear_remains(path: Path) -> None:
    """Remove what a creation that was cut short left: nothing was ever stored in it, for `home.toml` is written last.

    Raises:
        Refused: `home.not-empty`, something lies there that no creation makes.
    """
    remains = {"secrets", "vault", "ledger", "keys.db", "state.db"}
    found = {entry.name.removesuffix("-wal").removesuffix("-shm") for entry in path.iterdir()} if path.is_dir() else set()
    if not found <= remains:
        raise Refused("home.not-empty", "the directory holds something else; choose an empty one", where=str(path))
    for entry in list(path.iterdir()) if found else ():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFacts:
    """What `home.toml` says; no secret."""

    origin: str
    kms: str
    epoch: str
    demonstration: bool


def read_facts(path: Path) -> HomeFacts:
    """`home.toml`, checked."""
    try:
        facts = tomllib.loads((path / "home.toml").read_text("utf-8"))
    except FileNotFoundError:
        raise Unavailable("home.missing", "no home here; make one with `incamera init --kms local`", where=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise Malformed("home.damaged", "home.toml is not readable TOML", where=str(path)) from None
    if facts.get("version") != VERSION or not all(isinstance(facts.get(name), str) for name in ("origin", "kms", "epoch")):
        raise Malformed("home.damaged", f"home.toml is not an {VERSION} file", where=str(path))
    return HomeFacts(
        origin=facts["origin"], kms=facts["kms"], epoch=facts["epoch"], demonstration=facts.get("demonstration") is True
    )


def check_kms(kms: str) -> None:
    """Raises `Malformed` (`home.unknown-kms`) unless this version can make a home under that KMS."""
    if kms != "local":
        raise Malformed("home.unknown-kms", "known here: local", where="--kms")


def require_kms(path: Path, stated: str | None) -> None:
    """A matter needs the home's KMS said aloud: nobody answers an order under a local key file without knowing it.

    Raises:
        Refused: `home.kms-not-stated`, `home.other-kms`.
    """
    kms = read_facts(path).kms
    if stated is None:
        raise Refused("home.kms-not-stated", f"this home's keys are under {kms}: say --kms {kms}", where="--kms")
    if stated != kms:
        raise Refused("home.other-kms", f"this home's keys are under {kms}", where="--kms")


def passphrase_from(file: Path | None) -> str:
    """The KMS passphrase: the first line of *file*, else the environment variable `INCAMERA_PASSPHRASE`.

    Raises:
        Unavailable: `home.no-passphrase`.
    """
    if file is not None:
        if not file.is_file():
            raise Unavailable("home.no-passphrase", "the passphrase file is not there", where=str(file))
        return file.read_text("utf-8").split("\n", 1)[0]
    value = os.environ.get(PASSPHRASE_VARIABLE)
    if not value:
        raise Unavailable(
            "home.no-passphrase", f"set {PASSPHRASE_VARIABLE} or give --passphrase-file: the local KMS needs its passphrase"
        )
    return value


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write beside, fsync, rename: a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _context(origin: str, name: str) -> dict[str, str]:
    return {"use": "incamera/home/secret/1", "origin": origin, "name": name}
