"""Words, their places, and the two ways of finding them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from incamera.text import tokens
from incamera.text.offsets import Packed, from_arrow, pack, pack_bytes


def spelled(text: str, *, chars: bool = False) -> list[tuple[str, int, int]]:
    found = tokens.tokenise(pack([text]), chars=chars)
    return [(found.word(i), int(found.starts[i]), int(found.ends[i])) for i in range(len(found.hashes))]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", []),
        ("  --  ", []),
        ("Don't", [("don", 0, 3), ("t", 4, 5)]),
        ("&eacute;t&#233;", [("ete", 0, 15)]),
        ("a&amp;b", [("a", 0, 1), ("b", 6, 7)]),
        ("a&nosuch;b", [("a", 0, 1), ("nosuch", 2, 8), ("b", 9, 10)]),
        ("a&amp b", [("a", 0, 1), ("amp", 2, 5), ("b", 6, 7)]),
        ("&#0;x&#xD800;", [("0", 2, 3), ("x", 4, 5), ("xd800", 7, 12)]),
        ("&#1234567;", [("1234567", 2, 9)]),
        ("1½", [("11", 0, 2), ("2", 1, 2)]),
        ("so\u200bft\u00adly\u0301", [("softly", 0, 8)]),
        ("\u0301lead", [("lead", 1, 5)]),
        ("Ｗｉｄｅ", [("wide", 0, 4)]),
        ("\U0001d400\U0001d401 x", [("ab", 0, 2), ("x", 3, 4)]),
        ("abcdefgh", [("abcdefgh", 0, 8)]),
        ("abcdefghi-abcdefgh", [("abcdefghi", 0, 9), ("abcdefgh", 10, 18)]),
        ("\ud800a", [("a", 1, 2)]),
        ("&frac12;", [("1", 0, 8), ("2", 0, 8)]),
    ],
)
def test_words_and_places(text: str, want: list[tuple[str, int, int]]) -> None:
    assert tokens.words(text) == want
    assert spelled(text) == want


def test_characters_of_unspaced_scripts_stand_alone() -> None:
    assert [w for w, _, _ in spelled("我们use Python写", chars=True)] == ["我", "们", "use", "python", "写"]
    assert [w for w, _, _ in spelled("我们use Python写")] == ["我们use", "python写"]
    found = tokens.tokenise(pack(["ab我c", "漢字"]), chars=True)
    assert found.solo.tolist() == [0, 1, 0, 1, 1]
    assert found.bounds.tolist() == [0, 3, 5]


def test_hangul_is_not_cut_up() -> None:
    assert len(spelled("한국어 문장", chars=True)) == 2


def test_a_texts_words_do_not_reach_into_the_next_text() -> None:
    found = tokens.tokenise(pack(["half", "way", "", "a b"]))
    assert [found.word(i) for i in range(4)] == ["half", "way", "a", "b"]
    assert found.bounds.tolist() == [0, 1, 2, 2, 4]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_arrow_arrays_are_read_in_place(kind: pa.DataType) -> None:
    column = pa.array(["zero", "one two", None, "ünï"], type=pa.string()).cast(kind)[1:]
    packed = from_arrow(column)
    found = tokens.tokenise(packed)
    assert [found.word(i) for i in range(len(found.hashes))] == ["one", "two", "uni"]
    assert len(packed) == 3


def test_arrow_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError):
        from_arrow(pa.array([1, 2]))


def test_a_chosen_few_texts() -> None:
    packed = pack(["a", "bb", "", "ccc"]).take(np.array([3, 1]))
    assert packed.bounds.tolist() == [0, 3, 5]
    assert packed.data[:5].tobytes() == b"cccbb"
    assert "cc" not in repr(packed)


def test_bytes_that_are_not_utf_8_are_separators_and_never_read_past_the_end() -> None:
    for tail in (b"\xf0", b"\xe4\xb8", b"\xc3", b"\x80", b"\xff"):
        packed = pack_bytes([b"ab" + tail, b"next"])
        found = tokens.tokenise(packed)
        assert [found.word(i) for i in range(int(found.bounds[1]), int(found.bounds[2]))] == ["next"]


def test_a_buffer_without_padding() -> None:
    raw = np.frombuffer(b"abc de", dtype=np.uint8)
    found = tokens.tokenise(Packed(raw, np.array([0, 6])))
    assert [found.word(i) for i in range(2)] == ["abc", "de"]


def test_room_grows_with_expansions() -> None:
    text = "\ufdfa" * 3000 + "½" * 3000
    assert spelled(text) == tokens.words(text)


def test_no_text_in_repr() -> None:
    assert "secret" not in repr(tokens.tokenise(pack(["secret"])))
