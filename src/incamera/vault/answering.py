"""What is answered of conversations that their subjects hold: ciphertext, and a signed statement that no key is held here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from incamera.core import crypto
from incamera.core.canon import canonical, instant
from incamera.core.errors import Malformed, Refused, Unverified
from incamera.core.ids import Ref
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry
from incamera.vault import held
from incamera.vault.database import Database
from incamera.vault.envelope import Class
from incamera.vault.held import Envelope
from incamera.vault.upkeep import Upkeep


class HeldAnswers:
    """Reads and exchanges envelopes. The caller holds the writer's lock.

    Args:
        no_key: Raises unless keys.db holds no key of these conversations.
        holds: Ids of the holds over a conversation.
    """

    def __init__(
        self,
        state: Database,
        upkeep: Upkeep,
        *,
        tenant: bytes,
        no_key: Callable[[Sequence[bytes]], None],
        holds: Callable[[bytes], list[str]],
        appender: Appender,
        clock: Clock,
    ) -> None:
        self._state = state
        self._upkeep = upkeep
        self._tenant = tenant
        self._no_key = no_key
        self._holds = holds
        self._appender = appender
        self._clock = clock

    def envelopes(self, crefs: Iterable[Ref]) -> list[Envelope]:
        """The envelopes of conversations held by their subjects, in ascending order of their references.

        Raises:
            Refused: `vault.class-differs`, one of them is of another class.
            Malformed: `vault.unknown-conversation`.
        """
        wanted = sorted({bytes.fromhex(cref) for cref in crefs})
        query = "SELECT cref, class, state FROM conversation WHERE cref IN ({})"
        found = {bytes(cref): Class(kind) for cref, kind, state in self._state.chosen(query, wanted) if state != "shredded"}
        for cref in wanted:
            if cref not in found:
                raise Malformed("vault.unknown-conversation", "the vault has no such conversation", where=cref.hex())
            if found[cref] != Class.HELD_BY_SUBJECT:
                hint = f"the conversation is of class {found[cref].custody}: it is opened under a grant"
                raise Refused("vault.class-differs", hint, where=cref.hex())
        query = "SELECT cref, recipient, sealed FROM held_key WHERE cref IN ({})"
        keys = {bytes(c): (bytes(r), bytes(k)) for c, r, k in self._state.chosen(query, wanted)}
        rows = {row.cref: row for _, name, _ in self._upkeep.holding(wanted) for row in self._upkeep.rows(name)}
        return [
            Envelope(cref=cref, recipient=keys[cref][0], commit=rows[cref].commit, key=keys[cref][1], body=rows[cref].body)
            for cref in wanted
        ]

    def answer(self, crefs: Iterable[Ref], *, matter: str, actor: str, key: Ed25519PrivateKey) -> tuple[list[Envelope], bytes]:
        """What an order gets of conversations that their subjects hold: ciphertext, and a signed statement that no key is held.

        The statement is made from a look at keys.db: for none of them is there a wrapped key, an unsealed one or one set
        aside. It is in the ledger before it is returned. `held.check_statement` checks it.

        Raises:
            Unverified: `vault.key-held`, there is a key after all: nothing is stated.
            Refused, Malformed: as `envelopes`.
        """
        envelopes = self.envelopes(crefs)
        self._no_key([one.cref for one in envelopes])
        stated = {
            "v": held.STATEMENT,
            "vault": self._tenant.hex(),
            "matter": matter,
            "at": instant(self._clock.now()),
            "conversations": len(envelopes),
            "recipients": len({one.recipient for one in envelopes}),
            "root": held.envelopes_root(envelopes),
            "keys_held": 0,
        }
        signature = crypto.sign(key, held.STATEMENT, canonical(stated))
        statement = json.dumps({"statement": stated, "signature": signature}, sort_keys=True, indent=1).encode() + b"\n"
        fields: dict[str, Any] = {
            "what": "client-encrypted",
            "digest": held.statement_digest(statement),
            "records": len(envelopes),
        }
        self._appender.append(Entry(act="export.made", matter=matter, actor=actor, fields=fields))
        return envelopes, statement

    def reseal(self, envelopes: Iterable[Envelope]) -> int:
        """Take envelopes back that their subject sealed to another key: the body stays, the sealed key is exchanged.

        Raises:
            Refused: `vault.held`, under a hold the sealed key stays; `vault.class-differs`.
            Unverified: `vault.envelope-differs`, the body or its key is another one.
            Malformed: `vault.unknown-conversation`.
        """
        given = {one.cref: one for one in envelopes}
        stored = {one.cref: one for one in self.envelopes([Ref(cref.hex()) for cref in given])}
        for cref, one in given.items():
            if (one.commit, one.body) != (stored[cref].commit, stored[cref].body):
                hint = "only the key of an envelope is exchanged; its body is another one"
                raise Unverified("vault.envelope-differs", hint, where=cref.hex())
            if self._holds(cref):
                raise Refused("vault.held", "a legal hold covers this conversation; its sealed key stays", where=cref.hex())
        rows = [(one.recipient, one.key, cref) for cref, one in given.items()]
        with self._state.begin() as connection:
            self._state.execute_many(connection, "UPDATE held_key SET recipient = ?, sealed = ? WHERE cref = ?", rows)
        self._state.checkpoint()
        return len(rows)
