"""Every family of rules of the gate, by itself: the names model off, the lists as they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.records import Conversation, Part, Turn
from incamera.deid import gate
from incamera.deid.columns import BLANK
from incamera.deid.find import Request, find_many
from incamera.deid.gate import Gate
from incamera.deid.hits import named
from incamera.deid.lexicons import tables
from incamera.deid.recipe import load
from incamera.deid.tokens import Tokens, tokenise


def masked(text: str, *, code: bool = False, known: dict[str, int] | None = None) -> dict[str, str]:
    """surface -> label and reason of what does not survive."""
    hits = Gate(tokenise(text, tables.table("en")), code=code, known=known).hits()
    return {text[h.start : h.end]: f"{h.label} {h.detector.removeprefix('gate.')}" for h in named(hits)}


def spared(text: str) -> list[str]:
    tokens = tokenise(text, tables.table("en"))
    decided = Gate(tokens)
    decided.hits()
    return [tokens.words[i] for i in decided.spared]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # one word
        ("the table is round and quite heavy", {}),
        ("we saw grzbl there", {"grzbl": "OTHER unknown"}),
        ("we saw olivia there", {"olivia": "PERSON name"}),
        ("we went to istanbul then", {"istanbul": "LOC name"}),
        ("the teapotless table was overbrewed", {}),
        (
            "the nurse was catholic and diabetic",
            {"nurse": "OCC occupation", "catholic": "DEM demographic", "diabetic": "HEALTH health"},
        ),
        (
            "the dna test and her fingerprints were kept by the unionist",
            {"dna": "HEALTH health", "fingerprints": "HEALTH health", "unionist": "DEM demographic"},
        ),
        ("my sister saw seven of them", {"sister": "KIN kin", "seven": "QUANTITY number-word"}),
        ("one of the first", {}),
        # capitals
        ("Table and chair", {}),
        ("it was Grumbling there", {"Grumbling": "OTHER capital"}),
        ("the API of Python is fine", {}),
        ("the XQZ was there", {"XQZ": "OTHER unknown"}),
        ("PLEASE DO NOT WAIT FOR THE TRAIN", {}),
        ("I think A is better. A dog.", {"A": "PERSON initial"}),
        ("A. First\nB) second", {}),
        # numbers
        ("he paid 1234 for 7 of them", {"1234": "NUMBER number", "7": "NUMBER number"}),
        ("1. Table\n 2) Chair\n> (3) Lamp", {}),
        ("see § 41 and §§ 7", {}),
        ("9x and x9", {"9x": "NUMBER number", "x9": "NUMBER number"}),
    ],
)
def test_one_word(text: str, expected: dict[str, str]) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "surface", "verdict"),
    [
        ("i asked mr grzbl about it", "mr", "PERSON title"),
        ("we told Dr Rose about it", "Dr", "PERSON title"),
        ("Dear Rose, it is late", "Rose", "PERSON"),
        ("hello, my name is brook today", "brook", "PERSON"),
        ("they left the gaza strip early", "strip", "LOC place"),
        ("they left new york early", "new", "LOC place"),
        ("said the Ministry of the Interior", "the", ""),
        ("it was Olivia Table there", "Table", "PERSON run"),
        ("then olivia k miller came", "k", "PERSON link"),
        ("then olivia and emma came", "and", "PERSON link"),
        ("then olivia's came", "s", "PERSON possessive"),
        ("then von neumann came", "von", "PERSON prefix"),
        ("then j. k. olivia came", "j", "PERSON initial"),
        ("then olivia walker came", "walker", "PERSON"),
    ],
)
def test_what_stands_around_a_word(text: str, surface: str, verdict: str) -> None:
    found = masked(text)
    assert found.get(surface, "").startswith(verdict), found
    assert verdict == "" or surface in found


def test_a_run_of_capitals_takes_its_small_words_along() -> None:
    found = masked("then Grzbl of the Xyzzy came")
    assert found.keys() == {"Grzbl", "of", "the", "Xyzzy"}


def test_a_title_of_ordinary_words_is_none() -> None:
    assert masked("How To Write Better Letters Today") == {}


def test_a_tag_makes_nothing_stricter() -> None:
    """A tag counts as a capital and as shouting: what survives beside a name survives beside its tag."""
    tag = BLANK * 10
    assert masked(f"the table of {tag} is round") == {}
    assert masked(f"DO NOT WAIT FOR {tag}") == {}
    assert masked(f"How To {tag} Write {tag}") == {}
    assert tokenise(f"{tag} came. then {tag} left. then", tables.table("en")).cased


def test_in_code_humps_are_words() -> None:
    assert masked("getUserName = readHTTPHeader(7)", code=True) == {}
    assert "getGrzblName" in masked("x = getGrzblName(7)", code=True)


def test_numbers_that_count_articles_depend_on_that_word() -> None:
    assert spared("under Article 6 and step 12 but 13 apples") == ["6", "12"]


def test_what_many_subjects_use_survives_and_a_name_never() -> None:
    known = {"grzbl": 1, "olivia": 1}
    assert masked("the grzbl of olivia", known=known).keys() == {"olivia"}
    assert "Grzbl" not in masked("then Grzbl came", known=known)


def test_of_no_text_nothing_is_said() -> None:
    assert len(Gate(Tokens.empty()).hits()) == 0
    assert masked("") == masked(" \n") == {}


def test_rules_and_thresholds_are_part_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().versions["gate"] == gate.version()
    before = gate.version()
    monkeypatch.setitem(gate.THRESHOLDS, "add", gate.THRESHOLDS["add"] - 100)
    gate.version.cache_clear()
    try:
        assert gate.version() != before
    finally:
        gate.version.cache_clear()


SPOKEN = "the Olivia olivia Mr grzbl Grzbl of Table 44 Rule New York my name is . , - and walker ' s K. İzmir москва"
WORDS = [*SPOKEN.split(), "\n"]
some = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)


def conversation(text: str) -> Conversation:
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=text),))
    return Conversation(id="c", subject="s", source="t", turns=(turn,))


@given(st.lists(some, min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_findings_do_not_depend_on_the_batch(texts: list[str], order: object) -> None:
    recipe = load().with_(names=False)
    alone = [find_many([Request(conversation(text))], recipe=recipe)[0].findings for text in texts]
    together = find_many([Request(conversation(text)) for text in texts], recipe=recipe)
    assert [found.findings for found in together] == alone
    shuffled = list(range(len(texts)))
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    again = find_many([Request(conversation(texts[i])) for i in shuffled], recipe=recipe)
    assert [found.findings for found in again] == [alone[i] for i in shuffled]
