"""Chaining, coverage, and the second tier: on invented works with known edits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.records import Commonness, Work
from incamera.matching import commonness, near, passages, unigrams
from incamera.matching.commonness import Background
from incamera.matching.index import Index
from incamera.matching.scan import scan, scan_runs
from incamera.matching.unigrams import UNKNOWN_BITS, bits
from incamera.testing.matching import conversation, cut, prose, work
from incamera.text import tokens

TEXT = prose("passage", 600)
INDEX = Index.of([work("w", TEXT, owner="A"), work("v", prose("other", 300), owner="B")])


def chained(*said: str, **more: int) -> list[passages.Passage]:
    talk = conversation(*(("assistant", s) for s in said))
    ((_, runs),) = scan_runs([talk], INDEX)
    return passages.passages(talk, runs, INDEX, **more)


def test_an_ellipsis_does_not_break_a_passage() -> None:
    said = f"He says: {cut(TEXT, 100, 20)} … {cut(TEXT, 140, 30)} (end)"
    (found,) = chained(said)
    assert (found.runs, found.words, found.longest, found.reordered) == (2, 50, 30, False)
    assert found.span.start == said.index(cut(TEXT, 100, 1))
    assert TEXT[found.work_start : found.work_end] == cut(TEXT, 100, 70)
    assert found.work_coverage == pytest.approx(50 / len(tokens.words(TEXT)))
    assert found.output_coverage == pytest.approx(50 / len(tokens.words(said)))
    assert found.lcs == 50
    assert found.rouge_l == pytest.approx(2 * 50 / (50 + 70))
    assert found.overlap_8 == pytest.approx((13 + 23) / 43)


def test_an_edited_word_does_not_break_a_passage() -> None:
    words = cut(TEXT, 200, 41).split()
    words[20] = "inserted"
    (found,) = chained(" ".join(words))
    assert (found.runs, found.words, found.lcs) == (2, 40, 40)


def test_reordered_runs_are_one_passage_and_said_so() -> None:
    (found,) = chained(cut(TEXT, 140, 25) + " and " + cut(TEXT, 100, 25))
    assert (found.runs, found.reordered) == (2, True)


def test_far_apart_in_the_text_or_in_the_work_are_two() -> None:
    assert len(chained(cut(TEXT, 100, 20) + " " + prose("filler", 60) + " " + cut(TEXT, 121, 20))) == 2
    assert len(chained(cut(TEXT, 100, 20) + " so " + cut(TEXT, 400, 20))) == 2
    assert len(chained(cut(TEXT, 100, 20), cut(TEXT, 120, 20))) == 2


def test_the_mode_of_150_characters() -> None:
    short, long = cut(TEXT, 100, 10), cut(TEXT, 200, 45)
    assert (
        sum(len(w) for w, _, _ in tokens.words(short)) < passages.MIN_CHARACTERS <= sum(len(w) for w, _, _ in tokens.words(long))
    )
    found = chained(short, long, min_characters=passages.MIN_CHARACTERS)
    assert [p.span.turn for p in found] == [1]


def test_coverage_of_a_work_counts_each_word_once() -> None:
    talk = conversation(("assistant", cut(TEXT, 0, 100)), ("assistant", cut(TEXT, 50, 100)))
    ((_, runs),) = scan_runs([talk], INDEX)
    assert passages.nv_recall(runs, INDEX) == {"w": pytest.approx(150 / len(tokens.words(TEXT)))}


@given(one=st.lists(st.sampled_from("abc"), max_size=30), two=st.lists(st.sampled_from("abc"), max_size=30))
def test_common_subsequence_against_the_textbook(one: list[str], two: list[str]) -> None:
    row = [0] * (len(two) + 1)
    for a in one:
        above = row[:]
        for j, b in enumerate(two):
            row[j + 1] = above[j] + 1 if a == b else max(above[j + 1], row[j])
    assert passages.common_subsequence(one, two) == row[-1]


# --- commonness ----------------------------------------------------------------------------------------------------------


def test_works_and_owners_that_hold_the_whole_run() -> None:
    quote = prose("quote", 30)
    works = [work("a", prose(1, 50) + " " + quote, owner="A"), work("b", quote + " " + prose(2, 50), owner="B")]
    works.append(work("c", prose(3, 50) + " " + cut(quote, 5, 12), owner="A"))
    found = {m.work_id: m.commonness for m in scan(conversation(("assistant", quote)), Index.of(works))}
    assert [(c.works, c.owners) for c in (found["a"], found["b"], found["c"]) if c] == [(2, 2), (2, 2), (3, 2)]


def test_the_background_is_counted_by_documents_that_hold_the_whole_run() -> None:
    quote = prose("formula", 20)
    index = Index.of([work("a", prose(1, 50) + " " + quote)])
    background = Background(
        "test/1", Index.of([work("x", quote + " zz"), work("y", "yy " + quote), work("z", cut(quote, 0, 10) + " no")])
    )
    (match,) = scan(conversation(("assistant", quote)), index, background=background)
    assert match.commonness and match.commonness.background == 2
    assert commonness.grade(match.commonness) == "common"


def test_the_shipped_background_knows_its_own_formulas() -> None:
    licence = "Permission is hereby granted, free of charge, to any person obtaining a copy"
    index = Index.of([work("a", prose(1, 50) + " " + licence + " " + prose(2, 20))])
    (match,) = scan(conversation(("assistant", licence)), index)
    assert match.commonness and match.commonness.background == 1
    assert commonness.shipped().name == "stock-phrases/2"


def test_surprisal_adds_up_and_knows_common_words() -> None:
    assert bits("the") < 6 < bits("harbour") < bits("zzyzxq") == UNKNOWN_BITS
    assert bits("1984") == pytest.approx(17.29, abs=0.01)
    assert commonness.surprisal(["the", "harbour"]) == round(bits("the") + bits("harbour"), 2)
    plain, rare = (
        "it is one of the best things that we have done",
        "obsidian herons catalogued seventeen vermilion lanterns beside the quarry",
    )
    grades = [commonness.grade(Commonness(works=1, owners=1, surprisal=commonness.surprisal(t.split()))) for t in (plain, rare)]
    assert grades == ["common" if commonness.surprisal(plain.split()) < commonness.COMMON_BITS else "distinctive", "distinctive"]


@pytest.mark.parametrize(
    ("measured", "want"),
    [
        (Commonness(works=1, owners=1), "distinctive"),
        (Commonness(works=3, owners=2, surprisal=200.0), "shared"),
        (Commonness(works=3, owners=1, surprisal=200.0), "distinctive"),
        (Commonness(works=1, owners=1, background=1, surprisal=200.0), "common"),
        (Commonness(works=1, owners=1, background=0, surprisal=59.9), "common"),
    ],
)
def test_grades(measured: Commonness, want: str) -> None:
    assert commonness.grade(measured) == want


def test_common_runs_are_kept_all_the_same() -> None:
    licence = "Permission is hereby granted, free of charge, to any person"
    works = [work(f"w{i}", f"{prose(i, 30)} {licence} {prose(-i - 1, 30)}") for i in range(30)]
    assert len(scan(conversation(("assistant", licence)), Index.of(works))) == 30


# --- the second tier -----------------------------------------------------------------------------------------------------


def reworded(text: str, rng: random.Random, share: float) -> str:
    return " ".join(prose(rng.random(), 1).strip(".").lower() if rng.random() < share else w for w in text.split())


def test_a_reworded_passage_is_found_and_marked_incomplete() -> None:
    rng = random.Random(4)
    said = reworded(cut(TEXT, 100, 150), rng, 0.2)
    talk = conversation(("user", "x"), ("assistant", said))
    ((_, runs),) = scan_runs([talk], INDEX)
    found = near.near(talk, [], near.NearIndex(INDEX))
    assert {n.work_id for n in found} == {"w"}
    assert all("incomplete" in n.method and n.cosine >= near.MIN_COSINE_WITH_SKELETON for n in found)
    best = max(found, key=lambda n: n.cosine)
    assert best.work_start < len(cut(TEXT, 0, 250)) and best.work_end > len(cut(TEXT, 0, 100))
    assert all(r.last - r.first >= 8 for r in runs)


def test_exact_runs_are_not_told_twice_and_other_texts_not_at_all() -> None:
    index = near.NearIndex(INDEX, ["w"])
    talk = conversation(("assistant", cut(TEXT, 100, 150)))
    ((_, runs),) = scan_runs([talk], INDEX)
    assert near.near(talk, [], index) and near.near(talk, runs, index) == []
    assert near.near(conversation(("assistant", prose("unrelated", 300))), [], index) == []
    assert near.near(conversation(("user", reworded(cut(TEXT, 100, 150), random.Random(1), 0.2))), [], index) == []
    assert near.near(conversation(("assistant", "short")), [], index) == []


def test_passages_and_near_rows_show_no_text() -> None:
    assert TEXT[:20] not in repr(chained(cut(TEXT, 0, 50)))
    assert Work(work_id="w", text="x").work_id in repr(chained(cut(TEXT, 0, 50)))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "When she came home that evening the door was open and they had gone to the harbour with the dog"),
        ("de", "Als sie am Abend nach Hause kam, stand die Tür auf und die anderen waren mit dem Hund zum Hafen gegangen"),
        ("fr", "Quand elle est rentrée ce soir, la porte était ouverte et les autres étaient partis au port avec le chien"),
        (
            "es",
            "Cuando ella llegó a casa por la tarde, la puerta estaba abierta y los otros se habían ido al puerto con el perro",
        ),
        ("ru", "Когда она вечером пришла домой, дверь была открыта, а все уже ушли с собакой к морю"),
    ],
)
def test_surprisal_is_measured_in_the_language_of_the_text(language: str, said: str) -> None:
    spelled = [word for word, _, _ in tokens.words(said)]
    assert unigrams.language(spelled) == language
    other = "de" if language == "en" else "en"
    assert commonness.surprisal(spelled, language) < commonness.surprisal(spelled, other) - 2 * len(spelled)
    (match,) = scan(conversation(("assistant", said)), Index.of([work("w", "Zzyx. " + said + " Qwrt.")]))
    assert match.commonness is not None
    assert match.commonness.surprisal == commonness.surprisal(spelled, language)


def test_invented_words_are_measured_against_english() -> None:
    assert unigrams.language(["zzyx", "qwrt"]) == unigrams.language([]) == "en"
