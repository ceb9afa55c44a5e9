"""Taking conversations in: recognised by keyed digests, sealed, and stored so that a killed run leaves no half row.

Order of a batch, each step durable before the next: wrapped keys (marked pending) -> sealed file (renamed into place)
-> facts (the commit point) -> pending mark removed. `recover` finishes or undoes whatever stands between.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from incamera.core.batch import SEALED
from incamera.core.canon import pack
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest, new_ref
from incamera.core.records import Account, Conversation, Flags
from incamera.vault import bodies, envelope, escrow, files, held
from incamera.vault.bodies import Codec
from incamera.vault.database import Database
from incamera.vault.envelope import KEY_BYTES, NONCE_BYTES, Class
from incamera.vault.fragments import outer_key, outer_label
from incamera.vault.keyrows import slot
from incamera.vault.keys import Subject
from incamera.vault.pairs import Trustees
from incamera.vault.ports import SealingKeys
from incamera_verify import merkle

MARK_BYTES = 16
BATCH_ROWS = 4096
BATCH_BYTES = 64 << 20
SUBJECTS_CACHED = 1 << 16
_REF_BYTES = 16


@dataclass(slots=True)
class PutReport:
    """What `put` did. `roots` are the Merkle roots over the sealed rows of each file written: evidence of what came in."""

    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    shredded: int = 0
    subjects: int = 0
    accounts: int = 0
    bytes_in: int = 0
    bytes_stored: int = 0
    escrowed: int = 0
    held_by_subject: int = 0
    roots: list[Digest] = field(default_factory=list)


class _Arrived(NamedTuple):
    """A conversation to be sealed, or one that its subject sealed: then `envelope` stands for the text."""

    conversation: Conversation
    packed: bytes
    dedupe: bytes
    mark: bytes
    envelope: held.Envelope | None = None

    def __repr__(self) -> str:
        return f"<_Arrived {self.dedupe.hex()}>"


class _Known(NamedTuple):
    """A subject whose keys are at hand, and the class of all its conversations."""

    keys: Subject
    kind: Class
    account_mark: bytes | None = None


@dataclass(slots=True, repr=False)
class _People:
    """Subjects of one batch: their keys by name, and the rows of those that are new."""

    known: dict[str, _Known] = field(default_factory=dict)
    key_rows: list[tuple[Any, ...]] = field(default_factory=list)
    state_rows: list[tuple[bytes, bytes | None, int]] = field(default_factory=list)


class Marks:
    """Keyed digests by which the vault recognises a source id again, without being able to say what it was."""

    def __init__(self, key: bytes) -> None:
        self._mac = hmac.new(key, digestmod=hashlib.sha256)
        self._kinds = {kind: self._begun(kind) for kind in (b"conversation", b"subject", b"content")}

    def _begun(self, kind: bytes) -> hmac.HMAC:
        """The digest as far as all of a kind have it in common."""
        mac = self._mac.copy()
        mac.update(envelope.fields_long(kind))
        return mac

    def _of(self, kind: bytes, *values: bytes) -> bytes:
        mac = self._kinds[kind].copy()
        for value in values:
            mac.update(len(value).to_bytes(8, "big"))
            mac.update(value)
        return mac.digest()[:MARK_BYTES]

    def conversation(self, source: str, identifier: str) -> bytes:
        return self._of(b"conversation", _utf8(source), _utf8(identifier))

    def subject(self, subject: str) -> bytes:
        return self._of(b"subject", _utf8(subject))

    def content(self, packed: bytes) -> bytes:
        return self._of(b"content", packed)


class Intake:
    """Writes batches. One writer at a time: the caller holds the vault's lock around each batch."""

    def __init__(
        self,
        directory: Path,
        state: Database,
        keyring: SealingKeys,
        *,
        marks: Marks,
        file_secret: bytes,
        trustees: Callable[[], Trustees],
    ) -> None:
        self._directory = directory
        self._state = state
        self._keyring = keyring
        self._marks = marks
        self._file_secret = file_secret
        self._trustees = trustees
        self._codec = Codec()
        self._generation = -1
        self._subjects: OrderedDict[bytes, _Known] = OrderedDict()

    def forget(self) -> None:
        """Drop cached subject keys: they may have been rolled or shredded meanwhile."""
        self._subjects.clear()

    def remember_only(self, generation: int) -> None:
        """Forget cached keys unless keys.db is still at *generation*: a shred or a roll of a subject moves it on."""
        if generation != self._generation:
            self.forget()
            self._generation = generation

    def batches(self, conversations: Iterable[Conversation]) -> Iterator[list[_Arrived]]:
        """Packed and marked conversations, bounded by rows and by bytes."""
        batch: list[_Arrived] = []
        size = 0
        for conversation in conversations:
            packed = pack(conversation)
            dedupe = self._marks.conversation(conversation.source, conversation.id)
            batch.append(_Arrived(conversation, packed, dedupe, self._marks.content(packed)))
            size += len(packed)
            if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def held_batches(self, uploads: Iterable[tuple[held.Envelope, held.Facts]]) -> Iterator[list[_Arrived]]:
        """Envelopes as their subjects sealed them, bounded as `batches`."""
        batch: list[_Arrived] = []
        size = 0
        for one, facts in uploads:
            if not facts.subject:
                raise Malformed("vault.envelope", "an envelope names its subject", where=f"conversation {one.cref.hex()}")
            dedupe = self._marks.conversation(facts.source, facts.id)
            batch.append(_Arrived(_outside(facts), b"", dedupe, self._marks.content(one.commit), one))
            size += len(one.body)
            if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def write(
        self,
        batch: list[_Arrived],
        accounts: Mapping[str, Account],
        report: PutReport,
        on_conflict: Callable[[Conversation], None] | None,
    ) -> None:
        """Store what is new of *batch*."""
        fresh = self._fresh(batch, report, on_conflict)
        number = self._next_number()
        people = self._resolve(fresh, accounts, number)
        if not fresh:
            account_rows = self._accounts(batch, accounts)
            report.accounts += len(account_rows)
            if account_rows:
                with self._state.begin() as connection:
                    self._state.execute_many(connection, _UPDATE_ACCOUNT, account_rows)
            return
        seal = self._kept if fresh[0].envelope else self._seal  # a batch is of one sort
        sealed, key_rows = seal(fresh, people.known, number)
        self._keyring.insert(number, people.key_rows, key_rows)
        account_rows = self._accounts(batch, accounts)  # after their subjects' keys, for these lie where accounts are sealed
        report.accounts += len(account_rows)
        name = f"{number:010d}-{new_ref()[:12]}.parquet"
        label = outer_label(self._keyring.tenant, name)
        key = outer_key(self._file_secret, self._keyring.tenant, name)
        size = files.write_parquet(self._directory / name, table(sealed), key=key, prefix=label)
        root = rows_root(sealed)
        facts = [
            _fact_row(arrived, row, number, place, accounts.get(arrived.conversation.subject), key_row[5])
            for place, (arrived, row, key_row) in enumerate(zip(fresh, sealed, key_rows, strict=True))
        ]
        envelopes = [(one.cref, one.recipient, one.key) for one in (arrived.envelope for arrived in fresh) if one is not None]
        self._commit((number, name, len(fresh), size, root), facts, people.state_rows, account_rows, envelopes)
        self._keyring.settle(number, stored=True)
        report.stored += len(fresh)
        report.subjects += len(people.state_rows)
        report.escrowed += sum(key_row[5] == Class.ESCROWED for key_row in key_rows)
        report.held_by_subject += len(envelopes)
        report.bytes_in += sum(len(arrived.envelope.body if arrived.envelope else arrived.packed) for arrived in fresh)
        report.bytes_stored += size
        report.roots.append(Digest(root.hex()))

    # --- what is new --------------------------------------------------------------------------------------------

    def _fresh(
        self, batch: list[_Arrived], report: PutReport, on_conflict: Callable[[Conversation], None] | None
    ) -> list[_Arrived]:
        query = "SELECT dedupe, mark, state FROM conversation WHERE dedupe IN ({})"
        seen = {
            bytes(dedupe): (None if mark is None else bytes(mark), state)
            for dedupe, mark, state in self._state.chosen(query, [arrived.dedupe for arrived in batch])
        }
        fresh = []
        for arrived in batch:
            mark, state = seen.get(arrived.dedupe, (None, None))
            if state is None:
                seen[arrived.dedupe] = (arrived.mark, "live")
                fresh.append(arrived)
            elif state == "shredded":
                report.shredded += 1
            elif mark == arrived.mark:
                report.duplicates += 1
            else:
                report.conflicting += 1
                if on_conflict is not None:
                    on_conflict(arrived.conversation)
        self._check_references(fresh)
        return fresh

    def _check_references(self, fresh: list[_Arrived]) -> None:
        """References that clients chose are new ones. Raises `Refused` (`vault.reference-taken`)."""
        chosen = [arrived.envelope.cref for arrived in fresh if arrived.envelope]
        taken = {bytes(cref) for (cref,) in self._state.chosen("SELECT cref FROM conversation WHERE cref IN ({})", chosen)}
        if taken or len(set(chosen)) < len(chosen):
            hint = "an envelope's reference is in use; the client seals the conversation anew"
            raise Refused("vault.reference-taken", hint, where=next(iter(taken), b"").hex())

    def _next_number(self) -> int:
        stored = self._state.one("SELECT max(batch) FROM file")[0] or 0
        return int(max([stored, *self._keyring.pending()])) + 1

    # --- subjects and their accounts ----------------------------------------------------------------------------

    def _resolve(self, fresh: list[_Arrived], accounts: Mapping[str, Account], number: int) -> _People:
        """Keys of every subject of the batch: cached, read, or made. An empty subject is a subject of its own each time.

        Raises:
            Refused: `vault.class-differs`, a conversation arrives in another class than its subject's.
        """
        marks = {arrived.conversation.subject: b"" for arrived in fresh if arrived.conversation.subject}
        for name in marks:
            marks[name] = self._marks.subject(name)
        self._load([mark for mark in marks.values() if mark not in self._subjects])
        people = _People()
        sealed_outside = {arrived.conversation.subject for arrived in fresh if arrived.envelope}
        for name, mark in marks.items():
            stated = Class.HELD_BY_SUBJECT if name in sealed_outside else _stated(accounts.get(name))
            if mark in self._subjects:
                _check_class(self._subjects[mark], stated)
                people.known[name] = self._subjects[mark]
                self._subjects.move_to_end(mark)
            else:
                people.known[name] = self._new_subject(people, mark, stated or Class.OPERATOR, number)
        for arrived in fresh:
            if not arrived.conversation.subject:
                people.known[_anonymous(arrived)] = self._new_subject(people, None, Class.OPERATOR, number)
            elif arrived.envelope is None:
                known = people.known[arrived.conversation.subject]
                _check_class(known, Class.OPERATOR if known.kind == Class.HELD_BY_SUBJECT else None)
        self._subjects.update((mark, people.known[name]) for name, mark in marks.items())
        return people

    def _new_subject(self, people: _People, mark: bytes | None, kind: Class, number: int) -> _Known:
        subject, row = self._keyring.new_subject(os.urandom(_REF_BYTES), number)
        people.key_rows.append(row)
        people.state_rows.append((subject.uref, mark, int(kind)))
        return _Known(subject, kind)

    def _load(self, marks: list[bytes]) -> None:
        query = "SELECT dedupe, uref, class, account_mark FROM subject WHERE dedupe IN ({})"
        rows = list(self._state.chosen(query, marks))
        keys = self._keyring.subjects([bytes(uref) for _, uref, _, _ in rows])
        for dedupe, uref, kind, mark in rows:
            if bytes(uref) in keys:
                self._subjects[bytes(dedupe)] = _Known(keys[bytes(uref)], Class(kind), None if mark is None else bytes(mark))
        while len(self._subjects) > SUBJECTS_CACHED:
            self._subjects.popitem(last=False)

    def _accounts(self, batch: list[_Arrived], accounts: Mapping[str, Account]) -> list[tuple[bytes, bytes, bytes]]:
        """Rows for accounts that are new or say something else than what is stored; also of conversations seen before."""
        if not accounts:
            return []
        names = {arrived.conversation.subject for arrived in batch if arrived.conversation.subject in accounts}
        marks = {name: self._marks.subject(name) for name in names}
        self._load([mark for mark in marks.values() if mark not in self._subjects])
        changed = []
        for name in sorted(names):
            entry = self._subjects.get(marks[name])
            packed = pack(accounts[name])
            mark = self._marks.content(packed)
            if entry is None or entry.account_mark == mark:
                continue
            self._subjects[marks[name]] = entry._replace(account_mark=mark)
            changed.append((entry.keys, packed, mark))
        blobs = self._keyring.seal_accounts([(subject, packed) for subject, packed, _ in changed])
        return [(blob, mark, subject.uref) for blob, (subject, _, mark) in zip(blobs, changed, strict=True)]

    # --- sealing and storing ------------------------------------------------------------------------------------

    def _seal(
        self, fresh: list[_Arrived], known: dict[str, _Known], number: int
    ) -> tuple[list[bodies.Sealed], list[tuple[Any, ...]]]:
        """Rows of the data file and of keys.db."""
        owners = [known[arrived.conversation.subject or _anonymous(arrived)] for arrived in fresh]
        crefs, keys, nonces, key_nonces = _randomness(len(fresh))
        urefs, kinds = [subject.uref for subject, _, _ in owners], [int(kind) for _, kind, _ in owners]
        packed = [arrived.packed for arrived in fresh]
        sealed = bodies.seal_bodies(self._keyring.bind, self._codec, bodies.Fresh(crefs, urefs, kinds, packed, keys, nonces))
        if Class.ESCROWED in kinds:  # from here on this side does not have these keys
            trustees = self._trustees()
            for at in (at for at, kind in enumerate(kinds) if kind == Class.ESCROWED):
                keys[at] = escrow.seal_key(keys[at], trustees, escrow.Ids(self._keyring.tenant, urefs[at], crefs[at]))
        wrap = self._keyring.wrap_conversation
        rows = [
            (
                slot(number, at),
                cref,
                subject.uref,
                subject.version,
                wrap(subject, cref, key, kind, nonce=nonce),
                kind,
                "live",
                number,
            )
            for at, ((subject, _, _), cref, key, kind, nonce) in enumerate(
                zip(owners, crefs, keys, kinds, key_nonces, strict=True)
            )
        ]
        return sealed, rows

    def _kept(
        self, fresh: list[_Arrived], known: dict[str, _Known], number: int
    ) -> tuple[list[bodies.Sealed], list[tuple[Any, ...]]]:
        """Rows of what its subjects sealed: in keys.db too, with no key in them."""
        sealed, rows = [], []
        for at, arrived in enumerate(fresh):
            subject, kind, _ = known[arrived.conversation.subject]
            one = arrived.envelope
            assert one is not None
            sealed.append(bodies.Sealed(one.cref, subject.uref, one.commit, one.body))
            rows.append((slot(number, at), one.cref, subject.uref, subject.version, b"", int(kind), "live", number))
        return sealed, rows

    def _commit(
        self,
        file: tuple[int, str, int, int, bytes],
        facts: list[tuple[Any, ...]],
        subjects: list[tuple[bytes, bytes | None, int]],
        accounts: list[tuple[bytes, bytes, bytes]],
        envelopes: list[tuple[bytes, bytes, bytes]],
    ) -> None:
        """The transaction after which the batch exists."""
        facts.sort(key=lambda row: bytes(row[0]))
        with self._state.begin() as connection:
            insert = "INSERT INTO file (batch, name, rows, bytes, root) VALUES (?, ?, ?, ?, ?)"
            self._state.execute(connection, insert, file)
            self._state.execute_many(connection, "INSERT INTO subject (uref, dedupe, class) VALUES (?, ?, ?)", subjects)
            self._state.execute_many(connection, _UPDATE_ACCOUNT, accounts)
            self._state.execute_many(connection, _INSERT_FACTS, facts)
            self._state.execute_many(connection, INSERT_HELD_KEY, envelopes)


