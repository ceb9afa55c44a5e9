"""The vault's side of recovery: a file for each hold while it stands, and a new keys.db out of those files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from incamera.core.canon import instant
from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.ports import Clock
from incamera.vault import files, keyrows
from incamera.vault.database import Database
from incamera.vault.envelope import Class
from incamera.vault.keys import Keyring, Subject
from incamera.vault.kms import Kms
from incamera.vault.pairs import trustees_from
from incamera.vault.recovery import HeldKey, Recovered, RecoveryFile

TRUSTEES_FILE = "trustees.json"
SUFFIX = ".recovery"


class Recovery:
    """Keeps `HOME/recovery/`: the trustees' public keys, and one file for each hold. Idle until trustees are named."""

    def __init__(self, directory: Path, keyring: Keyring, *, clock: Clock, file_secret: bytes, dedupe_secret: bytes) -> None:
        self._directory = directory
        self._keyring = keyring
        self._clock = clock
        self._secrets = {"tenant": keyring.tenant, "file_secret": file_secret, "dedupe_secret": dedupe_secret}

    def name_trustees(self, keys: Mapping[str, str]) -> None:
        """State the public keys of holder, neutral and court, once. Holds placed from here on can be recovered.

        Raises:
            Malformed: `vault.bad-trustees`. Unavailable: `vault.exists`, they were named before.
        """
        trustees_from(keys)
        files.make_directory(self._directory)
        files.create(self._directory / TRUSTEES_FILE, json.dumps(dict(keys), sort_keys=True).encode() + b"\n")

    @property
    def ready(self) -> bool:
        """Whether trustees are named."""
        return files.exists(self._directory / TRUSTEES_FILE)

    def file(self, hold: str) -> RecoveryFile:
        """The recovery file of a hold, named by a digest: hold ids may hold any character."""
        return RecoveryFile(self._directory / f"{hashlib.sha256(hold.encode()).hexdigest()[:32]}{SUFFIX}")

    def begin(self, hold: str, *, matter: str, order: str) -> None:
        if self.ready:
            at = instant(self._clock.now())
            self.file(hold).begin(hold=hold, matter=matter, order=order, placed_at=at, trustees=self.trustees())

    def add(self, hold: str, crefs: Sequence[bytes]) -> None:
        """Seal the keys of *crefs* into the hold's file, if trustees were named before the hold was placed."""
        file = self.file(hold)
        if not crefs or not self.ready or not files.exists(file.path):
            return
        rows, stored, _ = keyrows.read(self._keyring.database, crefs)
        subjects: dict[bytes, Subject] = {}
        held = []
        for row in rows:
            if row.uref not in subjects:
                uref, epoch, version, wrapped, secret, _ = stored[row.uref]
                subjects[row.uref] = self._keyring.unwrap_subject(uref, epoch, version, wrapped, secret)
            subject = subjects[row.uref]
            key = b""
            if row.kind != Class.HELD_BY_SUBJECT:
                key = self._keyring.unwrap_conversation(subject, row.cref, row.wrapped, version=row.version, kind=row.kind)
            held.append(HeldKey(row.cref, row.uref, row.slot, row.kind, key, subject.secret))
        file.add(held, **self._secrets)

    def end(self, hold: str) -> None:
        """Remove the file of a hold that ended: what is shredded from here on must not be recoverable."""
        if self._directory.is_dir():
            files.remove(self.file(hold).path)

    def trustees(self) -> dict[str, X25519PublicKey]:
        """The trustees' public keys. Raises `Unavailable` (`vault.no-trustees`) until they are named."""
        if not self.ready:
            raise Unavailable("vault.no-trustees", "name the keys of holder, neutral and court first", where=TRUSTEES_FILE)
        try:
            return trustees_from(json.loads(files.read(self._directory / TRUSTEES_FILE)))
        except (ValueError, AttributeError, RecursionError):
            raise Malformed("vault.bad-trustees", "the file of trustees is damaged", where=TRUSTEES_FILE) from None


def recover(home: Path, kms: Kms, keys: Mapping[str, X25519PrivateKey], *, clock: Clock) -> int:
    """Make a new keys.db under a new *kms* out of the recovery files, by two trustees' keys; returns the conversations saved.

    For the day on which keys.db and its KMS are gone. Data files and state.db stay as they are; holds are placed again;
    conversations that no hold covered are marked `lost`. What was shredded was in no file and stays unreadable.

    Raises:
        Unavailable: `vault.exists`, there is a keys.db: move it away first; `vault.nothing-to-recover`.
        Refused, Unverified, Malformed: as `RecoveryFile.open`.
    """
    if files.exists(home / "keys.db"):
        raise Unavailable("vault.exists", "keys.db is there; move it away if it is of no use any more", where="keys.db")
    directory = home / "recovery"
    names = [name for name in files.names(directory) if name.endswith(SUFFIX)] if directory.is_dir() else []
    found = [hold for hold in (RecoveryFile(directory / name).open(keys) for name in names) if hold.keys]
    if not found:
        raise Unavailable("vault.nothing-to-recover", "no hold of this home has a recovery file", where="recovery")
    if len({(hold.tenant, hold.file_secret, hold.dedupe_secret) for hold in found}) != 1:
        raise Unverified("vault.recovery-file", "the recovery files are not of one vault")
    database = Database.at(home / "keys.db", "keys", create=True)
    keyring = Keyring.create(database, kms, clock=clock, tenant=found[0].tenant)
    keyring.keep_secret("file", found[0].file_secret)
    keyring.keep_secret("dedupe", found[0].dedupe_secret)
    saved = {key.cref: key for hold in found for key in hold.keys}
    _restore_keys(keyring, list(saved.values()))
    _restore_holds(database, found)
    _mark_lost(home, saved)
    database.close()
    return len(saved)


def _restore_keys(keyring: Keyring, held: list[HeldKey]) -> None:
    subjects: dict[bytes, Subject] = {}
    subject_rows, rows = [], []
    for key in held:
        batch = key.slot >> keyrows.SLOT_BITS
        if key.uref not in subjects:
            subjects[key.uref], row = keyring.known_subject(key.uref, key.secret, batch)
            subject_rows.append(row)
        subject = subjects[key.uref]
        wrapped = keyring.wrap_conversation(subject, key.cref, key.key, key.kind) if key.key else b""
        rows.append((key.slot, key.cref, key.uref, subject.version, wrapped, key.kind, "live", batch))
    keyring.insert(0, subject_rows, rows)
    keyring.settle(0, stored=True)


def _restore_holds(database: Database, found: list[Recovered]) -> None:
    with database.begin() as connection:
        for hold in found:
            insert = "INSERT INTO hold (id, matter, order_digest, placed_at) VALUES (?, ?, ?, ?)"
            database.execute(connection, insert, (hold.hold, hold.matter, hold.order, hold.placed_at))
            rows = [(key.cref, hold.hold) for key in hold.keys]
            database.execute_many(connection, "INSERT INTO held (cref, hold_id) VALUES (?, ?)", rows)


def _mark_lost(home: Path, saved: Mapping[bytes, HeldKey]) -> None:
    state = Database.at(home / "state.db", "state", create=False)
    present = state.rows("SELECT cref FROM conversation WHERE state <> 'shredded'")
    lost = [(cref,) for (cref,) in present if bytes(cref) not in saved]
    with state.begin() as connection:
        state.execute(connection, "UPDATE conversation SET state = 'live' WHERE state = 'pending'")
        state.execute_many(connection, "UPDATE conversation SET state = 'lost' WHERE cref = ?", lost)
    state.close()
