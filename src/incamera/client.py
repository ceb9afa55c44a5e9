"""The client of somebody who holds their own keys: seals conversations before they are uploaded, and opens them again.

    key = PersonKeys.create(Path("mine.key"), passphrase)
    seal(conversations, Path("upload.jsonl"), keys=key)      # for whoever stores them
    for conversation in opened(Path("export.jsonl"), keys=key): ...

Runs where the person is. What it writes tells its keeper references, sizes and the stated facts, and no text; the
passphrase and the keys never leave the machine. Formats: `docs/formats/held.md`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from incamera import disk
from incamera.core.canon import pack
from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.records import Conversation
from incamera.vault import envelope, held
from incamera.vault.bodies import Codec
from incamera.vault.held import Envelope, Facts
from incamera.vault.kms import ITERATIONS_MAX, MEMORY_KIB_MAX, Cost, stretch

VERSION = "incamera/person-key/1"
_SALT_BYTES = 16


class PersonKeys:
    """A person's key file: X25519 private keys under a passphrase, the newest first. Older ones open what was sealed to them.

    Whoever has the file and the passphrase opens everything; without them nobody does, and nobody can help.
    """

    def __init__(self, path: Path, wrapping: bytes, kdf: Mapping[str, Any], keys: list[X25519PrivateKey]) -> None:
        self.path = path
        self._wrapping = wrapping
        self._kdf = dict(kdf)
        self._keys = keys

    def __repr__(self) -> str:
        return f"<PersonKeys {len(self._keys)}>"

    @classmethod
    def create(cls, path: Path, passphrase: str, *, cost: Cost | None = None) -> PersonKeys:
        """A new file with a new key. Raises `Unavailable` (`client.exists`, `client.unwritable`)."""
        if path.exists():
            raise Unavailable("client.exists", "the file is there already and is not overwritten", where=path.name)
        kdf = _kdf(cost or Cost())
        keys = cls(path, _wrapping(passphrase, kdf), kdf, [X25519PrivateKey.generate()])
        keys._store()
        return keys

    @classmethod
    def open(cls, path: Path, passphrase: str) -> PersonKeys:
        """The keys of a file.

        Raises:
            Unavailable: `client.unreadable`, `client.passphrase`. Malformed: `client.key-file`.
        """
        kdf, sealed = _decode(_read(path), path)
        wrapping = _wrapping(passphrase, kdf)
        try:
            raw = [envelope.unseal(wrapping, blob, _aad(public)) for public, blob in sealed]
        except Unverified:
            raise Unavailable("client.passphrase", "the passphrase does not open the key file", where=path.name) from None
        keys = [X25519PrivateKey.from_private_bytes(one) for one in raw]
        if [_raw(key) for key in keys] != [public for public, _ in sealed]:
            raise _damaged(path)
        return cls(path, wrapping, kdf, keys)

    @property
    def public(self) -> X25519PublicKey:
        """The public key to which new conversations are sealed; safe to hand out."""
        return self._keys[0].public_key()

    @property
    def private(self) -> dict[bytes, X25519PrivateKey]:
        """Every private key by its raw public key."""
        return {_raw(key): key for key in self._keys}

    def rotate(self) -> X25519PublicKey:
        """Add a fresh key, to which everything is sealed from now on; the file is durable before this returns."""
        self._keys.insert(0, X25519PrivateKey.generate())
        self._store()
        return self.public

    def forget_older(self) -> int:
        """Drop every key but the newest, once all envelopes are sealed to it; returns how many went."""
        gone = len(self._keys) - 1
        del self._keys[1:]
        self._store()
        return gone

    def change_passphrase(self, passphrase: str, *, cost: Cost | None = None) -> None:
        """Wrap the keys under another passphrase. An old copy of the file still opens with the old one."""
        kdf = _kdf(cost or Cost())
        self._wrapping, self._kdf = _wrapping(passphrase, kdf), kdf
        self._store()

    def _store(self) -> None:
        rows = [
            {"public": _raw(key).hex(), "sealed": envelope.seal(self._wrapping, key.private_bytes_raw(), _aad(_raw(key))).hex()}
            for key in self._keys
        ]
        _write(self.path, [json.dumps({"v": VERSION, "kdf": self._kdf, "keys": rows}, sort_keys=True, indent=1).encode() + b"\n"])


# --- sealing and opening ------------------------------------------------------------------------------------------------


def seal(conversations: Iterable[Conversation], out: Path, *, keys: PersonKeys, subject: str = "") -> int:
    """Seal *conversations* into an upload at *out*, which appears whole or not at all; returns how many.

    Args:
        subject: The account under which the keeper stores them; by default each conversation's own.

    Raises:
        Malformed: `client.no-subject`, a conversation names no account; `vault.too-large`.
        Unavailable: `client.exists`, `client.unwritable`.
    Privacy: id, account, source, day, region and tier go along in the clear, for the keeper's counts; see `Facts`.
    """
    codec, count = Codec(), 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for conversation in conversations:
            count += 1
            yield held.write_line(held.seal(conversation, keys.public, codec), facts(conversation, subject))

    _new(out, lines())
    return count


def read(paths: Sequence[Path]) -> Iterator[Conversation]:
    """The conversations of exports or logs, in any format that the product reads. Raises as `ingest.files.read`."""
    from incamera.ingest import files
    from incamera.ingest.report import Report

    yield from files.read(paths, report=Report())


def facts(conversation: Conversation, subject: str = "") -> Facts:
    """What goes along with a sealed conversation in the clear. Raises `Malformed` (`client.no-subject`)."""
    account = subject or conversation.subject
    if not account:
        raise Malformed("client.no-subject", "name the account under which the conversation is stored")
    started = conversation.started_at
    if started is not None and started.tzinfo is None:
        started = started.replace(tzinfo=UTC)
    return Facts(
        id=conversation.id,
        subject=account,
        source=conversation.source,
        started_at=started,
        region=conversation.region,
        tier=conversation.tier,
        temporary=conversation.flags.temporary,
    )


def envelopes(path: Path) -> Iterator[tuple[Envelope, Facts | None]]:
    """Envelopes of a file, and what stands beside them. Raises `Malformed` (`vault.envelope`), `Unavailable`."""
    try:
        with path.open("rb") as lines:
            yield from held.read_lines(lines, where=path.name)
    except OSError as flaw:
        raise _unreadable(path, flaw) from None


def opened(path: Path, *, keys: PersonKeys) -> Iterator[Conversation]:
    """The conversations in a file of envelopes.

    Raises:
        Unverified: `vault.no-such-key`, sealed to a key that is not in the file; an altered envelope.
    """
    codec, private = Codec(), keys.private
    for one, _ in envelopes(path):
        yield held.open_envelope(one, private, codec)


def export(path: Path, out: Path, *, keys: PersonKeys) -> int:
    """Write what a file of envelopes holds in the clear, one conversation a line; returns how many.

    The file appears whole or not at all, readable by its owner only. Raises as `opened`; `client.exists`.
    """
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for conversation in opened(path, keys=keys):
            count += 1
            yield pack(conversation) + b"\n"

    _new(out, lines())
    return count


def rotate(path: Path, out: Path, *, keys: PersonKeys) -> int:
    """Seal the keys of envelopes to the newest key of the file, for the keeper to exchange; returns how many.

    Bodies stay as they are. Call `PersonKeys.rotate` first and `PersonKeys.forget_older` once the keeper has taken them.
    """
    count = 0
    private, recipient = keys.private, keys.public

    def lines() -> Iterator[bytes]:
        nonlocal count
        for one, said in envelopes(path):
            count += 1
            yield held.write_line(held.reseal(one, private, recipient), said)

    _new(out, lines())
    return count


# --- the key file -------------------------------------------------------------------------------------------------------


def _kdf(cost: Cost) -> dict[str, Any]:
    return {
        "name": "argon2id",
        "salt": os.urandom(_SALT_BYTES).hex(),
        "iterations": cost.iterations,
        "memory_kib": cost.memory_kib,
        "lanes": cost.lanes,
    }


def _wrapping(passphrase: str, kdf: Mapping[str, Any]) -> bytes:
    return stretch(passphrase, bytes.fromhex(kdf["salt"]), Cost(kdf["iterations"], kdf["memory_kib"], kdf["lanes"]))


def _aad(public: bytes) -> bytes:
    return envelope.fields(VERSION.encode(), public)


def _raw(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _decode(data: bytes, path: Path) -> tuple[dict[str, Any], list[tuple[bytes, bytes]]]:
    """Strict, and within bounds: a hostile file must not exhaust memory."""
    try:
        document = json.loads(data)
        kdf = document["kdf"]
        keys = [(bytes.fromhex(row["public"]), bytes.fromhex(row["sealed"])) for row in document["keys"]]
        sane = (
            document["v"] == VERSION
            and set(document) == {"v", "kdf", "keys"}
            and set(kdf) == {"name", "salt", "iterations", "memory_kib", "lanes"}
            and kdf["name"] == "argon2id"
            and len(bytes.fromhex(kdf["salt"])) == _SALT_BYTES
            and 1 <= kdf["iterations"] <= ITERATIONS_MAX
            and 1 <= kdf["lanes"] <= 64
            and 8 * kdf["lanes"] <= kdf["memory_kib"] <= MEMORY_KIB_MAX
            and bool(keys)
            and all(len(public) == 32 and len(sealed) == envelope.WRAPPED_BYTES for public, sealed in keys)
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sane = False
    if not sane:
        raise _damaged(path)
    return kdf, keys


def _damaged(path: Path) -> Malformed:
    return Malformed("client.key-file", f"the file is no {VERSION} file; use its copy", where=path.name)


# --- files --------------------------------------------------------------------------------------------------------------


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as flaw:
        raise _unreadable(path, flaw) from None


def _new(path: Path, lines: Iterable[bytes]) -> None:
    if path.exists():
        raise Unavailable("client.exists", "the file is there already and is not overwritten", where=path.name)
    _write(path, lines)


def _write(path: Path, lines: Iterable[bytes]) -> None:
    """Put *lines* at *path* whole or not at all, durably, readable by its owner only."""
    try:
        with disk.replacing(path) as sink:
            sink.writelines(lines)
    except OSError as flaw:
        raise Unavailable("client.unwritable", flaw.strerror or "the file cannot be written", where=path.name) from None


def _unreadable(path: Path, flaw: OSError) -> Unavailable:
    return Unavailable("client.unreadable", flaw.strerror or "the file cannot be read", where=path.name)
