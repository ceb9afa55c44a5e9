"""What the names model says of the gate's words, and the state whose name is a pronoun."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid import opinion
from incamera.deid.lexicons import tables
from incamera.deid.names import LABELS
from incamera.deid.opinion import Opinion
from incamera.deid.opinion_kernels import judge
from incamera.deid.tokens import blank_tags, tokenise


def thought(text: str) -> tuple[list[str], Opinion]:
    tokens = tokenise(blank_tags(text), tables.table("en"))
    scored = opinion.score([tokens.text])
    assert scored is not None
    return list(tokens.lows), Opinion(tokens, scored[0])


def likely(text: str) -> set[str]:
    """Words that the model holds for names, with the dial at zero."""
    lows, said = thought(text)
    return {lows[i] for i in said.above(0.0, 0.0)[0]}


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
    words, labels, margins = said.above(0.5, 0.5)
    assert [(lows[i], LABELS[label]) for i, label in zip(words, labels, strict=True)] == [("us", "LOC")]
    assert (margins > 0.5).all()


def test_every_word_has_a_margin_or_none_at_all() -> None:
    for text in ("", "   ", "hello", "x" * 5000, "\ud800 us", "the us"):
        lows, said = thought(text)
        assert said.below(100.0, 100.0).shape == (len(lows),)
        assert said.below(100.0, 100.0).all()


def test_beside_a_tag_only_the_sure_remains() -> None:
    lows, said = thought("[PERSON-1] Wojciechowski lives here")
    assert not said.above(-3.0, 100.0)[0].size
    assert "wojciechowski" in {lows[i] for i in said.above(-3.0, -3.0)[0]}


BOUNDS = st.lists(st.integers(0, 60), max_size=24, unique=True).map(sorted)


@settings(max_examples=100, deadline=None)
@given(BOUNDS, BOUNDS, st.integers(0, 9))
def test_a_word_takes_the_strongest_token_that_it_overlaps(tokens: list[int], words: list[int], seed: int) -> None:
    tokens, words = tokens[: len(tokens) // 2 * 2], words[: len(words) // 2 * 2]
    starts, ends, word_starts, word_ends = (np.array(x, np.int32) for x in (tokens[::2], tokens[1::2], words[::2], words[1::2]))
    logits = np.random.default_rng(seed).integers(-9, 9, (starts.size, 4)).astype(np.float32)
    handicap = np.array([np.inf, 0.0, 0.5, np.inf], np.float32)
    margin, label = np.empty(word_starts.size, np.float32), np.empty(word_starts.size, np.int32)
    judge(logits, handicap, starts, ends, word_starts, word_ends, margin, label)
    for i, (a, b) in enumerate(zip(word_starts, word_ends, strict=True)):
        over = [t for t in range(starts.size) if starts[t] < b and ends[t] > a]
        said = [(max(logits[t, 1], logits[t, 2] - np.float32(0.5)) - logits[t, 0], t) for t in over]
        if not said:
            assert (margin[i], label[i]) == (0.0, 0)
            continue
        strongest = max(said, key=lambda pair: pair[0])[1]
        assert margin[i] == max(said)[0]
        assert label[i] == (1 if logits[strongest, 1] >= logits[strongest, 2] - np.float32(0.5) else 2)


def test_without_a_model_there_is_no_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opinion, "tagger", lambda: None)
    assert opinion.score(["Ayesha Thornbury"]) is None
