"""The key hierarchy in keys.db: KMS root -> epoch key -> subject key -> conversation key. Wraps, unwraps, rolls.

Only this module sees epoch keys in the clear, and only for as long as its `Keyring` lives.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from incamera.core.canon import instant
from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.core.ports import Clock
from incamera.vault import bodies, envelope, escrow
from incamera.vault.bodies import Codec
from incamera.vault.database import Database
from incamera.vault.envelope import KEY_BYTES, NONCE_BYTES, Binding, Class
from incamera.vault.keyrows import KeyRows
from incamera.vault.kms import Kms

#: Random-nonce AES-GCM may seal 2^32 values under one key (SP 800-38D, 8.3); half of that leaves room for rolls.
WRAPS_MAX = 1 << 31

SUBJECT_KEY = b"subject-key"
SUBJECT_SECRET = b"subject-secret"
CONVERSATION_KEY = b"conversation-key"
HOME_SECRET = b"home-secret"

LEDGER_KEY_INFO = b"incamera/ledger-key/1"
ACCOUNT_KEY_INFO = b"incamera/account-key/1"


@dataclass(frozen=True, repr=False)
class Subject:
    """One subject's keys in the clear. `secret` outlives re-wrapping and dies with the subject key."""

    uref: bytes
    version: int
    key: bytes
    secret: bytes

    @cached_property
    def cipher(self) -> AESGCM:
        """The subject key, ready to wrap and to unwrap many conversation keys."""
        return AESGCM(self.key)

    @cached_property
    def ledger_key(self) -> bytes:
        """The key of every commitment about this subject: once it is gone, the ledger says nothing about them."""
        return envelope.derive(self.secret, LEDGER_KEY_INFO)

    @cached_property
    def account_key(self) -> bytes:
        """Seals what the holder knows of this subject."""
        return envelope.derive(self.secret, ACCOUNT_KEY_INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch: its times, and how many subject keys still lie under it."""

    number: int
    opened_at: str
    closed_at: str | None
    destroyed_at: str | None
    subjects: int


class Keyring:
    """Epoch keys of one vault, unwrapped once, and what is done with them."""

    def __init__(self, database: Database, kms: Kms, *, clock: Clock) -> None:
        self.database = database
        self.kms = kms
        self.clock = clock
        self.tenant = bytes.fromhex(_meta(database, "tenant"))
        if (stated := _meta(database, "kms")) != kms.name:
            hint = f"the keys of this vault are under the service {stated}, and this one is {kms.name}"
            raise Refused("vault.other-kms", hint, where=database.name)
        self.bind = Binding(self.tenant)
        self._epochs: dict[int, bytes] = {}
        self._ciphers: dict[int, AESGCM] = {}
        self.epoch = self._newest()
        self.epoch_key(self.epoch)

    def __repr__(self) -> str:
        return f"<Keyring epoch={self.epoch}>"

    @classmethod
    def create(cls, database: Database, kms: Kms, *, clock: Clock, tenant: bytes | None = None) -> Keyring:
        """Give an empty keys.db its tenant id and first epoch. Raises `Unavailable` (`vault.exists`).

        *tenant* is for recovery only: sealed bodies are bound to it.
        """
        if database.one("SELECT value FROM meta WHERE name = 'tenant'"):
            raise Unavailable("vault.exists", "the vault exists already and is not overwritten", where=database.name)
        tenant = tenant or os.urandom(16)
        row = _fresh_epoch(kms, tenant, 1, clock)[0]
        with database.begin() as connection:
            database.execute(connection, "INSERT INTO meta (name, value) VALUES ('format', 'incamera/keys/1')")
            database.execute(connection, "INSERT INTO meta (name, value) VALUES ('kms', ?)", (kms.name,))
            database.execute(connection, "INSERT INTO meta (name, value) VALUES ('tenant', ?)", (tenant.hex(),))
            database.execute(connection, _INSERT_EPOCH, row)
        return cls(database, kms, clock=clock)

    # --- epochs ---------------------------------------------------------------------------------------------------

    def _newest(self) -> int:
        row = self.database.one("SELECT max(number) FROM epoch WHERE closed_at IS NULL")
        if row is None or row[0] is None:
            raise Malformed("vault.no-epoch", "keys.db has no open epoch; restore its backup", where=self.database.name)
        return int(row[0])

    def epoch_key(self, number: int) -> bytes:
        """The key of epoch *number*, from the KMS the first time.

        Raises:
            Unavailable: the KMS refuses or is away, `vault.epoch-destroyed`, `vault.epoch-unknown`.
        """
        key = self._epochs.get(number)
        if key is None:
            row = self.database.one("SELECT root, wrapped FROM epoch WHERE number = ?", (number,))
            if row is None:
                raise Unavailable("vault.epoch-unknown", "keys.db has no such epoch", where=f"epoch {number}")
            key = self.kms.unwrap(row[0], bytes(row[1]), _context(self.tenant, number))
            self._epochs[number] = key
        return key

    def _cipher(self, number: int) -> AESGCM:
        """The key of an epoch, ready to unwrap millions."""
        cipher = self._ciphers.get(number)
        if cipher is None:
            cipher = self._ciphers[number] = AESGCM(self.epoch_key(number))
        return cipher

    def epochs(self) -> list[Epoch]:
        """Every epoch, the first one first."""
        query = (
            "SELECT e.number, e.opened_at, e.closed_at, e.destroyed_at, (SELECT count(*) FROM subject_key AS s"
            " WHERE s.epoch = e.number AND s.state <> 'shredded') FROM epoch AS e ORDER BY e.number"
        )
        return [
            Epoch(number=n, opened_at=opened, closed_at=closed, destroyed_at=destroyed, subjects=count)
            for n, opened, closed, destroyed, count in self.database.rows(query)
        ]

    def refresh(self) -> None:
        """Learn of an epoch that another process opened since."""
        self.epoch = self._newest()

    def generation(self) -> int:
        """Moves on with every roll or shred of a subject: who caches subject keys compares it."""
        row = self.database.one("SELECT value FROM meta WHERE name = 'generation'")
        return int(row[0]) if row else 0

    def move_on(self, connection: Connection) -> None:
        """Make every cache of subject keys stale, inside the transaction that changes them."""
        row = self.database.execute(connection, "SELECT value FROM meta WHERE name = 'generation'").first()
        if row is None:
            self.database.execute(connection, "INSERT INTO meta (name, value) VALUES ('generation', '1')")
        else:
            self.database.execute(connection, "UPDATE meta SET value = ? WHERE name = 'generation'", (str(int(row[0]) + 1),))

    # --- secrets of the home -------------------------------------------------------------------------------------

    def secret(self, name: str) -> bytes | None:
        """The home's secret *name* (a signing key, the grant key), or None."""
        row = self.database.one("SELECT epoch, wrapped FROM secret WHERE name = ?", (name,))
        if row is None:
            return None
        aad = self.bind(HOME_SECRET, cref=name.encode())
        return envelope.unseal(self.epoch_key(row[0]), bytes(row[1]), aad, where=f"secret {name}")

    def keep_secret(self, name: str, value: bytes) -> None:
        """Store a secret once. Raises `Unavailable` (`vault.exists`) rather than replace one."""
        sealed = envelope.seal(self.epoch_key(self.epoch), value, self.bind(HOME_SECRET, cref=name.encode()))
        with self.database.begin() as connection:
            if self.database.execute(connection, "SELECT 1 FROM secret WHERE name = ?", (name,)).first():
                raise Unavailable("vault.exists", "the secret exists already and is not overwritten", where=name)
            self._count_wraps(connection, 1)
            self.database.execute(
                connection, "INSERT INTO secret (name, epoch, wrapped) VALUES (?, ?, ?)", (name, self.epoch, sealed)
            )

    def random_secret(self, name: str) -> bytes:
        """The home's 32-byte secret *name*, made from the operating system's randomness the first time."""
        found = self.secret(name)
        if found is None:
            found = os.urandom(KEY_BYTES)
            self.keep_secret(name, found)
        return found

    # --- subjects and conversations ------------------------------------------------------------------------------

    def new_subject(self, uref: bytes, batch: int) -> tuple[Subject, tuple[Any, ...]]:
        """Fresh keys for a subject, and their row for `insert`."""
        subject = Subject(uref, 1, os.urandom(KEY_BYTES), os.urandom(KEY_BYTES))
        return subject, (uref, self.epoch, 1, *self._wrap_subject(subject, self.epoch), "live", batch)

    def known_subject(self, uref: bytes, secret: bytes, batch: int) -> tuple[Subject, tuple[Any, ...]]:
        """A subject whose secret is known, by recovery, under a fresh key."""
        subject = Subject(uref, 1, os.urandom(KEY_BYTES), secret)
        return subject, (uref, self.epoch, 1, *self._wrap_subject(subject, self.epoch), "live", batch)

    def _wrap_subject(self, subject: Subject, epoch: int) -> tuple[bytes, bytes]:
        key = self.epoch_key(epoch)
        wrapped = envelope.seal(key, subject.key, self.bind(SUBJECT_KEY, uref=subject.uref, version=subject.version))
        return wrapped, envelope.seal(
            subject.key, subject.secret, self.bind(SUBJECT_SECRET, uref=subject.uref, version=subject.version)
        )

    def unwrap_subject(self, uref: bytes, epoch: int, version: int, wrapped: bytes, secret: bytes) -> Subject:
        """A subject's keys from its row. Raises `Unverified` (`vault.not-authentic`) on a row that was altered or moved."""
        key = envelope.unseal(self.epoch_key(epoch), wrapped, self.bind(SUBJECT_KEY, uref=uref, version=version), where=uref)
        return Subject(
            uref, version, key, envelope.unseal(key, secret, self.bind(SUBJECT_SECRET, uref=uref, version=version), where=uref)
        )

    def wrap_conversation(self, subject: Subject, cref: bytes, key: bytes, kind: int, *, nonce: bytes | None = None) -> bytes:
        """A conversation key under its subject's, bound to both ids, the subject key's version and the class."""
        aad = self.bind(CONVERSATION_KEY, uref=subject.uref, cref=cref, version=subject.version, kind=kind)
        nonce = nonce or os.urandom(NONCE_BYTES)
        return nonce + subject.cipher.encrypt(nonce, key, aad)

    def unwrap_conversation(self, subject: Subject, cref: bytes, wrapped: bytes, *, version: int, kind: int) -> bytes:
        """The conversation key of a row, with the version and class that the row states."""
        aad = self.bind(CONVERSATION_KEY, uref=subject.uref, cref=cref, version=version, kind=kind)
        return envelope.unseal(subject.key, wrapped, aad, where=cref)

    def unwrap_many(
        self, subjects: Mapping[bytes, Subject], rows: KeyRows, unsealed: Mapping[bytes, bytes] | None = None
    ) -> dict[bytes, bytes]:
        """cref -> conversation key of *rows*, each under its subject's key; the same checks as `unwrap_conversation`.

        An escrowed row's key is the one that trustees *unsealed*, checked against the commitment that the row holds.
        """
        if not any(rows.kinds):
            with suppress(InvalidTag, ValueError):
                return self._unwrap_plain(subjects, rows)
        keys: dict[bytes, bytes] = {}
        for row in rows:  # which of them it is, or where classes and versions differ
            key = self.unwrap_conversation(subjects[row.uref], row.cref, row.wrapped, version=row.version, kind=row.kind)
            if row.kind:
                sealed, key = key, (unsealed or {})[row.cref]
                envelope.check_commitment(key, escrow.commitment(sealed), where=row.cref)
            keys[row.cref] = key
        return keys

    def _unwrap_plain(self, subjects: Mapping[bytes, Subject], rows: KeyRows) -> dict[bytes, bytes]:
        """Operator-held rows that state their subject's own version, column by column: a scan unwraps millions."""
        versions = {uref: subject.version for uref, subject in subjects.items()}
        if [versions[uref] for uref in rows.urefs] != list(rows.versions):
            raise ValueError
        heads = {u: self.bind.row(CONVERSATION_KEY, uref=u, version=version, kind=0) for u, version in versions.items()}
        decrypts = {uref: subject.cipher.decrypt for uref, subject in subjects.items()}
        columns = zip(rows.crefs, rows.urefs, rows.wrapped, strict=True)
        return {c: decrypts[u](w[:NONCE_BYTES], w[NONCE_BYTES:], heads[u] + c) for c, u, w in columns}

    def seal_accounts(self, accounts: Sequence[tuple[Subject, bytes]]) -> list[bytes]:
        """What the holder knows of subjects, packed, each sealed under its subject's account key."""
        codec = Codec()
        return [
            bodies.seal_account(self.bind, codec, packed, key=subject.account_key, uref=subject.uref)
            for subject, packed in accounts
        ]

    def insert(self, batch: int, subjects: Sequence[tuple[Any, ...]], conversations: Sequence[tuple[Any, ...]]) -> None:
        """Store the wrapped keys of one batch, marked as pending until the batch's file and facts are in place."""
        with self.database.begin() as connection:
            self._count_wraps(connection, len(subjects))
            self.database.execute(connection, "INSERT INTO batch (number) VALUES (?)", (batch,))
            self.database.execute_many(connection, _INSERT_SUBJECT, subjects)
            self.database.execute_many(connection, _INSERT_CONVERSATION, conversations)

    def settle(self, batch: int, *, stored: bool) -> None:
        """Close a pending batch: keep its keys, or erase those of a batch that never came to be."""
        with self.database.begin() as connection:
            if not stored:
                self.database.execute(connection, "DELETE FROM conversation_key WHERE batch = ?", (batch,))
                self.database.execute(connection, "DELETE FROM subject_key WHERE batch = ?", (batch,))
            self.database.execute(connection, "DELETE FROM batch WHERE number = ?", (batch,))

    def pending(self) -> list[int]:
        """Batches whose writer was killed."""
        return [int(row[0]) for row in self.database.rows("SELECT number FROM batch ORDER BY number")]

    def subjects(self, urefs: Sequence[bytes]) -> dict[bytes, Subject]:
        """Keys of live or pending subjects; a shredded one is absent."""
        query = "SELECT uref, epoch, version, wrapped, secret FROM subject_key WHERE state <> 'shredded' AND uref IN ({})"
        found = (
            self.unwrap_subject(bytes(u), epoch, version, bytes(wrapped), bytes(secret))
            for u, epoch, version, wrapped, secret in self.database.chosen(query, list(urefs))
        )
        return {subject.uref: subject for subject in found}

    def _count_wraps(self, connection: Connection, wraps: int) -> None:
        self.database.execute(connection, "UPDATE epoch SET wraps = wraps + ? WHERE number = ?", (wraps, self.epoch))
        row = self.database.execute(connection, "SELECT wraps, closed_at FROM epoch WHERE number = ?", (self.epoch,)).one()
        if row[1] is not None:
            raise Unavailable(
                "vault.epoch-closed", "another process rolled the epoch; open the vault again", where=f"epoch {self.epoch}"
            )
        if row[0] > WRAPS_MAX:
            raise Refused(
                "vault.epoch-exhausted", "the epoch key has wrapped its limit; roll the epoch", where=f"epoch {self.epoch}"
            )

    # --- rolling the epoch ---------------------------------------------------------------------------------------

    def roll(self, *, size: int = 20_000) -> int:
        """Open a new epoch and re-wrap every live key under it; returns the number of subjects re-wrapped.

        No byte of any conversation is rewritten. The old epoch is closed, not yet destroyed: see `destroy`. A roll that
        is killed is finished by the next one, because rows name the epoch they are wrapped under.
        Cost: about 4 microseconds a subject, and the writing of its row.
        """
        row, key = _fresh_epoch(self.kms, self.tenant, self.epoch + 1, self.clock)
        with self.database.begin() as connection:
            self.database.execute(connection, _INSERT_EPOCH, row)
            self.database.execute(
                connection, "UPDATE epoch SET closed_at = ? WHERE number < ? AND closed_at IS NULL", (row[3], row[0])
            )
        self.epoch = int(row[0])
        self._epochs[self.epoch] = key
        self._roll_secrets()
        return self._roll_subjects(size)

    def _roll_secrets(self) -> None:
        with self.database.begin() as connection:
            old = self.database.execute(
                connection, "SELECT name, epoch, wrapped FROM secret WHERE epoch <> ?", (self.epoch,)
            ).all()
            for name, epoch, wrapped in old:
                aad = self.bind(HOME_SECRET, cref=name.encode())
                sealed = envelope.seal(
                    self.epoch_key(self.epoch), envelope.unseal(self.epoch_key(epoch), bytes(wrapped), aad), aad
                )
                self.database.execute(
                    connection, "UPDATE secret SET epoch = ?, wrapped = ? WHERE name = ?", (self.epoch, sealed, name)
                )
            self._count_wraps(connection, len(old))

    def _roll_subjects(self, size: int) -> int:
        rolled = 0
        last = b""
        query = (
            "SELECT uref, epoch, version, wrapped FROM subject_key WHERE uref > ? AND state <> 'shredded' AND epoch <> ?"  # noqa: S608
            f" ORDER BY uref LIMIT {int(size)}"
        )
        new = self._cipher(self.epoch)
        while rows := self.database.rows(query, (last, self.epoch)):
            stored = [(bytes(uref), epoch, version, bytes(wrapped)) for uref, epoch, version, wrapped in rows]
            noise = os.urandom(NONCE_BYTES * len(stored))
            updates = []
            for at, ((uref, key), (_, epoch, version, _)) in enumerate(zip(self.subject_keys(stored), stored, strict=True)):
                nonce = noise[at * NONCE_BYTES : (at + 1) * NONCE_BYTES]
                sealed = nonce + new.encrypt(nonce, key, self.bind(SUBJECT_KEY, uref=uref, version=version))
                updates.append((self.epoch, sealed, uref, epoch, version))
            with self.database.begin() as connection:
                # The old epoch and version in the condition: a shred or a roll of this subject in between wins.
                self.database.execute_many(
                    connection,
                    "UPDATE subject_key SET epoch = ?, wrapped = ?"
                    " WHERE uref = ? AND epoch = ? AND version = ? AND state <> 'shredded'",
                    updates,
                )
                self._count_wraps(connection, len(updates))
            last = bytes(rows[-1][0])
            rolled += len(rows)
        return rolled

    def destroy(self, number: int) -> datetime:
        """Destroy a closed epoch in the KMS: the fourth lock of a hold, and the end of every old backup.

        Refused until each live or held key is under a later epoch **and** opens there.

        Raises:
            Refused: `vault.epoch-open`, `vault.epoch-in-use`.
        """
        row = self.database.one("SELECT root, closed_at FROM epoch WHERE number = ?", (number,))
        if row is None or row[1] is None:
            raise Refused("vault.epoch-open", "roll to a new epoch before destroying this one", where=f"epoch {number}")
        left = self.database.one("SELECT count(*) FROM subject_key WHERE epoch = ? AND state <> 'shredded'", (number,))[0]
        left += self.database.one("SELECT count(*) FROM secret WHERE epoch = ?", (number,))[0]
        if left:
            raise Refused(
                "vault.epoch-in-use", f"{left} keys are still wrapped under this epoch; roll again", where=f"epoch {number}"
            )
        self.check(held_only=True)
        gone = self.kms.destroy(row[0])
        with self.database.begin() as connection:
            self.database.execute(connection, "UPDATE epoch SET destroyed_at = ? WHERE number = ?", (instant(gone), number))
        self._epochs.pop(number, None)
        self._ciphers.pop(number, None)
        return gone

    def check(self, *, held_only: bool = False) -> int:
        """Open every subject key (or those under a hold) and drop it again; returns how many opened.

        Raises:
            Unverified: `vault.not-authentic`, naming the subject whose key does not open.
        """
        query = "SELECT uref, epoch, version, wrapped, secret FROM subject_key WHERE state <> 'shredded'"
        query += " AND hold_count > 0" if held_only else ""
        opened = 0
        for uref, epoch, version, wrapped, secret in self.database.stream(query):
            self.unwrap_subject(bytes(uref), epoch, version, bytes(wrapped), bytes(secret))
            opened += 1
        return opened

    def subject_keys(self, rows: Iterable[tuple[bytes, int, int, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        """(uref, subject key) of rows (uref, epoch, version, wrapped): the first step of `unwrap_subject`, in bulk."""
        for uref, epoch, version, wrapped in rows:
            aad = self.bind(SUBJECT_KEY, uref=uref, version=version)
            try:
                yield uref, self._cipher(epoch).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], aad)
            except (InvalidTag, ValueError):
                raise envelope.not_authentic(uref) from None

    def roll_subject(self, connection: Connection, uref: bytes) -> int:
        """Give a subject a fresh key and re-wrap its conversations, so that old copies of an erased row open nothing.

        Returns the number of conversation keys re-wrapped. Runs inside the caller's transaction.
        """
        row = self.database.execute(
            connection, "SELECT epoch, version, wrapped, secret FROM subject_key WHERE uref = ? AND state <> 'shredded'", (uref,)
        ).first()
        if row is None:
            return 0
        old = self.unwrap_subject(uref, row[0], row[1], bytes(row[2]), bytes(row[3]))
        new = Subject(uref, old.version + 1, os.urandom(KEY_BYTES), old.secret)
        updates = []
        found = self.database.execute(
            connection,
            "SELECT cref, wrapped, version, class FROM conversation_key WHERE uref = ? AND state <> 'shredded' AND class <> ?",
            (uref, int(Class.HELD_BY_SUBJECT)),
        )
        for cref, wrapped, version, kind in found.all():
            key = self.unwrap_conversation(old, bytes(cref), bytes(wrapped), version=version, kind=kind)
            updates.append((new.version, self.wrap_conversation(new, bytes(cref), key, kind), bytes(cref)))
        self.database.execute_many(connection, "UPDATE conversation_key SET version = ?, wrapped = ? WHERE cref = ?", updates)
        self.database.execute(
            connection,
            "UPDATE subject_key SET epoch = ?, version = ?, wrapped = ?, secret = ? WHERE uref = ?",
            (self.epoch, new.version, *self._wrap_subject(new, self.epoch), uref),
        )
        self._count_wraps(connection, 1)
        return len(updates)


_INSERT_EPOCH = "INSERT INTO epoch (number, root, wrapped, opened_at, wraps) VALUES (?, ?, ?, ?, 0)"
_INSERT_SUBJECT = "INSERT INTO subject_key (uref, epoch, version, wrapped, secret, state, batch) VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_CONVERSATION = (
    "INSERT INTO conversation_key (slot, cref, uref, version, wrapped, class, state, batch) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def _fresh_epoch(kms: Kms, tenant: bytes, number: int, clock: Clock) -> tuple[tuple[Any, ...], bytes]:
    key = os.urandom(KEY_BYTES)
    root, wrapped = rooted(kms, key, tenant, number)
    return (number, root, wrapped, instant(clock.now())), key


def rooted(kms: Kms, key: bytes, tenant: bytes, number: int) -> tuple[str, bytes]:
    """A fresh root in *kms* and the epoch key under it, after a look that it opens again: an identity that may wrap and not
    unwrap would lock the vault's own door. A root that is of no use is destroyed, if the service lets us."""
    root = kms.new_epoch()
    try:
        wrapped = kms.wrap(root, key, _context(tenant, number))
        if kms.unwrap(root, wrapped, _context(tenant, number)) != key:
            raise Unverified("vault.not-authentic", "the key service gives back another key than it was given", where=root)
    except BaseException:
        with suppress(Error):
            kms.destroy(root)
        raise
    return root, wrapped


def _context(tenant: bytes, number: int) -> dict[str, str]:
    return {"use": "incamera/epoch/1", "tenant": tenant.hex(), "epoch": str(number)}


def _meta(database: Database, name: str) -> str:
    row = database.one("SELECT value FROM meta WHERE name = ?", (name,))
    if row is None:
        raise Malformed("vault.not-a-vault", "the database has no vault in it; create one first", where=database.name)
    return str(row[0])


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)
