"""Shredding: the key dies, its copies die with the epoch, and the ledger says so. Under a hold it waits, unseen.

A request is written down first and carried out from there, so that a run that is killed is finished by the next opening:
queue -> ledger -> keys -> facts -> queue entry removed. A leaf may be written twice, a shred never half.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from incamera.core.canon import instant
from incamera.core.errors import Malformed
from incamera.core.ids import Digest, Ref
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry
from incamera.vault.database import Database
from incamera.vault.holds import Holds
from incamera.vault.keys import Keyring
from incamera.vault.register import Register

#: Until when a backup of keys.db might still open what was shredded: one weekly epoch and a KMS's shortest deletion window.
BOUND = timedelta(days=14)

Outcome = Literal["shredded", "pending", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShredReport:
    """What became of a request: `shredded`, `pending` under the named holds, or `absent` (nothing of it is here)."""

    outcome: Outcome
    conversations: int = 0
    erased: int = 0
    holds: tuple[str, ...] = ()
    effective_by: str = ""


class Shredder:
    """Carries out erasure. It asks nobody's leave: whoever calls it has asked policy; the hold is checked here again."""

    def __init__(
        self, keyring: Keyring, state: Database, holds: Holds, register: Register, *, appender: Appender, clock: Clock
    ) -> None:
        self._keyring = keyring
        self._keys = keyring.database
        self._state = state
        self._holds = holds
        self._register = register
        self._appender = appender
        self._clock = clock

    def shred_subject(self, uref: Ref, *, actor: str, reason: str, request: Digest | None = None) -> ShredReport:
        """Destroy a subject's key, and with it every conversation, account, working set and commitment.

        Under a hold nothing is destroyed: the subject becomes invisible to every purpose but the hold's matter, and the
        shred runs when the last hold ends.

        Raises:
            Unavailable: the ledger is away; the request is kept and runs at the next opening.
        """
        return self._ask("subject", uref, actor=actor, reason=reason, request=request)

    def shred_conversation(self, cref: Ref, *, actor: str, reason: str, request: Digest | None = None) -> ShredReport:
        """Destroy one conversation's key and give its subject a fresh one, so that copies of the old row open nothing."""
        return self._ask("conversation", cref, actor=actor, reason=reason, request=request)

    def settle(self) -> list[ShredReport]:
        """Run the queue: what no hold covers any more. Called at opening and after a hold's release."""
        return [self._run(_Request(*row)) for row in self._keys.rows(f"{_QUEUE} ORDER BY asked_at, ref")]

    def pending(self) -> int:
        """Requests that wait for a hold to end."""
        return int(self._keys.one("SELECT count(*) FROM erasure")[0])

    # --- the queue -----------------------------------------------------------------------------------------------

    def _ask(self, kind: str, ref: Ref, *, actor: str, reason: str, request: Digest | None) -> ShredReport:
        raw = bytes.fromhex(ref)
        table, column = _PLACES[kind]
        row = self._keys.one(f"SELECT state FROM {table} WHERE {column} = ?", (raw,))  # noqa: S608
        if row is None:
            raise Malformed("vault.unknown-reference", f"the vault has no such {kind}", where=ref)
        if row[0] == "shredded":
            return ShredReport(outcome="absent")
        with self._keys.begin() as connection:
            execute = self._keys.execute
            if execute(connection, "SELECT 1 FROM erasure WHERE ref = ?", (raw,)).first() is None:
                execute(
                    connection,
                    "INSERT INTO erasure (ref, kind, reason, request, actor, asked_at, told) VALUES (?, ?, ?, ?, ?, ?, 0)",
                    (raw, kind, reason, request, actor, instant(self._clock.now())),
                )
            execute(connection, f"UPDATE {table} SET state = 'pending' WHERE {column} = ? AND state = 'live'", (raw,))  # noqa: S608
        with self._state.begin() as connection:
            self._state.execute(
                connection,
                f"UPDATE conversation SET state = 'pending' WHERE {column} = ? AND state = 'live'",  # noqa: S608
                (raw,),
            )
        return self._run(_Request(*self._keys.one(f"{_QUEUE} WHERE ref = ?", (raw,))))

    def _run(self, item: _Request) -> ShredReport:
        holds = self._holds.over(item.ref)
        if holds:
            if not item.told:
                self._tell_pending(item, holds)
            return ShredReport(outcome="pending", holds=tuple(holds))
        crefs = self._crefs(item)
        by = instant(self._clock.now() + BOUND)
        leaf = self._tell_shredded(item, len(crefs), by)
        with self._keys.begin() as connection:
            self._destroy(connection, item)
            self._bury(connection, item, leaf)
            self._keyring.move_on(connection)
        self._keys.checkpoint()
        self._forget_facts(item)
        erased = self._register.erase([Ref(cref.hex()) for cref in crefs])
        with self._keys.begin() as connection:
            self._keys.execute(connection, "DELETE FROM erasure WHERE ref = ?", (item.ref,))
        return ShredReport(outcome="shredded", conversations=len(crefs), erased=erased, effective_by=by)

    def _crefs(self, item: _Request) -> list[bytes]:
        if item.kind == "conversation":
            return [item.ref]
        return [bytes(row[0]) for row in self._keys.rows("SELECT cref FROM conversation_key WHERE uref = ?", (item.ref,))]

    # --- keys, facts, tombstones --------------------------------------------------------------------------------

    def _destroy(self, connection: Connection, item: _Request) -> None:
        execute = self._keys.execute
        crefs = f"SELECT cref FROM conversation_key WHERE {_PLACES[item.kind][1]} = ?"  # noqa: S608
        execute(connection, f"DELETE FROM unsealed WHERE cref IN ({crefs})", (item.ref,))  # noqa: S608
        if item.kind == "subject":
            erase = "UPDATE conversation_key SET wrapped = ?, state = 'shredded' WHERE uref = ?"
            execute(connection, erase, (b"", item.ref))
            erase = "UPDATE subject_key SET wrapped = ?, secret = ?, state = 'shredded' WHERE uref = ?"
            execute(connection, erase, (b"", b"", item.ref))
            return
        row = execute(connection, "SELECT uref FROM conversation_key WHERE cref = ?", (item.ref,)).one()
        erase = "UPDATE conversation_key SET wrapped = ?, state = 'shredded' WHERE cref = ?"
        execute(connection, erase, (b"", item.ref))
        self._keyring.roll_subject(connection, bytes(row[0]))

    def _bury(self, connection: Connection, item: _Request, leaf: int) -> None:
        self._keys.execute(connection, "DELETE FROM tombstone WHERE ref = ?", (item.ref,))
        self._keys.execute(
            connection,
            "INSERT INTO tombstone (ref, kind, reason, leaf_index, at) VALUES (?, ?, ?, ?, ?)",
            (item.ref, item.kind, item.reason, leaf, instant(self._clock.now())),
        )

    def _forget_facts(self, item: _Request) -> None:
        """Leave of a conversation its random reference, and the keyed digest by which it is not taken in a second time."""
        forget = (
            "UPDATE conversation SET state = 'shredded', mark = NULL, day = NULL, region = NULL, tier = NULL, temporary = 0,"
            " deletion_requested = 0, party_account = 0, turns = 0, outputs_missing = '' WHERE "
        )
        column = _PLACES[item.kind][1]
        with self._state.begin() as connection:
            self._state.execute(
                connection,
                f"DELETE FROM held_key WHERE cref IN (SELECT cref FROM conversation WHERE {column} = ?)",  # noqa: S608
                (item.ref,),
            )
            self._state.execute(connection, f"{forget}{column} = ?", (item.ref,))
            if item.kind == "subject":
                erase = "UPDATE subject SET dedupe = NULL, account = NULL, account_mark = NULL WHERE uref = ?"
                self._state.execute(connection, erase, (item.ref,))
        self._state.checkpoint()

    # --- the ledger ----------------------------------------------------------------------------------------------

    def _tell_pending(self, item: _Request, holds: list[str]) -> None:
        fields: dict[str, Any] = {"subject": self._subject_of(item).hex(), "holds": holds}
        if item.kind == "conversation":
            fields["conversation"] = item.ref.hex()
        self._append("shred.pending", item, fields)
        with self._keys.begin() as connection:
            self._keys.execute(connection, "UPDATE erasure SET told = 1 WHERE ref = ?", (item.ref,))

    def _tell_shredded(self, item: _Request, conversations: int, by: str) -> int:
        reached, unreached = self._register.counts()
        fields: dict[str, Any] = {"derived": reached, "unreachable": unreached, "effective_by": by}
        if item.kind == "subject":
            fields |= {"subject": item.ref.hex(), "conversations": conversations, "register": self._register.digest()}
        else:
            fields |= {"conversation": item.ref.hex(), "subject": self._subject_of(item).hex()}
        return self._append(f"{item.kind}.shredded", item, fields)

    def _append(self, act: str, item: _Request, fields: dict[str, Any]) -> int:
        if item.request is not None:
            fields["request"] = item.request
        return self._appender.append(Entry(act=act, matter="", actor=item.actor, fields=fields)).index

    def _subject_of(self, item: _Request) -> bytes:
        if item.kind == "subject":
            return item.ref
        return bytes(self._keys.one("SELECT uref FROM conversation_key WHERE cref = ?", (item.ref,))[0])


class _Request(NamedTuple):
    """One row of the queue."""

    ref: bytes
    kind: str
    reason: str
    request: str | None
    actor: str
    told: int


_PLACES = {"subject": ("subject_key", "uref"), "conversation": ("conversation_key", "cref")}
_QUEUE = "SELECT ref, kind, reason, request, actor, told FROM erasure"
