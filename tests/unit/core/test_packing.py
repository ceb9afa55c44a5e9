"""Packed records come back whole, and what is none is refused without a word of it."""

from __future__ import annotations

import traceback

import pytest

from incamera.core.canon import pack, unpack
from incamera.core.errors import Malformed
from incamera.core.records import Part, Span


@pytest.mark.parametrize(
    "text", ["plain", "\u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f467", "half a pair \ud83d and more \udc69\ud83d", ""]
)
def test_a_record_comes_back(text: str) -> None:
    part = Part(kind="text", path="parts[0]", text=text)
    assert unpack(pack(part), Part) == part


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b'{"kind":"text","path":"title"}',
        b'{"kind":"text","path":"title","text":5}',
        b'{"kind":"Quillon","path":"title","text":""}',
        pack(Part(kind="text", path="Quillon", text="Vesterby"))[:-1],
        pack(Span(turn=0, part=0, start=1, end=2)),
        b"[" * 100_000,
    ],
    ids=range(10),
)
def test_what_is_no_such_record_is_refused_and_not_quoted(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        unpack(data, Part)
    assert caught.value.code == "canon.not-a-record"
    told = "".join(traceback.format_exception(caught.value))
    assert "Quillon" not in told
    assert "Vesterby" not in told
