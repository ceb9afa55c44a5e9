"""The broker's side of escrow: asks trustees for the keys of one grant, takes their answer, and keeps it for a stated time.

Nothing here can open an escrowed conversation by itself: it holds commitments and shares sealed to the trustees. What an
answer brings is checked against the commitments, recorded in the ledger, and then kept under the subject's own key until
its time is over: a shred of the subject reaches it, and another grant does not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from incamera.core.canon import grant_bytes, instant
from incamera.core.errors import Refused, Unverified
from incamera.core.ids import Ref
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry, Grant
from incamera.vault import envelope, escrow, keyrows
from incamera.vault.database import chunks
from incamera.vault.envelope import Class
from incamera.vault.keyrows import KeyRow, KeyRows, SubjectRow
from incamera.vault.keys import Keyring, Subject
from incamera_verify import merkle

UNSEALED_KEY = b"unsealed-key"
#: How long an answer serves at most; the grant may end before.
BOX = timedelta(hours=72)
_REF_BYTES = 16
#: Key rows looked at in one piece.
_ASKED = 16_384
_SECRET = "unseal/"  # noqa: S105 - the first part of a name


class Unsealed:
    """Reads what trustees unsealed. The broker asks it for the keys of escrowed rows."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def keys(self, grant: Grant, rows: KeyRows, subjects: Callable[[bytes], Subject], *, now: datetime) -> dict[bytes, bytes]:
        """Keys of those escrowed *rows* that two trustees unsealed for exactly this grant, and whose time is not over.

        A row that has no key here has to be what it says: one that was merely relabelled would vanish from an answer unseen.

        Raises:
            Unverified: `vault.not-authentic`, a row was altered or relabelled.
        """
        if not any(rows.kinds):
            return {}
        others = [row for row in rows if row.kind != Class.OPERATOR]
        for row in others:
            self._true(row, subjects(row.uref))
        asked = {row.cref: row for row in others if row.kind == Class.ESCROWED}
        if not asked:
            return {}
        query = (
            "SELECT u.cref, u.version, u.wrapped, r.tag, r.expires_at FROM unsealed AS u"
            " JOIN unsealing AS r ON r.id = u.request WHERE u.cref IN ({})"
        )
        keys: dict[bytes, bytes] = {}
        for cref, version, wrapped, tag, expires_at in self._keyring.database.chosen(query, list(asked)):
            if tag != grant.tag or now >= datetime.fromisoformat(expires_at):
                continue
            subject = subjects(asked[bytes(cref)].uref)
            if version == subject.version:  # a subject that got a fresh key since is asked for again
                aad = _aad(self._keyring, subject, bytes(cref))
                keys[bytes(cref)] = envelope.unseal(subject.key, bytes(wrapped), aad, where=bytes(cref))
        return keys

    def _true(self, row: KeyRow, subject: Subject) -> None:
        if row.kind == Class.HELD_BY_SUBJECT:
            if row.wrapped:
                raise envelope.not_authentic(row.cref)
            return
        self._keyring.unwrap_conversation(subject, row.cref, row.wrapped, version=row.version, kind=row.kind)


