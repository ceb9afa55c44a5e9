"""keys.db behind a broker's socket: the `ports.Opener` of an account that cannot read it.

Every class here stands for one of the embedded ones and asks where that one would look. Keys of new conversations are made
here, used once to seal, and handed over to be wrapped; no other key ever comes this way but those a grant releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from incamera.core.errors import Unavailable
from incamera.core.ids import Digest, Ref
from incamera.core.records import Grant
from incamera.vault import sessions
from incamera.vault.broker import Release
from incamera.vault.database import chunks
from incamera.vault.envelope import Binding, Class
from incamera.vault.holds import Hold
from incamera.vault.keys import Epoch, Subject
from incamera.vault.protocol import Value, refs
from incamera.vault.register import Derived
from incamera.vault.rolling import RollReport
from incamera.vault.serving import Counts, NewKey, VaultFacts
from incamera.vault.shred import ShredReport

#: References in one question, and bytes of accounts to be sealed.
_REFS = 20_000
_ACCOUNT_BYTES = 8 << 20


class Line:
    """Questions to one broker, over this thread's connection."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, operation: str, kind: type[Value], /, **arguments: Any) -> Value:
        """One answer. A connection that broke is dropped, so that the next question finds a broker that came back; this
        one is not asked again by itself, for it may have been carried out."""
        try:
            return sessions.client(self.address).ask(operation, kind, **arguments)
        except Unavailable as flaw:
            if flaw.code == "vault.broker-gone":
                sessions.drop(self.address)
            raise

    def tell(self, operation: str, /, **arguments: Any) -> None:
        """A question whose answer says nothing."""
        self.ask(operation, object, **arguments)


@dataclass(frozen=True, slots=True)
class _Kms:
    name: str
    warning: str | None


class RemoteKeys:
    """`ports.SealingKeys`: a subject is a name here, and what `wrap_conversation` returns is wrapped by `insert`, over there."""

    def __init__(self, line: Line, facts: VaultFacts) -> None:
        self._line = line
        self.tenant = facts.tenant
        self.bind = Binding(facts.tenant)
        self.kms = _Kms(facts.kms, facts.kms_warning)

    @property
    def epoch(self) -> int:
        return self._line.ask("counts", Counts).epoch

    def epochs(self) -> list[Epoch]:
        return self._line.ask("epochs", list[Epoch])

    def refresh(self) -> None:
        """Nothing to learn: the broker looks by itself."""

    def generation(self) -> int:
        return self._line.ask("generation", int)

    def new_subject(self, uref: bytes, batch: int) -> tuple[Subject, tuple[Any, ...]]:
        return _name(uref), (uref,)

    def subjects(self, urefs: Sequence[bytes]) -> dict[bytes, Subject]:
        return {
            uref: _name(uref)
            for some in chunks(urefs, _REFS)
            for uref in refs(self._line.ask("known_subjects", bytes, urefs=b"".join(some)))
        }

    def wrap_conversation(self, subject: Subject, cref: bytes, key: bytes, kind: int, *, nonce: bytes | None = None) -> bytes:
        return key

    def seal_accounts(self, accounts: Sequence[tuple[Subject, bytes]]) -> list[bytes]:
        return [
            blob
            for some in _weighed(accounts)
            for blob in self._line.ask(
                "seal_accounts", list[bytes], accounts=[(subject.uref, packed) for subject, packed in some]
            )
        ]

    def insert(self, batch: int, subjects: Sequence[tuple[Any, ...]], conversations: Sequence[tuple[Any, ...]]) -> None:
        keys = [NewKey(slot, cref, uref, kind, key) for slot, cref, uref, _, key, kind, _, _ in conversations]
        self._line.tell("insert_keys", batch=batch, subjects=b"".join(row[0] for row in subjects), keys=keys)

    def settle(self, batch: int, *, stored: bool) -> None:
        self._line.tell("settle_batch", batch=batch, stored=stored)

    def pending(self) -> list[int]:
        return self._line.ask("pending", list[int])


def _name(uref: bytes) -> Subject:
    return Subject(uref, 0, b"", b"")


def _weighed(accounts: Iterable[tuple[Subject, bytes]]) -> Iterator[list[tuple[Subject, bytes]]]:
    """Accounts in questions of bounded size, at least one in each."""
    some: list[tuple[Subject, bytes]] = []
    size = 0
    for subject, packed in accounts:
        if some and size + len(packed) > _ACCOUNT_BYTES:
            yield some
            some, size = [], 0
        some.append((subject, packed))
        size += len(packed)
    if some:
        yield some


