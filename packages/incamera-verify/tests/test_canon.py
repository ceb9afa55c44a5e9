"""Canonical JSON: known bytes, and what is refused."""

from __future__ import annotations

import math

import pytest

from incamera_verify.canon import DEPTH_LIMIT, INTEGER_LIMIT, canonical
from incamera_verify.errors import VerificationError


def test_keys_are_sorted_and_nothing_is_spaced():
    assert canonical({"b": [1, True, None], "a": {"z": "", "A": -0}}) == b'{"a":{"A":0,"z":""},"b":[1,true,null]}'


def test_strings_are_escaped_as_the_rfc_says():
    assert (
        canonical('\x00\x08\t\n\x0c\r\x1f"\\/\x7f\u20ac\U0001f600')
        == b'"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\x7f\xe2\x82\xac\xf0\x9f\x98\x80"'
    )


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_nesting_is_bounded():
    assert canonical(nested(DEPTH_LIMIT)) == b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        math.nan,
        math.inf,
        INTEGER_LIMIT,
        -INTEGER_LIMIT,
        "\ud800",
        {"\ud800": 1},
        {"é": 1},
        {1: 1},
        {None: 1},
        b"x",
        {1},
        object(),
        nested(DEPTH_LIMIT + 1),
        nested(10**5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_exact_form_is_refused(value: object):
    for wrapped in (value, [value], {"a": value}):
        with pytest.raises(VerificationError, match=r"canon\.not-canonical"):
            canonical(wrapped)


def test_a_value_that_holds_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(VerificationError):
        canonical(loop)


def test_an_error_names_its_place():
    assert str(VerificationError("a.b", "what to do", "line 3")) == "[a.b] at line 3: what to do"
    assert str(VerificationError("a.b", "what to do")) == "[a.b]: what to do"
