"""What the names model says of the gate's words, and the state whose name is a pronoun."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid import opinion
from incamera.deid.lexicons import tables
from incamera.deid.names import LABELS
from incamera.deid.opinion import Dials
from incamera.deid.opinion_kernels import CLEARED, EVEN, FOR, SURENESS, label_of, strongest
from incamera.deid.tokens import blank_tags, tokenise

NUMBERS = np.arange(len(LABELS), dtype=np.uint8)


def dials(add: float = 0.0, near: float = 0.0, clear: float = -100.0) -> Dials:
    return Dials(*map(np.float32, (clear, clear, add, near)))


def thought(text: str, asked: Dials) -> tuple[list[str], np.ndarray]:
    tokens = tokenise(blank_tags(text), tables.table("en"))
    scored = opinion.score([tokens.text])
    assert scored is not None
    return list(tokens.lows), opinion.weigh(tokens, scored[0], asked, NUMBERS)


def likely(text: str, asked: Dials | None = None) -> set[str]:
    """Words that the model holds for names, with the dial at zero."""
    lows, said = thought(text, asked or dials())
    return {lows[i] for i in np.flatnonzero(said & ~np.uint8(CLEARED))}


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
    lows, said = thought("back to the us", dials(add=0.5))
    assert [(low, LABELS[word >> SURENESS], word & FOR > 0) for low, word in zip(lows, said.tolist(), strict=True) if word] == [
        ("us", "LOC", True)
    ]


def test_a_word_is_cleared_below_the_dial_and_nothing_is_said_between() -> None:
    for text in ("hello", "x" * 5000, "\ud800 us", "the us", "my name is Ayesha Thornbury"):
        _, said = thought(text, dials(clear=100.0, near=100.0, add=100.0))
        assert (said == CLEARED).all()
        assert not thought(text, dials(add=100.0, near=100.0))[1].any()
    for text in ("", "   "):
        assert thought(text, dials())[1].size == 0


def test_how_sure_the_model_is_goes_with_the_word() -> None:
    lows, said = thought("please ask Ayesha Thornbury about the table", dials(add=-100.0, near=-100.0))
    sure = dict(zip(lows, said.tolist(), strict=True))
    assert sure["thornbury"] == LABELS.index("PERSON") << SURENESS | FOR | EVEN
    assert sure["table"] & (FOR | EVEN) == 0


def test_beside_a_tag_only_the_sure_remains() -> None:
    text = "[PERSON-1] Wojciechowski lives here"
    assert not likely(text, dials(add=-3.0, near=100.0))
    assert "wojciechowski" in likely(text, dials(add=-3.0, near=-3.0))


def test_beside_a_tag_a_letter_alone_is_left_to_the_gate() -> None:
    everything = dials(add=-100.0, near=-100.0)
    assert {"j", "yes"} <= likely("J yes", everything)
    assert "j" not in likely("[PERSON-1] J yes", everything)


@pytest.mark.parametrize(("between", "near"), [(60, True), (61, False)])
@pytest.mark.parametrize("behind", [False, True])
def test_a_tag_reaches_sixty_characters_either_way(between: int, near: bool, behind: bool) -> None:
    tag, blanks = "[PERSON-1]", " " * (between - 1 + behind)
    text = f"table{blanks}{tag}" if behind else f"{tag}{blanks}table"
    assert ("table" in likely(text, dials(add=-100.0, near=100.0))) is not near


BOUNDS = st.lists(st.integers(0, 60), max_size=24, unique=True).map(sorted)


@settings(max_examples=100, deadline=None)
@given(BOUNDS, BOUNDS, st.integers(0, 9))
def test_a_word_takes_the_strongest_token_that_it_overlaps(tokens: list[int], words: list[int], seed: int) -> None:
    tokens, words = tokens[: len(tokens) // 2 * 2], words[: len(words) // 2 * 2]
    starts, ends, word_starts, word_ends = (np.array(x, np.int32) for x in (tokens[::2], tokens[1::2], words[::2], words[1::2]))
    logits = np.random.default_rng(seed).integers(-9, 9, (starts.size, 4)).astype(np.float32)
    handicap = np.array([np.inf, 0.0, 0.5, np.inf], np.float32)
    first = np.searchsorted(ends, word_starts, "right")
    for a, b, token in zip(word_starts.tolist(), word_ends.tolist(), first.tolist(), strict=True):
        margin, found = strongest(logits, handicap, starts, token, b)
        over = [t for t in range(starts.size) if starts[t] < b and ends[t] > a]
        said = [(max(logits[t, 1], logits[t, 2] - np.float32(0.5)) - logits[t, 0], t) for t in over]
        if not said:
            assert margin == 0.0
            assert (found, label_of(logits, handicap, found)) == (-1, 0)
            continue
        which = max(said, key=lambda pair: pair[0])[1]
        assert margin == max(said)[0]
        assert found == which
        assert label_of(logits, handicap, found) == (1 if logits[which, 1] >= logits[which, 2] - np.float32(0.5) else 2)


def test_without_a_model_there_is_no_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opinion, "tagger", lambda: None)
    assert opinion.score(["Ayesha Thornbury"]) is None
