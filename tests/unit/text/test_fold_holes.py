"""Each hole of the fold that `docs/limitations.md` names: what closes one is a new fold version, and fails here first."""

from __future__ import annotations

import base64
import codecs

import pytest

from incamera.core.records import Match
from incamera.matching import match
from incamera.text import fold

SAID = "the lantern keepers of the northern bay never spoke of the winter light again"


def found(text: str, work: str = SAID) -> list[Match]:
    return match(text, [work + " and so the story of that year came to its end"])


def test_the_plain_text_is_found() -> None:
    assert found(SAID)


@pytest.mark.parametrize(
    ("hole", "text"),
    [
        ("letter-spaced", " ".join(SAID.replace(" ", ""))),
        ("joined words", SAID.replace(" ", "")),
        ("base64", base64.b64encode(SAID.encode()).decode()),
        ("rot13", codecs.encode(SAID, "rot13")),
        ("reversed", SAID[::-1]),
        (
            "hyphenated across lines",
            "the lan-\ntern keep-\ners of the north-\nern bay nev-\ner spoke of the win-\nter light ag-\nain",
        ),
        ("scanning errors", SAID.replace("rn", "m").replace("l", "1")),
        ("digits for letters", SAID.replace("e", "3").replace("o", "0")),
        ("references without the semicolon", SAID.replace("e", "&#101 ")),
        ("references decoded twice", SAID.replace("e", "&amp;#101;")),
        ("percent encoding", SAID.replace(" ", "%20")),
        ("a word changed every seventh", "the lantern keepers of the northern cove never spoke of the winter glow again"),
        ("Cherokee look-alikes", SAID.replace("s", "ꮪ").replace("w", "ꮃ").replace("h", "ꮒ")),
    ],
)
def test_a_hole(hole: str, text: str) -> None:
    assert found(text) == [], f"{hole}: no longer a hole; declare a new fold"


def test_a_missing_apostrophe_is_a_hole() -> None:
    work = "they don't know that we won't go there because it isn't theirs to give away"
    assert found(work, work)
    assert found(work.replace("'", ""), work) == []


@pytest.mark.parametrize(("one", "two"), [("कि", "कु"), ("ไท", "ไท้"), ("é", "e"), ("о", "o"), ("Straße", "strasse")])
def test_marks_and_look_alikes_are_forgotten_so_unlike_words_can_agree(one: str, two: str) -> None:
    """The fold over-matches where a script writes vowels as marks, and where a look-alike is the letter meant."""
    table = fold.load()
    spelled = ["".join(table.code_point(ord(c)) for c in word).strip() for word in (one, two)]
    assert spelled[0] == spelled[1]