def recover(directory: Path, state: Database, keyring: SealingKeys) -> list[str]:
    """Finish or undo what a killed writer left; returns the names of files removed. The caller holds the vault's lock."""
    for number in keyring.pending():
        keyring.settle(number, stored=state.one("SELECT 1 FROM file WHERE batch = ?", (number,)) is not None)
    stored = {name for (name,) in state.rows("SELECT name FROM file")}
    return files.erase(directory, lambda name: name in stored or not name.endswith((".parquet", files.PARTIAL)))


def rows_root(rows: Iterable[bodies.Sealed]) -> bytes:
    """Merkle root over `cref || commit || SHA-256(body)` of each row in order: what came in, before anything was opened."""
    sha256 = hashlib.sha256
    return merkle.root(map(merkle.leaf_hash, [cref + commit + sha256(body).digest() for cref, _, commit, body in rows]))


_UPDATE_ACCOUNT = "UPDATE subject SET account = ?, account_mark = ? WHERE uref = ?"
INSERT_HELD_KEY = "INSERT INTO held_key (cref, recipient, sealed) VALUES (?, ?, ?)"
_INSERT_FACTS = (
    "INSERT INTO conversation (cref, uref, batch, place, dedupe, mark, day, region, tier, source, temporary, deletion_requested,"
    " party_account, turns, outputs_missing, class, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'live')"
)


