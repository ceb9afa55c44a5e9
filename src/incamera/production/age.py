"""Sealing to recipients with age: a stream in, a stream out, and no plaintext on the way to disk."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, BinaryIO

from incamera.core.errors import Malformed, Unavailable, Unverified


def recipients(keys: Sequence[str]) -> list[Any]:
    """age recipients from their text (`age1...`, or an SSH public key).

    Raises:
        Malformed: `production.bad-recipient`, naming its place in the list and not the key.
    """
    import pyrage

    found = []
    for number, key in enumerate(keys, start=1):
        try:
            kind = pyrage.ssh.Recipient if key.startswith("ssh-") else pyrage.x25519.Recipient
            found.append(kind.from_str(key))
        except (pyrage.RecipientError, ValueError):
            raise Malformed(
                "production.bad-recipient", "expected an age1... or ssh- public key", where=f"recipient {number}"
            ) from None
    if not found:
        raise Malformed("production.bad-recipient", "a sealed file needs at least one recipient", where="recipients")
    return found


@contextmanager
def sealed(target: BinaryIO, keys: Sequence[str]) -> Iterator[BinaryIO]:
    """A writer whose bytes go to *target* encrypted to all *keys*.

    Raises:
        Malformed: `production.bad-recipient`.
        Unavailable: `production.seal-failed`.
    Privacy: plaintext passes through a pipe in memory only.
    """
    import pyrage

    to = recipients(keys)
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def encrypt() -> None:
        with os.fdopen(reading, "rb") as source:
            try:
                pyrage.encrypt_io(source, target, to)
            except BaseException as flaw:  # noqa: BLE001 - carried to the caller's thread
                failed.append(flaw)
                while source.read(1 << 16):  # let the writer finish; it learns of the failure below
                    pass

    worker = threading.Thread(target=encrypt, name="incamera-seal")
    worker.start()
    try:
        with os.fdopen(writing, "wb", buffering=1 << 16) as sink:
            yield sink
    finally:
        worker.join()
    if failed:
        cause = failed[0]
        if isinstance(cause, OSError):
            raise cause
        raise Unavailable("production.seal-failed", f"age could not write the sealed file ({type(cause).__name__})")


def unseal(source: IO[bytes], target: IO[bytes], identity: str) -> None:
    """Decrypt *source* with the age identity `AGE-SECRET-KEY-1...`.

    Raises:
        Malformed: `production.bad-identity`.
        Unverified: `production.not-unsealed`, another recipient's file, or one that was altered.
    """
    import pyrage

    try:
        key = pyrage.x25519.Identity.from_str(identity.strip())
    except (pyrage.IdentityError, ValueError):
        raise Malformed("production.bad-identity", "expected AGE-SECRET-KEY-1...") from None
    try:
        pyrage.decrypt_io(source, target, [key])
    except (pyrage.DecryptError, OSError) as flaw:
        if isinstance(flaw, OSError) and flaw.errno is not None:
            raise  # the world's fault; a broken chunk comes as an OSError without a number
        raise Unverified("production.not-unsealed", "the file is not sealed to this identity, or was altered") from None


def unsealed_bytes(data: bytes, identity: str) -> bytes:
    """`unseal` for what fits in memory."""
    target = io.BytesIO()
    unseal(io.BytesIO(data), target, identity)
    return target.getvalue()
