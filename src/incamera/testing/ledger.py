"""A ledger in memory: real leaves, real tree, real signed checkpoints, no files. For tests of whatever takes an Appender."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from incamera.core.canon import canonical
from incamera.core.errors import Unavailable
from incamera.core.ids import Digest, new_ref
from incamera.core.records import Entry, Receipt
from incamera_verify import merkle
from incamera_verify.note import Checkpoint, Signer, Verifier, sign_note


class MemoryLedger:
    """`core.ports.Appender`. `entries` is what was written; set `broken` to see what a caller does without a ledger."""

    def __init__(self, origin: str = "example.org/test-ledger") -> None:
        self.entries: list[Entry] = []
        self.broken = False
        self._signer = Signer.generate(origin)
        self._tree = merkle.Tree()
        self._lock = threading.Lock()

    @property
    def verifier(self) -> Verifier:
        """The public key under which every receipt of this ledger verifies."""
        return self._signer.verifier

    def append(self, entry: Entry) -> Receipt:
        return self.append_many([entry])[0]

    def append_many(self, entries: Sequence[Entry]) -> list[Receipt]:
        if self.broken:
            raise Unavailable("ledger.io", "this ledger was told to fail")  # as the real one does when its disk fails
        with self._lock:
            first = len(self._tree)
            leaves = [merkle.leaf_hash(_leaf(entry)) for entry in entries]
            for leaf in leaves:
                self._tree.append(leaf)
            self.entries.extend(entries)
            checkpoint = Checkpoint(self._signer.name, len(self._tree), self._tree.root())
            note = str(sign_note(checkpoint.text, [self._signer]))
            return [
                Receipt(
                    index=first + i,
                    leaf=Digest(leaf.hex()),
                    path=tuple(step.hex() for step in self._tree.inclusion_path(first + i)),
                    checkpoint=note,
                )
                for i, leaf in enumerate(leaves)
            ]

    def acts(self) -> list[str]:
        """The acts written so far, in order."""
        return [entry.act for entry in self.entries]


def _leaf(entry: Entry) -> bytes:
    from incamera.ledger.entry import check

    check(entry)  # the closed vocabulary holds in tests too
    return canonical(
        {"act": entry.act, "matter": entry.matter, "actor": entry.actor, "fields": dict(entry.fields), "salt": new_ref()}
    )
