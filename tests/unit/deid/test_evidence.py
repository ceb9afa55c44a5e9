"""Evidence says what it is evidence of, and counts what it should."""

from __future__ import annotations

import pytest

from incamera.core.errors import Malformed
from incamera.core.ids import Commitment
from incamera.deid.apply import apply
from incamera.deid.evidence import attacks, canaries, labelled, readers
from incamera.deid.find import Found, find
from incamera.deid.recipe import load

RECIPE = load()


def test_equal_seeds_give_equal_canaries() -> None:
    one, two = list(canaries.generate(5, 3)), list(canaries.generate(5, 3))
    assert [c.conversation for c in one] == [c.conversation for c in two]
    assert [c.conversation for c in one] != [c.conversation for c in canaries.generate(5, 4)]


def test_an_untreated_canary_is_missed_and_a_treated_one_counted() -> None:
    made = list(canaries.generate(60, 5))
    untouched = [(c, apply(c.conversation, Found(), recipe=RECIPE, source=Commitment(""))) for c in made]
    rows = canaries.table(untouched)
    assert sum(r.planted for r in rows) == sum(r.missed for r in rows) > 0
    treated = [
        (c, apply(c.conversation, find(c.conversation, recipe=RECIPE), recipe=RECIPE, source=Commitment(""))) for c in made
    ]
    rows = canaries.table(treated)
    assert sum(r.missed for r in rows if r.type in ("e-mail", "card", "phone", "key", "ip")) == 0
    assert sum(r.missed for r in rows) <= 0.1 * sum(r.planted for r in rows)
    assert all(r.interval.n == r.planted and r.interval.k == r.missed for r in rows)


GOLD = [
    {
        "id": "a",
        "text": "Ann met Bo.",
        "spans": [{"start": 0, "end": 3, "label": "PERSON"}, {"start": 8, "end": 10, "label": "PERSON"}],
    }
]


def test_labelled_sets_are_scored_by_cover() -> None:
    half = labelled.evaluate(GOLD, {"a": [{"start": 0, "end": 3}]})
    assert (half.recall[""].k, half.recall[""].n) == (1, 2)
    assert (half.clean.k, half.clean.n) == (0, 1)
    assert half.token_precision == 1.0
    assert half.misses == (("a", 8, 10, "PERSON"),)
    assert labelled.evaluate(GOLD, {"a": [{"start": 0, "end": 11}]}).clean.k == 1


def test_gold_flaws_are_named() -> None:
    with pytest.raises(Malformed) as caught:
        labelled.evaluate(GOLD, {})
    assert caught.value.code == "deid.gold-missing"
    with pytest.raises(Malformed) as caught:
        labelled.evaluate(GOLD, {"a": [{"start": 0, "end": 99}]})
    assert caught.value.code == "deid.gold-offsets"


STRATA = {"en": [f"e{i}" for i in range(200)], "es": [f"s{i}" for i in range(50)]}


def test_readers_give_the_only_bound() -> None:
    drawn = readers.draw(STRATA, per_stratum=40, readers=("r1", "r2"), double=0.25, key=b"k")
    assert len({a.conversation for a in drawn}) == 80
    assert len(drawn) == 100
    marked = [{"conversation": a.conversation, "reader": a.reader, "leaks": []} for a in drawn]
    found, agreement = readers.bounds(drawn, marked, {"en": 200, "es": 50})
    assert agreement == 1.0
    whole = next(b for b in found if b.stratum == "" and b.kind == "any")
    assert 0 < whole.interval.high < 40
    assert "At most" in readers.sentence(whole)
    assert readers.NOT_ESTABLISHED in readers.sentence(None)
    marked[0]["leaks"] = [{"kind": "names"}]
    worse, _ = readers.bounds(drawn, marked, {"en": 200, "es": 50})
    assert next(b for b in worse if b.stratum == "" and b.kind == "names").interval.high > whole.interval.high
    assert next(b for b in worse if b.stratum == "" and b.kind == "structured").interval.k == 0


def test_an_unread_row_is_no_clean_row() -> None:
    drawn = readers.draw(STRATA, per_stratum=5, readers=("r1",), double=0, key=b"k")
    marked = [{"conversation": a.conversation, "reader": a.reader, "leaks": []} for a in drawn][1:]
    with pytest.raises(Malformed) as caught:
        readers.bounds(drawn, marked, {"en": 200, "es": 50})
    assert caught.value.code == "deid.reading-incomplete"
    with pytest.raises(Malformed) as caught:
        readers.draw(STRATA, per_stratum=5, readers=("r1",), double=0.5, key=b"k")
    assert caught.value.code == "deid.no-readers"


def test_a_stratum_nobody_read_counts_as_leaking() -> None:
    drawn = readers.draw({"en": STRATA["en"]}, per_stratum=40, readers=("r1",), double=0, key=b"k")
    marked = [{"conversation": a.conversation, "reader": a.reader, "leaks": []} for a in drawn]
    found, _ = readers.bounds(drawn, marked, {"en": 200, "es": 50})
    assert next(b for b in found if b.stratum == "" and b.kind == "any").interval.high >= 50


def test_recapture_estimates_what_neither_found() -> None:
    same = attacks.recapture([(0, 2), (5, 7)], [(0, 2), (5, 7)])
    assert same.unseen == 0 and same.both == 2
    apart = attacks.recapture([(i, i + 1) for i in range(0, 40, 2)], [(i, i + 1) for i in range(20, 60, 2)])
    assert apart.unseen > 0


def test_the_parrot_finds_a_leak_among_tags() -> None:
    outputs = {str(i): f"my friend [PERSON-{i}] said that the weather is fine" for i in range(1, 60)}
    outputs["leak"] = "my friend Zwierz said that the weather is fine"
    suspects = attacks.parrot(outputs).suspects
    assert ("leak", 10, 16) in suspects
    assert len(suspects) == 1


def test_uniqueness_counts_what_singles_out() -> None:
    u = attacks.uniqueness({"a": "the same words", "b": "the same words", "c": "the same zyzzyva"})
    assert (u.conversations, u.singled_out, u.rare_words) == (3, 1, 1)


def test_subject_scope_links_and_conversation_scope_does_not() -> None:
    kept = {"s1": ["Ada X", "Bo Y"], "s2": ["Cy Z"]}
    assert attacks.linkage(kept, kept) == 1.0
    assert attacks.linkage({"s1": ["[PERSON-1]"], "s2": ["[PERSON-1]"]}, {"s1": ["[PERSON-1]"], "s2": ["[PERSON-1]"]}) == 0.0