class Unsealing:
    """Requests and answers. `check` is the broker's: whatever makes a grant open nothing makes it ask nothing."""

    def __init__(self, keyring: Keyring, *, check: Callable[[Grant], None], appender: Appender, clock: Clock) -> None:
        self._keyring = keyring
        self._keys = keyring.database
        self._check = check
        self._appender = appender
        self._clock = clock

    def ask(self, grant: Grant, crefs: Iterable[Ref], *, box: timedelta = BOX) -> bytes:
        """The request document for the escrowed ones among *crefs*; give it to two trustees.

        The key that their answer is sealed to is made here, for this request alone, and dies with it.

        Raises:
            Refused: as `Broker.check`; `vault.nothing-escrowed`, none of these is escrowed, or still there.
        """
        self._check(grant)
        self.expire()
        rows, subjects = self._rows(sorted({bytes.fromhex(cref) for cref in crefs}))
        if not rows:
            raise Refused("vault.nothing-escrowed", "none of these conversations is escrowed", where=grant.matter)
        if len(rows) > grant.max_records:
            hint = f"the grant allows {grant.max_records} conversations and this asks for {len(rows)}"
            raise Refused("vault.record-cap", hint, where=grant.matter)
        request, private = os.urandom(_REF_BYTES), X25519PrivateKey.generate()
        expires_at = instant(min(grant.expires_at, self._clock.now() + box))
        document = escrow.make_request(
            id=request,
            grant=grant_bytes(grant),
            expires_at=expires_at,
            public=private.public_key(),
            tenant=self._keyring.tenant,
            sealed={row.cref: (row.uref, self._sealed(row, subjects[row.uref])) for row in rows},
        )
        asked = b"".join(sorted(row.cref for row in rows))
        self._keyring.keep_secret(_SECRET + request.hex(), private.private_bytes_raw())
        with self._keys.begin() as connection:
            insert = "INSERT INTO unsealing (id, tag, digest, crefs, expires_at) VALUES (?, ?, ?, ?, ?)"
            row = (request, grant.tag, escrow.read_request(document).digest, asked, expires_at)
            self._keys.execute(connection, insert, row)
        return document

    def admit(self, grant: Grant, answer: bytes) -> int:
        """Take the trustees' answer in: from here until its time is over *grant* opens what they unsealed.

        The act `key.unsealed` is in the ledger before any key is kept. Returns the number of keys. Idempotent.

        Raises:
            Refused: as `Broker.check`; `vault.unseal-unknown`, no such request of this grant, or its time is over.
            Unverified: `vault.recovery-share`; `vault.unseal-differs`, keys that were not asked for; `vault.key-commitment`.
            Malformed: `vault.unseal-document`.
            Unavailable: the ledger is away; nothing was kept, the answer can be given again.
        """
        self._check(grant)
        self.expire()
        named = escrow.answered_request(answer)
        row = self._keys.one("SELECT id, crefs, expires_at FROM unsealing WHERE digest = ? AND tag = ?", (named, grant.tag))
        secret = None if row is None else self._keyring.secret(_SECRET + bytes(row[0]).hex())
        if row is None or secret is None:
            hint = "no such request is open for this grant: it was another's, or its time is over"
            raise Refused("vault.unseal-unknown", hint, where=grant.matter)
        request, asked, expires_at = bytes(row[0]), _split(bytes(row[1])), str(row[2])
        given = escrow.read_answer(answer, X25519PrivateKey.from_private_bytes(secret))
        if set(given.keys) != set(asked):
            raise Unverified("vault.unseal-differs", "the answer brings other keys than were asked for", where=request.hex())
        rows, subjects = self._rows(asked)
        for one in rows:
            sealed = self._sealed(one, subjects[one.uref])
            envelope.check_commitment(given.keys[one.cref], escrow.commitment(sealed), where=one.cref)
        self._tell(grant, given, [one.cref for one in rows], expires_at)
        self._keep(request, rows, subjects, given.keys)
        return len(rows)

    def sealed(self, grant: Grant, crefs: Iterable[Ref]) -> list[Ref]:
        """Those of *crefs* that are escrowed and that nobody has unsealed for *grant*, or no longer: they would not open now."""
        versions: dict[bytes, int] = {}
        for some in chunks(sorted({bytes.fromhex(cref) for cref in crefs}), _ASKED):
            rows, subjects, _ = keyrows.read(self._keys, some)
            versions |= {row.cref: subjects[row.uref].version for row in rows if row.kind == Class.ESCROWED}
        query = (
            "SELECT u.cref, u.version, r.tag, r.expires_at FROM unsealed AS u"
            " JOIN unsealing AS r ON r.id = u.request WHERE u.cref IN ({})"
        )
        now = self._clock.now()
        opened = {
            bytes(cref)
            for cref, version, tag, expires_at in self._keys.chosen(query, list(versions))
            if tag == grant.tag and version == versions[bytes(cref)] and now < datetime.fromisoformat(expires_at)
        }
        return [Ref(cref.hex()) for cref in versions if cref not in opened]

    def end(self, grant: Grant) -> int:
        """Forget what was unsealed for *grant*, before its time; returns the number of keys."""
        return self._forget("tag = ?", grant.tag)

    def expire(self) -> int:
        """Forget what was unsealed and whose time is over; returns the number of keys. Also called at every opening."""
        return self._forget("expires_at <= ?", instant(self._clock.now()))

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _rows(self, crefs: Sequence[bytes]) -> tuple[list[KeyRow], Mapping[bytes, Subject]]:
        stored = keyrows.read(self._keys, crefs)
        rows = [row for row in stored.rows if row.kind == Class.ESCROWED]
        return rows, {uref: self._subject(stored.subjects[uref]) for uref in {row.uref for row in rows}}

    def _subject(self, row: SubjectRow) -> Subject:
        return self._keyring.unwrap_subject(row.uref, row.epoch, row.version, row.wrapped, row.secret)

    def _sealed(self, row: KeyRow, subject: Subject) -> bytes:
        return self._keyring.unwrap_conversation(subject, row.cref, row.wrapped, version=row.version, kind=row.kind)

    def _tell(self, grant: Grant, given: escrow.Answer, crefs: list[bytes], expires_at: str) -> None:
        root = merkle.root(merkle.leaf_hash(cref) for cref in sorted(crefs)).hex()
        fields: dict[str, Any] = {
            "conversations": len(crefs),
            "root": root,
            "grant": grant.receipt.index,
            "request": given.request,
            "trustees": list(given.officers),
            "until": expires_at,
        }
        self._appender.append(Entry(act="key.unsealed", matter=grant.matter, actor=grant.actor, fields=fields))

    def _keep(self, request: bytes, rows: list[KeyRow], subjects: Mapping[bytes, Subject], keys: Mapping[bytes, bytes]) -> None:
        kept = []
        for row in rows:
            subject = subjects[row.uref]
            wrapped = envelope.seal(subject.key, keys[row.cref], _aad(self._keyring, subject, row.cref))
            kept.append((request, row.cref, subject.version, wrapped))
        with self._keys.begin() as connection:
            self._keys.execute(connection, "DELETE FROM unsealed WHERE request = ?", (request,))
            self._keys.execute_many(
                connection, "INSERT INTO unsealed (request, cref, version, wrapped) VALUES (?, ?, ?, ?)", kept
            )
            at = instant(self._clock.now())
            self._keys.execute(connection, "UPDATE unsealing SET answered_at = ? WHERE id = ?", (at, request))

    def _forget(self, which: str, value: str) -> int:
        over = [bytes(row[0]) for row in self._keys.rows(f"SELECT id FROM unsealing WHERE {which}", (value,))]  # noqa: S608
        if not over:
            return 0
        gone = 0
        with self._keys.begin() as connection:
            for request in over:
                gone += self._keys.execute(connection, "DELETE FROM unsealed WHERE request = ?", (request,)).rowcount
                self._keys.execute(connection, "DELETE FROM unsealing WHERE id = ?", (request,))
                self._keys.execute(connection, "DELETE FROM secret WHERE name = ?", (_SECRET + request.hex(),))
        self._keys.checkpoint()
        return gone


def _aad(keyring: Keyring, subject: Subject, cref: bytes) -> bytes:
    return keyring.bind(UNSEALED_KEY, uref=subject.uref, cref=cref, version=subject.version, kind=Class.ESCROWED)


def _split(data: bytes) -> list[bytes]:
    return [data[low : low + _REF_BYTES] for low in range(0, len(data), _REF_BYTES)]
