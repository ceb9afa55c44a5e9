"""The search finds every maximal run, exactly, and nothing else."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Refused
from incamera.core.records import HEADER, Match
from incamera.matching import compiled, plain, scan
from incamera.matching.index import Index
from incamera.testing.matching import brute_force, conversation, cut, prose, work


def flat(matches: list[Match]) -> list[tuple[str, int, int, int, int, int]]:
    return sorted((m.work_id, m.span.start, m.span.end, m.work_start, m.work_end, m.words) for m in matches)


def test_a_run_is_found_with_exact_places_on_both_sides() -> None:
    text = prose(1, 300)
    passage = cut(text, 40, 12)
    said = f"Sure: “{passage.upper()}” — that is it."
    (match,) = scan.scan(conversation(("user", "hello"), ("assistant", said)), Index.of([work("w", text)]))
    assert match.span.turn == 1
    assert said[match.span.start : match.span.end].rstrip(".,") == passage.upper().rstrip(".,")
    assert text[match.work_start : match.work_end].rstrip(".,") == passage.rstrip(".,")
    assert match.words == 12


@pytest.mark.parametrize("count", range(5, 12))
@pytest.mark.parametrize("first", range(4))
def test_the_threshold_is_met_at_every_phase_of_the_sampling(count: int, first: int) -> None:
    text = prose(2, 60)
    said = "xx " + cut(text, first, count) + " yy"
    found = scan.scan(conversation(("assistant", said)), Index.of([work("w", text)]))
    assert [m.words for m in found] == ([count] if count >= 8 else [])


def test_header_and_every_part_are_searched() -> None:
    text = prose(3, 100)
    said = cut(text, 10, 20)
    talk = conversation(("user", said), ("assistant", "no"), ("tool", said, "tool_result"), header=["title", said])
    places = [(m.span.turn, m.span.part) for m in scan.scan(talk, Index.of([work("w", text)]))]
    assert places == [(HEADER, 1), (0, 0), (2, 0)]


def test_repeated_passages_give_a_row_for_each_place_in_the_work() -> None:
    again = prose(4, 15)
    text = f"{prose(5, 40)} {again} {prose(6, 50)} {again} {prose(7, 30)} {again}"
    said = f"{again} zzz {again}"
    works = [work("w", text)]
    assert flat(scan.scan(conversation(("assistant", said)), Index.of(works))) == brute_force(said, works, 8)
    assert len(brute_force(said, works, 8)) >= 6


def test_a_word_said_over_and_over() -> None:
    works = [work("w", "row row row " * 30 + prose(8, 40))]
    said = "row " * 25
    assert flat(scan.scan(conversation(("assistant", said)), Index.of(works))) == brute_force(said, works, 8)


def test_a_run_stops_where_the_work_stops_even_if_the_next_work_goes_on() -> None:
    one, two = prose(9, 40), prose(10, 40)
    said = cut(one, 25, 15) + " " + cut(two, 0, 15)
    works = [work("a", one), work("b", two)]
    found = scan.scan(conversation(("assistant", said)), Index.of(works))
    assert sorted((m.work_id, m.words) for m in found) == [("a", 15), ("b", 15)]


def test_runs_across_blocks_of_a_long_work() -> None:
    text = prose(11, 9000)
    works = [work("w", text)]
    index = Index.of(works)
    assert len(index.segments[0].block_work) > 3
    base = index.segments[0].words.block_base
    edge = int(base[1])
    for first, count in ((edge - 5, 12), (edge - 1, 9), (edge - 30, 4000), (0, 9000)):
        said = cut(text, first, count)
        (match,) = scan.scan(conversation(("assistant", said)), index)
        assert match.words == count
        assert (match.work_start, match.work_end) == (tokens_place(text, first)[0], tokens_place(text, first + count - 1)[1])


def tokens_place(text: str, number: int) -> tuple[int, int]:
    from incamera.text import tokens

    _, start, end = tokens.words(text)[number]
    return start, end


def test_places_are_code_points_also_behind_wide_characters() -> None:
    text = "ünïcödé 😀 " * 2000 + prose(12, 100)
    said = "😀😀 é " + cut(text, 2010, 20)
    works = [work("w", text)]
    found = flat(scan.scan(conversation(("assistant", said)), Index.of(works)))
    assert found == brute_force(said, works, 8)


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 10**9), least=st.sampled_from([2, 3, 5, 8, 8, 8, 13]))
def test_invented_texts_against_brute_force(seed: int, least: int) -> None:
    """Small vocabularies make dense, overlapping, repeated runs; the search must give exactly the brute-force rows."""
    rng = random.Random(seed)
    vocabulary = ["w" + chr(97 + i % 26) * (1 + i // 26) for i in range(rng.choice([2, 3, 5, 12, 60]))]
    joints = [" ", " ", "\n", "... ", "-", ", ", " \u200b", "&nbsp;", "'"]

    def text(n: int) -> str:
        return "".join(rng.choice(vocabulary) + rng.choice(joints) for _ in range(n))

    works = [work(f"k{i}", text(rng.randint(least, 70)) + "stop") for i in range(rng.randint(1, 5))]
    turns = [text(rng.randint(0, 60)) for _ in range(rng.randint(1, 3))]
    turns.append("so " + works[0].text[rng.randint(0, 20) :])
    index = Index.of(works, min_words=least)
    found = scan.scan(conversation(*(("assistant", t) for t in turns)), index)
    for number, said in enumerate(turns):
        assert flat([m for m in found if m.span.turn == number]) == brute_force(said, works, least)


def test_a_higher_threshold_than_the_indexs_filters_and_a_lower_is_refused() -> None:
    text = prose(13, 80)
    index = Index.of([work("w", text)])
    talk = conversation(("assistant", cut(text, 3, 9)))
    assert scan.scan(talk, index, min_words=10) == []
    assert len(scan.scan(talk, index, min_words=9)) == 1
    with pytest.raises(Refused) as caught:
        scan.scan(talk, index, min_words=7)
    assert caught.value.code == "matching.below-threshold"


@pytest.mark.parametrize("least", [0, 1, 201])
def test_thresholds_that_cannot_be_kept(least: int) -> None:
    with pytest.raises(Refused) as caught:
        Index.of([work("w", prose(1, 300))], min_words=least)
    assert caught.value.code == "matching.threshold"


def test_many_conversations_give_what_each_gives_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "BATCH_CHARACTERS", 700)
    works = [work(f"w{i}", prose(f"m{i}", 200)) for i in range(5)]
    index = Index.of(works)
    rng = random.Random(3)
    talks = [
        conversation(
            ("user", prose(f"u{i}", 30)), ("assistant", cut(rng.choice(works).text, 5 * (i % 20), 4 + i % 9)), id=f"c{i}"
        )
        for i in range(40)
    ]
    seen: list[int] = []
    together = list(scan.scan_all(talks, index, progress=seen.append))
    assert [c.id for c, _ in together] == [c.id for c in talks]
    assert [m for _, m in together] == [scan.scan(c, index) for c in talks]


def test_arrow_and_packed_texts_give_equal_rows() -> None:
    text = prose(20, 300)
    index = Index.of([work("w", text)])
    said = [cut(text, i, 10) for i in range(50)]
    rows, chars = scan.scan_batch(pa.array(said), index)
    again, _ = scan.scan_batch(scan.pack(said), index)
    assert len(rows) == 50 and not len(chars)
    for name in rows.__slots__:
        assert np.array_equal(getattr(rows, name), getattr(again, name))


def test_unspaced_scripts_are_searched_by_the_character() -> None:
    rng = random.Random(5)
    text = "".join(chr(rng.randrange(0x4E00, 0x9000)) + ("，" if i % 11 == 10 else "") for i in range(400))
    index = Index.of([work("han", text)])
    said = "引用：" + text[100:130] + "。"
    (match,) = scan.scan(conversation(("assistant", said)), index)
    assert match.words >= 16
    assert text[match.work_start : match.work_end] == said[match.span.start : match.span.end] == text[100:130].strip("，")
    short = "引用：" + text[200:214]
    assert scan.scan(conversation(("assistant", short)), index) == []


def test_the_probe_grows_its_room_for_a_text_with_very_many_seeds() -> None:
    works = [work(f"w{i:03}", "again and again they sang the very same old song together " * 12) for i in range(60)]
    index = Index.of(works)
    said = "again and again they sang the very same old song together " * 40
    rows, _ = scan.scan_batch(scan.pack([said]), index)
    assert len(set(rows.work.tolist())) == 60
    one = brute_force(said, works[:1], 8)
    assert int((rows.work == 0).sum()) == len(one)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_without_compiled_code_the_same_segments_and_rows(seed: int) -> None:
    rng = random.Random(seed)
    vocabulary = ["v" + chr(97 + i % 26) * (1 + i // 26) for i in range(rng.choice([3, 8, 40]))]
    works = [work(f"k{i}", " ".join(rng.choice(vocabulary) for _ in range(rng.randint(8, 120)))) for i in range(4)]
    texts = [" ".join(rng.choice(vocabulary) for _ in range(rng.randint(0, 80))) for _ in range(3)] + [works[1].text]
    fast = Index.of(works)
    rows, _ = scan.scan_batch(scan.pack(texts), fast)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "kernels", lambda: None)
        patch.setattr(compiled, "_text_kernels", lambda: None)
        patch.setattr("incamera.text.tokens.compiled", lambda: None)
        slow = Index.of(works)
        again, _ = scan.scan_batch(scan.pack(texts), slow)
    for name in ("filter", "buckets", "entries", "block_base"):
        assert np.array_equal(getattr(fast.segments[0].words, name), getattr(slow.segments[0].words, name)), name
    for name in rows.__slots__:
        assert np.array_equal(getattr(rows, name), getattr(again, name)), name


def test_grams_of_kernel_and_numpy_agree_for_every_length() -> None:
    from incamera.text.kernels import address

    kernels = compiled.kernels()
    hashes = np.random.default_rng(1).integers(0, 1 << 63, 200).astype(np.uint64)
    for k in (1, 2, 6, 8, 40, 70):
        out = np.zeros(200, dtype=np.uint64)
        kernels.grams(address(hashes), 200 - k + 1, k, address(out))
        assert np.array_equal(out[: 200 - k + 1], plain.grams(hashes, k))


def test_no_text_in_any_repr() -> None:
    text = "Confidential " + prose(30, 50)
    index = Index.of([work("w", text, title="Confidential")])
    rows, _ = scan.scan_batch(scan.pack([text]), index)
    runs = next(scan.scan_runs([conversation(("assistant", text))], index))[1]
    for thing in (index, index.segments[0], rows, runs[0], index.segments[0].works[0]):
        assert "Confidential" not in repr(thing)
