"""The KMS port: a root that wraps epoch keys and can destroy an epoch for good. `LocalKms` is the embedded one.

One root key per epoch, not one for all: destroying it makes every copy of that epoch's wrapped keys useless, backups
that nobody can find any more included. Only epoch keys pass through here, a handful in a home's life.
"""

from __future__ import annotations

import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm

from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.ids import new_ref
from incamera.vault import envelope, files

#: Bound with every wrapped key: which vault, which epoch, what for.
Context = Mapping[str, str]

LOCAL_VERSION = "incamera/kms-local/1"
LOCAL_WARNING = (
    "KMS: local file. Epoch keys are protected by a passphrase on this machine, not by separate hardware: whoever can read "
    "the file and knows or guesses the passphrase opens every conversation, and an old copy of the file undoes a shred."
)
ITERATIONS_MAX = 64
MEMORY_KIB_MAX = 4 << 20


class Kms(Protocol):
    """What the vault asks of a key-management service. `warning` is printed by every command and in the certificate."""

    name: str
    warning: str | None

    def new_epoch(self) -> str:
        """Make a fresh root key; returns its id. Raises `Unavailable`."""

    def wrap(self, epoch: str, key: bytes, context: Context) -> bytes:
        """Encrypt *key* under the root key of *epoch*, bound to *context*."""

    def unwrap(self, epoch: str, blob: bytes, context: Context) -> bytes:
        """The key that `wrap` wrapped. Raises `Unavailable` (gone, no permission) or `Unverified` (altered, other context)."""

    def destroy(self, epoch: str) -> datetime:
        """Destroy the root key of *epoch*; returns the moment from which no copy can be unwrapped. Idempotent."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id parameters. The defaults are the second recommended set of RFC 9106."""

    iterations: int = 3
    memory_kib: int = 64 << 10
    lanes: int = 4


