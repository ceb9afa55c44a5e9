"""Tables of public words: made the same each time, whole, and never written to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid import language
from incamera.deid.cache import unpacked
from incamera.deid.lexicons import tables, terms
from incamera.deid.lexicons.words import Entry, Words, layout
from incamera.deid.tokens import tokenise

small = st.text("abcdeéжक", min_size=1, max_size=6)


def words(entries: dict[str, tuple[int, int]]) -> Words:
    made = layout([Entry(w, code, role, 0.0) for w, (code, role) in entries.items()], phrases=(), introducers=())
    return Words(memoryview(made))


@given(
    st.dictionaries(small, st.tuples(st.integers(0, (1 << 60) - 1), st.integers(0, (1 << 31) - 1)), min_size=1, max_size=40),
    small,
)
@settings(max_examples=60, deadline=None)
def test_what_goes_in_is_found_and_nothing_else(entries: dict[str, tuple[int, int]], other: str) -> None:
    table = words(entries)
    for word, (code, role) in entries.items():
        assert table[word] == code
        tokens = tokenise(word, table)
        assert (tokens.codes, tokens.roles.tolist()) == ([code], [role])
    if other not in entries:
        assert table[other] == 0


def test_the_bytes_do_not_depend_on_the_order_of_the_words() -> None:
    entries = [Entry("b", 1, 0, 2.0), Entry("a", 2, 0, 2.0), Entry("c", 3, 0, 5.0)]
    phrases = [("a", "b"), ("a", "b", "c"), ("c", "a")]
    one = layout(entries, phrases=phrases, introducers=(("a",),))
    assert layout(entries[::-1], phrases=phrases[::-1], introducers=(("a",),)) == one
    table = Words(memoryview(one))
    lengths = np.diff(table.phrase_bounds).tolist()
    assert sorted(table.phrase_keys.tolist()) == table.phrase_keys.tolist()
    assert lengths.index(3) < len(lengths) - lengths[::-1].index(2)  # the longer of two that begin alike comes first


def test_a_word_with_a_digit_is_in_no_table() -> None:
    assert words({"str2": (1, 0), "b": (1, 0)})["str2"] == 0


def test_a_table_cannot_be_written_to() -> None:
    table = tables.table("en")
    for array in unpacked(memoryview(layout([Entry("a", 1, 0, 0.0)], phrases=(), introducers=()))) + list(table.arrays):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_every_class_by_hand_reaches_the_table() -> None:
    table = tables.table("en")
    for listed, bit in (
        (terms.TITLES, tables.TITLE),
        (terms.KIN, tables.KIN),
        (terms.DEMOGRAPHIC, tables.DEM),
        (terms.HEALTH, tables.HEALTH),
        (terms.CONNECTORS, tables.CONNECTOR),
        (terms.BODY_NOUNS, tables.BODY),
    ):
        assert [w for w in listed if w.isalpha() and not table[w] & bit] == []
    tokens = tokenise(" ".join(sorted(terms.NAME_PREFIXES)), table)
    assert all(role & tables.PREFIX for role in tokens.roles.tolist())


def test_a_phrase_of_words_that_no_list_holds_is_found() -> None:
    made = layout([Entry("a", 1, 0, 0.0)], phrases=[("zzyx", "qqof")], introducers=())
    table = Words(memoryview(made))
    assert tokenise("zzyx qqof", table).rows[:, 4].tolist() == table.phrase_words.tolist()
    assert table["zzyx"] == 0


@pytest.mark.parametrize(
    ("text", "default", "expected"),
    [
        ("", "es", "es"),
        ("1234 5678", "fr", "fr"),
        ("The man said that it was not in the house and that he had to go.", "de", "en"),
        ("El niño dijo que no estaba en la casa y que se iba con los otros a la plaza.", "en", "es"),
        ("Der Mann hat gesagt, dass er nicht in dem Haus war und dass sie auch nicht da war.", "en", "de"),
        ("Это не то, что он хотел сказать, но так как это было, он не мог и не стал.", "en", "ru"),
        ("grzbl frmpf", "it", "it"),
    ],
)
def test_the_language_by_its_function_words(text: str, default: str, expected: str) -> None:
    assert language.detect(text, default) == expected


def test_one_key_a_language_and_another_where_a_list_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables.key("en") != tables.key("de")
    before = tables.key("en")
    monkeypatch.setattr(tables.sources, "versions", lambda: {"wordfreq": "0"})
    assert tables.key("en") != before
