"""Evidence says what it is evidence of, and counts what it should."""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Malformed
from incamera.core.ids import Commitment
from incamera.core.records import Conversation
from incamera.deid.apply import apply
from incamera.deid.evidence import attacks, canaries, labelled, readers
from incamera.deid.find import Found, find
from incamera.deid.recipe import load
from incamera_verify import bounds, reading

RECIPE = load()
ALPHA = Fraction(1, 20)


# --- canaries ---------------------------------------------------------------------------------------------------------


LIKE = Conversation(id="real", subject="somebody", source="plain", tier="plus", turns=())


def planted(count: int, seed: int) -> list[canaries.Canary]:
    return [canaries.beside(LIKE, seed * 1000 + n, name=f"{n:032x}") for n in range(count)]


def test_equal_seeds_give_equal_canaries() -> None:
    one, two = planted(5, 3), planted(5, 3)
    assert [c.conversation for c in one] == [c.conversation for c in two]
    assert [c.conversation for c in one] != [c.conversation for c in planted(5, 4)]


def test_a_canary_looks_like_the_conversation_it_stands_beside() -> None:
    made = canaries.beside(LIKE, 7, name="f" * 32)
    assert (made.conversation.source, made.conversation.tier) == (LIKE.source, LIKE.tier)
    assert "canary" not in made.conversation.id and made.secrets


def test_every_language_has_every_context() -> None:
    stood = {(s.language, s.context) for c in planted(600, 2) for s in c.secrets}
    assert {"prose", "table", "translation"} <= {context for language, context in stood if language == "fr"}
    assert {(language, "code") for language in ("en", "es", "de")} <= stood


def test_an_untreated_canary_is_missed_and_a_treated_one_counted() -> None:
    def missed(found: Callable[[Conversation], Found]) -> list[tuple[str, bool]]:
        out = [(c, apply(c.conversation, found(c.conversation), recipe=RECIPE, source=Commitment(""))) for c in planted(60, 5)]
        return [(secret.type, canaries.missed(secret, redacted)) for canary, redacted in out for secret in canary.secrets]

    untouched = missed(lambda _: Found())
    assert untouched and all(stays for _, stays in untouched)
    treated = missed(lambda conversation: find(conversation, recipe=RECIPE))
    assert not any(stays for kind, stays in treated if kind in ("e-mail", "card", "phone", "key", "ip"))
    assert sum(stays for _, stays in treated) <= 0.1 * len(treated)


# --- labelled sets ------------------------------------------------------------------------------------------------------

GOLD = [
    {
        "id": "a",
        "lang": "en",
        "text": "Ann met Bo.",
        "spans": [{"start": 0, "end": 3, "label": "PERSON"}, {"start": 8, "end": 10, "label": "PERSON"}],
    }
]


def test_labelled_sets_are_scored_by_cover() -> None:
    half = labelled.evaluate(GOLD, {"a": [{"start": 0, "end": 3}]})
    assert (half.recall[""].k, half.recall[""].n) == (1, 2)
    assert (half.clean.k, half.clean.n) == (0, 1)
    assert half.precision.point == 1.0
    assert half.misses == (("a", 8, 10, "PERSON"),)
    assert labelled.evaluate(GOLD, {"a": [{"start": 0, "end": 11}]}).clean.k == 1


def test_the_table_has_every_cell() -> None:
    text = "Ann met Bo.\n| who | Cy |\nname = 'Di'"
    spans = [
        {"start": text.index(name), "end": text.index(name) + len(name), "label": label, "kind": "direct", "unit": name}
        for name, label in (("Ann", "PERSON"), ("Bo", "OTHER"), ("Cy", "PERSON"), ("Di", "PERSON"))
    ]
    table = labelled.evaluate([{"id": "a", "lang": "xx", "text": text, "spans": spans}], {"a": [{"start": 0, "end": 9}]})
    cells = {(row.by, row.value): (row.covered.k, row.mentions, row.touched) for row in table.rows}
    assert cells["", ""] == (1, 4, 2)
    assert cells["label", "PERSON"] == (1, 3, 1)
    assert cells["context", "code"] == cells["context", "table"] == (0, 1, 0)
    assert cells["language", "xx"] == cells["kind", "direct"] == (1, 4, 2)
    assert cells["language, context and label", "xx prose OTHER"] == (0, 1, 1)
    assert (table.units.k, table.units.n) == (1, 4)


