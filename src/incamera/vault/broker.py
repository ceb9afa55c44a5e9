"""The key broker: releases conversation keys for a grant, after the receipt of the release is durable.

It is the only reader of keys.db while grants are in use, and it trusts nobody who asks: every request brings the whole
grant, and the checks below run in this order for each of them.

 1. the tag: this home issued exactly this grant (HMAC under the home's grant key);
 2. the clock: not before, not after, and the clock has not gone backwards;
 3. the receipt: an inclusion proof into a checkpoint that this home's ledger key signed;
 4. the purpose is one that opens conversations, and the grant is not revoked;
 5. the record cap, over distinct conversations, counted durably across restarts;
 6. the ledger: one `key.released` entry with count, grant and Merkle root over the crefs, fsynced;
 7. only then are keys unwrapped and handed over.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from incamera.core.canon import instant
from incamera.core.crypto import verify_grant_tag
from incamera.core.errors import Refused, Unverified
from incamera.core.ids import Digest, Ref
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry, Grant
from incamera.vault.database import Database
from incamera.vault.keys import Keyring, Subject
from incamera_verify import merkle
from incamera_verify.errors import VerificationError
from incamera_verify.note import Verifier, open_checkpoint

#: Purposes for which a grant may open conversations at all; policy narrows further, per subject and per shard.
PURPOSES = frozenset({"court_order", "safety_escalation", "support", "training", "analytics", "data_subject_request"})
#: Purposes that still see what awaits shredding under a hold: the matter that holds it, and nobody else.
HOLDING_PURPOSE = "court_order"
CLOCK_SLACK = timedelta(seconds=60)
#: Crefs in one request; keeps one release, and its leaf, about one fragment.
REQUEST_MAX = 1 << 16


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One conversation's key, and its place in the hierarchy."""

    cref: bytes
    uref: bytes
    key: bytes
    kind: int


@dataclass(frozen=True, slots=True, repr=False)
class Party:
    """What opens the parts of a release that belong to a subject as a whole."""

    ledger_key: bytes
    account_key: bytes
    account: bytes | None


@dataclass(frozen=True, slots=True, repr=False)
class Release:
    """Keys by cref and subjects by uref. A cref that is shredded, invisible or unknown is absent."""

    keys: dict[bytes, Key] = field(default_factory=dict)
    parties: dict[bytes, Party] = field(default_factory=dict)


class _Row(NamedTuple):
    cref: bytes
    uref: bytes
    wrapped: bytes
    key_version: int
    kind: int
    state: str
    epoch: int
    version: int
    subject_wrapped: bytes
    subject_secret: bytes

    @classmethod
    def of(cls, row: Any) -> _Row:
        """A driver's row; PostgreSQL hands bytes as memoryviews."""
        cref, uref, wrapped, key_version, kind, state, epoch, version, key, secret = row
        return cls(bytes(cref), bytes(uref), bytes(wrapped), key_version, kind, state, epoch, version, bytes(key), bytes(secret))


