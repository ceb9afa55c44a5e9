"""Recovery of held evidence: two of three trustees can open what a hold covers, after keys.db and the KMS are gone.

The privacy design must not be able to lose what a court ordered kept. While a hold is placed, each held conversation's
key also goes, sealed, into a recovery file: to a key pair of the hold, whose private half is sealed to every pair of
trustees, one inside the other (HPKE within HPKE). No trustee alone opens anything, and no secret sharing is made by hand.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from incamera.core.errors import Malformed, Refused, Unverified
from incamera.vault import envelope, files

VERSION = "incamera/recovery/1"
#: Who holds a share. Names are fixed, so that a file says whom to ask.
TRUSTEES = ("court", "holder", "neutral")
CHUNK_ROWS = 4096
_ROW_BYTES = 16 + 16 + 8 + 1 + 32 + 32


class HeldKey(NamedTuple):
    """What it takes to open one conversation again, and to know its subject's commitments and account."""

    cref: bytes
    uref: bytes
    slot: int
    kind: int
    key: bytes
    secret: bytes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recovered:
    """One hold, opened: its facts, the home secrets that the data files need, and its keys."""

    hold: str
    matter: str
    order: str
    placed_at: str
    tenant: bytes
    file_secret: bytes
    dedupe_secret: bytes
    keys: tuple[HeldKey, ...]


def trustees_from(keys: Mapping[str, str]) -> dict[str, X25519PublicKey]:
    """The three public keys, each 32 bytes in hex.

    Raises:
        Malformed: `vault.bad-trustees`: a name too many or missing, one key twice, or no key.
    """
    try:
        public = {name: X25519PublicKey.from_public_bytes(bytes.fromhex(text)) for name, text in keys.items()}
    except ValueError:
        raise Malformed("vault.bad-trustees", "a trustee's key is 32 bytes in hex") from None
    if sorted(public) != list(TRUSTEES) or len({key.public_bytes_raw() for key in public.values()}) != len(TRUSTEES):
        raise Malformed("vault.bad-trustees", f"name {', '.join(TRUSTEES)}, each with a key of its own")
    return public