class LocalKms:
    """Root keys in one file, under Argon2id of a passphrase. See `docs/formats/vault.md` for its layout.

    Privacy: `warning` says what this does not protect against; a matter needs it chosen explicitly.
    """

    name = "local"
    warning: str | None = LOCAL_WARNING

    def __init__(self, path: Path, key: bytes, document: dict[str, Any]) -> None:
        self._path = path
        self._key = key
        self._document = document

    def __repr__(self) -> str:
        return f"<LocalKms {self._path.name}>"

    @classmethod
    def create(cls, path: Path, passphrase: str, *, cost: Cost | None = None) -> LocalKms:
        """Make a new file at *path*. Raises `Unavailable` (`vault.exists`) rather than overwrite one."""
        cost = cost or Cost()
        salt = os.urandom(16)
        key = stretch(passphrase, salt, cost)
        document = {
            "v": LOCAL_VERSION,
            "kdf": {
                "name": "argon2id",
                "salt": salt.hex(),
                "iterations": cost.iterations,
                "memory_kib": cost.memory_kib,
                "lanes": cost.lanes,
            },
            "check": envelope.seal(key, b"", b"incamera/kms-local/check").hex(),
            "epochs": {},
            "destroyed": [],
        }
        files.create(path, _encode(document))
        return cls(path, key, document)

    @classmethod
    def open(cls, path: Path, passphrase: str) -> LocalKms:
        """Open the file at *path*.

        Raises:
            Unavailable: `vault.kms-missing`, `vault.kms-passphrase`.
            Malformed: `vault.kms-damaged`.
        Cost: Argon2id with 64 MiB, about a quarter of a second.
        """
        if not files.exists(path):
            raise Unavailable("vault.kms-missing", "the key file is not there; restore it from its backup", where=path.name)
        document = _decode(files.read(path), path)
        kdf = document["kdf"]
        key = stretch(passphrase, bytes.fromhex(kdf["salt"]), Cost(kdf["iterations"], kdf["memory_kib"], kdf["lanes"]))
        try:
            envelope.unseal(key, bytes.fromhex(document["check"]), b"incamera/kms-local/check")
        except Unverified:
            raise Unavailable("vault.kms-passphrase", "the passphrase does not open the key file", where=path.name) from None
        return cls(path, key, document)

    def new_epoch(self) -> str:
        """A fresh root key, stored before its id is returned."""
        self._reload()
        epoch = new_ref()
        root = os.urandom(envelope.KEY_BYTES)
        self._document["epochs"][epoch] = envelope.seal(self._key, root, _root_aad(epoch)).hex()
        self._store()
        return epoch

    def wrap(self, epoch: str, key: bytes, context: Context) -> bytes:
        """*key* under the root key of *epoch*."""
        return envelope.seal(self._root(epoch), key, canonical(dict(context)))

    def unwrap(self, epoch: str, blob: bytes, context: Context) -> bytes:
        """The wrapped key. Raises `Unavailable` (`vault.epoch-destroyed`, `vault.epoch-unknown`) or `Unverified`."""
        return envelope.unseal(self._root(epoch), blob, canonical(dict(context)), where=f"epoch {epoch}")

    def destroy(self, epoch: str) -> datetime:
        """Rewrite the file without the root key of *epoch*. An old copy of the file still has it: hence the warning."""
        self._reload()
        if self._document["epochs"].pop(epoch, None) is not None:
            self._document["destroyed"].append(epoch)
            self._store()
        return datetime.now(UTC)

    def _root(self, epoch: str) -> bytes:
        sealed = self._document["epochs"].get(epoch)
        if sealed is None:
            self._reload()  # another process may have rolled the epoch since
            sealed = self._document["epochs"].get(epoch)
        if sealed is None:
            if epoch in self._document["destroyed"]:
                raise Unavailable(
                    "vault.epoch-destroyed", "the epoch key was destroyed; what it wrapped cannot be read", where=epoch
                )
            raise Unavailable(
                "vault.epoch-unknown", "this KMS never had the epoch key; open it with the vault's own KMS", where=epoch
            )
        return envelope.unseal(self._key, bytes.fromhex(sealed), _root_aad(epoch), where=self._path.name)

    def _reload(self) -> None:
        self._document = _decode(files.read(self._path), self._path)

    def _store(self) -> None:
        files.replace(self._path, _encode(self._document))


def _root_aad(epoch: str) -> bytes:
    return envelope.fields(b"incamera/kms-local/root", epoch.encode())


def stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    """Argon2id of a passphrase. Raises `Unavailable` (`vault.kms-kdf`). Source: RFC 9106."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        return Argon2id(
            salt=salt, length=envelope.KEY_BYTES, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory_kib
        ).derive(passphrase.encode("utf-8", "surrogatepass"))
    except (UnsupportedAlgorithm, MemoryError):
        raise Unavailable("vault.kms-kdf", "this build of OpenSSL has no Argon2id, or memory is short") from None


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _decode(data: bytes, path: Path) -> dict[str, Any]:
    """Strict reading: every field present, of its kind and within bounds, so that a hostile file cannot exhaust memory."""
    try:
        document = json.loads(data)
        kdf = document["kdf"]
        sane = (
            document["v"] == LOCAL_VERSION
            and set(document) == {"v", "kdf", "check", "epochs", "destroyed"}
            and kdf["name"] == "argon2id"
            and 1 <= kdf["iterations"] <= ITERATIONS_MAX
            and 1 <= kdf["lanes"] <= 64
            and 8 * kdf["lanes"] <= kdf["memory_kib"] <= MEMORY_KIB_MAX
            and all(
                isinstance(bytes.fromhex(value), bytes)
                for value in (kdf["salt"], document["check"], *document["epochs"].values())
            )
            and isinstance(document["destroyed"], list)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        sane = False
    if not sane:
        raise Malformed(
            "vault.kms-damaged", "the key file is not an incamera/kms-local/1 file; restore its backup", where=path.name
        )
    return document  # type: ignore[no-any-return]