def _fact_row(
    arrived: _Arrived, row: bodies.Sealed, number: int, place: int, account: Account | None, kind: int
) -> tuple[Any, ...]:
    conversation = arrived.conversation
    started, flags = conversation.started_at, conversation.flags
    if started is not None and started.tzinfo not in (None, UTC):
        started = started.astimezone(UTC)
    return (
        row.cref,
        row.uref,
        number,
        place,
        arrived.dedupe,
        arrived.mark,
        None if started is None else started.isoformat()[:10],
        conversation.region or (account.region if account else None),
        conversation.tier or (account.tier if account else None),
        conversation.source,
        int(flags.temporary),
        int(flags.deletion_requested_at is not None),
        int(flags.party_account),
        len(conversation.turns),
        json.dumps(dict(conversation.outputs_missing), sort_keys=True) if conversation.outputs_missing else "",
        kind,
    )


def _outside(facts: held.Facts) -> Conversation:
    """What is known of a conversation that its subject sealed: facts, and no turn."""
    return Conversation(
        id=facts.id,
        subject=facts.subject,
        source=facts.source,
        turns=(),
        started_at=facts.started_at,
        region=facts.region,
        tier=facts.tier,
        flags=Flags(temporary=facts.temporary),
    )


def _stated(account: Account | None) -> Class | None:
    return None if account is None or account.custody is None else Class.of(account.custody)


def _check_class(known: _Known, stated: Class | None) -> None:
    if stated is not None and stated != known.kind:
        hint = f"the subject's conversations are of class {known.kind.custody}, not {stated.custody}; switch the subject first"
        raise Refused("vault.class-differs", hint, where=f"subject {known.keys.uref.hex()}")


def _randomness(count: int) -> tuple[list[bytes], ...]:
    """For each of *count* conversations: its reference, its key, the nonce of the body, the nonce of the key."""
    parts = []
    for width in (_REF_BYTES, KEY_BYTES, NONCE_BYTES, NONCE_BYTES):
        noise = os.urandom(width * count)
        parts.append([noise[low : low + width] for low in range(0, len(noise), width)])
    return tuple(parts)


def table(rows: list[bodies.Sealed]) -> pa.Table:
    """Sealed rows as they lie in a data file."""
    columns = ([row.cref for row in rows], [row.uref for row in rows], [row.commit for row in rows], [row.body for row in rows])
    return pa.Table.from_arrays([pa.array(c, type=f.type) for c, f in zip(columns, SEALED, strict=True)], schema=SEALED)


def _anonymous(arrived: _Arrived) -> str:
    return "\0" + arrived.dedupe.hex()


def _utf8(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
