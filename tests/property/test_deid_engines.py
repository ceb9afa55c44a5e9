"""Whatever the text, the nominating engine changes nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid.lexicons.characters import points
from incamera.deid.patterns.scan import LONG, SHORT, everything, hyperscan_nominator, re2_nominator, scan, scan_all, segments

PIECES = st.sampled_from(
    [
        "call ",
        "+44 20 7946 0958",
        "jo@ex.org",
        " 12/3/1999",
        "March 3",
        " and ",
        "10 Rue Cler ",
        "$5 million",
        "aged 7",
        "sk-abcdefghij0123456789",
        "\n",
        ". The ",
        "é",
        "ß",
        "_",
        "AB12 3CD",
        "1.2.3.4",
        "::1",
        "pwd=x9!k",
        "www.a.fr",
        "@bo",
        "0x" + "a1" * 20,
        "12",
        "-",
        "/",
        " ",
        "Lindenweg 4",
        "half an hour ago",
        "user: bo_99",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=6), max_size=14).map("".join)


@settings(deadline=None, max_examples=150)
@given(TEXTS)
def test_re2_and_hyperscan_give_the_reference_findings(text: str) -> None:
    reference = scan(text, everything).tolist()
    assert scan(text, re2_nominator()).tolist() == reference
    nominate = hyperscan_nominator()
    if nominate is None:
        pytest.skip("hyperscan is not installed")
    assert scan(text, nominate).tolist() == reference


@settings(deadline=None, max_examples=80)
@given(TEXTS.map(lambda text: "".join(c for c in text if c.isascii() and c.isprintable())))
def test_the_plain_matcher_finds_in_ascii_what_the_other_finds(text: str) -> None:
    # A letter beyond ASCII at the end of every segment's reach makes the other matcher read the same text.
    plain = scan(text, everything).tolist()
    assert [row for row in scan(text + " " * 700 + "é", everything).tolist() if row[0] < len(text)] == plain


@settings(deadline=None, max_examples=40)
@given(st.lists(TEXTS, max_size=9))
def test_what_is_found_in_a_text_does_not_depend_on_those_read_with_it(texts: list[str]) -> None:
    together = scan_all(texts, [points(text) for text in texts])
    assert [hits.tolist() for hits in together] == [scan(text).tolist() for text in texts]


@given(st.lists(PIECES, max_size=300).map("".join))
@settings(deadline=None, max_examples=30)
def test_segments_tile_the_text(text: str) -> None:
    at = 0
    for start, end in segments(text):
        assert start == at
        assert 0 < end - start <= LONG
        at = end
        assert end == len(text) or _could_end(text, start, end)
    assert at == len(text)


def _could_end(text: str, start: int, end: int) -> bool:
    """What `segments` promises, said with `re`."""
    cut = re.compile(r"\n+|[.!?;]\s+(?=[^\d\s])").search(text, start + SHORT, start + LONG)
    return end == (cut.end() if cut else text.rfind(" ", start + SHORT, start + LONG) + 1 or start + LONG)