def test_gold_flaws_are_named() -> None:
    flaws: list[tuple[Any, Any, str]] = [
        (GOLD, {}, "deid.gold-missing"),
        (GOLD * 2, {"a": []}, "deid.gold-doubled"),
        (GOLD, {"a": [{"start": 0, "end": 99}]}, "deid.gold-offsets"),
    ]
    for gold, found, code in flaws:
        with pytest.raises(Malformed) as caught:
            labelled.evaluate(gold, found)
        assert caught.value.code == code


# --- readers --------------------------------------------------------------------------------------------------------------

SIZES = {"en": 200, "es": 50}
STRATA = {f"{stratum}{n}": stratum for stratum, of in SIZES.items() for n in range(of)}


def plan(places: dict[str, tuple[int, int, int]], **changes: Any) -> reading.Plan:
    given: dict[str, Any] = {
        "matter": "m", "order": "o", "frame": "f", "root": "r", "population": sum(SIZES.values()), "text": "redacted",
        "confidence": "0.95", "max_leak_rate": "0.1", "on_miss": "refuse", "readers": ("a", "b"), "places": places,
        "rows": reading.assign(STRATA, places, 2, b"k" * 32),
    }  # fmt: skip
    return reading.Plan(**given | changes)


def test_readers_give_the_only_bound() -> None:
    drawn = plan(readers.places(SIZES, rate=Fraction(1, 10), alpha=ALPHA, by_stratum=False, readings=40, twice=0.25))
    assert len(drawn.rows) == 80
    assert sum(len(a.readers) for a in drawn.rows) == 100
    clean, one = reading.judge(drawn, {}), reading.judge(drawn, {drawn.rows[0].row: frozenset({"names"})})
    assert 0 < clean.whole().at_most < 40 <= one.whole().rows
    assert one.whole("names").at_most > clean.whole("names").at_most
    assert one.whole("structured").leaks == 0
    assert "At most" in readers.sentence(clean) and readers.NOT_ESTABLISHED in readers.sentence(None)


def test_enough_is_enough_if_nothing_is_found_and_one_less_is_not() -> None:
    rate = Fraction(1, 20)
    for by_stratum in (False, True):
        places = readers.places(SIZES, rate=rate, alpha=ALPHA, by_stratum=by_stratum, readings=None, twice=0)
        drawn = plan(places, max_leak_rate="0.05", on_miss="withhold-stratum" if by_stratum else "refuse")
        assert reading.judge(drawn, {}).met
        assert len(drawn.rows) < sum(SIZES.values())
        for stratum, (of, count, _) in places.items():
            fewer = plan({**places, stratum: (of, count - 1, 0)}, max_leak_rate="0.05", on_miss=drawn.on_miss)
            assert not reading.judge(fewer, {}).met or not by_stratum


def test_a_stratum_nobody_read_counts_as_leaking() -> None:
    assert reading.judge(plan({"en": (200, 40, 0), "es": (50, 0, 0)}), {}).whole().at_most >= 50


def test_a_census_leaves_nothing_to_infer() -> None:
    drawn = plan({"en": (200, 200, 0), "es": (50, 50, 0)})
    leaks = {row: frozenset({"other"}) for row in ("en1", "es1", "es2")}
    verdict = reading.judge(drawn, leaks)
    assert (verdict.whole().at_most, verdict.met) == (3, True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 3))
