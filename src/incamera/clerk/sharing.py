"""What a broker's home lets its group do: an account that cannot read keys.db still reads and writes sealed data beside it.

The directory of the home itself is never the group's to write, so that nobody there can put another keys.db in its place.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: Written by clerks too: data files, lists of grants, working sets, what collections carried. What is new there is the group's.
WRITTEN = ("vault", "lists", "matters", "collections")
#: What a clerk writes in place, and SQLite's companions of it.
SHARED = ("state.db", "state.db-wal", "state.db-shm")
#: Read by clerks, written by the broker alone.
READ = ("ledger",)
READ_FILES = ("home.toml",)


def share(home: Path) -> None:
    """Give the home's group what clerks need, and take from it what they do not. Repeated at every start of a broker.

    Privacy: keys.db, the key file of a local KMS and the recovery files stay with their owner.
    """
    _mode(home, 0o750 | stat.S_ISGID)
    for name in (*WRITTEN, *READ):
        (home / name).mkdir(mode=0o700, exist_ok=True)
    for name in WRITTEN:
        for path in _tree(home / name):
            _mode(path, 0o770 | stat.S_ISGID if path.is_dir() else 0o660)
    for name in READ:
        for path in _tree(home / name):
            _mode(path, 0o750 | stat.S_ISGID if path.is_dir() else 0o640)
    for name, mode in (*((name, 0o660) for name in SHARED), *((name, 0o640) for name in READ_FILES)):
        if (home / name).exists():
            _mode(home / name, mode)
    for name in ("keys.db", "keys.db-wal", "keys.db-shm"):
        if (home / name).exists():
            _mode(home / name, 0o600)
    for name in ("secrets", "recovery"):
        if (home / name).exists():
            _mode(home / name, 0o700)


def _tree(top: Path) -> list[Path]:
    return [top, *(path for path in top.rglob("*") if not path.is_symlink())]


def _mode(path: Path, mode: int) -> None:
    """Set a mode, where this account owns the file: what a clerk wrote has been shared by its writer."""
    about = path.lstat()
    if stat.S_IMODE(about.st_mode) != mode and about.st_uid == os.geteuid():
        path.chmod(mode)
