"""Classes of custody after the writing: switching a subject's class, and what keys.db says of classes.

A switch seals every conversation of the subject anew, under fresh keys: what its holder could open yesterday it must not
open tomorrow. It runs under a grant, like any opening, and is carried out from what is written down first, so that a run
that is killed is finished by the next opening:
new data files -> keys of the new class, set aside -> ledger -> facts and files -> keys put in place -> old files removed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from incamera.core.errors import Malformed, Refused, Unverified
from incamera.core.ids import Ref
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry, Grant
from incamera.vault import bodies, escrow, held, intake
from incamera.vault.bodies import Codec, Sealed
from incamera.vault.broker import Broker
from incamera.vault.database import Database, chunks
from incamera.vault.envelope import KEY_BYTES, NONCE_BYTES, Class
from incamera.vault.holds import Holds
from incamera.vault.keys import Keyring, Subject
from incamera.vault.pairs import Trustees
from incamera.vault.upkeep import Upkeep

_RECIPIENT_BYTES = 32
#: Keys asked for at a time.
_RELEASED = 4096


class _Switch(NamedTuple):
    """What a switch carries from file to file."""

    subject: Subject
    keys: Mapping[bytes, bytes]
    now: Class
    to: Class
    trustees: Trustees
    recipient: X25519PublicKey | None


class Custody:
    """Switches classes, and looks whether facts and keys agree about them. The caller holds the writer's lock."""

    def __init__(
        self,
        keyring: Keyring,
        state: Database,
        upkeep: Upkeep,
        holds: Holds,
        broker: Broker,
        *,
        trustees: Callable[[], Trustees],
        appender: Appender,
        clock: Clock,
    ) -> None:
        self._keyring = keyring
        self._keys = keyring.database
        self._state = state
        self._upkeep = upkeep
        self._holds = holds
        self._broker = broker
        self._trustees = trustees
        self._appender = appender
        self._clock = clock
        self._codec = Codec()

    # --- switching ----------------------------------------------------------------------------------------------------

    def switch(self, uref: Ref, to: Class, *, grant: Grant, recipient: X25519PublicKey | None = None) -> int:
        """Seal a subject's conversations anew in class *to*; returns how many. Conversations to come follow it.

        Needs a *grant* that opens them all: a switch reads them. Towards `user` it needs the subject's public key. Working
        sets of these conversations end. Copies in old backups open until their epoch is destroyed, as after a shred.

        Raises:
            Refused: `vault.held`, a hold covers one of them; `vault.class-held`, only the subject can give up that class;
                `vault.escrow-sealed`, two trustees have not unsealed all of them for this grant; as `Broker.release`.
            Malformed: `vault.unknown-reference`; `vault.no-recipient`.
            Unavailable: `vault.no-trustees`; the ledger is away: the switch is finished at the next opening.
        """
        raw = bytes.fromhex(uref)
        now = self._class(raw)
        if now == to:
            return 0
        if now == Class.HELD_BY_SUBJECT:
            raise Refused("vault.class-held", "the subject's client has to upload these conversations anew", where=uref)
        if (to == Class.HELD_BY_SUBJECT) != (recipient is not None):
            raise Malformed("vault.no-recipient", "a subject's public key goes with class user, and with no other", where=uref)
        if holds := self._holds.over(raw):
            raise Refused("vault.held", f"{len(holds)} legal holds cover this subject; its class stays", where=uref)
        trustees = self._trustees() if to == Class.ESCROWED else {}
        live = "SELECT cref FROM conversation_key WHERE uref = ? AND state = 'live' ORDER BY slot"
        crefs = [bytes(cref) for (cref,) in self._keys.rows(live, (raw,))]
        keys = self._opened(grant, crefs)
        subject = self._keyring.subjects([raw])[raw]
        work = _Switch(subject, keys, now, to, trustees, recipient)
        staged = [row for batch in self._upkeep.holding(crefs) for row in self._reseal(batch, work)]
        if not staged:
            self._tell(raw, now, to, 0, grant.actor)
            self._mark(raw, to)
            return 0
        with self._keys.begin() as connection:
            rows = [(*row, raw, *where, grant.actor) for row, where in staged]
            self._keys.execute_many(connection, _STAGE, rows)
        self.settle()
        return len(staged)

    def settle(self) -> int:
        """Finish every switch that was set aside; returns the number of conversations. Called at opening, before leftovers
        are removed."""
        done = 0
        for (uref,) in self._keys.rows("SELECT DISTINCT uref FROM switching ORDER BY uref"):
            done += self._finish(bytes(uref))
        return done

    def _finish(self, uref: bytes) -> int:
        query = "SELECT cref, version, wrapped, class, batch, file, actor FROM switching WHERE uref = ? ORDER BY batch, cref"
        rows = [(bytes(c), v, bytes(w), Class(k), b, f, a) for c, v, w, k, b, f, a in self._keys.rows(query, (uref,))]
        to, actor = rows[0][3], rows[0][6]
        now = self._class(uref)
        if now != to:
            self._tell(uref, now, to, len(rows), actor)
        old = self._point(uref, rows, to)
        with self._keys.begin() as connection:
            put = "UPDATE conversation_key SET version = ?, wrapped = ?, class = ? WHERE cref = ? AND state <> 'shredded'"
            inside = [(v, b"" if k == Class.HELD_BY_SUBJECT else w, int(k), c) for c, v, w, k, _, _, _ in rows]
            self._keys.execute_many(connection, put, inside)
            self._keys.execute_many(connection, "DELETE FROM unsealed WHERE cref = ?", [(row[0],) for row in rows])
            self._keyring.roll_subject(connection, uref)  # so that old copies of these rows open nothing
            self._keyring.move_on(connection)
            self._keys.execute(connection, "DELETE FROM switching WHERE uref = ?", (uref,))
        self._keys.checkpoint()
        for name in old:
            self._upkeep.remove(name)
        return len(rows)

    def _point(self, uref: bytes, rows: Sequence[Any], to: Class) -> list[str]:
        """One transaction in which everything points to the new files; returns the names of the old ones. May run twice."""
        files = {batch: name for _, _, _, _, batch, name, _ in rows}
        old = []
        with self._state.begin() as connection:
            for batch, name in files.items():
                (stood,) = self._state.execute(connection, "SELECT name FROM file WHERE batch = ?", (batch,)).one()
                if stood == name:
                    continue
                table = self._upkeep.rows(name)
                size = self._upkeep.size(name)
                update = "UPDATE file SET name = ?, bytes = ?, root = ? WHERE batch = ?"
                self._state.execute(connection, update, (name, size, intake.rows_root(table), batch))
                old.append(stood)
            place = "UPDATE conversation SET class = ? WHERE cref = ?"
            self._state.execute_many(connection, place, [(int(to), row[0]) for row in rows])
            self._state.execute(connection, "UPDATE subject SET class = ? WHERE uref = ?", (int(to), uref))
            self._state.execute_many(connection, "DELETE FROM held_key WHERE cref = ?", [(row[0],) for row in rows])
            if to == Class.HELD_BY_SUBJECT:
                sealed = [(row[0], row[2][:_RECIPIENT_BYTES], row[2][_RECIPIENT_BYTES:]) for row in rows]
                self._state.execute_many(connection, intake.INSERT_HELD_KEY, sealed)
        return old

    def _class(self, uref: bytes) -> Class:
        row = self._state.one("SELECT class FROM subject WHERE uref = ?", (uref,))
        live = self._keys.one("SELECT state FROM subject_key WHERE uref = ?", (uref,))
        if row is None or live is None or live[0] != "live":
            raise Malformed("vault.unknown-reference", "the vault has no such subject", where=uref.hex())
        return Class(row[0])

    def _mark(self, uref: bytes, to: Class) -> None:
        with self._state.begin() as connection:
            self._state.execute(connection, "UPDATE subject SET class = ? WHERE uref = ?", (int(to), uref))
        with self._keys.begin() as connection:
            self._keyring.move_on(connection)

    def _opened(self, grant: Grant, crefs: Sequence[bytes]) -> dict[bytes, bytes]:
        keys: dict[bytes, bytes] = {}
        for some in chunks(crefs, _RELEASED):
            keys |= self._broker.release(grant, some).keys
        if missing := [cref for cref in crefs if cref not in keys]:
            hint = f"{len(missing)} conversations of this subject do not open under this grant; two trustees have to unseal them"
            raise Refused("vault.escrow-sealed", hint, where=missing[0].hex())
        return keys

    def _reseal(
        self, batch: tuple[int, str, set[bytes]], work: _Switch
    ) -> list[tuple[tuple[bytes, int, bytes, int], tuple[int, str]]]:
        """The data file of a batch with the subject's rows sealed anew, and the rows' new keys, wrapped."""
        number, name, crefs = batch
        rows, wrapped = [], []
        for row in self._upkeep.rows(name):
            if row.cref not in crefs:
                rows.append(row)
                continue
            packed = bodies.open_body(self._keyring.bind, self._codec, row, key=work.keys[row.cref], kind=work.now)
            fresh, key = self._sealed(row, packed, work)
            rows.append(fresh)
            wrapped.append((row.cref, work.subject.version, key, int(work.to)))
        new, _ = self._upkeep.write(number, intake.table(rows))
        return [(one, (number, new)) for one in wrapped]

    def _sealed(self, row: Sealed, packed: bytes, work: _Switch) -> tuple[Sealed, bytes]:
        """A row under a fresh key, and what is kept of that key."""
        key = os.urandom(KEY_BYTES)
        if work.recipient is not None:
            one = held.envelope_of(self._codec.shrink(packed), key, row.cref, work.recipient)
            return Sealed(row.cref, row.uref, one.commit, one.body), one.recipient + one.key
        bind, ids = self._keyring.bind, {"uref": row.uref, "cref": row.cref}
        fresh = bodies.seal_body(bind, self._codec, packed, key=key, kind=work.to, nonce=os.urandom(NONCE_BYTES), **ids)
        if work.to == Class.ESCROWED:
            key = escrow.seal_key(key, work.trustees, escrow.Ids(self._keyring.tenant, row.uref, row.cref))
        return fresh, self._keyring.wrap_conversation(work.subject, row.cref, key, work.to)

    def _tell(self, uref: bytes, now: Class, to: Class, conversations: int, actor: str) -> None:
        fields: dict[str, Any] = {"subject": uref.hex(), "from": now.custody, "to": to.custody, "conversations": conversations}
        self._appender.append(Entry(act="class.switched", matter="", actor=actor, fields=fields))

    # --- what keys.db says of classes --------------------------------------------------------------------------------

    def no_key(self, crefs: Sequence[bytes]) -> None:
        """Raises `Unverified` (`vault.key-held`) if keys.db holds anything that could be a key of one of these."""
        for query in (
            "SELECT cref FROM conversation_key WHERE (length(wrapped) > 0 OR class <> 2) AND cref IN ({})",
            "SELECT cref FROM unsealed WHERE cref IN ({})",
            "SELECT cref FROM switching WHERE cref IN ({})",
        ):
            for (cref,) in self._keys.chosen(query, list(crefs)):
                hint = "keys.db holds a key of a conversation that its subject should hold alone; nothing is stated"
                raise Unverified("vault.key-held", hint, where=bytes(cref).hex())

    def check(self) -> None:
        """Raises `Unverified` (`vault.class-mismatch`) where facts and keys tell different classes of a conversation."""
        query = "SELECT cref, class FROM {} WHERE state <> 'shredded' AND class <> 0"
        told = {bytes(cref): kind for cref, kind in self._state.stream(query.format("conversation"))}
        bound = {bytes(cref): kind for cref, kind in self._keys.stream(query.format("conversation_key"))}
        for cref in told.keys() | bound.keys():
            if told.get(cref) != bound.get(cref):
                hint = "state.db tells another class of this conversation than keys.db"
                raise Unverified("vault.class-mismatch", hint, where=cref.hex())


_STAGE = "INSERT INTO switching (cref, version, wrapped, class, uref, batch, file, actor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