class Broker:
    """Checks, records, releases. Thread-safe; one lock keeps count and receipt of a request together."""

    def __init__(
        self,
        keyring: Keyring,
        state: Database,
        *,
        appender: Appender,
        clock: Clock,
        grant_key: bytes,
        log: Sequence[Verifier],
    ) -> None:
        self._keyring = keyring
        self._keys = keyring.database
        self._state = state
        self._appender = appender
        self._clock = clock
        self._grant_key = grant_key
        self._log = tuple(log)
        self._lock = threading.Lock()
        self._proven: set[str] = set()
        self._latest: datetime | None = None

    def __repr__(self) -> str:
        return "<Broker>"

    def open(self, grant: Grant, crefs: Sequence[str]) -> dict[str, bytes]:
        """`core.ports.KeyBroker`: the bare conversation keys, by cref in hex."""
        release = self.release(grant, [bytes.fromhex(cref) for cref in crefs])
        return {cref.hex(): key.key for cref, key in release.keys.items()}

    def release(self, grant: Grant, crefs: Sequence[bytes]) -> Release:
        """Keys for *crefs* under *grant*, after the release is in the ledger.

        Raises:
            Refused: `vault.grant-expired`, `vault.grant-early`, `vault.clock-backwards`, `vault.grant-revoked`,
                `vault.purpose`, `vault.record-cap`, `vault.request-size`.
            Unverified: `crypto.bad-grant-tag`, `vault.receipt`; a key row that is altered (`vault.not-authentic`).
            Unavailable: the ledger or the KMS is away; nothing was released.
        Privacy: the ledger learns a count and a Merkle root over random references.
        """
        self.check(grant)
        wanted = sorted(set(crefs))
        if not wanted:
            return Release()
        if len(wanted) > REQUEST_MAX:
            raise Refused("vault.request-size", f"ask for at most {REQUEST_MAX} conversations at a time", where=grant.matter)
        rows = self._rows(grant, wanted)
        with self._lock:
            used = self._count(grant, [row.cref for row in rows])
            self._record(grant, [row.cref for row in rows], used)
        return self._unwrap(rows)

    # --- the checks ---------------------------------------------------------------------------------------------

    def check(self, grant: Grant) -> None:
        """Steps 1 to 4: raises unless *grant* opens conversations now."""
        verify_grant_tag(self._grant_key, grant)
        now = self._now()
        if now < grant.not_before:
            raise Refused("vault.grant-early", "the grant is not valid yet", where=grant.matter)
        if now >= grant.expires_at:
            raise Refused("vault.grant-expired", "the grant's time box is over; ask for a new one", where=grant.matter)
        if grant.tag not in self._proven:
            self._prove(grant)
            self._proven.add(grant.tag)
        if grant.purpose not in PURPOSES:
            raise Refused("vault.purpose", "this purpose does not open conversations", where=grant.matter)
        row = self._keys.one("SELECT revoked_at FROM grant_use WHERE tag = ?", (grant.tag,))
        if row is not None and row[0] is not None:
            raise Refused("vault.grant-revoked", "the grant was revoked", where=grant.matter)

    def _now(self) -> datetime:
        """The time, which must not run backwards: an old time would revive an expired grant."""
        now = self._clock.now()
        if self._latest is None:
            row = self._keys.one("SELECT value FROM meta WHERE name = 'clock'")
            self._latest = datetime.fromisoformat(row[0]) if row else now
        if now < self._latest - CLOCK_SLACK:
            raise Refused(
                "vault.clock-backwards", f"the clock is before {instant(self._latest)}, which it already showed; set it right"
            )
        self._latest = max(now, self._latest)
        return now

    def _prove(self, grant: Grant) -> None:
        receipt = grant.receipt
        try:
            checkpoint = open_checkpoint(receipt.checkpoint.encode(), self._log, where=grant.matter)
            path = [bytes.fromhex(step) for step in receipt.path]
            merkle.verify_inclusion(bytes.fromhex(receipt.leaf), receipt.index, checkpoint.size, path, checkpoint.root)
        except (VerificationError, ValueError):
            raise Unverified(
                "vault.receipt", "the grant's receipt is not proven by this home's ledger", where=grant.matter
            ) from None

    # --- the count and the receipt -----------------------------------------------------------------------------

    def _count(self, grant: Grant, crefs: Sequence[bytes]) -> int:
        """Count *crefs* against the grant's cap, each once however often it is opened; returns the sum so far."""
        with self._keys.begin() as connection:
            execute = self._keys.execute
            row = execute(connection, "SELECT number, used, revoked_at FROM grant_use WHERE tag = ?", (grant.tag,)).first()
            if row is None:
                number = (execute(connection, "SELECT max(number) FROM grant_use").scalar() or 0) + 1
                execute(connection, "INSERT INTO grant_use (number, tag, used) VALUES (?, ?, 0)", (number, grant.tag))
                used = 0
            else:
                number, used = int(row[0]), int(row[1])
                if row[2] is not None:
                    raise Refused("vault.grant-revoked", "the grant was revoked", where=grant.matter)
            seen = self._seen(connection, number, crefs)
            fresh = [(number, cref) for cref in crefs if cref not in seen]
            self._keys.execute_many(connection, "INSERT INTO opened (grant_number, cref) VALUES (?, ?)", fresh)
            used += len(fresh)
            if used > grant.max_records:
                raise Refused(
                    "vault.record-cap",
                    f"{grant.max_records} conversations allowed, {used} would be opened",
                    where=grant.matter,
                )
            execute(connection, "UPDATE grant_use SET used = ? WHERE number = ?", (used, number))
            if self._latest is not None:
                execute(connection, "DELETE FROM meta WHERE name = 'clock'")
                execute(connection, "INSERT INTO meta (name, value) VALUES ('clock', ?)", (self._latest.isoformat(),))
        return used

    def _seen(self, connection: Connection, number: int, crefs: Sequence[bytes]) -> set[bytes]:
        seen: set[bytes] = set()
        for low in range(0, len(crefs), 10_000):
            some = crefs[low : low + 10_000]
            marks = ",".join("?" * len(some))
            query = f"SELECT cref FROM opened WHERE grant_number = ? AND cref IN ({marks})"  # noqa: S608 (only question marks)
            seen.update(bytes(cref) for (cref,) in self._keys.execute(connection, query, (number, *some)))
        return seen

    def _record(self, grant: Grant, crefs: Sequence[bytes], used: int) -> None:
        self._appender.append(
            Entry(
                act="key.released",
                matter=grant.matter,
                actor=grant.actor,
                fields={
                    "conversations": len(crefs),
                    "root": crefs_root(crefs),
                    "grant": grant.receipt.index,
                    "used": used,
                },
            )
        )

    # --- the keys ------------------------------------------------------------------------------------------------

    def _rows(self, grant: Grant, crefs: list[bytes]) -> list[_Row]:
        """Key rows that this grant may see: live ones, and under its own hold those that await shredding."""
        rows = [_Row.of(row) for row in self._keys.chosen(_ROWS, crefs)]
        visible = [row for row in rows if row.state == "live" or (row.state == "pending" and self._holds(grant, row.cref))]
        return sorted(visible, key=lambda row: row.cref)

    def _holds(self, grant: Grant, cref: bytes) -> bool:
        if grant.purpose != HOLDING_PURPOSE:
            return False
        query = "SELECT 1 FROM held JOIN hold ON hold.id = held.hold_id WHERE held.cref = ? AND hold.matter = ?"
        return self._keys.one(query, (cref, grant.matter)) is not None

    def _unwrap(self, rows: list[_Row]) -> Release:
        """Keys of *rows*. Both levels were read by one query: a roll of a subject in between cannot tear them apart."""
        subjects: dict[bytes, Subject] = {}
        keys = {}
        for row in rows:
            subject = subjects.get(row.uref)
            if subject is None:
                subject = self._keyring.unwrap_subject(row.uref, row.epoch, row.version, row.subject_wrapped, row.subject_secret)
                subjects[row.uref] = subject
            keys[row.cref] = Key(
                row.cref,
                row.uref,
                self._keyring.unwrap_conversation(subject, row.cref, row.wrapped, version=row.key_version, kind=row.kind),
                row.kind,
            )
        accounts = {
            bytes(uref): None if account is None else bytes(account)
            for uref, account in self._state.chosen("SELECT uref, account FROM subject WHERE uref IN ({})", list(subjects))
        }
        parties = {uref: Party(s.ledger_key, s.account_key, accounts.get(uref)) for uref, s in subjects.items()}
        return Release(keys, parties)

    def revoke(self, grant: Grant) -> None:
        """End a grant before its time; requests in flight are refused at their next batch."""
        with self._keys.begin() as connection:
            execute = self._keys.execute
            at = instant(self._clock.now())
            if execute(connection, "SELECT 1 FROM grant_use WHERE tag = ?", (grant.tag,)).first() is None:
                number = (execute(connection, "SELECT max(number) FROM grant_use").scalar() or 0) + 1
                execute(connection, "INSERT INTO grant_use (number, tag, used) VALUES (?, ?, 0)", (number, grant.tag))
            execute(connection, "UPDATE grant_use SET revoked_at = ? WHERE tag = ?", (at, grant.tag))


_ROWS = (
    "SELECT c.cref, c.uref, c.wrapped, c.version, c.class, CASE WHEN s.state = 'live' THEN c.state ELSE s.state END,"
    " s.epoch, s.version, s.wrapped, s.secret"
    " FROM conversation_key AS c JOIN subject_key AS s ON s.uref = c.uref"
    " WHERE c.state <> 'shredded' AND s.state <> 'shredded' AND c.cref IN ({})"
)


def crefs_root(crefs: Sequence[bytes]) -> Digest:
    """Merkle root over conversation references in ascending order: what a `key.released` entry commits to."""
    return Digest(merkle.root(merkle.leaf_hash(cref) for cref in sorted(crefs)).hex())


def ref_bytes(refs: Sequence[Ref]) -> list[bytes]:
    """References as the databases hold them."""
    return [bytes.fromhex(ref) for ref in refs]
