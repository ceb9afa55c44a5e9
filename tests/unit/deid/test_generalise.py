"""Coarser truths in tags: closed forms, never a guess, and no rare trade beside a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.ids import Commitment
from incamera.core.records import Conversation, Part, Surrogate, Turn
from incamera.deid import generalise, regions
from incamera.deid.apply import apply, redact_text
from incamera.deid.columns import BLANK
from incamera.deid.combination import rare, spared
from incamera.deid.find import find
from incamera.deid.hits import Hit, named, rows
from incamera.deid.recipe import load
from incamera.deid.tokens import TAG, blank_tags
from incamera.production.reasons import replacement_type


@pytest.mark.parametrize(
    ("surface", "told"),
    [
        ("Munich", "Bavaria, DE"),
        ("München", "Bavaria, DE"),
        ("Bavaria", "Bavaria, DE"),
        ("Springfield, IL", "Illinois, US"),
        ("Paris, Texas", "Texas, US"),
        ("Germany", "DE"),
        ("Glasgow", "Scotland, GB"),
        ("Springfield", "US"),  # many, all of one country
        ("Zürich", "CH"),  # a country whose regions are not named here
        ("Reykjavik", "IS"),
        ("Cambridge", None),  # two countries
        ("Georgia", None),  # a state and a country
        ("Vaduz", None),  # too few people
        ("il", None),
        ("IL", None),
        ("Quimberlyville", None),
        ("", None),
        (",", None),
    ],
)
def test_a_place_is_told_by_its_region_or_not_at_all(surface, told):
    assert regions.place(surface) == told


@given(st.text(max_size=30))
def test_whatever_is_told_of_a_place_is_of_the_closed_list(surface):
    told = regions.place(surface)
    assert told is None or told in regions.told()


def test_every_region_told_has_people_enough_and_is_a_tag():
    assert {"Bavaria, DE", "Texas, US", "DE"} <= regions.told()
    assert not {"Corsica, FR", "LI", "VA"} & regions.told()
    for told in regions.told():
        assert blank_tags(f"[PLACE: {told}]").strip(BLANK) == ""


@pytest.mark.parametrize("tag", ["[DATE: March 1999]", "[DATE: 1999]", "[AGE: 40 to 49]", "[AGE: 0 to 9]", "[AGE: 90 or over]"])
def test_coarse_tags_are_tags(tag):
    assert TAG.fullmatch(tag)
    assert blank_tags(tag) == BLANK * len(tag)


@pytest.mark.parametrize(
    "text",
    [
        "[PLACE: Ruth Klinger, DE]",
        "[PLACE: RK]",
        "[DATE: Ruth 1999]",
        "[DATE: 12 March 1999]",
        "[AGE: 41 to 49]",
        "[AGE: 40 to 59]",
    ],
)
def test_what_somebody_wrote_into_brackets_is_no_tag(text):
    assert blank_tags(text) == text


@given(st.sampled_from(("DATE", "AGE", "LOC", "PERSON")), st.text("0123456789/.- abAMarch", max_size=20))
def test_every_coarse_tag_that_is_made_is_recognised(label, surface):
    made = generalise.coarse(label, surface, "month")
    assert made is None or blank_tags(made) == BLANK * len(made)


UTILITY = load("utility")


def test_the_utility_recipe_tells_coarse_truths_and_a_second_pass_changes_nothing():
    text = "I moved to Munich on 3 March 1999, aged 44 years old, with Ruth Klinger."
    once = redact_text(text, recipe=UTILITY)
    assert "[PLACE: Bavaria, DE]" in once
    assert "[DATE: March 1999]" in once
    assert "[AGE: 40 to 49]" in once
    assert "[PERSON-1]" in once
    assert redact_text(once, recipe=UTILITY) == once
    assert redact_text(once) == once


def test_the_conservative_recipe_tells_none():
    assert "PLACE" not in redact_text("I moved to Munich on 3 March 1999.")


def test_a_coarse_tag_is_logged_as_a_generalisation():
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text="I moved to Munich"),))
    talk = Conversation(id="", subject="", source="plain", turns=(turn,))
    redacted = apply(talk, find(talk, recipe=UTILITY), recipe=UTILITY, source=Commitment(""))
    (surrogate,) = redacted.surrogates
    assert surrogate.method == "generalised"
    assert replacement_type(surrogate) == "generalise"
    assert isinstance(surrogate, Surrogate)


# --- combinations ----------------------------------------------------------------------------------------------------


def hit(text, word, label):
    return Hit(text.index(word), text.index(word) + len(word), label, "quasi", 0.5, "gate.occupation")


def test_a_rare_trade_is_spared_only_where_no_place_is_named():
    said, where = "a midwife and a nurse", "in Springfield"
    trades = rows([hit(said, "midwife", "OCC"), hit(said, "nurse", "OCC")])
    place = rows([hit(where, "Springfield", "LOC")])
    assert [len(h) for h in spared([(said, trades)], ("OCC",))] == [0]
    kept = spared([(said, trades), (where, place)], ("OCC",))
    assert [[(h.start, h.label, h.detector) for h in named(one)] for one in kept] == [
        [(2, "OCC", "combination")],
        [(3, "LOC", "gate.occupation")],
    ]


@pytest.mark.parametrize(
    ("trade", "is_rare"), [("midwife", True), ("mayor", True), ("nurse", False), ("Teacher", False), ("zorbler", True)]
)
def test_what_counts_as_a_rare_trade(trade, is_rare):
    assert rare(trade) is is_rare


def test_a_midwife_in_a_town_is_not_left_standing():
    apart = redact_text("My neighbour is a midwife and tired.", recipe=UTILITY)
    together = redact_text("My neighbour is a midwife in Springfield and tired.", recipe=UTILITY)
    assert "midwife" in apart
    assert "midwife" not in together
    assert "nurse" in redact_text("My neighbour is a nurse in Springfield and tired.", recipe=UTILITY)
