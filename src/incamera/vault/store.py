"""The vault: sealed conversations of one home, each under its own key, and the ways in and out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.facts import CUSTODY
from incamera.core.ids import Digest, Ref
from incamera.core.ports import Appender, Clock, Gate, Step
from incamera.core.records import Account, Conversation, Grant
from incamera.core.records import Custody as Custodian
from incamera.vault import facts as facts_
from incamera.vault import files, fragments, held, intake, listing, serving, sessions, within
from incamera.vault.answering import HeldAnswers
from incamera.vault.database import Database
from incamera.vault.embedded import Embedded
from incamera.vault.envelope import Class
from incamera.vault.facts import Facts
from incamera.vault.fragments import SealedFragment
from incamera.vault.held import Envelope
from incamera.vault.intake import Intake, Marks, PutReport
from incamera.vault.keys import Keyring
from incamera.vault.kms import Kms
from incamera.vault.ports import Opener
from incamera.vault.protocol import Operations
from incamera.vault.remote import Line, Remote
from incamera.vault.rolling import RollReport
from incamera.vault.shred import ShredReport
from incamera.vault.upkeep import CompactReport, Upkeep
from incamera.vault.wire import Server
from incamera_verify.note import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts of a vault. `custody` counts live conversations by who can open them."""

    conversations: int
    subjects: int
    held: int
    pending_shred: int
    shredded: int
    lost: int
    files: int
    bytes_stored: int
    epoch: int
    kms: str
    custody: Mapping[Custodian, int]


