"""One list from many hits: united, joined, and the same whatever their order."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.records import FindingKind
from incamera.deid.extend import extend
from incamera.deid.hits import DETECTORS, KINDS, LABELS, Hit, named, rows
from incamera.deid.lexicons import tables
from incamera.deid.propagate import follow
from incamera.deid.resolve import resolve
from incamera.deid.settle import settle
from incamera.deid.tokens import tokenise

TEXT = "Dr. Anna K. Lee & Co. met Mr. O'Neill-Byrne in St. Ives. Then  Lee left"

HITS = st.builds(
    lambda start, size, label, kind, score, detector: Hit(start, min(start + size, len(TEXT)), label, kind, score, detector),
    st.integers(0, len(TEXT) - 1),
    st.integers(1, 8),
    st.sampled_from(LABELS),
    st.sampled_from(KINDS),
    st.sampled_from((0.4, 0.6, 0.9, 0.95)),
    st.sampled_from(DETECTORS),
)


def _resolved(*hits: Hit) -> list[Hit]:
    return list(named(resolve(rows(hits), TEXT)))


def _hit(surface: str, label: str = "PERSON", score: float = 0.5, detector: str = "gate.name") -> Hit:
    start = TEXT.index(surface)
    return Hit(start, start + len(surface), label, "direct", score, detector)


@given(st.lists(HITS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_hits_says_nothing(hits: list[Hit], rng: object) -> None:
    before = _resolved(*hits)
    rng.shuffle(hits)  # type: ignore[attr-defined]
    assert _resolved(*hits) == before


@given(st.lists(HITS, max_size=12))
def test_nothing_overlaps_and_nothing_is_lost(hits: list[Hit]) -> None:
    found = _resolved(*hits)
    assert all(a.end <= b.start for a, b in pairwise(found))
    for hit in hits:
        assert any(f.start <= hit.start and hit.end <= f.end for f in found)


@given(st.lists(HITS, max_size=12))
def test_what_is_resolved_stays_as_it_is(hits: list[Hit]) -> None:
    once = resolve(rows(hits), TEXT)
    assert resolve(once, TEXT).tolist() == once.tolist()


def test_the_surer_form_names_the_whole() -> None:
    phone, person = _hit("Anna", "PHONE", 0.95, "pattern.phone"), _hit("Anna K", "PERSON", 0.5)
    assert [(f.label, f.end - f.start) for f in _resolved(phone, person)] == [("PHONE", 6)]
    assert [f.label for f in _resolved(phone._replace(score=0.6), person._replace(label="SECRET"))] == ["SECRET"]


def test_parts_of_a_name_are_one() -> None:
    assert len(_resolved(_hit("Anna"), _hit("K"), _hit("Lee"))) == 1
    assert len(_resolved(_hit("O"), _hit("Neill"), _hit("Byrne", "ORG"))) == 1


def test_a_full_stop_joins_behind_an_initial_or_a_title_only() -> None:
    assert len(_resolved(_hit("Mr"), _hit("O'Neill"))) == 1
    assert len(_resolved(_hit("K"), _hit("Lee"))) == 1
    assert len(_resolved(_hit("Ives"), _hit("Then"))) == 2


def test_other_neighbours_stay_apart() -> None:
    assert len(_resolved(_hit("Anna", "DATE"), _hit("K", "DATE"))) == 2


#: What stands before a full stop that ends no sentence: one letter, or a title.
_BEFORE_STOP = re.compile(r"(?<![^\W_])(?:[^\W\d_]|(?ai:mrs?|ms|dr|st|prof|sra?|rev|hon|lt|jr))\Z")


@given(st.text("aZ9é²_. Mrsdtpofevhnlj", min_size=1, max_size=7), st.integers(0, 6))
def test_a_full_stop_is_judged_by_the_word_before_it(before: str, start: int) -> None:
    start = min(start, len(before) - 1)
    text = before + ". Lee"
    spans = (start, len(before)), (len(text) - 3, len(text))
    hits = [Hit(*span, "PERSON", "direct", 0.5, "gate.name") for span in spans]
    assert (len(resolve(rows(hits), text)) == 1) == (_BEFORE_STOP.search(before, start) is not None)


NEIGHBOURLY = "Between 3 and 9 May the British citizen left Glen village, Caldwell insurance and five other crimes, Glen left ill"


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 9), st.sampled_from(LABELS), st.sampled_from(KINDS)), max_size=12))
def test_settling_is_resolving_extending_and_following(places: list[tuple[int, int, str, FindingKind]]) -> None:
    tokens = tokenise(NEIGHBOURLY, tables.table("en"))
    hits = rows(Hit(a, a + n, label, kind, 0.5, "gate.number-word") for a, n, label, kind in places)
    once = resolve(hits, NEIGHBOURLY)
    twice = resolve(np.concatenate([once, extend(once, tokens)]), NEIGHBOURLY)
    (more,) = follow([(twice, tokens)])
    assert settle(hits, tokens, extends=False).tolist() == once.tolist()
    assert settle(hits, tokens).tolist() == twice.tolist()
    assert settle(hits, tokens, follows=True).tolist() == resolve(np.concatenate([twice, more]), NEIGHBOURLY).tolist()
