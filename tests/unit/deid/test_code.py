"""Lines of code are told from prose as the rule says it, character for character."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.deid.lexicons import tables as t
from incamera.deid.tokens import looks_like_code, tokenise

PIECES = (
    "def ",
    "class ",
    "import ",
    "#include",
    "let ",
    "from a import b",
    "from é_1 import",
    "from import",
    "</p",
    "<p",
    "< p",
)
ENDS = ("{", "}", ";", "; ", " ", "\u00a0", "\t", "x", "{ y")
PIECE = st.sampled_from((*PIECES, *ENDS, "\n", "\n", "a word", ""))


def plainly(text: str) -> bool:
    """The rule without a compiler."""
    lines = text[:20_000].split("\n")
    begins = (*PIECES[:5], "function ", "const ", "var ", "public ", "SELECT ")
    count = 0
    for n, line in enumerate(lines, 1):
        bare = line.strip()
        count += bare.endswith(("{", "}", ";")) and n < len(lines)
        count += bare.startswith(begins) or re.match(r"from \w+ import|</?\w", bare) is not None
    return "\n" in text and count >= 4


def seen(text: str) -> bool:
    return looks_like_code(tokenise(text, t.table("en")))


@given(st.lists(PIECE, max_size=40).map("".join))
def test_the_compiled_rule_says_what_the_plain_one_says(text: str) -> None:
    assert seen(text) == plainly(text)


@pytest.mark.parametrize("at", [19_990, 19_999, 20_000, 20_001])
def test_what_stands_behind_the_first_characters_is_not_read(at: int) -> None:
    text = "x = 1;\n" * 3
    text += "y" * (at - len(text) - 3) + ";\n" + "z = 2;\nw"
    assert seen(text) == plainly(text)


def test_prose_is_no_code() -> None:
    assert not seen("Let me tell you;\nthis is prose.\nFrom here on too;\nand so on.\n")
