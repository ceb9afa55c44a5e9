"""Recovery of held evidence: two of three trustees can open what a hold covers, after keys.db and the KMS are gone.

The privacy design must not be able to lose what a court ordered kept. While a hold is placed, each held conversation's
key also goes, sealed, into a recovery file: to a key pair of the hold, whose private half is sealed to every pair of
trustees, one inside the other (HPKE within HPKE). No trustee alone opens anything, and no secret sharing is made by hand.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from incamera.core.errors import Malformed, Refused
from incamera.vault import envelope, escrow, files
from incamera.vault.envelope import KEY_BYTES, Class
from incamera.vault.pairs import PAIRS, Pairs, open_with, pair_of, seal_to

VERSION = "incamera/recovery/2"
#: Files of before there were classes: every row is operator-held.
VERSION_1 = "incamera/recovery/1"
CHUNK_ROWS = 4096
_HEADER = {"hold", "matter", "order", "placed_at", "public", "pairs"}
_FIXED_BYTES = 16 + 16 + 8 + 1 + 32
#: What stands for the key, by class: the key itself, the escrow's sealed shares, or nothing.
_KEY_BYTES = {Class.OPERATOR: KEY_BYTES, Class.ESCROWED: escrow.SEALED_BYTES, Class.HELD_BY_SUBJECT: 0}


class HeldKey(NamedTuple):
    """What it takes to open one conversation again, and to know its subject's commitments and account.

    `key` is what the subject key wrapped: of an escrowed conversation its sealed shares, of one held by its subject nothing.
    """

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


class RecoveryFile:
    """The recovery file of one hold: a header line, then one line for each chunk of keys. Appended to, never rewritten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, *, hold: str, matter: str, order: str, placed_at: str, trustees: Mapping[str, X25519PublicKey]) -> None:
        """Write the header, with a fresh key pair of the hold sealed to each pair of trustees. Nothing if there is one."""
        if files.exists(self.path):
            return
        private = X25519PrivateKey.generate()
        shells = Pairs(VERSION, hold.encode()).seal(private.private_bytes_raw(), trustees)
        pairs = [
            {"inner": inner, "outer": outer, "sealed": _text(shell)} for (inner, outer), shell in zip(PAIRS, shells, strict=True)
        ]
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
            body = tenant + file_secret + dedupe_secret + b"".join(_row(header, held) for held in chunk)
            key = os.urandom(KEY_BYTES)
            line = {
                "rows": len(chunk),
                "key": _text(seal_to(public, key, _info(header, "chunk"))),
                "body": _text(envelope.seal(key, body, _info(header, "rows"))),
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
                return _pairs(header).peel(_bytes(pair["sealed"]), key, inner=inner, outer=outer)
        raise Refused("vault.recovery-pair", "these two trustees share nothing here", where=self.path.name)

    def open(self, keys: Mapping[str, X25519PrivateKey]) -> Recovered:
        """Everything the file holds, by the private keys of two trustees.

        Raises:
            Refused: `vault.recovery-pair`, fewer than two trustees.
            Unverified: `vault.recovery-share`, a key that is not that trustee's; `vault.not-authentic`, an altered chunk.
            Malformed: `vault.recovery-file`.
        """
        inner, outer = pair_of(keys)
        header = self._header()
        core = self.share(outer, inner, keys[outer])
        secret = _pairs(header).open(core, keys[inner], inner=inner, outer=outer)
        return self._read(header, X25519PrivateKey.from_private_bytes(secret))

    def _read(self, header: dict[str, Any], private: X25519PrivateKey) -> Recovered:
        held: dict[bytes, HeldKey] = {}
        tenant = file_secret = dedupe_secret = b""
        for line in self._lines()[1:]:
            key = open_with(private, _bytes(line["key"]), _info(header, "chunk"))
            body = envelope.unseal(key, _bytes(line["body"]), _info(header, "rows"), where=self.path.name)
            tenant, file_secret, dedupe_secret, rows = body[:16], body[16:48], body[48:80], body[80:]
            held.update((key.cref, key) for key in _rows(header, rows))
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
            if lines[0]["v"] not in (VERSION, VERSION_1) or {"hold", "matter", "order", "placed_at", "public", "pairs"} - set(
                lines[0]
            ):
                raise ValueError
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            raise Malformed("vault.recovery-file", f"the file is not an {VERSION} file", where=self.path.name) from None
        return lines


def _row(header: Mapping[str, Any], held: HeldKey) -> bytes:
    if header["v"] == VERSION_1 and held.kind != Class.OPERATOR:
        hint = "this hold's recovery file knows operator-held conversations only; place a new hold over this one"
        raise Refused("vault.recovery-file", hint, where=f"conversation {held.cref.hex()}")
    row = (held.cref, held.uref, held.slot.to_bytes(8, "big"), bytes([held.kind]))
    tail = (held.key, held.secret) if header["v"] == VERSION_1 else (held.secret, held.key)
    return b"".join((*row, *tail))


def _rows(header: Mapping[str, Any], data: bytes) -> Iterator[HeldKey]:
    low = 0
    while low < len(data):
        cref, uref, slot, kind = data[low : low + 16], data[low + 16 : low + 32], data[low + 32 : low + 40], data[low + 40]
        size = _KEY_BYTES[Class(kind)]
        one, two = data[low + 41 : low + 73], data[low + 73 : low + 73 + size]
        secret, key = (two, one) if header["v"] == VERSION_1 else (one, two)
        yield HeldKey(cref, uref, int.from_bytes(slot, "big"), kind, key, secret)
        low += _FIXED_BYTES + size


def _pairs(header: Mapping[str, Any]) -> Pairs:
    return Pairs(header["v"], header["hold"].encode())


def _info(header: Mapping[str, Any], use: str) -> bytes:
    return envelope.fields(header["v"].encode(), use.encode(), header["hold"].encode())


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Malformed("vault.recovery-file", "a sealed field is not base64") from None