class RemoteReleases:
    """`ports.Releases`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def check(self, grant: Grant) -> None:
        self._line.tell("check_grant", grant=grant)

    def release(self, grant: Grant, crefs: Sequence[bytes]) -> Release:
        return sessions.client(self._line.address).release(grant, list(crefs))


class RemoteHolds:
    """`ports.HoldBook`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def place(self, hold_id: str, crefs: Iterable[Ref], *, matter: str, order: Digest) -> int:
        """In pieces: a hold that is placed again covers what it did not cover yet."""
        stated = {"hold": hold_id, "matter": matter, "order": order}
        pieces = list(chunks(crefs, _REFS)) or [[]]
        return sum(self._line.ask("place_hold", int, **stated, crefs=_packed(some)) for some in pieces)

    def release(self, hold_id: str) -> int:
        return self._line.ask("release_hold", int, hold=hold_id)

    def over(self, ref: bytes) -> list[str]:
        return self._line.ask("holds_over", list[str], ref=ref)

    def covered(self, matter: str) -> frozenset[bytes]:
        return frozenset(refs(self._line.ask("covered", bytes, matter=matter)))

    def held(self) -> frozenset[bytes]:
        return frozenset(refs(self._line.ask("all_held", bytes)))

    def all(self) -> list[Hold]:
        return self._line.ask("holds", list[Hold])


class RemoteRegister:
    """`ports.CopyBook`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def add(self, derived: Derived) -> None:
        self._line.tell("enter_copy", derived=derived)

    def all(self) -> list[Derived]:
        return self._line.ask("copies", list[Derived])


class RemoteShredder:
    """`ports.Shredding`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def shred_subject(self, uref: Ref, *, actor: str, reason: str, request: Digest | None = None) -> ShredReport:
        return self._line.ask("shred", ShredReport, kind="subject", ref=uref, actor=actor, reason=reason, request=request)

    def shred_conversation(self, cref: Ref, *, actor: str, reason: str, request: Digest | None = None) -> ShredReport:
        return self._line.ask("shred", ShredReport, kind="conversation", ref=cref, actor=actor, reason=reason, request=request)

    def settle(self) -> list[ShredReport]:
        return self._line.ask("settle_shreds", list[ShredReport])

    def pending(self) -> int:
        return self._line.ask("waiting_shreds", int)


class RemoteUnsealing:
    """`ports.Unseals`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def ask(self, grant: Grant, crefs: Iterable[Ref]) -> bytes:
        return self._line.ask("ask_trustees", bytes, grant=grant, crefs=_packed(crefs))

    def sealed(self, grant: Grant, crefs: Iterable[Ref]) -> list[Ref]:
        pieces = chunks(list(crefs), _REFS)
        found = (self._line.ask("still_sealed", bytes, grant=grant, crefs=_packed(some)) for some in pieces)
        return [Ref(cref.hex()) for packed in found for cref in refs(packed)]

    def admit(self, grant: Grant, answer: bytes) -> int:
        return self._line.ask("admit_answer", int, grant=grant, answer=answer)

    def end(self, grant: Grant) -> int:
        return self._line.ask("end_unsealing", int, grant=grant)


class RemoteTrustees:
    """`ports.Trusteeship`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def name_trustees(self, keys: Mapping[str, str]) -> None:
        self._line.tell("name_trustees", keys=dict(keys))

    def trustees(self) -> dict[str, X25519PublicKey]:
        given = self._line.ask("trustees", dict[str, bytes])
        return {name: X25519PublicKey.from_public_bytes(key) for name, key in given.items()}


class Remote:
    """`ports.Opener` over a line to a broker."""

    def __init__(self, line: Line) -> None:
        """Raises `Refused` (`vault.not-permitted`), `Unavailable` (`vault.broker-gone`)."""
        facts = line.ask("vault", VaultFacts)
        self._line = line
        self.level = facts.level
        self.file_secret = facts.file_secret
        self.dedupe_secret = facts.dedupe_secret
        self.keyring = RemoteKeys(line, facts)
        self.broker = RemoteReleases(line)
        self.holds = RemoteHolds(line)
        self.register = RemoteRegister(line)
        self.shredder = RemoteShredder(line)
        self.unsealing = RemoteUnsealing(line)
        self.recovery = RemoteTrustees(line)

    def __repr__(self) -> str:
        return f"<Remote {self.level.name}>"

    def roll(self, *, actor: str, grace: timedelta) -> RollReport:
        return self._line.ask("roll", RollReport, actor=actor, grace_seconds=grace.total_seconds())

    def switch(self, uref: Ref, to: Class, *, grant: Grant, recipient: X25519PublicKey | None = None) -> int:
        key = None if recipient is None else recipient.public_bytes_raw()
        return self._line.ask("switch_class", int, subject=uref, to=int(to), grant=grant, recipient=key)

    def settle(self) -> None:
        """Nothing to finish here: the broker finishes a switch when it opens, and before it begins another."""

    def no_key(self, crefs: Sequence[bytes]) -> None:
        for some in chunks(crefs, _REFS):
            self._line.tell("no_key", crefs=b"".join(some))

    def counts(self) -> tuple[int, int]:
        counts = self._line.ask("counts", Counts)
        return counts.subjects, counts.held

    def check(self) -> None:
        self._line.tell("check_keys")

    def close(self) -> None:
        sessions.drop(self._line.address)


def _packed(crefs: Iterable[Ref]) -> bytes:
    return b"".join(bytes.fromhex(cref) for cref in crefs)