def test_the_bound_covers_what_is_there(seed: int, leaking: int, strata: int) -> None:
    """Whatever leaks and whoever is read: over many draws the bound fails at most as often as it says."""
    rng = random.Random(seed)
    sizes = [rng.randint(20, 60) for _ in range(strata)]
    reads = [max(1, of // 4) for of in sizes]
    held = [rng.randint(0, min(of, leaking)) for of in sizes]
    misses = 0
    for _ in range(40):
        drawn = [sum(n < k for n in rng.sample(range(of), read)) for of, read, k in zip(sizes, reads, held, strict=True)]
        found = [bounds.Stratum(leaks=k, read=n, rows=of) for k, n, of in zip(drawn, reads, sizes, strict=True)]
        misses += bounds.whole(found, ALPHA) < sum(held)
    assert misses <= 10  # expected at most 2 of 40; more than 10 has a chance below 1e-5


PACKET: list[tuple[int, dict[str, Any]]] = [
    (1, {"version": readers.PACKET_VERSION, "rows": 2, "reader": "a"}),
    (2, {"row": "x", "parts": [{"turn": 0, "part": 0, "role": "user", "text": "Ann Lee, call Ann at 555"}], "marks": []}),
    (3, {"row": "y", "parts": [{"turn": -1, "part": 0, "role": "header", "text": "A plan"}], "marks": []}),
]


def packet(*marks: Any) -> list[tuple[int, dict[str, Any]]]:
    return [PACKET[0], (2, {**PACKET[1][1], "marks": list(marks)}), PACKET[2]]


def test_a_quote_marks_every_place_where_it_stands() -> None:
    back = readers.filled(packet({"kind": "names", "quote": "Ann"}), "p")
    assert [m.words for m in back.marks["x"]] == [((0, 3),), ((14, 17),)]
    assert back.counts()[0] == {"row": "x", "structured": 0, "names": 2, "other": 0}
    assert "Ann" not in str(back.marks_rows())


def test_an_unread_row_is_no_clean_row() -> None:
    flaws: list[tuple[list[tuple[int, dict[str, Any]]], str]] = [
        (PACKET[:2], "deid.reading-incomplete"),
        ([PACKET[0], (2, {**PACKET[1][1], "marks": None}), PACKET[2]], "deid.reading-incomplete"),
        ([PACKET[0], PACKET[1], PACKET[1]], "deid.not-a-packet"),
        (PACKET[1:], "deid.not-a-packet"),
        (packet({"kind": "whoever", "quote": "Ann"}), "deid.bad-mark"),
        (packet({"kind": "names", "quote": "Bob"}), "deid.bad-mark"),
        (packet({"kind": "names", "turn": 0, "part": 0, "start": 3, "end": 99}), "deid.bad-mark"),
        (packet({"kind": "names", "turn": [], "part": 0, "start": 0, "end": 1}), "deid.bad-mark"),
    ]
    for lines, code in flaws:
        with pytest.raises(Malformed) as caught:
            readers.filled(lines, "p")
        assert caught.value.code == code
        assert "Bob" not in str(caught.value)


def test_a_mark_leaks_unless_every_word_of_it_is_replaced() -> None:
    (mark,) = readers.filled(packet({"kind": "names", "turn": 0, "part": 0, "start": 0, "end": 7}), "p").marks["x"]
    assert mark.words == ((0, 3), (4, 7))
    assert readers.leaked([mark], [(0, 0, 0, 3), (0, 0, 4, 7)]) == frozenset()
    assert readers.leaked([mark], [(0, 0, 0, 3)]) == frozenset({"names"})
    assert readers.leaked([mark], [(0, 0, 0, 5), (0, 0, 5, 9)]) == frozenset()
    assert readers.leaked([mark], [(1, 0, 0, 9)]) == frozenset({"names"})


# --- attacks --------------------------------------------------------------------------------------------------------------


def test_recapture_estimates_what_neither_found() -> None:
    same = attacks.recapture([(0, 2), (5, 7)], [(0, 2), (5, 7)])
    assert same.unseen == 0 and same.both == 2
    apart = attacks.recapture([(i, i + 1) for i in range(0, 40, 2)], [(i, i + 1) for i in range(20, 60, 2)])
    assert apart.unseen > 0
    assert attacks.recaptured(apart.both, apart.first_only, apart.second_only) == apart


def test_the_names_model_is_a_detector_of_its_own() -> None:
    text = "Yesterday I met Jonathan Smith in the park."
    found = {text[start:end] for start, end in attacks.names_alone(text)}
    assert any("Smith" in surface for surface in found)
    assert attacks.names_alone("") == []


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
