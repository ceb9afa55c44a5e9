"""The ledger opened for writing: acts go in together, and nobody is told before they are on disk.

Threads that append at the same time share one write, one signature and one fdatasync: whoever comes first carries the
others' acts along, and no one waits for a timer. Processes take turns by a file lock and read what the other wrote.
The journal holds what is durable; `publish` turns it into tile files and starts a new one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import version
from itertools import islice
from pathlib import Path

from incamera.core.errors import Error, Malformed, Unavailable
from incamera.core.ids import digest
from incamera.core.ports import Clock
from incamera.core.records import Entry, Receipt
from incamera.ledger.entry import SALT_BYTES, SLUG, check, encode, timestamp
from incamera.ledger.history import History
from incamera.ledger.journal import Head, pack_batch, pack_head
from incamera.ledger.store import CHECKPOINT, HISTORY, JOURNAL, TIMESTAMPS, WITNESSED, Journal, Store
from incamera.ledger.tiles import full_tiles, hash_tiles
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import EMPTY_ROOT, leaf_hash
from incamera_verify.note import Checkpoint, Note, Signer, sign_note
from incamera_verify.tiles import TILE_WIDTH, entries_path, pack_entries, pack_history, tiles_of

#: The journal is published when it has grown to this many bytes, and whenever the ledger is closed.
JOURNAL_BYTES = 8 << 20
#: A clock may step back this far (it is then held still); further back, appending is refused.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(slots=True)
class _Job:
    """Acts of one caller, waiting for a commit."""

    entries: Sequence[Entry]
    receipts: list[Receipt] = field(default_factory=list)
    error: Exception | None = None
    done: bool = False
    turn: threading.Event = field(default_factory=threading.Event)  # set when done, or when its caller is to lead


class Ledger(History):
    """The append-only record of every act. Implements `core.ports.Appender`; safe to share between threads.

    An act whose caller was told `Unavailable` did not happen for the caller; after a crash in that moment it may still
    stand in the log, announced and not carried out. The reverse, an act without its entry, cannot be.
    """

    def __init__(self, directory: Path, signers: Sequence[Signer], clock: Clock) -> None:
        """Open an existing ledger; see `History` for what is checked. A write that a crash cut off is set aside and recorded."""
        self._signers = tuple(signers)
        self._clock = clock
        self._queue: list[_Job] = []
        self._led = False  # whether somebody is carrying the queue to disk
        self._queueing = threading.Lock()
        self._commit = threading.Lock()
        self._publishing = threading.Lock()
        self._publisher: threading.Thread | None = None
        self._broken = False
        super().__init__(directory, [signer.verifier for signer in signers])
        with self._commit:
            if self._journal.length > self._offset or not self.size:
                self._commit_jobs([] if self.size else [_Job([self._creation()])])

    @classmethod
    def create(cls, directory: Path, signers: Sequence[Signer], clock: Clock) -> Ledger:
        """Start a ledger in *directory*, which must not hold one. The signers' common name is its origin for good.

        Raises:
            Malformed: `ledger.exists`, `ledger.bad-keys`.
            Unavailable: the directory cannot be written.
        """
        if not signers or len({signer.name for signer in signers}) != 1 or not SLUG.admits(signers[0].name):
            raise Malformed("ledger.bad-keys", "a ledger's keys share one name, its origin, which is a slug")
        store = Store(directory)
        store.make()
        with store.locked():
            if store.exists(JOURNAL) or not _unfinished(store):
                raise Malformed("ledger.exists", "there is a ledger already; open it", where=str(directory))
            empty = Checkpoint(signers[0].name, 0, EMPTY_ROOT)
            note = bytes(sign_note(empty.text, signers, _posix(clock.now())))
            history = pack_history([note])
            store.write_all([(HISTORY, history), (CHECKPOINT, note)])
            store.write(JOURNAL, pack_head(Head(0, len(history), {})))  # last: with it, the ledger exists
        return cls(directory, signers, clock)

    @classmethod
    def open(cls, directory: Path, signers: Sequence[Signer], clock: Clock) -> Ledger:
        """Open an existing ledger for writing."""
        return cls(directory, signers, clock)

    def __enter__(self) -> Ledger:
        return self

    # --- appending -------------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> Receipt:
        """Write one act; returns when it and its signed checkpoint are on disk.

        Raises:
            Malformed: the act is not of the vocabulary; nothing was written.
            Unavailable: `ledger.disk-full`, `ledger.io`, `ledger.clock-backwards`, ...; nothing was promised.
            Unverified: the files were altered while the ledger was open; nothing was written.
        Cost: one fdatasync, shared with everybody who appends at the same time.
        """
        return self.append_many([entry])[0]

    def append_many(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Write several acts next to each other, all or none, under one checkpoint. Raises as `append`."""
        if not entries:
            return []
        for entry in entries:
            check(entry)
        job = _Job(entries)
        with self._queueing:
            self._queue.append(job)
            leads, self._led = not self._led, True
        if not leads:
            job.turn.wait()
        if not job.done:
            self._lead()
        if job.error is not None:
            raise job.error
        self._publish_if_long()
        return job.receipts

    def _lead(self) -> None:
        """Carry the acts of everybody who waits to disk, then hand the lead to the first who came meanwhile."""
        with self._queueing:
            jobs, self._queue = self._queue, []
        try:
            with self._commit:
                self._commit_jobs(jobs)
        except Error as flaw:
            for job in jobs:
                job.error = job.error or copy(flaw)  # one each: they are raised in different threads
        except BaseException:
            self._broken = True
            for job in jobs:
                job.error = job.error or _needs_reopening()
            raise
        finally:
            with self._queueing:
                self._led = bool(self._queue)
                if self._led:
                    self._queue[0].turn.set()
            for job in jobs:
                job.done = True
                job.turn.set()

    def _commit_jobs(self, jobs: list[_Job]) -> None:
        if self._broken:
            raise _needs_reopening()
        with self._store.locked():
            with self._memory:
                self._catch_up()
            if self._journal.length > self._offset:
                jobs = [_Job([self._set_aside()]), *jobs]
            at = self._now()
            leaves = self._encode(jobs, at)
            if not leaves:
                return
            hashes = [leaf_hash(leaf) for leaf in leaves]
            frontier = self._frontier.copy()
            for hashed in hashes:
                frontier.append(hashed)
            state = Checkpoint(self.origin, frontier.size, frontier.root)
            note = bytes(sign_note(state.text, self._signers, _posix(at)))
            batch = pack_batch(leaves, note)
            try:
                self._journal.append(self._offset, batch)
            except Unavailable as flaw:
                self._broken = flaw.code in ("ledger.cannot-undo", "ledger.io")
                raise
        with self._memory:
            first = self._frontier.size
            self._leaves += leaves
            self._hashes += hashes
            self._frontier, self._note, self._last_at = frontier, note, at
            self._notes.append((frontier.size, note))
            self._offset += len(batch)
            for job in jobs:
                if job.error is None:
                    for entry in job.entries:
                        self._seqs[entry.matter] = self._seqs.get(entry.matter, 0) + 1
                    job.receipts = self._receipts(first, first + len(job.entries))
                    first += len(job.entries)

    def _encode(self, jobs: list[_Job], at: datetime) -> list[bytes]:
        """The leaves of all jobs in order; a job with an act too long for a leaf is refused alone."""
        leaves: list[bytes] = []
        seqs: dict[str, int] = {}
        stamp = timestamp(at)
        for job in jobs:
            mine, ahead = [], dict(seqs)
            salts = os.urandom(SALT_BYTES * len(job.entries)).hex()
            try:
                for number, entry in enumerate(job.entries):
                    seq = ahead.get(entry.matter, self._seqs.get(entry.matter, 0))
                    salt = salts[2 * SALT_BYTES * number : 2 * SALT_BYTES * (number + 1)]
                    mine.append(encode(entry, at=stamp, seq=seq, salt=salt))
                    ahead[entry.matter] = seq + 1
            except Malformed as flaw:
                job.error = flaw
                continue
            leaves += mine
            seqs = ahead
        return leaves

    def _now(self) -> datetime:
        """The clock's time, never before the last act's: order in the log and order in time stay one."""
        now = self._clock.now()
        if self._last_at is None and self.size:
            self._last_at = self.entry(self.size - 1).at
        last = self._last_at
        if last is None or now >= last:
            return now
        if last - now > CLOCK_TOLERANCE:
            raise Unavailable(
                "ledger.clock-backwards", "the clock stands before the last act; set it right", where=f"entry {self.size - 1}"
            )
        return last

    # --- opening and closing ---------------------------------------------------------------------------------------

    def _set_aside(self) -> Entry:
        """Cut what a crash left behind the last whole batch; nobody was told that it was written. Holds the file lock."""
        torn = self._journal.read(self._offset)
        dropped = digest(torn)
        self._store.keep_dropped(torn, dropped)
        self._journal.cut(self._offset)
        fields = {"size": self.size, "dropped_bytes": len(torn), "dropped": dropped}
        return Entry(act="ledger.repaired", matter="", actor="ledger", fields=fields)

    def _creation(self) -> Entry:
        keys = [digest(signer.verifier.text.encode()) for signer in self._signers]
        fields = {"origin": self.origin, "keys": keys, "software": f"incamera/{version('incamera')}"}
        return Entry(act="log.created", matter="", actor="ledger", fields=fields)

    def _reopened(self) -> Journal:
        return Journal(self._store, writable=True)

    def close(self) -> None:
        """Publish and let go of the files."""
        try:
            if not self._broken and not self._journal.closed:
                self.publish()
        finally:
            if self._publisher is not None:
                self._publisher.join()
            super().close()

    def refresh(self) -> None:
        """Take in what other processes appended since."""
        with self._commit:
            super().refresh()

    # --- what others attest --------------------------------------------------------------------------------------------

    def keep_witnessed(self, size: int, note: bytes) -> None:
        """Keep a checkpoint with the cosignatures of witnesses."""
        self._store.write(f"{WITNESSED}/{size}", note)

    def keep_timestamp(self, size: int, authority: str, response: bytes) -> None:
        """Keep an authority's response about the checkpoint of *size* acts."""
        self._store.write(f"{TIMESTAMPS}/{size}.{authority}.tsr", response)

    # --- publishing ------------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Bring tiles, `checkpoint` and `checkpoints` up to date and start a new journal. Appending goes on meanwhile.

        Order is what makes a crash harmless: tiles, then history, then the checkpoint, and only then a journal that
        starts after them. Killed anywhere, the old journal still holds everything that the files may lack.
        """
        with self._publishing, self._store.locked("publish.lock"):
            with self._commit, self._store.locked(), self._memory:
                self._catch_up()
                base, size, end = self._tiles.size, self._frontier.size, self._offset
                written, seqs, note = self._head.history, dict(self._seqs), self._note
                notes = b"".join(b"\n" + batch for _, batch in self._notes)
            if size == base:
                return
            self._store.write_all(self._tile_files(base, size))
            self._store.extend(HISTORY, written, notes)
            self._store.write(CHECKPOINT, note)
            head = pack_head(Head(size, written + len(notes), seqs))
            with self._commit, self._store.locked(), self._memory:
                self._catch_up()
                self._store.write(JOURNAL, head + self._journal.read(end)[: self._offset - end])
                self._catch_up()
            for place in full_tiles(base, size):
                self._store.remove_partials(place)

    def _tile_files(self, base: int, size: int) -> Iterator[tuple[str, bytes]]:
        """Every file that a log of *size* acts has and one of *base* acts had not."""
        for index, width in tiles_of(size, 0, base // TILE_WIDTH):
            leaves = islice(self.leaves(index * TILE_WIDTH), width)
            yield entries_path(index, width), pack_entries(leaf for _, leaf in leaves)
        yield from hash_tiles(self.node, size, base)

    def _publish_if_long(self) -> None:
        """Publish in the background, so that no caller waits for it."""
        if self._offset < JOURNAL_BYTES:
            return
        with self._queueing:
            if self._publisher is not None and self._publisher.is_alive():
                return
            self._publisher = threading.Thread(target=self._publish_later, name="incamera-ledger-publish")
            self._publisher.start()

    def _publish_later(self) -> None:
        with suppress(Unavailable):  # tried again after the next append, and by `close`, which reports it
            self.publish()


def _unfinished(store: Store) -> bool:
    """Whether nothing is there, or what a creation left that was killed before its last step."""
    data = store.read(CHECKPOINT)
    if data is None:
        return not store.names("tile")
    try:
        return Checkpoint.parse(Note.parse(data).text).size == 0
    except VerificationError:
        return False


def _needs_reopening() -> Unavailable:
    return Unavailable("ledger.needs-reopening", "an earlier write failed halfway; open the ledger again", where=JOURNAL)


def _posix(at: datetime) -> int:
    return int(at.timestamp())
