"""A ledger opened for reading: acts, proofs and signed states, each checked against the latest signed root.

What is in memory: the acts since the last publication (the journal's), the right edge of the tree, and a few tiles.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from incamera.core.errors import Malformed, Unverified
from incamera.core.ids import Digest
from incamera.core.records import Receipt
from incamera.ledger.entry import Recorded, decode
from incamera.ledger.journal import Batch, Ending, unpack_batches, unpack_head
from incamera.ledger.store import CHECKPOINT, HISTORY, JOURNAL, WITNESSED, Journal, Store
from incamera.ledger.tiles import Tiles
from incamera_verify import merkle
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import Frontier, leaf_hash, node_hash
from incamera_verify.note import Checkpoint, Verifier, open_checkpoint
from incamera_verify.tiles import TILE_WIDTH, unpack_history


class _Hex(dict[bytes, str]):
    """Hashes in hex, each spelled once: neighbours share most of their paths."""

    def __missing__(self, key: bytes) -> str:
        self[key] = value = key.hex()
        return value


class History:
    """The acts of one log, for whoever holds its public keys. Safe to share between threads.

    Cost: opening reads the journal (at most some megabytes) and the tiles at the right edge, whatever the log's size.
    """

    def __init__(self, directory: Path, keys: Sequence[Verifier]) -> None:
        """Open the ledger in *directory*, signed by all of *keys*.

        Raises:
            Unavailable: `ledger.missing`, `ledger.no-access`.
            Unverified: `ledger.wrong-key`, `ledger.altered`, `ledger.truncated`, `ledger.bad-journal`, `ledger.damaged`.
        """
        if not keys or len({key.name for key in keys}) != 1:
            raise Malformed("ledger.bad-keys", "a ledger's keys share one name, its origin")
        self.origin = keys[0].name
        self._keys = tuple(keys)
        self._store = Store(directory)
        self._memory = threading.RLock()  # guards everything below; held for moments, never over an fsync
        with self._store.locked(shared=True):
            self._load(self._reopened())

    # --- state: the latest signed size and root -------------------------------------------------------------------

    @property
    def size(self) -> int:
        """The number of acts."""
        with self._memory:
            return self._frontier.size

    @property
    def root(self) -> Digest:
        """The root over all acts, hex."""
        with self._memory:
            return Digest(self._frontier.root.hex())

    def checkpoint(self) -> str:
        """The latest signed checkpoint, as a note."""
        with self._memory:
            return self._note.decode()

    def refresh(self) -> None:
        """Take in what other processes appended since."""
        with self._store.locked(shared=True), self._memory:  # always in this order: the file lock may have to wait
            self._catch_up()

    def close(self) -> None:
        """Let go of the files."""
        with self._memory:
            self._journal.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- acts ------------------------------------------------------------------------------------------------------

    def leaves(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, leaf bytes) of every act from *start* on, checked against the signed root."""
        index = start
        while True:
            with self._memory:
                chunk = self._chunk(index)
            if not chunk:
                return
            for leaf in chunk:
                yield index, leaf
                index += 1

    def entries(self, matter: str | None = None, *, start: int = 0) -> Iterator[Recorded]:
        """Every act from *start* on, or every such act of one matter, in order. Raises `Unverified` at the first that does not
        hold."""
        for index, leaf in self.leaves(start):
            recorded = decode(leaf, index)
            if matter is None or recorded.entry.matter == matter:
                yield recorded

    def entry(self, index: int) -> Recorded:
        """One act. Raises `Malformed`, `ledger.no-such-entry`."""
        with self._memory:
            self._within(index)
            return decode(self._chunk(index)[0], index)

    def _chunk(self, index: int) -> list[bytes]:
        """Leaves from *index* on: the rest of its bundle, or of the journal's part."""
        base = self._tiles.size
        if index >= base:
            return self._leaves[index - base :]
        return self._tiles.bundle(index // TILE_WIDTH)[index % TILE_WIDTH :]

    # --- proofs ----------------------------------------------------------------------------------------------------

    def inclusion(self, index: int) -> Receipt:
        """Proof that act *index* stands under the latest signed checkpoint. Raises `Malformed`, `ledger.no-such-entry`."""
        with self._memory:
            self._within(index)
            return self._receipts(index, index + 1)[0]

    def inclusion_path(self, index: int, size: int) -> list[bytes]:
        """Siblings from act *index* up to the root at *size* acts, raw. Raises `Malformed`, `ledger.no-such-size`."""
        with self._memory:
            self._within(index)
            if not index < size <= self._frontier.size:
                raise Malformed("ledger.no-such-size", "the log never had this size with this act in it", where=f"size {size}")
            return merkle.inclusion_path(self._node, index, size)

    def consistency(self, old: int, new: int | None = None) -> tuple[str, ...]:
        """Proof, hex, that the log at *old* acts is a prefix of the log at *new* acts (the latest by default).

        Raises:
            Malformed: `ledger.no-such-size`.
        """
        with self._memory:
            new = self._frontier.size if new is None else new
            if not 0 <= old <= new <= self._frontier.size:
                raise Malformed(
                    "ledger.no-such-size", "the log never had these sizes in this order", where=f"sizes {old} and {new}"
                )
            return tuple(step.hex() for step in merkle.consistency_path(self._node, old, new))

    def root_at(self, size: int) -> bytes:
        """The root the log had at *size* acts. Raises `Malformed`, `ledger.no-such-size`."""
        with self._memory:
            if not 0 <= size <= self._frontier.size:
                raise Malformed("ledger.no-such-size", "the log never had this size", where=f"size {size}")
            return merkle.tree_root(self._node, size)

    def node(self, level: int, index: int) -> bytes:
        """Root of the complete subtree over acts [index << level, (index + 1) << level)."""
        with self._memory:
            return self._node(level, index)

    def leaf_hashes(self, first: int, last: int) -> list[bytes]:
        """The leaf hashes of acts [first, last)."""
        with self._memory:
            return [self._node(0, index) for index in range(first, last)]

    def checkpoints(self) -> Iterator[bytes]:
        """Every signed checkpoint, oldest first."""
        with self._memory:
            written = (self._store.read(HISTORY) or b"")[: self._head.history]
            pending = [note for _, note in self._notes]
        try:
            yield from unpack_history(written, HISTORY)
        except VerificationError as flaw:
            raise Unverified("ledger.bad-history", flaw.hint, where=flaw.where) from None
        yield from pending

    def witnessed(self) -> list[tuple[int, bytes]]:
        """(size, note) of every checkpoint that witnesses cosigned, oldest first; cosignatures are as received."""
        sizes = sorted(int(name) for name in self._store.names(WITNESSED) if name.isdigit())
        return [(size, self._store.read(f"{WITNESSED}/{size}") or b"") for size in sizes]

    def _within(self, index: int) -> None:
        if not 0 <= index < self._frontier.size:
            raise Malformed("ledger.no-such-entry", "the log has no entry of this index", where=f"entry {index}")

    def _receipts(self, first: int, last: int) -> list[Receipt]:
        paths = merkle.inclusion_paths(self._node, first, last, self._frontier.size)
        note = self._note.decode()
        spelled = _Hex()
        return [
            Receipt(
                index=index, leaf=Digest(self._node(0, index).hex()), path=tuple(map(spelled.__getitem__, path)), checkpoint=note
            )
            for index, path in enumerate(paths, first)
        ]

    def _node(self, level: int, index: int) -> bytes:
        """Root of a complete subtree, from tiles where they reach and from the journal's hashes above."""
        if (index + 1) << level <= self._tiles.size:
            return self._tiles.node(level, index)
        if level == 0:
            return self._hashes[index - self._tiles.size]
        known = self._nodes.get((level, index))
        if known is None:
            known = node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))
            self._nodes[level, index] = known
        return known

    # --- loading ---------------------------------------------------------------------------------------------------

    def _load(self, journal: Journal) -> None:
        """Read the journal and the right edge, and compare with the signed root. Nothing is trusted before that."""
        data = journal.read()
        self._journal = journal
        self._head, self._offset = unpack_head(data)
        self._seqs = dict(self._head.seqs)
        self._tiles = Tiles(self._store, self._head.base)
        self._leaves: list[bytes] = []
        self._hashes: list[bytes] = []
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._notes: list[tuple[int, bytes]] = []  # of the batches in the journal: size and signed note
        self._frontier = Frontier.at(self._tiles.node, self._head.base)
        self._last_at: datetime | None = None  # of the last act in the journal
        published = self._store.read(CHECKPOINT)
        self._note = published or b""
        batches, self._ending = unpack_batches(data[self._offset :], self._offset)
        self._take(batches)
        self._check_signed(published)

    def _take(self, batches: Iterable[Batch]) -> None:
        """Add whole batches to what is in memory; the caller checks the signature over the last."""
        for batch in batches:
            for leaf in batch.leaves:
                index = self._frontier.size
                recorded = decode(leaf, index)
                self._count(recorded)
                hashed = leaf_hash(leaf)
                self._leaves.append(leaf)
                self._hashes.append(hashed)
                self._frontier.append(hashed)
            self._notes.append((self._frontier.size, batch.note))
            self._note, self._offset = batch.note, batch.end

    def _count(self, recorded: Recorded) -> None:
        matter = recorded.entry.matter
        if recorded.seq != self._seqs.get(matter, 0):
            raise Unverified("ledger.bad-seq", "an act is not the next of its matter", where=f"leaf {recorded.index}")
        self._seqs[matter] = recorded.seq + 1
        self._last_at = recorded.at

    def _check_signed(self, published: bytes | None) -> None:
        """The latest state is signed by our keys, and the published one is part of it."""
        self._check_ending(self._ending)
        latest = self._opened(self._note, JOURNAL if self._notes else CHECKPOINT)
        if (latest.size, latest.root) != (self._frontier.size, self._frontier.root):
            if latest.size > self._frontier.size:
                raise Unverified("ledger.truncated", "acts that were signed are missing; run `fsck`", where=f"size {latest.size}")
            raise Unverified("ledger.altered", "the acts are not those that were signed; run `fsck`", where=f"size {latest.size}")
        if published is None:
            raise Unverified("ledger.truncated", "the signed checkpoint is missing; run `fsck`", where=CHECKPOINT)
        if published is not self._note:
            earlier = self._opened(published, CHECKPOINT)
            if earlier.size > self._frontier.size:
                raise Unverified(
                    "ledger.truncated", "acts that were signed are missing; run `fsck`", where=f"size {earlier.size}"
                )
            if merkle.tree_root(self._node, earlier.size) != earlier.root:
                raise Unverified("ledger.altered", "the published checkpoint is of another history; run `fsck`", where=CHECKPOINT)

    def _check_ending(self, ending: Ending) -> None:
        # A torn end is what a crash leaves and holds nothing that was acknowledged: readers look past it.
        if ending == "damaged":
            raise Unverified(
                "ledger.damaged",
                "bytes in the journal are not what was written; run `fsck`",
                where=f"{JOURNAL}, byte {self._offset}",
            )

    def _catch_up(self) -> None:
        """Read what other processes wrote since. What was known before must be part of it."""
        if self._journal.replaced:
            known_size, known_root = self._frontier.size, self._frontier.root
            old = self._journal
            self._load(self._reopened())
            old.close()
            if known_size > self._frontier.size:
                raise Unverified("ledger.truncated", "the log has become shorter while it was open", where=f"size {known_size}")
            if merkle.tree_root(self._node, known_size) != known_root:
                raise Unverified("ledger.altered", "the log's history changed while it was open", where=f"size {known_size}")
            return
        length = self._journal.length
        if length < self._offset:
            raise Unverified("ledger.truncated", "the journal has become shorter while it was open", where=JOURNAL)
        if length > self._offset:
            batches, self._ending = unpack_batches(self._journal.read(self._offset), self._offset)
            self._check_ending(self._ending)
            if batches:
                self._take(batches)
                latest = self._opened(self._note, JOURNAL)
                if (latest.size, latest.root) != (self._frontier.size, self._frontier.root):
                    raise Unverified(
                        "ledger.altered", "another process wrote acts that its checkpoint does not cover", where=JOURNAL
                    )

    def _reopened(self) -> Journal:
        return Journal(self._store, writable=False)

    def _opened(self, note: bytes, where: str) -> Checkpoint:
        try:
            return open_checkpoint(note, self._keys, where=where)
        except VerificationError as flaw:
            if flaw.code in ("note.unsigned", "note.bad-signature", "note.wrong-origin"):
                raise Unverified(
                    "ledger.wrong-key", "the ledger is not signed by this key; give the key it was made with", where=where
                ) from None
            raise Unverified("ledger.altered", "the ledger's checkpoint is not a signed note; run `fsck`", where=where) from None
