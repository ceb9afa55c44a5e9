"""Every act, so that nobody can quietly change it: an append-only log anyone can check.

`Ledger` writes and reads, `History` reads, `export` makes the bundle of one matter, `verify`, `examine` and `repair`
look after the files. Proof arithmetic, notes and tile formats live in `incamera_verify`.
"""

from incamera.ledger.bundle import export
from incamera.ledger.entry import ACTS, Recorded
from incamera.ledger.fsck import Flaw, Report, examine, repair, verify
from incamera.ledger.history import History
from incamera.ledger.log import Ledger

__all__ = ["ACTS", "Flaw", "History", "Ledger", "Recorded", "Report", "examine", "export", "repair", "verify"]
