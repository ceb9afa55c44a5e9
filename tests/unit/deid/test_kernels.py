"""The compiled parts agree with what Python says of letters and words, and never run stale code."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid import columns as col
from incamera.deid import memory, tokens_kernels
from incamera.deid.columns import gap_code
from incamera.deid.gate import kernels as gate_kernels
from incamera.deid.lexicons import characters as c
from incamera.deid.lexicons import kernels, tables
from incamera.deid.lexicons.characters import characters
from incamera.deid.tokens import Tokens, tokenise

TABLE = tables.table("en")

#: Letters of several alphabets, digits, marks, signs, and what folds oddly; no dotted capital I, which folds by a rule of ours.
CHARS = "abzAZéÉßſΣσςΑοﬁǅǆжЖאبहिक्द19٣²½ .,-'’!?\n\t_§&/\ufffc\u0301\u200b\U0001f600\U0001d400\U00020000"
texts = st.text(
    st.one_of(st.sampled_from(CHARS), st.characters(exclude_characters="\u0130", exclude_categories=["Cs"])), max_size=60
)


def word(tokens: Tokens, i: int) -> str:
    return tokens.text[int(tokens.starts[i]) : int(tokens.ends[i])]


@given(texts)
@settings(max_examples=400, deadline=None)
def test_words_look_as_python_says(text: str) -> None:
    tokens = tokenise(text, TABLE)
    for i in range(len(tokens)):
        w, low, marks = word(tokens, i), tokens.lows[i], int(tokens.marks[i])
        if max(w) < "\U00020000":
            assert low == w.lower()
            assert bool(marks & col.CAPITAL) == w[0].isupper()
            assert bool(marks & col.SHOUTED) == w.isupper()
            assert bool(marks & col.SMALL) == w.islower()
            assert bool(marks & col.LETTERS) == low.isalpha()
            assert bool(marks & col.DIGITS) == low.isdigit()
            assert bool(marks & col.DIGIT) == any(map(str.isdigit, low))
        assert bool(marks & col.PLAIN) == (low == w)
        assert tokens.gaps[i] == gap_code(tokens.gap(i))
        assert tokens.codes[i] == (0 if any(map(str.isdigit, low)) else TABLE[low])


@given(texts)
@settings(max_examples=200, deadline=None)
def test_words_and_gaps_make_the_text(text: str) -> None:
    tokens = tokenise(text, TABLE)
    pieces = [tokens.gap(i) + word(tokens, i) for i in range(len(tokens))]
    end = int(tokens.ends[-1]) if len(tokens) else 0
    assert "".join(pieces) + text[end:] == text
    assert not any(ch.isalnum() for i in range(len(tokens)) for ch in tokens.gap(i) if ch < "\U00020000")


@given(texts)
@settings(max_examples=100, deadline=None)
def test_equal_words_have_equal_ids_and_lines_are_those_of_the_text(text: str) -> None:
    tokens = tokenise(text, TABLE)
    by_low: dict[str, int] = {}
    for low, number in zip(tokens.lows, tokens.ids.tolist(), strict=True):
        assert by_low.setdefault(low, number) == number
    assert len(set(by_low.values())) == len(by_low)
    lines = [text[a:b] for a, b in tokens.lines[:, :2].tolist()]
    assert lines == text.split("\n")


def test_the_dotted_capital_of_turkish_is_an_i() -> None:
    tokens = tokenise("İzmir", TABLE)
    assert tokens.lows == ["izmir"]
    assert tokens.codes[0] & tables.PLACE


@pytest.mark.parametrize("plane", range(2))
def test_classes_are_those_of_python(plane: int) -> None:
    table = characters()
    for point in range(plane << 16, (plane + 1) << 16, 7):
        char = chr(point)
        bits = int(table.classes[point])
        assert bool(bits & c.ALNUM) == char.isalnum()
        assert bool(bits & c.UPPER) == char.isupper()
        assert bool(bits & c.DECIMAL) == char.isdecimal()
        assert chr(int(table.lower[point])) == char.lower()[0]


def test_a_word_is_compared_letter_by_letter() -> None:
    """Same slot, same half of the hash, another word: not found."""
    points = np.frombuffer("hospital".encode("utf-32-le"), np.uint32)
    assert kernels.bits(points, TABLE.slots, TABLE.records) == TABLE["hospital"] != 0
    records = TABLE.records.copy()
    at = int(kernels.seek_word(points, TABLE.slots, TABLE.records))
    records[at + kernels.SPELLED] += 1
    assert kernels.bits(points, TABLE.slots, records) == 0


def test_what_is_cached_is_tied_to_every_file_it_was_compiled_from() -> None:
    for kernel in (gate_kernels.decide, tokens_kernels.cut, kernels.bits):
        assert kernel._cache._cache_file._source_stamp == memory.sources()


def test_nothing_is_compiled_by_importing() -> None:
    """`incamera --help` must not wait for a compiler."""
    import subprocess

    code = "import sys, incamera.doors.cli, incamera.deid.find; print('numba' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
