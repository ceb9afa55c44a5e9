"""Conversations held by their subject: sealed before they are uploaded, to a key that this side never has.

An *envelope* is what a client uploads and what an order gets: the body sealed under a fresh key, that key sealed to the
subject's public key (HPKE), and the random reference both are bound to. Pure functions; the client is `incamera.client`,
the vault's side is `custody`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from incamera.core import crypto
from incamera.core.canon import canonical, instant, pack, unpack
from incamera.core.errors import Malformed, Unverified
from incamera.core.ids import Digest, digest
from incamera.core.records import Conversation
from incamera.vault import envelope
from incamera.vault.bodies import BODY_BYTES_MAX, Codec
from incamera.vault.envelope import KEY_BYTES, NONCE_BYTES, TAG_BYTES, Class
from incamera.vault.pairs import HPKE_BYTES, open_with, seal_to
from incamera_verify import merkle

VERSION = "incamera/held/1"
STATEMENT = "incamera/no-key/1"
#: A conversation key sealed to its subject.
SEALED_KEY_BYTES = KEY_BYTES + HPKE_BYTES
_REF_BYTES = 16
_DIGEST_BYTES = 32
_FACTS = frozenset({"id", "subject", "source", "started_at", "region", "tier", "temporary"})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Envelope:
    """One sealed conversation. `recipient` is the subject's raw X25519 public key, `cref` the reference chosen at sealing."""

    cref: bytes
    recipient: bytes
    commit: bytes
    key: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"<Envelope cref={self.cref.hex()}>"

    @property
    def leaf(self) -> bytes:
        """What a statement commits to."""
        parts = (self.cref, self.recipient, self.commit, hashlib.sha256(self.key).digest(), hashlib.sha256(self.body).digest())
        return b"".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the holder of the ciphertext is told beside it: what it needs to store and to count, and no text.

    Privacy: `id` and `subject` are kept as keyed digests only; the rest is what the frame of an order may ask.
    """

    id: str
    subject: str
    source: str
    started_at: datetime | None = None
    region: str | None = None
    tier: str | None = None
    temporary: bool = False


def seal(conversation: Conversation, recipient: X25519PublicKey, codec: Codec | None = None) -> Envelope:
    """*conversation*, sealed to *recipient* under a fresh key and a fresh reference.

    Raises:
        Malformed: `vault.too-large`.
    """
    packed = pack(conversation)
    cref, key = os.urandom(_REF_BYTES), os.urandom(KEY_BYTES)
    if len(packed) > BODY_BYTES_MAX:
        raise Malformed("vault.too-large", "one conversation holds more than 1 GiB", where=f"conversation {cref.hex()}")
    return envelope_of((codec or Codec()).shrink(packed), key, cref, recipient)


def envelope_of(padded: bytes, key: bytes, cref: bytes, recipient: X25519PublicKey) -> Envelope:
    """A compressed and padded conversation as an envelope, under a *key* that never sealed anything before."""
    return Envelope(
        cref=cref,
        recipient=recipient.public_bytes_raw(),
        commit=envelope.key_commitment(key),
        key=seal_to(recipient, key, _bound(b"key", cref)),
        body=envelope.seal(key, padded, _bound(b"body", cref)),
    )


def open_envelope(one: Envelope, keys: Mapping[bytes, X25519PrivateKey], codec: Codec | None = None) -> Conversation:
    """The conversation in an envelope, by whichever of *keys* (private keys by raw public key) it is sealed to.

    Raises:
        Unverified: `vault.no-such-key`, `vault.recovery-share`, `vault.key-commitment`, `vault.not-authentic`.
    """
    key = _key(one, keys)
    padded = envelope.unseal(key, one.body, _bound(b"body", one.cref), where=one.cref)
    return unpack((codec or Codec()).grow(padded, where=one.cref), Conversation)


def reseal(one: Envelope, keys: Mapping[bytes, X25519PrivateKey], recipient: X25519PublicKey) -> Envelope:
    """The same envelope for another key of the same subject: the body stays as it is. Raises as `open_envelope`."""
    sealed = seal_to(recipient, _key(one, keys), _bound(b"key", one.cref))
    return replace(one, recipient=recipient.public_bytes_raw(), key=sealed)


def _key(one: Envelope, keys: Mapping[bytes, X25519PrivateKey]) -> bytes:
    private = keys.get(one.recipient)
    if private is None:
        raise Unverified("vault.no-such-key", "the envelope is sealed to a key that is not in this file", where=one.cref.hex())
    key = open_with(private, one.key, _bound(b"key", one.cref))
    envelope.check_commitment(key, one.commit, where=one.cref)
    return key


def _bound(use: bytes, cref: bytes) -> bytes:
    return envelope.fields(VERSION.encode(), use, bytes([Class.HELD_BY_SUBJECT]), cref)


# --- files of envelopes -----------------------------------------------------------------------------------------------


def write_line(one: Envelope, facts: Facts | None = None) -> bytes:
    """One line of a file of envelopes, with its line end; *facts* for an upload, none in an answer to an order."""
    line: dict[str, Any] = {
        "v": VERSION,
        "cref": one.cref.hex(),
        "recipient": one.recipient.hex(),
        "commit": one.commit.hex(),
        "key": _text(one.key),
        "body": _text(one.body),
    }
    if facts is not None:
        line["facts"] = {
            "id": facts.id,
            "subject": facts.subject,
            "source": facts.source,
            "started_at": instant(facts.started_at) if facts.started_at else None,
            "region": facts.region,
            "tier": facts.tier,
            "temporary": facts.temporary,
        }
    return json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def read_lines(lines: Iterable[bytes], *, where: str = "") -> Iterator[tuple[Envelope, Facts | None]]:
    """Envelopes and their facts, line by line. Strict.

    Raises:
        Malformed: `vault.envelope`, naming the line.
    """
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
            one = Envelope(
                cref=bytes.fromhex(value["cref"]),
                recipient=bytes.fromhex(value["recipient"]),
                commit=bytes.fromhex(value["commit"]),
                key=base64.b64decode(value["key"], validate=True),
                body=base64.b64decode(value["body"], validate=True),
            )
            facts = None if value.get("facts") is None else _facts(value["facts"])
            known = {"v", "cref", "recipient", "commit", "key", "body", "facts"}
            if value["v"] != VERSION or not known >= set(value) or not _sane(one):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
            raise Malformed("vault.envelope", f"expected an {VERSION} envelope", where=f"{where}:{number}") from None
        yield one, facts


def _sane(one: Envelope) -> bool:
    sizes = (len(one.cref), len(one.recipient), len(one.commit), len(one.key))
    return sizes == (_REF_BYTES, 32, _DIGEST_BYTES, SEALED_KEY_BYTES) and len(one.body) > NONCE_BYTES + TAG_BYTES


def _facts(value: dict[str, Any]) -> Facts:
    if set(value) != _FACTS or not all(isinstance(value[name], str) for name in ("id", "subject", "source")):
        raise ValueError
    if not all(value[name] is None or isinstance(value[name], str) for name in ("started_at", "region", "tier")):
        raise ValueError
    if not value["id"] or not value["subject"] or not isinstance(value["temporary"], bool):
        raise ValueError
    started = datetime.fromisoformat(value["started_at"]) if value["started_at"] else None
    if started is not None and started.tzinfo is None:
        raise ValueError
    return Facts(**(value | {"started_at": started}))


# --- the statement that no key is held ----------------------------------------------------------------------------------


def envelopes_root(envelopes: Iterable[Envelope]) -> Digest:
    """RFC 6962 root over the envelopes in ascending order of their references."""
    ordered = sorted(envelopes, key=lambda one: one.cref)
    return Digest(merkle.root(merkle.leaf_hash(one.leaf) for one in ordered).hex())


def check_statement(statement: bytes, envelopes: Iterable[Envelope], *, key: str) -> Mapping[str, Any]:
    """Check what came with an answer: *key*'s holder states of exactly these envelopes that it holds no key of them.

    Returns the statement's fields. What it proves is who said so, of which bytes, and when; that it is true is the
    holder's word, under its signature.

    Raises:
        Unverified: `crypto.bad-signature`, `vault.statement`. Malformed: `vault.statement`.
    """
    try:
        value = json.loads(statement)
        signature, stated = value["signature"], value["statement"]
        if stated["v"] != STATEMENT:
            raise ValueError
        body = canonical(stated)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed("vault.statement", f"expected an {STATEMENT} statement") from None
    crypto.verify(key, STATEMENT, body, signature)
    given = list(envelopes)
    if stated.get("root") != envelopes_root(given) or stated.get("conversations") != len(given):
        raise Unverified("vault.statement", "the statement is about other envelopes")
    if stated.get("keys_held") != 0:
        raise Unverified("vault.statement", "the statement does not say that no key is held")
    return dict(stated)


def statement_digest(statement: bytes) -> Digest:
    """What the ledger names of a statement."""
    return digest(statement)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
