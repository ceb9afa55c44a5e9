"""What the names model says of the gate's words, and the state whose name is a pronoun."""

from __future__ import annotations

import pytest

from incamera.deid import opinion
from incamera.deid.lexicons import tables
from incamera.deid.opinion import Opinion
from incamera.deid.tokens import blank_tags, tokenise


def thought(text: str) -> tuple[list[str], Opinion]:
    tokens = tokenise(blank_tags(text), tables.table("en"))
    scored = opinion.score([tokens.text])
    assert scored is not None
    return list(tokens.lows), Opinion(tokens, scored[0])


def likely(text: str) -> set[str]:
    """Words that the model holds for names, with the dial at zero."""
    lows, said = thought(text)
    return {lows[i] for i, _, _ in said.above(0.0, 0.0)}


@pytest.mark.parametrize(
    "text",
    [
        "she moved to the us last spring",
        "us troops left the valley",
        "the un voted, the us did not",
        "(us senators disagreed) us visa",
    ],
)
def test_a_state_in_small_letters_is_a_name(text: str) -> None:
    assert likely(text) & {"us", "un"}


@pytest.mark.parametrize(
    "text", ["please tell us about the rules", "us too, use it just for us", "un perro y un gato", "bus", "plus"]
)
def test_a_pronoun_or_article_is_none(text: str) -> None:
    assert not likely(text) & {"us", "un", "bus", "plus"}


def test_the_label_of_a_state_is_a_place() -> None:
    lows, said = thought("back to the us")
    assert [(lows[i], label) for i, label, margin in said.above(0.5, 0.5)] == [("us", "LOC")]


def test_every_word_has_a_margin_or_none_at_all() -> None:
    for text in ("", "   ", "hello", "x" * 5000, "\ud800 us", "the us"):
        lows, said = thought(text)
        assert said.below(100.0, 100.0).shape == (len(lows),)
        assert said.below(100.0, 100.0).all()


def test_beside_a_tag_only_the_sure_remains() -> None:
    lows, said = thought("[PERSON-1] Wojciechowski lives here")
    assert {lows[i] for i, _, _ in said.above(-3.0, 100.0)} == set()
    assert "wojciechowski" in {lows[i] for i, _, _ in said.above(-3.0, -3.0)}


def test_without_a_model_there_is_no_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opinion, "tagger", lambda: None)
    assert opinion.score(["Ayesha Thornbury"]) is None
