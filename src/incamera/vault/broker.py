"""The key broker: releases conversation keys for a grant, after the receipt of the release is durable.

It is the only reader of keys.db while grants are in use, and it trusts nobody who asks: every request brings the whole
grant, and the checks below run in this order for each of them.

 1. the tag: this home issued exactly this grant (HMAC under the home's grant key);
 2. the clock: not before, not after, and the clock has not gone backwards;
 3. the receipt: an inclusion proof into a checkpoint that this home's ledger key signed;
 4. the purpose is one that opens conversations, and the grant is not revoked;
 5. the list: where the grant covers one, everything asked for stands in it;
 6. the gate: the access policies decide for each shard, over holds, classes and what the ledger tells by now; what is
    escrowed and not unsealed for this grant, and what its subject holds, has no key here and is left out;
 7. the record cap, over distinct conversations, counted durably across restarts;
 8. the ledger: one `key.released` entry with count, grant and Merkle root over the crefs, fsynced;
 9. only then are keys unwrapped and handed over.

A refusal is an act of the ledger too, once for each grant and reason: whoever tries is seen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from incamera.core.canon import instant
from incamera.core.crypto import verify_grant_tag
from incamera.core.errors import Error, Refused, Unverified
from incamera.core.ids import Digest
from incamera.core.ports import Appender, Clock, Gate
from incamera.core.records import Entry, Grant
from incamera.vault import keyrows
from incamera.vault.database import Database
from incamera.vault.envelope import Class
from incamera.vault.keyrows import KeyRows, SubjectRow
from incamera.vault.keys import Keyring, Subject
from incamera.vault.listing import Listing
from incamera.vault.unsealing import Unsealed
from incamera.vault.usage import Usage
from incamera_verify import merkle
from incamera_verify.errors import VerificationError
from incamera_verify.note import Verifier, open_checkpoint

#: Purposes for which a grant may open conversations at all; policy narrows further, per subject and per shard.
PURPOSES = frozenset(
    {"court_order", "safety_escalation", "support", "training", "analytics", "data_subject_request", "class_switch"}
)
#: Purposes that still see what awaits shredding under a hold: the matter that holds it, and nobody else.
HOLDING_PURPOSE = "court_order"
CLOCK_SLACK = timedelta(seconds=60)
#: Crefs in one request; keeps one release, and its leaf, about one fragment.
REQUEST_MAX = 1 << 16
SUBJECTS_KEPT = 1 << 15
#: Lists kept in memory, and refusals written down: a flood of forged grants fills neither memory nor ledger.
LISTS_KEPT = 8
REFUSALS_TOLD = 1024
#: A release of more references than this is a bulk scan: its tree has a leaf for 64 of them.
SINGLE_LEAVES_MAX = 1024
LEAF_REFS = 64
_REF_BYTES = 16
CLASSES = ("operator", "escrowed", "user")


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


class Shard(NamedTuple):
    """What the gate may know of a conversation; see `core.ports.Shard`. Consents are the ledger's to tell, not the vault's."""

    key_class: str
    matters: tuple[str, ...]
    holds: tuple[str, ...]
    pending_shred: bool
    subject: str
    consents: tuple[str, ...] = ()


class Broker:
    """Checks, counts, records, releases. Thread-safe.

    Args:
        gate: The access policies at the moment of opening. Without one (a vault used as a library) the grant alone decides.
        listing: Finds the list of a root; without it no grant over a list opens anything.
    """

    def __init__(
        self,
        keyring: Keyring,
        state: Database,
        *,
        appender: Appender,
        clock: Clock,
        grant_key: bytes,
        log: Sequence[Verifier],
        gate: Gate | None = None,
        listing: Callable[[Digest], Listing] | None = None,
    ) -> None:
        self._keyring = keyring
        self._keys = keyring.database
        self._state = state
        self._appender = appender
        self._clock = clock
        self._grant_key = grant_key
        self._log = tuple(log)
        self._gate = gate
        self._find = listing
        self._lists: dict[Digest, Listing] = {}
        self._refused: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._proven: set[str] = set()
        self._latest: datetime | None = None
        self._subjects: dict[SubjectRow, Subject] = {}
        self._usage = Usage(keyring.database)
        self._unsealed = Unsealed(keyring)
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
                `vault.purpose`, `vault.not-listed`, `vault.denied-by-policy`, `vault.record-cap`, `vault.request-size`.
            Unverified: `crypto.bad-grant-tag`, `vault.receipt`, `vault.listing`; a key row that is altered
                (`vault.not-authentic`).
            Unavailable: the ledger, the KMS or the grant's list (`vault.no-listing`) is away; nothing was released.
        Privacy: the ledger learns counts and a Merkle root over random references.
        """
        with self._telling(grant):
            self._check(grant)
            if not crefs:
                return Release()
            if len(crefs) > REQUEST_MAX:
                raise Refused("vault.request-size", f"ask for at most {REQUEST_MAX} conversations at a time", where=grant.matter)
            self._listed(grant, crefs)
            stored, subjects, pending = keyrows.read(self._keys, crefs)
            allowed = self._allowed(grant, stored, pending)
            unsealed = self._unsealed.keys(grant, allowed, lambda uref: self._subject(subjects[uref]), now=self._now())
            rows = allowed
            if any(allowed.kinds):
                rows = allowed.where([row.kind == Class.OPERATOR or row.cref in unsealed for row in allowed])
            with self._lock:
                used = self._count(grant, rows)
            # Outside the lock: receipts of several workers share one sync of the ledger.
            self._record(grant, rows.crefs, used, denied=len(stored) - len(allowed))
        return self._unwrap(rows, subjects, unsealed)

    # --- the checks ---------------------------------------------------------------------------------------------

    def check(self, grant: Grant) -> None:
        """Steps 1 to 4: raises unless *grant* opens conversations now."""
        with self._telling(grant):
            self._check(grant)

    @contextmanager
    def _telling(self, grant: Grant) -> Iterator[None]:
        """A refusal inside becomes an act, once for each grant and reason. Of a grant that is not this home's, nothing is
        believed, its name and its matter neither."""
        try:
            yield
        except (Refused, Unverified) as flaw:
            told = (grant.tag, flaw.code)
            if told not in self._refused and len(self._refused) < REFUSALS_TOLD:
                self._refused.add(told)
                with suppress(Error):  # the refusal stands, whether or not it could be written down
                    self._appender.append(self._refusal(grant, flaw.code))
            raise

    def _refusal(self, grant: Grant, code: str) -> Entry:
        fields: dict[str, Any] = {"code": code}
        try:
            verify_grant_tag(self._grant_key, grant)
        except Unverified:
            return Entry(act="access.refused", matter="", actor="broker", fields=fields)
        fields |= {"purpose": grant.purpose, "scope": grant.scope, "grant": grant.receipt.index}
        return Entry(act="access.refused", matter=grant.matter, actor=grant.actor, fields=fields)

    def _check(self, grant: Grant) -> None:
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

    def _listed(self, grant: Grant, crefs: Sequence[bytes]) -> None:
        """Step 5. One reference that is not listed refuses the whole request: an honest asker never has one."""
        if grant.listed is None:
            return
        listing = self._lists.get(grant.listed)
        if listing is None:
            if self._find is None:
                raise Unverified("vault.listing", "this vault keeps no lists, and the grant covers one", where=grant.matter)
            listing = self._find(grant.listed)
            with self._lock:
                while len(self._lists) >= LISTS_KEPT:
                    self._lists.pop(next(iter(self._lists)))
                self._lists[grant.listed] = listing
        if strangers := listing.strangers(crefs):
            raise Refused("vault.not-listed", "the grant does not cover this conversation", where=strangers[0].hex())

    def _allowed(self, grant: Grant, rows: KeyRows, pending: Set[bytes]) -> KeyRows:
        """Step 6: the rows that are visible under the grant and that the policies release, by their state at this moment."""
        if self._gate is None and not pending:
            return rows
        holds: dict[bytes, list[tuple[str, str]]] = {}
        for cref, hold, matter in keyrows.holds(self._keys, rows):
            holds.setdefault(bytes(cref), []).append((hold, matter))
        seen = rows
        if pending:
            seen = rows.where([c not in pending or self._holding(grant, holds.get(c, ())) for c in rows.crefs])
        return self._released(grant, seen, pending, holds) if len(seen) and self._gate else seen

    def _released(
        self, grant: Grant, rows: KeyRows, pending: Set[bytes], holds: Mapping[bytes, list[tuple[str, str]]]
    ) -> KeyRows:
        """Those of *rows* that the gate releases: rows that agree in all it may know are asked about once."""
        assert self._gate is not None
        columns = zip(rows.kinds, rows.urefs, rows.crefs, strict=True)
        kinds = [(kind, uref, cref in pending, tuple(holds.get(cref, ()))) for kind, uref, cref in columns]
        asked = list(dict.fromkeys(kinds))
        used = self._usage.others(grant, rows.slots)
        now = self._latest or self._clock.now()
        answers = self._gate.allowed(grant, [_shard(grant, *kind) for kind in asked], now=now, used_records=used)
        allowed = {kind for kind, answer in zip(asked, answers, strict=True) if answer}
        if not allowed:
            raise Refused("vault.denied-by-policy", "the access policies release none of these", where=grant.matter)
        return rows if len(allowed) == len(asked) else rows.where([kind in allowed for kind in kinds])

    @staticmethod
    def _holding(grant: Grant, holds: Sequence[tuple[str, str]]) -> bool:
        """What awaits shredding shows to the matter that holds it, and to nobody else."""
        return grant.purpose == HOLDING_PURPOSE and any(matter == grant.matter for _, matter in holds)

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

    def _count(self, grant: Grant, rows: KeyRows) -> int:
        # Not synced by itself: the durable receipt that follows carries the same number.
        with self._keys.begin_lazily() as connection:
            used = self._usage.count(connection, grant, rows.slots)
            if self._latest is not None:
                self._keys.execute(connection, "DELETE FROM meta WHERE name = 'clock'")
                self._keys.execute(connection, "INSERT INTO meta (name, value) VALUES ('clock', ?)", (self._latest.isoformat(),))
        return used

    def _record(self, grant: Grant, crefs: Sequence[bytes], used: int, *, denied: int) -> None:
        fields: dict[str, Any] = {
            "conversations": len(crefs),
            "root": crefs_root(crefs),
            "grant": grant.receipt.index,
            "used": used,
        }
        if denied:
            fields["denied"] = denied
        self._appender.append(Entry(act="key.released", matter=grant.matter, actor=grant.actor, fields=fields))

    # --- the keys ------------------------------------------------------------------------------------------------

    def _unwrap(self, rows: KeyRows, stored: Mapping[bytes, SubjectRow], unsealed: Mapping[bytes, bytes]) -> Release:
        subjects = {uref: self._subject(stored[uref]) for uref in dict.fromkeys(rows.urefs)}
        keys = self._keyring.unwrap_many(subjects, rows, unsealed)
        accounts = {
            bytes(uref): None if account is None else bytes(account)
            for uref, account in self._state.chosen("SELECT uref, account FROM subject WHERE uref IN ({})", list(subjects))
        }
        parties = {}
        for uref, subject in subjects.items():
            account = accounts.get(uref)
            parties[uref] = Party(subject.ledger_key, b"" if account is None else subject.account_key, account)
        classes = {cref: kind for cref, kind in zip(rows.crefs, rows.kinds, strict=True) if kind}
        return Release(keys, classes, parties)

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


def _shard(grant: Grant, kind: int, uref: bytes, pending: bool, holds: Sequence[tuple[str, str]]) -> Shard:
    matters = {matter for _, matter in holds} | ({grant.matter} if grant.listed is not None else set())
    return Shard(CLASSES[kind], tuple(sorted(matters)), tuple(sorted(hold for hold, _ in holds)), pending, uref.hex())


def crefs_root(crefs: Sequence[bytes]) -> Digest:
    """What a `key.released` entry commits to: Merkle root over conversation references in ascending order.

    A leaf holds one reference, or 64 of them in a release of more than 1,024, a bulk scan, where two hashes for each key
    would cost more than its unwrapping: a proof then shows up to 63 neighbours, which are as random as the reference itself.
    """
    ordered = b"".join(sorted(crefs))
    size = _REF_BYTES if len(crefs) <= SINGLE_LEAVES_MAX else _REF_BYTES * LEAF_REFS
    return Digest(merkle.root(merkle.leaf_hash(ordered[at : at + size]) for at in range(0, len(ordered), size)).hex())
