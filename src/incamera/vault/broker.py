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

from incamera.core.canon import instant
from incamera.core.crypto import verify_grant_tag
from incamera.core.errors import Refused, Unverified
from incamera.core.ids import Digest
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry, Grant
from incamera.vault import keyrows
from incamera.vault.database import Database
from incamera.vault.keyrows import KeyRow, SubjectRow
from incamera.vault.keys import Keyring, Subject
from incamera.vault.usage import Usage
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
SUBJECTS_KEPT = 1 << 15


@dataclass(frozen=True, slots=True, repr=False)
class Party:
    """What opens the parts of a release that belong to a subject as a whole."""

    ledger_key: bytes
    account_key: bytes
    account: bytes | None


@dataclass(frozen=True, slots=True, repr=False)
class Release:
    """Conversation keys by cref, and what belongs to their subjects by uref.

    A cref that is shredded, invisible or unknown is absent. `classes` names those that are not operator-held.
    """

    keys: dict[bytes, bytes] = field(default_factory=dict)
    classes: dict[bytes, int] = field(default_factory=dict)
    parties: dict[bytes, Party] = field(default_factory=dict)


class Broker:
    """Checks, counts, records, releases. Thread-safe."""

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
        self._subjects: dict[SubjectRow, Subject] = {}
        self._usage = Usage(keyring.database)
        self._subjects_lock = threading.Lock()

    def __repr__(self) -> str:
        return "<Broker>"

    def open(self, grant: Grant, crefs: Sequence[str]) -> dict[str, bytes]:
        """`core.ports.KeyBroker`: the bare conversation keys, by cref in hex."""
        release = self.release(grant, [bytes.fromhex(cref) for cref in crefs])
        return {cref.hex(): key for cref, key in release.keys.items()}

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
        if not crefs:
            return Release()
        if len(crefs) > REQUEST_MAX:
            raise Refused("vault.request-size", f"ask for at most {REQUEST_MAX} conversations at a time", where=grant.matter)
        rows, subjects = keyrows.read(self._keys, crefs)
        rows = [row for row in rows if self._visible(grant, row, subjects[row.uref])]
        with self._lock:
            used = self._count(grant, rows)
        # Outside the lock: receipts of several workers share one sync of the ledger.
        self._record(grant, [row.cref for row in rows], used)
        return self._unwrap(rows, subjects)

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
        if self._usage.revoked(grant):
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

    def _count(self, grant: Grant, rows: Sequence[KeyRow]) -> int:
        # Not synced by itself: the durable receipt that follows carries the same number.
        with self._keys.begin_lazily() as connection:
            used = self._usage.count(connection, grant, [row.slot for row in rows])
            if self._latest is not None:
                self._keys.execute(connection, "DELETE FROM meta WHERE name = 'clock'")
                self._keys.execute(connection, "INSERT INTO meta (name, value) VALUES ('clock', ?)", (self._latest.isoformat(),))
        return used

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

    def _visible(self, grant: Grant, row: KeyRow, subject: SubjectRow) -> bool:
        """Live, or awaiting shredding under a hold of this very grant's matter."""
        if row.state == "live" and subject.state == "live":
            return True
        return self._holds(grant, row.cref)

    def _holds(self, grant: Grant, cref: bytes) -> bool:
        if grant.purpose != HOLDING_PURPOSE:
            return False
        query = "SELECT 1 FROM held JOIN hold ON hold.id = held.hold_id WHERE held.cref = ? AND hold.matter = ?"
        return self._keys.one(query, (cref, grant.matter)) is not None

    def _unwrap(self, rows: list[KeyRow], stored: dict[bytes, SubjectRow]) -> Release:
        of: dict[bytes, list[KeyRow]] = {}
        for row in rows:
            of.setdefault(row.uref, []).append(row)
        subjects = {uref: self._subject(stored[uref]) for uref in of}
        keys: dict[bytes, bytes] = {}
        for uref, some in of.items():
            keys.update(self._keyring.unwrap_many(subjects[uref], some))
        accounts = {
            bytes(uref): None if account is None else bytes(account)
            for uref, account in self._state.chosen("SELECT uref, account FROM subject WHERE uref IN ({})", list(subjects))
        }
        parties = {}
        for uref, subject in subjects.items():
            account = accounts.get(uref)
            parties[uref] = Party(subject.ledger_key, b"" if account is None else subject.account_key, account)
        return Release(keys, {row.cref: row.kind for row in rows if row.kind}, parties)

    def _subject(self, row: SubjectRow) -> Subject:
        """A subject's keys, kept for the next window under the whole row's name: a row that was shredded, rolled or edited
        since is another name."""
        with self._subjects_lock:
            found = self._subjects.get(row)
        if found is None:
            found = self._keyring.unwrap_subject(row.uref, row.epoch, row.version, row.wrapped, row.secret)
            with self._subjects_lock:
                while len(self._subjects) >= SUBJECTS_KEPT:
                    self._subjects.pop(next(iter(self._subjects)))
                self._subjects[row] = found
        return found

    def revoke(self, grant: Grant) -> None:
        """End a grant before its time; requests in flight are refused at their next window."""
        self._usage.revoke(grant, instant(self._clock.now()))


def crefs_root(crefs: Sequence[bytes]) -> Digest:
    """Merkle root over conversation references in ascending order: what a `key.released` entry commits to."""
    return Digest(merkle.root(merkle.leaf_hash(cref) for cref in sorted(crefs)).hex())
