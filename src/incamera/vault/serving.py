"""The broker's table for a vault: what may be asked of whoever opens keys.db, and which account may ask it.

Three levels (`protocol.Level`). Workers get keys for a grant. Clerks store conversations and place holds: their operations
take keys in and give none out. What opens more, ends a hold or destroys is the custodian's, and the locks of `holds`,
`custody` and keys.db hold there as well. What writes goes one after the other, whatever lock its caller says it has.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from msgspec import Meta

from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest, Ref
from incamera.core.records import Grant
from incamera.vault import escrow, fragments
from incamera.vault.embedded import Embedded
from incamera.vault.envelope import KEY_BYTES, Class
from incamera.vault.holds import Hold
from incamera.vault.keyrows import SLOT_BITS
from incamera.vault.keys import Epoch, Subject
from incamera.vault.protocol import Level, Operation, Operations, Released, refs
from incamera.vault.register import Derived
from incamera.vault.rolling import RollReport
from incamera.vault.shred import ShredReport

_Ref = Annotated[bytes, Meta(min_length=16, max_length=16)]
_RefText = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
_DigestText = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Name = Annotated[str, Meta(min_length=1, max_length=256)]
#: What stands for a conversation's key in a new row, by class: the key, the escrow's sealed shares, or nothing.
_KEY_BYTES = {Class.OPERATOR: KEY_BYTES, Class.ESCROWED: escrow.SEALED_BYTES, Class.HELD_BY_SUBJECT: 0}


class VaultFacts(msgspec.Struct, kw_only=True):
    """What a clerk has to know of a vault before anything else."""

    level: Level
    tenant: bytes
    file_secret: bytes
    dedupe_secret: bytes
    kms: str
    kms_warning: str | None


class NewKey(msgspec.Struct, array_like=True):
    """One conversation key on its way into keys.db, as its maker has it, to be wrapped here."""

    slot: Annotated[int, Meta(ge=0, lt=1 << 62)]
    cref: _Ref
    uref: _Ref
    kind: Annotated[int, Meta(ge=0, le=2)]
    key: Annotated[bytes, Meta(max_length=escrow.SEALED_BYTES)]


class Counts(msgspec.Struct):
    """What `Vault.stats` cannot see without keys.db."""

    subjects: int
    held: int
    epoch: int


def operations(opener: Embedded) -> Operations:
    """Everything that may be asked of *opener*."""
    service = _Service(opener)
    worker = (service.release, service.file_key, service.check_grant)
    clerk = (
        service.vault,
        service.trustees,
        service.counts,
        service.epochs,
        service.generation,
        service.pending,
        service.known_subjects,
        service.seal_accounts,
        service.insert_keys,
        service.settle_batch,
        service.place_hold,
        service.holds,
        service.holds_over,
        service.covered,
        service.all_held,
        service.enter_copy,
        service.copies,
        service.waiting_shreds,
        service.ask_trustees,
        service.still_sealed,
        service.admit_answer,
        service.end_unsealing,
        service.no_key,
    )
    custodian = (
        service.release_hold,
        service.shred,
        service.settle_shreds,
        service.roll,
        service.switch_class,
        service.name_trustees,
        service.check_keys,
    )
    levels = ((Level.WORKER, worker), (Level.CLERK, clerk), (Level.CUSTODIAN, custodian))
    return {run.__name__: Operation(level, run) for level, runs in levels for run in runs}


class _Service:
    """One method for each operation; its annotations are what is accepted."""

    def __init__(self, opener: Embedded) -> None:
        self._opener = opener
        self._writes = threading.Lock()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writing operation at a time: the file lock of the vault is the askers' to take, and they may not take it."""
        with self._writes:
            self._opener.keyring.refresh()
            yield

    # --- for workers --------------------------------------------------------------------------------------------

    def release(self, grant: Grant, crefs: bytes) -> Released:
        """`Broker.release`: every check, the receipt, and only then the keys."""
        release = self._opener.broker.release(grant, refs(crefs))
        keys = b"".join([cref + key for cref, key in release.keys.items()])
        return Released(keys, release.classes, release.parties)

    def check_grant(self, grant: Grant) -> None:
        """`Broker.check`."""
        self._opener.broker.check(grant)

    def file_key(self, name: _Name) -> bytes:
        """The key of a data file's outer layer, which hides ids and counts and nothing else."""
        return fragments.outer_key(self._opener.file_secret, self._opener.keyring.tenant, name)

    # --- for clerks: what is known --------------------------------------------------------------------------------

    def vault(self, level: Level) -> VaultFacts:
        """Who asks, and what it takes to read and write sealed files and to recognise a source's ids."""
        opener, keyring = self._opener, self._opener.keyring
        return VaultFacts(
            level=level,
            tenant=keyring.tenant,
            file_secret=opener.file_secret,
            dedupe_secret=opener.dedupe_secret,
            kms=keyring.kms.name,
            kms_warning=keyring.kms.warning,
        )

    def trustees(self) -> dict[str, bytes]:
        """The trustees' public keys, to which escrowed keys are sealed."""
        return {name: key.public_bytes_raw() for name, key in self._opener.recovery.trustees().items()}

    def counts(self) -> Counts:
        return Counts(*self._opener.counts(), self._opener.keyring.epoch)

    def epochs(self) -> list[Epoch]:
        return self._opener.keyring.epochs()

    def generation(self) -> int:
        return self._opener.keyring.generation()

    # --- for clerks: storing --------------------------------------------------------------------------------------

    def pending(self) -> list[int]:
        return self._opener.keyring.pending()

    def known_subjects(self, urefs: bytes) -> bytes:
        """Those of *urefs* that are not shredded. Their keys stay here."""
        return b"".join(self._opener.keyring.subjects(refs(urefs)))

    def seal_accounts(self, accounts: list[tuple[_Ref, bytes]]) -> list[bytes]:
        """What is known of persons, sealed under their subjects' keys: it goes in, and comes out under a grant only."""
        subjects = self._subjects({uref for uref, _ in accounts})
        return self._opener.keyring.seal_accounts([(subjects[uref], packed) for uref, packed in accounts])

    def insert_keys(self, batch: Annotated[int, Meta(ge=1, lt=1 << 40)], subjects: bytes, keys: list[NewKey]) -> None:
        """Wrap and store the keys of one batch, and make its new subjects.

        Raises:
            Malformed: `vault.bad-request`, a row of another batch, or a key that its class does not have.
            Refused: `vault.batch-taken`, the batch has been stored: nothing is added to it, or taken from it by `settle_batch`.
        """
        for one in keys:
            if one.slot >> SLOT_BITS != batch or len(one.key) != _KEY_BYTES[Class(one.kind)]:
                raise Malformed("vault.bad-request", "a key that does not belong into this batch", where=one.cref.hex())
        keyring = self._opener.keyring
        with self._alone():
            newest = keyring.database.one("SELECT max(slot) FROM conversation_key")[0]
            if newest is not None and newest >> SLOT_BITS >= batch:
                raise Refused("vault.batch-taken", "a batch of this number was stored before", where=f"batch {batch}")
            made = dict(self._made(uref, batch) for uref in refs(subjects))
            known = {uref: subject for uref, (subject, _) in made.items()}
            known |= self._subjects({one.uref for one in keys} - known.keys())
            keyring.insert(batch, [row for _, row in made.values()], [self._row(batch, one, known[one.uref]) for one in keys])

    def _made(self, uref: bytes, batch: int) -> tuple[bytes, tuple[Subject, tuple[object, ...]]]:
        return uref, self._opener.keyring.new_subject(uref, batch)

    def _row(self, batch: int, one: NewKey, subject: Subject) -> tuple[object, ...]:
        wrapped = b""
        if one.kind != Class.HELD_BY_SUBJECT:
            wrapped = self._opener.keyring.wrap_conversation(subject, one.cref, one.key, one.kind)
        return (one.slot, one.cref, one.uref, subject.version, wrapped, one.kind, "live", batch)

    def _subjects(self, urefs: set[bytes]) -> dict[bytes, Subject]:
        found = self._opener.keyring.subjects(sorted(urefs))
        for uref in urefs - found.keys():
            raise Malformed("vault.unknown-reference", "the vault has no such subject", where=uref.hex())
        return found

    def settle_batch(self, batch: int, stored: bool) -> None:
        """Close a batch that its writer, or whoever came after it, finished or gave up. Another batch is left alone."""
        with self._alone():
            if batch in self._opener.keyring.pending():
                self._opener.keyring.settle(batch, stored=stored)

    # --- for clerks: holds, copies, trustees ------------------------------------------------------------------------

    def place_hold(self, hold: _Name, matter: _Name, order: _DigestText, crefs: bytes) -> int:
        with self._alone():
            return self._opener.holds.place(hold, [Ref(cref.hex()) for cref in refs(crefs)], matter=matter, order=Digest(order))

    def holds(self) -> list[Hold]:
        return self._opener.holds.all()

    def holds_over(self, ref: _Ref) -> list[str]:
        return self._opener.holds.over(ref)

    def covered(self, matter: _Name) -> bytes:
        return b"".join(self._opener.holds.covered(matter))

    def all_held(self) -> bytes:
        return b"".join(self._opener.holds.held())

    def enter_copy(self, derived: Derived) -> None:
        with self._alone():
            self._opener.register.add(derived)

    def copies(self) -> list[Derived]:
        return self._opener.register.all()

    def waiting_shreds(self) -> int:
        return self._opener.shredder.pending()

    def ask_trustees(self, grant: Grant, crefs: bytes) -> bytes:
        with self._alone():
            return self._opener.unsealing.ask(grant, [Ref(cref.hex()) for cref in refs(crefs)])

    def still_sealed(self, grant: Grant, crefs: bytes) -> bytes:
        sealed = self._opener.unsealing.sealed(grant, [Ref(cref.hex()) for cref in refs(crefs)])
        return b"".join(bytes.fromhex(ref) for ref in sealed)

    def admit_answer(self, grant: Grant, answer: bytes) -> int:
        with self._alone():
            return self._opener.unsealing.admit(grant, answer)

    def end_unsealing(self, grant: Grant) -> int:
        """What was unsealed under the grant's tag, which nobody else knows; also of one whose time is over."""
        with self._alone():
            return self._opener.unsealing.end(grant)

    def no_key(self, crefs: bytes) -> None:
        self._opener.no_key(refs(crefs))

    # --- for the custodian --------------------------------------------------------------------------------------------

    def release_hold(self, hold: _Name) -> int:
        with self._alone():
            return self._opener.holds.release(hold)

    def shred(
        self,
        kind: Literal["subject", "conversation"],
        ref: _RefText,
        actor: _Name,
        reason: _Name,
        request: _DigestText | None,
    ) -> ShredReport:
        """Destroy, or queue under a hold: the shredder looks, and the triggers of keys.db look again."""
        shredder = self._opener.shredder
        run = shredder.shred_subject if kind == "subject" else shredder.shred_conversation
        with self._alone():
            return run(Ref(ref), actor=actor, reason=reason, request=Digest(request) if request else None)

    def settle_shreds(self) -> list[ShredReport]:
        with self._alone():
            return self._opener.shredder.settle()

    def roll(self, actor: _Name, grace_seconds: Annotated[float, Meta(ge=0)]) -> RollReport:
        with self._alone():
            return self._opener.roll(actor=actor, grace=timedelta(seconds=grace_seconds))

    def switch_class(self, subject: _RefText, to: Annotated[int, Meta(ge=0, le=2)], grant: Grant, recipient: bytes | None) -> int:
        key = X25519PublicKey.from_public_bytes(recipient) if recipient else None
        with self._alone():
            self._opener.settle()
            return self._opener.switch(Ref(subject), Class(to), grant=grant, recipient=key)

    def name_trustees(self, keys: dict[str, str]) -> None:
        with self._alone():
            self._opener.recovery.name_trustees(keys)

    def check_keys(self) -> None:
        self._opener.check()
