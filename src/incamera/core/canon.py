"""Canonical bytes: RFC 8785 JSON for what is hashed or signed, packed JSON for what is sealed."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec
import rfc8785

from incamera.core.errors import Malformed

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
