"""The part of a ledger that leaves with a production: enough for a stranger to check every act of one matter.

Leaf hashes of the whole log go along, because only the whole leads to the signed root; they say nothing about the acts
of other matters, each of which carries 128 random bits. `docs/formats/ledger.md` tells how the bundle is checked, and
`incamera_verify.tiles.check_bundle` does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from incamera.core.errors import Malformed, Refused
from incamera.ledger.history import History
from incamera.ledger.store import CHECKPOINT, HISTORY, Store
from incamera_verify.canon import canonical
from incamera_verify.note import Checkpoint, Note
from incamera_verify.tiles import BUNDLE_FORMAT, TILE_WIDTH, pack_history, tile_path


def export(history: History, matter: str, directory: Path, *, witnessed: bool = False) -> Checkpoint:
    """Write the bundle of *matter* into *directory*, which may hold nothing of that name yet; returns the state it shows.

    Args:
        witnessed: Show the latest state that witnesses cosigned, with their cosignatures, in place of the latest of all.

    Raises:
        Refused: `ledger.not-witnessed`, the matter has acts after the last state that any witness cosigned.
        Malformed: `ledger.no-such-matter`, `ledger.export-exists`.
        Unavailable: the directory cannot be written.
    Privacy: writes the acts of *matter* and hashes of all others. The number and the times of signing of the other
        acts show in tile widths and checkpoint sizes.
    """
    store = Store(directory)
    store.make()
    if store.exists("format"):
        raise Malformed("ledger.export-exists", "there is an exported ledger in this directory already", where=str(directory))
    note = _latest_witnessed(history) if witnessed else history.checkpoint().encode()
    state = Checkpoint.parse(Note.parse(note).text)
    indices: list[int] = []
    rows: list[bytes] = []
    for recorded in history.entries(matter):
        if recorded.index >= state.size:
            if witnessed:
                raise Refused("ledger.not-witnessed", "acts of the matter await a cosignature; ask a witness first", where=matter)
            break
        indices.append(recorded.index)
        rows.append(canonical({"index": recorded.index, "leaf": recorded.leaf.decode()}) + b"\n")
    if not rows:
        raise Malformed("ledger.no-such-matter", "the ledger holds no act of this matter", where=matter)
    notes = list(_notes_over(history, indices, state.size))
    store.write_all(
        [
            *_leaf_tiles(history, state.size),
            ("entries.jsonl", b"".join(rows)),
            (HISTORY, pack_history(notes)),
            (CHECKPOINT, note),
            ("format", f"{BUNDLE_FORMAT}\n".encode()),
        ]
    )
    return state


def _latest_witnessed(history: History) -> bytes:
    notes = history.witnessed()
    if not notes:
        raise Refused("ledger.not-witnessed", "no witness has cosigned this log yet")
    return notes[-1][1]


def _leaf_tiles(history: History, size: int) -> Iterator[tuple[str, bytes]]:
    for first in range(0, size, TILE_WIDTH):
        width = min(TILE_WIDTH, size - first)
        yield tile_path(0, first // TILE_WIDTH, width), b"".join(history.leaf_hashes(first, first + width))


def _notes_over(history: History, indices: list[int], size: int) -> Iterator[bytes]:
    """The checkpoints that were signed when an act of the matter went in, oldest first."""
    waiting = iter(indices)
    index = next(waiting, None)
    for note in history.checkpoints():
        signed = Checkpoint.parse(Note.parse(note).text).size
        if index is None or signed > size:
            return
        if signed > index:
            yield note
            while index is not None and index < signed:
                index = next(waiting, None)
