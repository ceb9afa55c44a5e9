"""Escrowed conversations: two of holder's officer, neutral and court unseal each key, for one grant and a stated time.

What the vault keeps of an escrowed key is its commitment and the key sealed to each pair of trustees, nested as in
`pairs`. The holder's broker asks by a *request*; the outer trustee of a pair peels it into a *share*; the inner one makes
the *answer*, sealed to the key that the broker made for this request. Pure functions over documents: the trustees run
them on machines of their own and never see a conversation; the broker's side is `unsealing`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused, Unverified
from incamera.core.ids import Digest, digest
from incamera.vault import envelope
from incamera.vault.envelope import KEY_BYTES, Class
from incamera.vault.pairs import HPKE_BYTES, PAIRS, Pairs, Trustees, open_with, pair_of, seal_to
from incamera_verify import merkle
from incamera_verify.errors import VerificationError
from incamera_verify.note import Verifier, open_checkpoint

VERSION = "incamera/escrow/1"
REQUEST, SHARE, ANSWER = "incamera/unseal-request/1", "incamera/unseal-share/1", "incamera/unseal-answer/1"
COMMIT_BYTES = 32
_REF_BYTES = 16
_SHELL_BYTES = KEY_BYTES + 2 * HPKE_BYTES
#: The commitment and one shell for each pair: what is wrapped under the subject key in the place of the key itself.
SEALED_BYTES = COMMIT_BYTES + len(PAIRS) * _SHELL_BYTES


class Ids(NamedTuple):
    """Whose key it is: bound into every share, so that none serves another conversation, subject or vault."""

    tenant: bytes
    uref: bytes
    cref: bytes

    @property
    def pairs(self) -> Pairs:
        return Pairs(VERSION, envelope.fields(*self, bytes([Class.ESCROWED])))


def seal_key(key: bytes, trustees: Trustees, ids: Ids) -> bytes:
    """A conversation key as the vault keeps it: `SEALED_BYTES` bytes. Whoever made it forgets it.

    Cost: about a millisecond: six HPKE messages.
    """
    return b"".join((envelope.key_commitment(key), *ids.pairs.seal(key, trustees)))


def commitment(sealed: bytes) -> bytes:
    """The commitment of the key within."""
    return sealed[:COMMIT_BYTES]


def shells(sealed: bytes) -> list[bytes]:
    """The sealed share of each of `PAIRS`."""
    return [sealed[low : low + _SHELL_BYTES] for low in range(COMMIT_BYTES, SEALED_BYTES, _SHELL_BYTES)]


# --- the request ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Request:
    """What the trustees are asked: which conversations, under which grant, until when. Carries no text and no open key.

    `grant` is the grant's canonical form with its receipt; `public` the broker's key for this request alone; `sealed`
    maps each conversation to its ids and its sealed key.
    """

    data: bytes
    id: bytes
    grant: Mapping[str, Any]
    expires_at: datetime
    public: X25519PublicKey
    tenant: bytes
    sealed: Mapping[bytes, tuple[bytes, bytes]]

    @property
    def digest(self) -> Digest:
        return digest(self.data)

    def ids(self, cref: bytes) -> Ids:
        return Ids(self.tenant, self.sealed[cref][0], cref)

    def check(self, log: Sequence[Verifier], *, now: datetime) -> None:
        """Raises unless the grant is in the ledger that *log* signs and the request's time is not over. For the trustees.

        Raises:
            Unverified: `vault.receipt`. Refused: `vault.unseal-expired`.
        """
        receipt = self.grant["receipt"]
        try:
            checkpoint = open_checkpoint(receipt["checkpoint"].encode(), log)
            path = [bytes.fromhex(step) for step in receipt["path"]]
            merkle.verify_inclusion(bytes.fromhex(receipt["leaf"]), receipt["index"], checkpoint.size, path, checkpoint.root)
        except (VerificationError, ValueError, KeyError, TypeError, AttributeError):
            raise Unverified("vault.receipt", "the request's grant is not proven by the holder's ledger") from None
        if now >= self.expires_at:
            raise Refused("vault.unseal-expired", "the request's time is over; the holder asks anew", where=self.id.hex())


def make_request(
    *,
    id: bytes,
    grant: bytes,
    expires_at: str,
    public: X25519PublicKey,
    tenant: bytes,
    sealed: Mapping[bytes, tuple[bytes, bytes]],
) -> bytes:
    """The request document. *sealed* maps cref to (uref, sealed key)."""
    return canonical(
        {
            "v": REQUEST,
            "id": id.hex(),
            "grant": json.loads(grant),
            "expires_at": expires_at,
            "public": public.public_bytes_raw().hex(),
            "tenant": tenant.hex(),
            "conversations": [
                {"cref": cref.hex(), "uref": uref.hex(), "sealed": _text(blob)} for cref, (uref, blob) in sorted(sealed.items())
            ],
        }
    )


def read_request(data: bytes) -> Request:
    """The request in a document. Raises `Malformed` (`vault.unseal-document`)."""
    try:
        value = _document(data, REQUEST)
        sealed = {
            bytes.fromhex(one["cref"]): (bytes.fromhex(one["uref"]), _bytes(one["sealed"])) for one in value["conversations"]
        }
        request = Request(
            data=data,
            id=bytes.fromhex(value["id"]),
            grant=value["grant"],
            expires_at=datetime.fromisoformat(value["expires_at"]),
            public=X25519PublicKey.from_public_bytes(bytes.fromhex(value["public"])),
            tenant=bytes.fromhex(value["tenant"]),
            sealed=sealed,
        )
        sane = all(len(c) == len(u) == _REF_BYTES and len(blob) == SEALED_BYTES for c, (u, blob) in sealed.items())
        if not sane or request.expires_at.tzinfo is None or not isinstance(request.grant, dict):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _no_document(REQUEST) from None
    return request


# --- the trustees ---------------------------------------------------------------------------------------------------


def peel(request: Request, *, outer: str, inner: str, key: X25519PrivateKey) -> bytes:
    """The outer trustee's share document: every shell of the pair peeled, for the inner trustee's eyes only.

    Raises:
        Refused: `vault.recovery-pair`, these two are no pair in this order. Unverified: `vault.recovery-share`.
    """
    place = _place(inner, outer)
    cores = {
        cref.hex(): _text(request.ids(cref).pairs.peel(shells(blob)[place], key, inner=inner, outer=outer))
        for cref, (_, blob) in request.sealed.items()
    }
    return canonical({"v": SHARE, "request": request.digest, "inner": inner, "outer": outer, "cores": cores})


def unseal(request: Request, share: bytes, *, key: X25519PrivateKey) -> bytes:
    """The inner trustee's answer document: the keys of this request, sealed to the broker's key for it.

    Raises:
        Malformed: `vault.unseal-document`.
        Unverified: `vault.unseal-differs`, the share answers another request; `vault.recovery-share`, `vault.key-commitment`.
    """
    try:
        value = _document(share, SHARE)
        inner, outer = value["inner"], value["outer"]
        cores = {bytes.fromhex(cref): _bytes(core) for cref, core in value["cores"].items()}
        stated = value["request"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _no_document(SHARE) from None
    _place(inner, outer)
    if stated != request.digest or set(cores) != set(request.sealed):
        raise Unverified("vault.unseal-differs", "the share answers another request", where=request.id.hex())
    rows = []
    for cref, core in cores.items():
        opened = request.ids(cref).pairs.open(core, key, inner=inner, outer=outer)
        envelope.check_commitment(opened, commitment(request.sealed[cref][1]), where=cref)
        rows.append(cref + opened)
    sealed = seal_to(request.public, b"".join(rows), _answer_info(request.digest, inner, outer))
    return canonical({"v": ANSWER, "request": request.digest, "inner": inner, "outer": outer, "sealed": _text(sealed)})


def unseal_alone(request: Request, keys: Mapping[str, X25519PrivateKey]) -> bytes:
    """Both steps where one machine holds two trustees' keys: drills, and tests."""
    inner, outer = pair_of(keys)
    return unseal(request, peel(request, outer=outer, inner=inner, key=keys[outer]), key=keys[inner])


