"""Canonical JSON bytes (RFC 8785) of the values incamera hashes and signs: no floats, ASCII keys.

On this subset the RFC's two hard parts, the printing of numbers and the UTF-16 ordering of keys, fall away, and what is
left is the standard library's encoder behind a strict gate. The product may use any RFC 8785 library: the bytes are equal.
"""

from __future__ import annotations

import json
from typing import Any

from incamera_verify.errors import VerificationError

#: Whole numbers that every JSON reader keeps exact (RFC 8785 section 3.2.2.3): |n| < 2^53.
INTEGER_LIMIT = 2**53
#: Deeper nesting is refused, so that no reader's stack decides what verifies.
DEPTH_LIMIT = 100


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of *value*, made of str, int, bool, None, lists and dicts with ASCII keys.

    Raises:
        VerificationError: `canon.not-canonical`, a float, a lone surrogate, a key outside ASCII, an integer of 2^53 or
            more, nesting beyond 100 levels, or a type JSON does not have.
    Source: RFC 8785.
    """
    _admit(value)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise _refused("a string holds a lone surrogate") from None


def _admit(value: Any) -> None:
    """Walk *value* with a list of our own, so that hostile nesting ends in an error and not in the interpreter's limit."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is int:
            if not -INTEGER_LIMIT < item < INTEGER_LIMIT:
                raise _refused("an integer is outside the exact range of JSON, 2^53")
        elif depth >= DEPTH_LIMIT:
            raise _refused(f"the value is nested deeper than {DEPTH_LIMIT} levels")
        elif kind is list or kind is tuple:
            waiting += [(child, depth + 1) for child in item]
        elif kind is dict:
            if not all(type(key) is str and key.isascii() for key in item):
                raise _refused("a key is not an ASCII string")
            waiting += [(child, depth + 1) for child in item.values()]
        else:
            raise _refused(f"a value of type {kind.__name__} has no place in canonical JSON")


def _refused(flaw: str) -> VerificationError:
    return VerificationError("canon.not-canonical", flaw)