class Vault:
    """Opened with a KMS; `put` seals, `facts` tells, `within` opens under a grant, `holds` and `shredder` decide what stays.

    Thread-safe but for `put`, which takes the vault's one writer's lock. Close it, or use it as a context manager.
    """

    def __init__(
        self, home: Path, opener: Opener, state: Database, *, appender: Appender, clock: Clock, address: str | None = None
    ) -> None:
        self.home = home
        self.opener = opener
        self._state = state
        self._directory = home / "vault"
        self._lists = home / "lists"
        self._elsewhere = address
        self._server: Server | None = None
        self.keyring = opener.keyring
        self.broker = opener.broker
        self.holds = opener.holds
        self.register = opener.register
        self.shredder = opener.shredder
        self.unsealing = opener.unsealing
        self.recovery = opener.recovery
        self._marks = Marks(opener.dedupe_secret)
        self._intake = Intake(
            self._directory,
            state,
            opener.keyring,
            marks=self._marks,
            file_secret=opener.file_secret,
            trustees=opener.recovery.trustees,
        )
        tenant = opener.keyring.tenant
        self._upkeep = Upkeep(self._directory, state, tenant=tenant, file_secret=opener.file_secret)
        self._answers = HeldAnswers(
            state,
            self._upkeep,
            tenant=tenant,
            no_key=opener.no_key,
            holds=opener.holds.over,
            appender=appender,
            clock=clock,
        )

    def __repr__(self) -> str:
        return f"<Vault {self.keyring.tenant.hex()}>"

    @classmethod
    def create(
        cls,
        home: Path,
        kms: Kms,
        *,
        appender: Appender,
        clock: Clock,
        grant_key: bytes | None = None,
        log: Sequence[Verifier] = (),
        keys_url: str | None = None,
        state_url: str | None = None,
    ) -> Vault:
        """Make an empty vault in *home*: `vault/`, `state.db`, `keys.db`, and its first epoch in *kms*.

        Raises:
            Unavailable: `vault.exists`; the disk or the KMS is in the way.
        """
        files.make_directory(home / "vault")
        keys = _database(home, "keys", keys_url, create=True)
        state = _database(home, "state", state_url, create=True)
        keyring = Keyring.create(keys, kms, clock=clock)
        opener = Embedded(home, keyring, state, appender=appender, clock=clock, grant_key=grant_key, log=log)
        return cls(home, opener, state, appender=appender, clock=clock)

    @classmethod
    def open(
        cls,
        home: Path,
        kms: Kms,
        *,
        appender: Appender,
        clock: Clock,
        grant_key: bytes | None = None,
        log: Sequence[Verifier] = (),
        gate: Gate | None = None,
        broker: str | None = None,
        keys_url: str | None = None,
        state_url: str | None = None,
    ) -> Vault:
        """Open the vault in *home* and clear away what a killed writer left.

        Args:
            grant_key: The home's MAC key for grants; by default a secret of this vault, made the first time.
            log: The public keys of the home's ledger; without them no receipt can be proven and no key is released.
            gate: The access policies, asked again for every release of keys.
            broker: The socket of a broker that runs as a process of its own; by default this one opens a door itself.
            keys_url, state_url: PostgreSQL instead of the embedded SQLite files.

        Raises:
            Unavailable: `vault.missing-database`, `vault.kms-*`, `vault.epoch-*`.
            Unverified: `vault.not-authentic`, this KMS is not the one that the vault was made with.
        """
        keys = _database(home, "keys", keys_url, create=False)
        state = _database(home, "state", state_url, create=False)
        opener = Embedded(
            home,
            Keyring(keys, kms, clock=clock),
            state,
            appender=appender,
            clock=clock,
            grant_key=grant_key,
            log=log,
            gate=gate,
        )
        vault = cls(home, opener, state, appender=appender, clock=clock, address=broker)
        with vault._writing():
            intake.recover(vault._directory, state, vault.keyring)
            opener.shredder.settle()
            opener.unsealing.expire()
        return vault

    @classmethod
    def connect(cls, home: Path, address: str, *, appender: Appender, clock: Clock) -> Vault:
        """The vault in *home* for an account that does not open keys.db: what needs a key is asked of the broker at *address*.

        Raises:
            Unavailable: `vault.missing-database`, `vault.broker-gone`.
            Refused: `vault.not-permitted`, this account may ask for released keys only.
        """
        opener = Remote(Line(address))
        state = Database.at(home / "state.db", "state", create=False)
        vault = cls(home, opener, state, appender=appender, clock=clock, address=address)
        with vault._writing():
            intake.recover(vault._directory, state, vault.keyring)
        return vault

    def __enter__(self) -> Vault:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the broker and let go of the databases. Idempotent."""
        if self._server is not None:
            sessions.drop(self._server.address)
            self._server.close()
            self._server = None
        self._state.close()
        self.opener.close()

    # --- in -----------------------------------------------------------------------------------------------------

    def put(
        self,
        conversations: Iterable[Conversation],
        accounts: Mapping[str, Account] | None = None,
        *,
        on_conflict: Callable[[Conversation], None] | None = None,
    ) -> PutReport:
        """Seal and store *conversations*; what is stored already is counted, not stored twice.

        A conversation is recognised by source and id: the same content again is a duplicate, other content is
        conflicting and handed to *on_conflict* (the first one stays), one that was shredded is not taken in again.
        Region and tier that a source lacks are taken from the subject's account.

        Raises:
            Malformed: `vault.too-large`.
            Unavailable: disk full or KMS away; batches before it are stored, and putting everything again is safe.
        Privacy: source ids and subjects are kept as digests under a key of this vault; text is sealed before it is written.
        Cost: about 60 microseconds a conversation of 4 kB; memory for one batch of 4,096 (or 64 MiB).
        """
        report = PutReport()
        for batch in self._intake.batches(conversations):
            with self._writing():
                self._intake.write(batch, accounts or {}, report, on_conflict)
        return report

    def put_held(self, uploads: Iterable[tuple[Envelope, held.Facts]]) -> PutReport:
        """Store conversations that their subjects sealed: ciphertext, which nobody on this side can open.

        Recognised by source and id like any other; an envelope that was sealed anew is conflicting, and the first one stays.

        Raises:
            Refused: `vault.class-differs`, the subject's conversations are of another class; `vault.reference-taken`.
            Malformed: `vault.envelope`.
        """
        report = PutReport()
        for batch in self._intake.held_batches(uploads):
            with self._writing():
                self._intake.write(batch, {}, report, None)
        return report

    def _writing(self) -> Any:
        return _Writing(files.locked(self._directory / ".lock"), self.opener, self._intake)

    # --- classes of custody ---------------------------------------------------------------------------------------

    def switch_class(self, subject: Ref, to: Custodian, *, grant: Grant, recipient: X25519PublicKey | None = None) -> int:
        """Seal a subject's conversations anew in another class. See `custody.Custody.switch`."""
        with self._writing():
            try:
                return self.opener.switch(subject, Class.of(to), grant=grant, recipient=recipient)
            finally:
                self._intake.forget()

    def answer_held(
        self, crefs: Iterable[Ref], *, matter: str, actor: str, key: Ed25519PrivateKey
    ) -> tuple[list[Envelope], bytes]:
        """Ciphertext and a signed statement that no key is held. See `answering.HeldAnswers.answer`."""
        return self._answers.answer(crefs, matter=matter, actor=actor, key=key)

    def held_envelopes(self, crefs: Iterable[Ref]) -> list[Envelope]:
        """Envelopes for the subject who holds their keys: an export."""
        return self._answers.envelopes(crefs)

    def reseal_held(self, envelopes: Iterable[Envelope]) -> int:
        """Exchange sealed keys after a subject's rotation. See `answering.HeldAnswers.reseal`."""
        with self._writing():
            return self._answers.reseal(envelopes)

    # --- what stays and what goes ------------------------------------------------------------------------------

    def place_hold(self, hold_id: str, crefs: Iterable[Ref], *, matter: str, order: Digest) -> int:
        """Put conversations under a hold; returns how many it newly covers. See `Holds.place`."""
        with self._writing():
            return self.holds.place(hold_id, crefs, matter=matter, order=order)

    def release_hold(self, hold_id: str) -> list[ShredReport]:
        """End a hold, and run the shreds that waited for it."""
        with self._writing():
            self.holds.release(hold_id)
            return self.shredder.settle()

    def shred_subject(self, subject: Ref, *, actor: str, reason: str, request: Digest | None = None) -> ShredReport:
        """Destroy everything of a subject, or queue it under a hold. See `Shredder.shred_subject`."""
        with self._writing():
            return self.shredder.shred_subject(subject, actor=actor, reason=reason, request=request)

    def shred_conversation(self, cref: Ref, *, actor: str, reason: str, request: Digest | None = None) -> ShredReport:
        """Destroy one conversation, or queue it under a hold. See `Shredder.shred_conversation`."""
        with self._writing():
            return self.shredder.shred_conversation(cref, actor=actor, reason=reason, request=request)

    def roll_epoch(self, *, actor: str, grace: timedelta = timedelta(0)) -> RollReport:
        """Make every earlier backup of the keys useless. See `Roller.roll`."""
        with self._writing():
            return self.opener.roll(actor=actor, grace=grace)

    def compact(self) -> CompactReport:
        """Purge the rows of shredded conversations from the data files. See `Upkeep.compact`."""
        with self._writing():
            return self._upkeep.compact()

    def purgeable(self) -> tuple[int, int]:
        """(files that `compact` would rewrite, rows of shredded conversations that it would purge)."""
        query = "SELECT count(DISTINCT batch), count(*) FROM conversation WHERE state = 'shredded' AND place >= 0"
        files_, rows = self._state.one(query)
        return int(files_), int(rows)

    # --- what is known without opening -----------------------------------------------------------------------

    def facts(self, *, matter: str | None = None) -> Iterator[Facts]:
        """Frame attributes of every live conversation, in the order of their random references. Streams.

        With a *matter*, also those that await shredding under one of its holds: they are evidence there, and nowhere else.
        """
        return facts_.stream(self._state, self.holds.covered(matter) if matter else None)

    def lookup(self, source_ids: Iterable[str], *, source: str | None = None) -> dict[str, Ref | None]:
        """The reference of each source id, or None; recognised by keyed digest, shredded ones included.

        Raises:
            Malformed: `vault.ambiguous-id`, two sources use the id: name the *source*.
        """
        known = [source] if source else [name for (name,) in self._state.rows("SELECT DISTINCT source FROM conversation")]
        found: dict[str, Ref | None] = {}
        for identifier in source_ids:
            marks = [self._marks.conversation(name, identifier) for name in known]
            rows = list(self._state.chosen("SELECT cref FROM conversation WHERE dedupe IN ({})", marks)) if marks else []
            if len(rows) > 1:
                raise Malformed("vault.ambiguous-id", "two sources use this id; name the source")
            found[identifier] = Ref(bytes(rows[0][0]).hex()) if rows else None
        return found

    def subjects(self, names: Iterable[str]) -> dict[str, Ref | None]:
        """The random reference of each subject as the source names them, or None."""
        wanted = {name: self._marks.subject(name) for name in names}
        rows = self._state.chosen("SELECT dedupe, uref FROM subject WHERE dedupe IN ({})", list(wanted.values()))
        known = {bytes(dedupe): Ref(bytes(uref).hex()) for dedupe, uref in rows}
        return {name: known.get(mark) for name, mark in wanted.items()}

    def stats(self) -> Stats:
        """Counts, for `vault stats` and the certificate."""
        state = self._state
        subjects, held = self.opener.counts()
        states = dict(tuple(row) for row in state.rows("SELECT state, count(*) FROM conversation GROUP BY state"))
        count, size = state.one("SELECT count(*), sum(bytes) FROM file WHERE rows > 0")
        classes = state.rows("SELECT class, count(*) FROM conversation WHERE state = 'live' GROUP BY class")
        custody = dict.fromkeys(CUSTODY, 0) | {CUSTODY[kind]: count for kind, count in classes}
        return Stats(
            custody=custody,
            conversations=states.get("live", 0),
            subjects=subjects,
            held=held,
            pending_shred=states.get("pending", 0),
            shredded=states.get("shredded", 0),
            lost=states.get("lost", 0),
            files=count,
            bytes_stored=int(size or 0),
            epoch=self.keyring.epoch,
            kms=self.keyring.kms.name,
        )

    def check(self) -> int:
        """Read every file and compare it with the Merkle root kept at its writing; returns the number of rows read.

        Opens no conversation.

        Raises:
            Unverified: `vault.damaged-file`, naming the file; `vault.not-authentic`, naming a key row; `vault.class-mismatch`.
        """
        rows = 0
        for name, count, root in self._state.rows("SELECT name, rows, root FROM file WHERE rows > 0 ORDER BY batch"):
            read = self._upkeep.rows(name)
            if len(read) != count or intake.rows_root(read) != bytes(root):
                raise Unverified("vault.damaged-file", "the rows are not those that were stored", where=name)
            rows += count
        self.opener.check()
        return rows

    # --- out ----------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where the key broker listens: a process of its own, or a door of this one, opened the first time it is asked for."""
        if self._elsewhere is not None:
            return self._elsewhere
        if self._server is None:
            self._server = Server(self.operations()).start()
        return self._server.address

    def operations(self) -> Operations:
        """What may be asked of this vault by others; see `vault.serving`. For a vault that opens keys.db itself."""
        return serving.operations(self._embedded)

    @property
    def grant_key(self) -> bytes:
        """The home's MAC key for grants. For a vault that opens keys.db itself."""
        return self._embedded.grant_key

    @property
    def _embedded(self) -> Embedded:
        assert isinstance(self.opener, Embedded), "behind a broker there is neither keys.db nor the grant key"
        return self.opener

    def list_for_grant(self, crefs: Iterable[Ref]) -> Digest:
        """Keep a list of conversations for a grant to cover; returns the root that the grant has to carry."""
        return listing.keep(self._lists, listing.Listing(bytes.fromhex(ref) for ref in crefs))

    def listed(self, root: Digest) -> list[Ref]:
        """The references of a list that `list_for_grant` kept. Raises as `listing.load`."""
        return [Ref(cref.hex()) for cref in listing.load(self._lists, root)]

    def _fragment(self, parts: tuple[fragments.FilePart, ...], rows: int) -> SealedFragment:
        return SealedFragment(
            directory=str(self._directory), address=self.address, tenant=self.keyring.tenant, parts=parts, rows=rows
        )

    def fragments(self, crefs: Iterable[Ref] | None = None, *, rows: int = fragments.FRAGMENT_ROWS) -> list[SealedFragment]:
        """The source of an engine run: the whole vault, or exactly *crefs*, in fragments of at most *rows* rows.

        A shredded conversation is left out. Raises `Malformed` (`vault.unknown-conversation`).
        """
        found = fragments.whole_files(self._state) if crefs is None else fragments.chosen_rows(self._state, crefs, rows)
        return [self._fragment(parts, count) for parts, count in found]

    def within(self, grant: Grant, step: Step, *, clear: Iterable[str] = ()) -> Step:
        """*step*, wrapped to run on opened conversations under *grant*, in whatever process an engine puts it.

        The grant is checked now and again by the broker for every release; each release has its receipt in the ledger
        before its keys. Output columns of variable size stay sealed (`result`) or are refused, but for those in *clear*.

        Raises:
            Refused, Unverified: as `Broker.release`.
        """
        self.broker.check(grant)
        return within.Within(address=self.address, tenant=self.keyring.tenant, grant=grant, step=step, clear=frozenset(clear))

    def unseal(self, grant: Grant, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """`EXAMINED` batches with their results open, under a grant of the matter that they were made in."""
        self.broker.check(grant)
        return within.unsealed(self.address, self.keyring.tenant, grant, iter(batches))


class _Writing:
    """The writer's lock; what the writer remembers is forgotten if another process changed keys, or if writing failed."""

    def __init__(self, lock: Any, opener: Opener, intake_: Intake) -> None:
        self._lock = lock
        self._opener = opener
        self._intake = intake_

    def __enter__(self) -> None:
        self._lock.__enter__()
        try:
            self._opener.keyring.refresh()
            self._opener.settle()  # a switch of class that was set aside goes before anything else is written
            self._intake.remember_only(self._opener.keyring.generation())
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        if kind is not None:
            self._intake.forget()
        self._lock.__exit__(kind, value, trace)


def _database(home: Path, lineage: str, url: str | None, *, create: bool) -> Database:
    if url is None:
        return Database.at(home / f"{lineage}.db", lineage, create=create)
    database = Database(url, lineage)
    if not create and not database.exists():
        raise Unavailable("vault.missing-database", "the database has no vault in it", where=lineage)
    database.migrate()
    return database
