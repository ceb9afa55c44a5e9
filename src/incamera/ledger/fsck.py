"""Checking a whole ledger, offline, and mending what a crash or a lost file left.

`examine` reads everything and reports every flaw; `verify` raises at the first; `repair` does what can be done without
inventing anything: it sets a broken journal end aside, rebuilds hash tiles from the acts themselves where these lead to
the signed root, and writes the act `ledger.repaired`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from incamera.core.errors import Unverified
from incamera.core.ids import Digest, digest
from incamera.core.ports import Clock
from incamera.core.records import Entry
from incamera.ledger.entry import decode
from incamera.ledger.journal import Batch, Head, unpack_batches, unpack_head
from incamera.ledger.log import Ledger
from incamera.ledger.store import CHECKPOINT, HISTORY, JOURNAL, WITNESSED, Journal, Store
from incamera.ledger.tiles import hash_tiles
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import Tree, leaf_hash
from incamera_verify.note import Checkpoint, Signer, Verifier, open_checkpoint
from incamera_verify.tiles import entries_path, tiles_of, unpack_entries, unpack_history


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that does not hold: its code, where it is, and what it means."""

    code: str
    where: str
    hint: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a whole ledger is: its signed size and root, how many checkpoints were checked, and every flaw found.

    `torn_bytes` at the journal's end are what a crash leaves: no flaw, since nobody was told they were written.
    """

    size: int
    root: Digest
    checkpoints: int
    torn_bytes: int
    flaws: tuple[Flaw, ...]


def verify(directory: Path, keys: Sequence[Verifier], pinned: Sequence[Checkpoint] = ()) -> Report:
    """Accept only a ledger in which every leaf, tile, signature and earlier state holds, *pinned* ones included.

    Raises:
        Unverified: the first flaw of `examine`, under its code.
    Cost: reads everything; about 50 us of CPU an act.
    """
    report = examine(directory, keys, pinned)
    if report.flaws:
        first = report.flaws[0]
        raise Unverified(first.code, first.hint, where=first.where)
    return report


def examine(directory: Path, keys: Sequence[Verifier], pinned: Sequence[Checkpoint] = ()) -> Report:
    """Read the whole ledger, trust nothing, and report. Raises `Unavailable` only where files cannot be read at all."""
    store = Store(directory)
    with store.locked("publish.lock", shared=True), store.locked(shared=True):
        return _Examination(store, tuple(keys)).report(pinned)


class _Examination:
    """One pass over a ledger, in numbered steps."""

    def __init__(self, store: Store, keys: tuple[Verifier, ...]) -> None:
        self.store = store
        self.keys = keys
        self.tree = Tree()
        self.flaws: list[Flaw] = []
        self.seqs: dict[str, int] = {}

    def report(self, pinned: Sequence[Checkpoint]) -> Report:
        # 1. The journal: where the tile files end, and the batches after them.
        head, batches, torn = self._journal()
        # 2. Every published act is a leaf of the vocabulary, the next of its matter.
        for index, width in tiles_of(head.base):
            self._bundle(index, width)
        whole = len(self.tree) == head.base
        if whole and self.seqs != head.seqs:
            self._flaw("ledger.bad-journal", JOURNAL, "the journal's head counts other acts than the files hold")
        # 3. Every hash tile is what those leaves make.
        if whole:
            self._hash_tiles(head.base)
        # 4. The journal's acts follow.
        for batch in batches:
            self._leaves(batch.leaves, JOURNAL)
        # 5. Every checkpoint ever signed is ours and states this history; so does the published one.
        notes = self._history(head, batches)
        latest = [self._note(note, place) for note, place in notes]
        published = self._note(self.store.read(CHECKPOINT) or b"", CHECKPOINT)
        if head.base not in {state.size for state in latest if state is not None}:
            self._flaw("ledger.bad-history", HISTORY, "the checkpoint of the last publication is missing")
        # 6. The last of them covers all.
        sizes = [state.size for state in (*latest, published) if state is not None]
        if whole and max(sizes, default=-1) != len(self.tree):
            self._flaw("ledger.unsigned", JOURNAL, "acts stand after the last signed checkpoint")
        # 7. So are the states that witnesses cosigned, and those that the reader knew before.
        for name in self.store.names(WITNESSED):
            self._note(self.store.read(f"{WITNESSED}/{name}") or b"", f"{WITNESSED}/{name}")
        for pin in pinned:
            self._state(pin, f"pinned size {pin.size}")
        return Report(len(self.tree), Digest(self.tree.root().hex()), len(latest), torn, tuple(self.flaws))

    def _flaw(self, code: str, where: str, hint: str) -> None:
        self.flaws.append(Flaw(code, where, hint))

    def _journal(self) -> tuple[Head, list[Batch], int]:
        data = self.store.read(JOURNAL)
        try:
            if data is None:
                raise Unverified("ledger.bad-journal", "the journal is missing", where=JOURNAL)
            head, at = unpack_head(data)
        except Unverified as flaw:
            self._flaw(flaw.code, flaw.where, flaw.hint)
            return Head(self._published_size(), 0, {}), [], 0
        batches, ending = unpack_batches(data[at:], at)
        end = batches[-1].end if batches else at
        if ending == "damaged":
            self._flaw("ledger.damaged", f"{JOURNAL}, byte {end}", "bytes in the journal are not what was written")
        return head, batches, len(data) - end if ending == "torn" else 0

    def _published_size(self) -> int:
        state = self._note(self.store.read(CHECKPOINT) or b"", CHECKPOINT, compare=False)
        return state.size if state is not None else 0

    def _bundle(self, index: int, width: int) -> None:
        place = entries_path(index, width)
        data = self.store.read(place)
        if data is None:
            place = entries_path(index)
            data = self.store.read(place)
        try:
            leaves = unpack_entries(data or b"", place)[:width]
        except VerificationError:
            leaves = []
        if len(leaves) != width:
            self._flaw("ledger.missing-tile" if data is None else "ledger.altered", place, "the acts of this file cannot be read")
            return
        self._leaves(leaves, place)

    def _leaves(self, leaves: Sequence[bytes], place: str) -> None:
        for leaf in leaves:
            index = len(self.tree)
            self.tree.append(leaf_hash(leaf))
            try:
                recorded = decode(leaf, index)
            except Unverified as flaw:
                self._flaw(flaw.code, flaw.where, flaw.hint)
                continue
            matter = recorded.entry.matter
            if recorded.seq != self.seqs.get(matter, 0):
                self._flaw("ledger.bad-seq", f"{place}, leaf {index}", "an act is not the next of its matter")
            self.seqs[matter] = recorded.seq + 1

    def _hash_tiles(self, size: int) -> None:
        for place, hashes in hash_tiles(self.tree.node, size):
            data = self.store.read(place)
            if data is None and ".p/" in place:
                data = (self.store.read(place.partition(".p/")[0]) or b"")[: len(hashes)] or None
            if data is None:
                self._flaw("ledger.missing-tile", place, "a tile is missing")
            elif data != hashes:
                self._flaw("ledger.altered", place, "the tile is not what the acts make")

    def _history(self, head: Head, batches: list[Batch]) -> list[tuple[bytes, str]]:
        try:
            written = unpack_history((self.store.read(HISTORY) or b"")[: head.history or None], HISTORY)
        except VerificationError as flaw:
            self._flaw("ledger.bad-history", flaw.where, flaw.hint)
            written = []
        return [
            *((note, f"{HISTORY}, note {number}") for number, note in enumerate(written, 1)),
            *((batch.note, f"{JOURNAL}, byte {batch.end}") for batch in batches),
        ]

    def _note(self, note: bytes, place: str, *, compare: bool = True) -> Checkpoint | None:
        try:
            state = open_checkpoint(note, self.keys, where=place)
        except VerificationError as flaw:
            self._flaw("ledger.wrong-key", place, f"no checkpoint of this log's keys ({flaw.code})")
            return None
        if compare:
            self._state(state, place)
        return state

    def _state(self, state: Checkpoint, place: str) -> None:
        if state.origin != self.keys[0].name:
            self._flaw("ledger.wrong-log", place, "the checkpoint is of another log")
        elif state.size > len(self.tree):
            self._flaw("ledger.truncated", place, f"the log once had {state.size} acts and shows {len(self.tree)}")
        elif self.tree.root(state.size) != state.root:
            self._flaw("ledger.altered", place, "the acts are not those that were signed")


def repair(directory: Path, signers: Sequence[Signer], clock: Clock) -> Ledger:
    """Mend what can be mended and open the ledger; the act `ledger.repaired` tells what was set aside.

    A torn journal end needs no repair (opening sets it aside). A damaged one is cut at the last whole batch, and the bytes
    are kept under `dropped/`; where they held an act that somebody has a receipt for, that receipt will prove the loss.

    Raises:
        Unverified: flaws that nothing here can mend remain: the codes of `examine`.
    """
    store = Store(directory)
    keys = [signer.verifier for signer in signers]
    with store.locked("publish.lock"), store.locked():
        dropped = _cut_damage(store)
        examination = _Examination(store, tuple(keys))
        report = examination.report(())
        for flaw in report.flaws:
            if not flaw.where.startswith("tile/") or flaw.where.startswith("tile/entries/"):
                raise Unverified(flaw.code, flaw.hint, where=flaw.where)
        if report.flaws:
            base = unpack_head(store.read(JOURNAL) or b"")[0].base
            store.write_all(hash_tiles(examination.tree.node, base))
    ledger = Ledger(directory, signers, clock)
    if dropped or report.flaws:
        fields = {"size": ledger.size, "dropped_bytes": len(dropped), "dropped": digest(dropped)}
        ledger.append(Entry(act="ledger.repaired", matter="", actor="ledger", fields=fields))
    return ledger


def _cut_damage(store: Store) -> bytes:
    """Set aside what follows the last whole batch of a damaged journal."""
    journal = Journal(store, writable=True)
    try:
        data = journal.read()
        _, at = unpack_head(data)
        batches, ending = unpack_batches(data[at:], at)
        if ending != "damaged":
            return b""
        end = batches[-1].end if batches else at
        store.keep_dropped(data[end:], digest(data[end:]))
        journal.cut(end)
        return data[end:]
    finally:
        journal.close()
