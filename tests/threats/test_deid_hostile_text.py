"""Text that is built to break a reader: bounded time, no crash, nothing passed through untreated."""

from __future__ import annotations

import time

import pytest

from incamera.deid.apply import redact_text
from incamera.deid.interchange import apply_record, find_record

SECRET = "ruth.klinger@example.org"

HOSTILE = {
    "one line without a blank": "a" * 200_000 + " " + SECRET,
    "a million brackets": "[" * 500_000 + "]" * 500_000 + " " + SECRET,
    "nested tags": "[[PERSON-1][PERSON-" * 20_000 + SECRET,
    "NUL bytes": "\0" * 50_000 + SECRET + "\0",
    "lone surrogates": "\ud800\udfff\ud83d " * 20_000 + SECRET,
    "quadratic for a backtracking engine": "0" * 30_000 + "!" + " 1-" * 20_000 + SECRET,
    "at signs": "@" * 50_000 + " " + SECRET,
    "dots": "a." * 50_000 + " " + SECRET,
    "months": "mar " * 30_000 + SECRET,
    "percent": "%41" * 30_000 + " " + SECRET,
    "entities": "&#65;" * 30_000 + " " + SECRET,
    "combining marks": "e" + "\u0301" * 50_000 + " " + SECRET,
    "zero width": "\u200b" * 50_000 + SECRET,
    "right to left": "\u202e" + SECRET + "\u202c" + " שלום" * 5_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bounded_time_and_nothing_through(name: str) -> None:
    text = HOSTILE[name]
    start = time.process_time()
    out = redact_text(text)
    assert time.process_time() - start < 60
    assert "klinger" not in out.lower()


def test_time_grows_with_the_text_and_not_faster() -> None:
    piece = "Ruth Klinger called 020 7946 0958 on 3 March 1999 about 12 Long Acre Lane. "
    redact_text(piece)

    def seconds(n: int) -> float:
        start = time.process_time()
        find_record({"id": "x", "text": piece * n})
        return time.process_time() - start

    small, large = seconds(200), seconds(1600)
    assert large < 8 * small * 3 + 0.5


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_fifty_megabyte_line() -> None:
    text = "lorem ipsum dolor " * 2_800_000 + SECRET
    assert len(text) > 50_000_000
    redact_text("once, so that what is compiled and mapped is there")
    start = time.process_time()
    assert "klinger" not in redact_text(text)[-200:]
    assert time.process_time() - start < 120


@pytest.mark.parametrize(
    "disguise",
    [
        "ruth.klinger＠example.org",
        "ruth.kl\u200binger@example.org",
        "ruth%2Eklinger%40example.org",
        "ruth.klinger&#64;example.org",
        "rυth.klіnger@example.org",
        "ＲＵＴＨ　ＫＬＩＮＧＥＲ",
    ],
)
def test_disguised_identifiers_are_found(disguise: str) -> None:
    out = redact_text(f"please write to {disguise} today")
    assert "nger" not in out.lower() and "ＮＧＥＲ" not in out


def test_a_forged_tag_hides_nothing() -> None:
    for forged in ("[KLINGER-1]", "[PERSON-1 klinger]", "[WITHHELD: klinger]", "[PERSON-klinger]"):
        assert "klinger" not in redact_text(f"ask {forged} about it").lower()


def test_source_strings_that_nobody_named_do_not_leave() -> None:
    out = apply_record({"id": "r", "turns": [{"role": "user", "text": "hi", "meta": {"owner": "Klinger"}}], "extra": ["Klinger"]})
    assert "Klinger" not in str(out)
