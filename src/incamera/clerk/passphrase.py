"""Where the passphrase of the local KMS comes from: never a command-line argument, which every process list shows."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from incamera.core.errors import Refused, Unavailable

#: Read where no file is given. A process of another account cannot read it; one of the same account can.
VARIABLE = "INCAMERA_PASSPHRASE"
#: The name under which the operating system's keyring knows us; the account is the home's path.
SERVICE = "incamera"
_BYTES_MAX = 4096


def passphrase_from(file: Path | None, home: Path | None = None) -> str:
    """The first line of *file* (`/dev/fd/N` for an open descriptor), else `INCAMERA_PASSPHRASE`, else the keyring's for *home*.

    Raises:
        Unavailable: `home.no-passphrase`.
        Refused: `home.exposed-passphrase`, others can read this file of one's own.
    """
    if file is not None:
        return _first_line(file)
    found = os.environ.get(VARIABLE) or (_remembered(home) if home else None)
    if not found:
        raise Unavailable(
            "home.no-passphrase", f"give --passphrase-file, set {VARIABLE}, or store it: `incamera passphrase remember`"
        )
    return found


def remember(home: Path, passphrase: str) -> str:
    """Hand the passphrase to the operating system's keyring; returns the name of the store that took it.

    Raises:
        Unavailable: `home.no-keyring`.
    """
    store = _keyring()
    try:
        store.set_password(SERVICE, _account(home), passphrase)
    except store.errors.KeyringError:
        raise _no_keyring() from None
    return str(store.get_keyring().name)


def forget(home: Path) -> None:
    """Take it out of the keyring again. Raises `Unavailable` (`home.no-keyring`, `home.no-passphrase`: there was none)."""
    store = _keyring()
    try:
        store.delete_password(SERVICE, _account(home))
    except store.errors.PasswordDeleteError:
        raise Unavailable("home.no-passphrase", "the keyring holds none for this home", where=str(home)) from None
    except store.errors.KeyringError:
        raise _no_keyring() from None


def _remembered(home: Path) -> str | None:
    try:
        store = _keyring()
    except Unavailable:
        return None
    try:
        found = store.get_password(SERVICE, _account(home))
    except store.errors.KeyringError:
        return None
    return None if found is None else str(found)


def _first_line(file: Path) -> str:
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        raise Unavailable("home.no-passphrase", "the passphrase file is not there, or may not be read", where=str(file)) from None
    about = os.fstat(descriptor)
    if stat.S_ISDIR(about.st_mode):
        os.close(descriptor)
        raise Unavailable("home.no-passphrase", "this is a directory", where=str(file))
    with os.fdopen(descriptor, "rb") as stream:
        # A file of another owner (a mounted secret) is that owner's to protect.
        if stat.S_ISREG(about.st_mode) and about.st_mode & 0o077 and about.st_uid == os.geteuid():
            raise Refused("home.exposed-passphrase", "others can read the passphrase file: chmod 600 it", where=str(file))
        line = stream.readline(_BYTES_MAX).rstrip(b"\r\n")
    try:
        found = line.decode()
    except UnicodeDecodeError:
        found = ""
    if not found:
        raise Unavailable("home.no-passphrase", "the first line of the passphrase file is empty, or not UTF-8", where=str(file))
    return found


def _account(home: Path) -> str:
    return str(home.expanduser().resolve())


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise _no_keyring() from None
    return keyring


def _no_keyring() -> Unavailable:
    hint = "no keyring took it: install the extra (pip install 'incamera[keyring]') and unlock the desktop's store"
    return Unavailable("home.no-keyring", hint)