# --- the answer -----------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """An opened answer: the request it answers, the pair that made it, and conversation keys by cref."""

    request: Digest
    officers: tuple[str, str]
    keys: dict[bytes, bytes]


def answered_request(data: bytes) -> Digest:
    """The digest of the request that an answer document names."""
    return Digest(_answer(data)["request"])


def read_answer(data: bytes, key: X25519PrivateKey) -> Answer:
    """An answer, opened with the private key that the broker made for its request.

    Raises:
        Malformed: `vault.unseal-document`. Unverified: `vault.recovery-share`.
    """
    value = _answer(data)
    inner, outer = value["inner"], value["outer"]
    rows = open_with(key, _bytes(value["sealed"]), _answer_info(value["request"], inner, outer))
    size = _REF_BYTES + KEY_BYTES
    if len(rows) % size:
        raise _no_document(ANSWER)
    keys = {rows[low : low + _REF_BYTES]: rows[low + _REF_BYTES : low + size] for low in range(0, len(rows), size)}
    return Answer(Digest(value["request"]), (inner, outer), keys)


def _answer(data: bytes) -> dict[str, Any]:
    try:
        value = _document(data, ANSWER)
        _place(value["inner"], value["outer"])
        if len(bytes.fromhex(value["request"])) != COMMIT_BYTES:
            raise ValueError
        _bytes(value["sealed"])
    except (ValueError, KeyError, TypeError, Refused):
        raise _no_document(ANSWER) from None
    return value


def _answer_info(request: str, inner: str, outer: str) -> bytes:
    return envelope.fields(ANSWER.encode(), bytes.fromhex(request), inner.encode(), outer.encode())


# --- documents --------------------------------------------------------------------------------------------------------


def _document(data: bytes, version: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError from None
    if not isinstance(value, dict) or value.get("v") != version:
        raise ValueError
    return value


def _no_document(version: str) -> Malformed:
    return Malformed("vault.unseal-document", f"the document is no {version}")


def _place(inner: str, outer: str) -> int:
    if (inner, outer) not in PAIRS:
        hint = f"a pair is inner and outer in alphabetical order: {', '.join('/'.join(pair) for pair in PAIRS)}"
        raise Refused("vault.recovery-pair", hint)
    return PAIRS.index((inner, outer))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError from None
