"""The view shows plainly what the text hides, and knows the way back."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.deid.language import uncovered
from incamera.deid.lexicons.characters import TABLED, TOUCHED, points
from incamera.deid.tokens import survey
from incamera.text.normalize import touches, view

HIDDEN = st.sampled_from(
    [
        "J\u200bo",
        "ｊｏ",
        "Jо",
        "e\u0301",
        "%40",
        "&#64;",
        "&amp;",
        "\\u0041",
        "\\n",
        "٣٤",
        "\ud800",
        "\x00",
        "ﬁ",
        "\U0001d43d",
        "\u00ad",
        "a",
        " ",
        "9",
    ]
)


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("ｊｏ＠ｅｘａｍｐｌｅ．org", "jo@example.org"),
        ("Jo\u200bhn", "John"),
        ("Jоhn", "John"),  # Cyrillic o
        ("jo%40example.org", "jo@example.org"),
        ("jo&#64;example.org", "jo@example.org"),
        ("jo\\u0040example.org", "jo@example.org"),
        ("٠١٢٣", "0123"),
        ("Jose\u0301", "José"),
        ("line\\nMara", "line\nMara"),
        ("C:\\Users\\nora", "C:\\Users\\nora"),
    ],
)
def test_disguises_are_made_plain(source: str, plain: str) -> None:
    assert view(source).text == plain


def test_plain_text_is_its_own_view() -> None:
    text = "nothing to see here"
    assert view(text).text is text
    assert view(text).back(3, 9) == (3, 9)


def test_a_cut_inside_an_escape_takes_it_whole() -> None:
    seen = view("a&amp;b")
    assert seen.text == "a&b"
    assert seen.back(1, 2) == (1, 6)


@given(st.lists(HIDDEN | st.text(max_size=4), max_size=12).map("".join))
def test_offsets_always_map_back(text: str) -> None:
    """Every view span has a source span inside the text, spans keep their order, and the whole maps to the whole."""
    seen = view(text)
    last = 0
    for i in range(len(seen.text)):
        start, end = seen.back(i, i + 1)
        assert 0 <= start <= end <= len(text)
        assert start >= last or seen.back(i - 1, i)[0] == start
        last = start
    if seen.text:
        assert seen.back(0, len(seen.text))[1] <= len(text)


@given(st.text(alphabet="abcXYZ 019.,-", max_size=60), st.data())
def test_unchanged_stretches_map_to_themselves(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    hidden = text[:at] + "\u200b" + text[at:]
    seen = view(hidden)
    assert seen.text == text
    for i, c in enumerate(text):
        start, end = seen.back(i, i + 1)
        assert hidden[start:end].strip("\u200b") == c


@pytest.mark.parametrize("text", ["a\x01b", "a\x7fb", "a\x00b & c"])
def test_a_control_is_a_blank_whatever_else_stands_in_the_text(text: str) -> None:
    assert view(text).text == "".join(c if c.isprintable() else " " for c in text)


@given(st.text(st.one_of(st.characters(), HIDDEN.filter(lambda s: len(s) == 1)), max_size=40))
def test_what_no_character_touches_is_its_own_view(text: str) -> None:
    if not any(map(touches, text)):
        assert view(text).text == text


@given(st.text(max_size=40))
def test_one_look_at_the_classes_tells_what_needs_a_closer_look(text: str) -> None:
    classes = survey(points(text))
    beyond = any(ord(c) >= TABLED for c in text)
    assert bool(classes & TOUCHED) == (beyond or any(map(touches, text)))


def test_a_plain_form_is_plain() -> None:
    """One-for-one forms are written over each other in any order."""
    forms = {plain for c in map(chr, range(sys.maxunicode + 1)) if len(plain := view(c).text) == 1}
    assert [f for f in forms if view(f).text != f] == []


#: Scripts without spaces, covered scripts, scripts that nobody here reads, and what is no letter.
SCRIPTS = st.sampled_from([*"日本語ไทย한가", *"abéшλ", *"ⴰⴱᏣᏤ", *" 1.,٣\u0301\u0e31", "\U00020000", "\U0002a6d6", "\U00050000"])


@given(st.lists(SCRIPTS, max_size=30).map("".join))
def test_what_is_not_covered_is_told_in_one_pass(text: str) -> None:
    unspaced = [m.span() for m in re.finditer("[日本語ไทย한가\u0e31\U00020000\U0002a6d6]+", text)]
    words = [m for m in re.finditer(r"[^\W\d_]+", text) if re.search("[ⴰⴱᏣᏤ]", m[0])]
    strange = [m.span() for m in words if not re.search("[日本語ไทย한가\U00020000\U0002a6d6]", m[0])]
    found, mostly = uncovered(points(text))
    assert found == sorted(unspaced + strange)
    letters = sum(map(str.isalpha, text))
    assert mostly == (bool(found) and sum(b - a for a, b in found) * 5 >= letters)
