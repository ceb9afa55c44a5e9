"""Tokens, types and tables of the names model, held to plain Python."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid import names, names_kernels
from incamera.deid.names_features import Table, joined

CLASSES, FOLDS = names_kernels.tables()
TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)
MIXED = st.text(st.sampled_from("aAzZéßñЖжاक़ह्漢09_ \t\n\r\u2028'-.@#😀\ud800\u200b"), max_size=120)


def bounds(text: str) -> list[tuple[int, int]]:
    _, starts, ends, lengths = names_kernels.cut([text], CLASSES)
    assert lengths.tolist() == [starts.size]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(MIXED, max_size=6))
def test_texts_cut_together_are_cut_as_each_alone(texts: list[str]) -> None:
    points, starts, ends, lengths = names_kernels.cut(texts, CLASSES)
    assert points.size == sum(map(len, texts))
    found, offset, at = [], 0, 0
    for text, length in zip(texts, lengths.tolist(), strict=True):
        mine = slice(at, at + length)
        found.append([(a - offset, b - offset) for a, b in zip(starts[mine].tolist(), ends[mine].tolist(), strict=True)])
        offset, at = offset + len(text), at + length
    assert found == [bounds(text) for text in texts]
    assert at == starts.size


@settings(max_examples=200, deadline=None)
@given(TEXTS | MIXED)
def test_tokens_cover_everything_but_blanks_in_order(text: str) -> None:
    covered = 0
    for start, end in bounds(text):
        assert covered <= start < end
        # What lies between two tokens is neither letter, digit nor sign: blanks and invisible marks only.
        assert all(unicodedata.category(c)[0] in "ZC" for c in text[covered:start])
        covered = end
    assert all(unicodedata.category(c)[0] in "ZC" for c in text[covered:])
    assert "".join(names.tokenise(text)) == "".join(text[a:b] for a, b in bounds(text))


def test_a_word_keeps_its_digits_and_marks_and_signs_stand_alone() -> None:
    assert names.tokenise("O'Neill's abc123, wait... ok_then") == [
        "O",
        "'",
        "Neill",
        "'",
        "s",
        "abc123",
        ",",
        "wait",
        "...",
        "ok",
        "_",
        "then",
    ]
    assert names.tokenise("हिन्दी e\u0301te\u0301") == ["हिन्दी", "e\u0301te\u0301"]


def test_only_line_ends_make_a_blank_token() -> None:
    assert names.tokenise("a  b") == ["a", "b"]
    assert names.tokenise("a \n\n b") == ["a", " \n\n ", "b"]
    assert names.tokenise("") == []


TOKENS = st.lists(st.text(st.sampled_from("abAB1é😀"), min_size=1, max_size=3), max_size=60)


@settings(max_examples=100, deadline=None)
@given(TOKENS, TOKENS)
def test_types_are_the_distinct_tokens_after_the_common_ones(tokens: list[str], common: list[str]) -> None:
    common = list(dict.fromkeys(common))
    points, starts, ends = joined(tokens)
    known = joined(common)
    of, first = np.empty(len(tokens), np.int32), np.empty(len(tokens), np.int32)
    count = names_kernels.distinct(points, starts, ends, of, first, *known, names_kernels.slots_of(*known))
    assert count == len(set(tokens) - set(common))
    assert [([*common, *(tokens[k] for k in first[:count])])[k] for k in of] == tokens


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.integers(0, 2**32 - 1), st.integers(1, 7), max_size=300), st.lists(st.integers(0, 2**32 - 1), max_size=50)
)
def test_a_table_is_a_dictionary(entries: dict[int, int], others: list[int]) -> None:
    table = Table.empty(len(entries))
    keys, values = np.array(list(entries), np.uint32), np.array(list(entries.values()), np.int32)
    table.put(keys, values, shift=0, width=3)
    table.put(keys, np.maximum(1, values - 1), shift=0, width=3)  # the larger value stays
    wanted = [*entries, *others]
    assert table.get(np.array(wanted, np.uint32)).tolist() == [entries.get(key, 0) for key in wanted]


def test_two_fields_of_a_table_do_not_disturb_each_other() -> None:
    table = Table.empty(2)
    table.put(np.array([5], np.uint32), np.array([7], np.int32), shift=0, width=3)
    table.put(np.array([5], np.uint32), np.array([2], np.int32), shift=3, width=2)
    assert table.get(np.array([5], np.uint32)).tolist() == [7 | 2 << 3]


@pytest.mark.parametrize(
    ("token", "shape"),
    [("word", 0), ("Word", 1), ("WORD", 2), ("W", 3), ("McWord", 4), ("12", 5), ("2024", 6),
     ("123", 7), ("a1", 8), ("漢字", 9), ("\n", 10), ("...", 11),
     ("?", 12), (";", 13), (":", 14), ("@", 15), ("#", 16), ("’", 17), ("{", 18), ("😀", 19)],
)  # fmt: skip
def test_shapes(token: str, shape: int) -> None:
    points, starts, ends = joined([token])
    assert names_kernels.shape(points, CLASSES, starts[0], ends[0]) == shape


@pytest.mark.parametrize(
    ("written", "folded"), [("É", "e"), ("Ø", "o"), ("Ł", "l"), ("İ", "i"), ("Ж", "ж"), ("한", "한"), ("Ñ", "n")]
)
def test_the_fold_lowers_and_takes_accents_off(written: str, folded: str) -> None:
    assert chr(FOLDS[ord(written)]) == folded


def test_a_long_token_costs_no_more_than_a_word() -> None:
    from incamera.deid.names_features import Lexicon, types_of

    found = types_of(["x" * 100_000, "ab"], Lexicon.build([], [], []))
    assert found.gram_counts[0] <= names_kernels.MAX_GRAMS
    assert found.row_counts.tolist() == [names_kernels.DENSE_FEATURES, names_kernels.DENSE_FEATURES]
