"""Receipts for people: one text file that shows what was done and proves it offline (C2SP tlog-proof).

The file carries the leaf, its place, the path to a signed root, and the cosignatures of witnesses where there are any.
`incamera_verify.proof.open_receipt` checks it; nothing of this system is needed for that.
"""

from __future__ import annotations

from incamera.core.errors import Refused
from incamera.ledger.history import History
from incamera_verify.note import Checkpoint, Note
from incamera_verify.proof import Proof


def receipt(history: History, index: int, *, witnessed: bool = False) -> bytes:
    """The receipt of act *index*, under the latest checkpoint, or under the first that witnesses cosigned after it.

    Raises:
        Malformed: `ledger.no-such-entry`.
        Refused: `ledger.not-witnessed`, no witness cosigned since the act.
    Privacy: carries the leaf whole. Hand it to the person concerned, not to strangers.
    """
    leaf = history.entry(index).leaf
    note = history.checkpoint().encode()
    if witnessed:
        covering = [cosigned for size, cosigned in history.witnessed() if size > index]
        if not covering:
            raise Refused("ledger.not-witnessed", "no witness has cosigned since this act; ask one first", where=f"entry {index}")
        note = covering[0]
    size = Checkpoint.parse(Note.parse(note).text).size
    return bytes(Proof(index, tuple(history.inclusion_path(index, size)), note, leaf))