class RecoveryFile:
    """The recovery file of one hold: a header line, then one line for each chunk of keys. Appended to, never rewritten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, *, hold: str, matter: str, order: str, placed_at: str, trustees: Mapping[str, X25519PublicKey]) -> None:
        """Write the header, with a fresh key pair of the hold sealed to each pair of trustees. Nothing if there is one."""
        if files.exists(self.path):
            return
        private = X25519PrivateKey.generate()
        pairs = []
        for inner, outer in itertools.combinations(sorted(trustees), 2):
            core = _suite().encrypt(private.private_bytes_raw(), trustees[inner], _info("share", hold, inner, outer))
            shell = _suite().encrypt(core, trustees[outer], _info("shell", hold, inner, outer))
            pairs.append({"inner": inner, "outer": outer, "sealed": _text(shell)})
        header = {
            "v": VERSION,
            "hold": hold,
            "matter": matter,
            "order": order,
            "placed_at": placed_at,
            "public": private.public_key().public_bytes_raw().hex(),
            "pairs": pairs,
        }
        files.create(self.path, _line(header))

    def add(self, keys: Iterable[HeldKey], *, tenant: bytes, file_secret: bytes, dedupe_secret: bytes) -> None:
        """Append *keys*, durably, before the hold counts them."""
        header = self._header()
        public = X25519PublicKey.from_public_bytes(bytes.fromhex(header["public"]))
        pending = list(keys)
        for low in range(0, len(pending), CHUNK_ROWS):
            chunk = pending[low : low + CHUNK_ROWS]
            rows = b"".join(k.cref + k.uref + k.slot.to_bytes(8, "big") + bytes([k.kind]) + k.key + k.secret for k in chunk)
            body = tenant + file_secret + dedupe_secret + rows
            key = os.urandom(envelope.KEY_BYTES)
            line = {
                "rows": len(chunk),
                "key": _text(_suite().encrypt(key, public, _info("chunk", header["hold"]))),
                "body": _text(envelope.seal(key, body, _info("rows", header["hold"]))),
            }
            files.append(self.path, _line(line))

    def share(self, outer: str, inner: str, key: X25519PrivateKey) -> bytes:
        """What the outer trustee of a pair hands to the inner one; of no use to anybody else.

        Raises:
            Unverified: `vault.recovery-share`, the key is not the outer trustee's, or the file was altered.
        """
        header = self._header()
        for pair in header["pairs"]:
            if (pair["outer"], pair["inner"]) == (outer, inner):
                return _open(key, _bytes(pair["sealed"]), _info("shell", header["hold"], inner, outer))
        raise Refused("vault.recovery-pair", "these two trustees share nothing here", where=self.path.name)

    def open(self, keys: Mapping[str, X25519PrivateKey]) -> Recovered:
        """Everything the file holds, by the private keys of two trustees.

        Raises:
            Refused: `vault.recovery-pair`, fewer than two trustees.
            Unverified: `vault.recovery-share`, a key that is not that trustee's; `vault.not-authentic`, an altered chunk.
            Malformed: `vault.recovery-file`.
        """
        known = sorted(set(keys) & set(TRUSTEES))
        if len(known) < 2:
            raise Refused("vault.recovery-pair", "recovery needs two of the three trustees", where=self.path.name)
        inner, outer = known[:2]
        header = self._header()
        core = self.share(outer, inner, keys[outer])
        secret = _open(keys[inner], core, _info("share", header["hold"], inner, outer))
        return self._read(header, X25519PrivateKey.from_private_bytes(secret))

    def _read(self, header: dict[str, Any], private: X25519PrivateKey) -> Recovered:
        held: dict[bytes, HeldKey] = {}
        tenant = file_secret = dedupe_secret = b""
        for line in self._lines()[1:]:
            key = _open(private, _bytes(line["key"]), _info("chunk", header["hold"]))
            body = envelope.unseal(key, _bytes(line["body"]), _info("rows", header["hold"]), where=self.path.name)
            tenant, file_secret, dedupe_secret, rows = body[:16], body[16:48], body[48:80], body[80:]
            held.update((key.cref, key) for key in _rows(rows))
        return Recovered(
            hold=header["hold"],
            matter=header["matter"],
            order=header["order"],
            placed_at=header["placed_at"],
            tenant=tenant,
            file_secret=file_secret,
            dedupe_secret=dedupe_secret,
            keys=tuple(held.values()),
        )

    def _header(self) -> dict[str, Any]:
        return self._lines()[0]

    def _lines(self) -> list[dict[str, Any]]:
        """Every whole line. A torn last one was never acknowledged: its hold was not placed, and is placed again."""
        whole = files.read(self.path).split(b"\n")[:-1]
        try:
            lines = [json.loads(line) for line in whole]
            if lines[0]["v"] != VERSION or {"hold", "matter", "order", "placed_at", "public", "pairs"} - set(lines[0]):
                raise ValueError
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            raise Malformed("vault.recovery-file", f"the file is not an {VERSION} file", where=self.path.name) from None
        return lines


def _rows(data: bytes) -> Iterator[HeldKey]:
    for low in range(0, len(data), _ROW_BYTES):
        row = data[low : low + _ROW_BYTES]
        yield HeldKey(row[:16], row[16:32], int.from_bytes(row[32:40], "big"), row[40], row[41:73], row[73:105])


def _suite() -> hpke.Suite:
    return hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def _open(key: X25519PrivateKey, sealed: bytes, info: bytes) -> bytes:
    try:
        return _suite().decrypt(sealed, key, info)
    except (InvalidTag, ValueError):
        raise Unverified("vault.recovery-share", "the key does not open this share, or the file was altered") from None


def _info(use: str, *names: str) -> bytes:
    return envelope.fields(VERSION.encode(), use.encode(), *(name.encode() for name in names))


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Malformed("vault.recovery-file", "a sealed field is not base64") from None
