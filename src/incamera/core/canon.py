"""Canonical bytes: RFC 8785 JSON for what is hashed or signed, packed JSON for what is sealed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import rfc8785

from incamera.core.errors import Malformed
from incamera.core.records import Grant

T = TypeVar("T")


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of *value*: the one form that is hashed, signed or appended to the ledger.

    Raises:
        Malformed: `canon.not-canonical`, a value JSON cannot carry exactly (a lone surrogate, an integer beyond 2^53).
    Source: RFC 8785.
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError):
        raise Malformed("canon.not-canonical", "the value has no canonical JSON form") from None


def instant(at: datetime) -> str:
    """RFC 3339 text of a timezone-aware moment, in UTC, to the second: how a moment stands in everything that is signed.

    Raises:
        Malformed: `canon.naive-time`, the moment names no time zone.
    """
    if at.tzinfo is None:
        raise Malformed("canon.naive-time", "a moment that is signed needs a time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def grant_bytes(grant: Grant) -> bytes:
    """The canonical form of a grant that its tag covers: every field but the tag, the receipt's proof included.

    The room that issues a grant and the room that opens under it share this one definition; `core.crypto.grant_tag`
    is the MAC over it.
    """
    receipt = grant.receipt
    # A grant over a list has a form of its own, so that taking the list away never leaves bytes that were tagged.
    covers = {"v": "incamera/grant/1"} if grant.listed is None else {"v": "incamera/grant/2", "listed": grant.listed}
    return canonical(
        covers
        | {
            "actor": grant.actor,
            "matter": grant.matter,
            "purpose": grant.purpose,
            "scope": grant.scope,
            "max_records": grant.max_records,
            "not_before": instant(grant.not_before),
            "expires_at": instant(grant.expires_at),
            "approvals": list(grant.approvals),
            "receipt": {
                "index": receipt.index,
                "leaf": receipt.leaf,
                "path": list(receipt.path),
                "checkpoint": receipt.checkpoint,
            },
        }
    )


def pack(record: Any) -> bytes:
    """A core record as compact JSON, for sealing. Lossless also for lone surrogates, which real exports contain."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(record), ensure_ascii=True, separators=(",", ":")).encode("ascii")


def unpack(data: bytes, kind: type[T]) -> T:
    """The record that `pack` packed.

    Raises:
        Malformed: `canon.not-a-record`, the bytes are not a packed *kind*.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError:
        pass
    try:
        return msgspec.convert(json.loads(data), type=kind)
    except (ValueError, RecursionError, msgspec.ValidationError):
        raise Malformed("canon.not-a-record", f"the bytes are not a packed {kind.__name__}") from None
