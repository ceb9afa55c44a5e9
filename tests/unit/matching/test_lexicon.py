"""The works' text comes back byte for byte, whatever it is, with compiled kernels and without."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Unverified
from incamera.matching import compiled, lexicon, lexicon_kernels, plan
from incamera.matching import kernels as probe_kernels
from incamera.matching.lexicon import Lexicon
from incamera.testing.matching import prose
from incamera.text.offsets import PADDING, Packed, pack

WORDS = [
    "the",
    "and",
    "ferry",
    "Ferry",
    "café",
    "naïve",
    "ΑΒΓ",
    "слово",
    "東京",
    "“",
    "’s",
    " ",
    "  ",
    ", ",
    ".\n\n",
    "\u00a0",
    "&amp;",
]
WORDS += ["x" * n for n in (8, 9, 15, 16, 17, 63, 64, 65, 254, 255, 256, 600)] + [
    "é" * 130,
    "a" + "é" * 200,
    "\ud800",
    "\0",
    "😀",
]
TEXTS = st.lists(
    st.one_of(st.text(max_size=40), st.lists(st.sampled_from([*WORDS, " ", " "]), max_size=60).map("".join)),
    min_size=1,
    max_size=5,
)


def opened(packed: Packed, words: Lexicon) -> bytes:
    coded, bounds = lexicon.encode(packed, words)
    out = Packed(np.zeros(int(packed.bounds[-1]) + PADDING, np.uint8), packed.bounds)
    lexicon.decode(coded, bounds, np.arange(len(packed)), words, out, 0)
    return out.data[: packed.bounds[-1]].tobytes()


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_any_text_comes_back(texts: list[str]) -> None:
    packed = pack(texts)
    raw = packed.data[: packed.bounds[-1]].tobytes()
    assert opened(packed, lexicon.learn(packed)) == raw
    assert opened(packed, lexicon.learn(pack(["the ferry and the ferry"]))) == raw


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_plain_python_gives_the_same_bytes(texts: list[str]) -> None:
    packed = pack(texts)
    words = lexicon.learn(packed)
    coded, bounds = lexicon.encode(packed, words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "kernels", lambda: None)
        again = lexicon.learn(packed)
        plain, plain_bounds = lexicon.encode(packed, again)
        back = opened(packed, again)
    assert (again.items.tobytes(), again.bounds.tolist()) == (words.items.tobytes(), words.bounds.tolist())
    assert (plain.tobytes(), plain_bounds.tolist()) == (coded.tobytes(), bounds.tolist())
    assert back == packed.data[: packed.bounds[-1]].tobytes()


@pytest.mark.parametrize("text", ["\0\0\0" + "0\0", ",\0,\0\0 ,", "a\0" * 40, "ab,\0cd " * 30])
def test_nul_is_no_padding(text: str) -> None:
    packed = pack([text])
    assert opened(packed, lexicon.learn(packed)) == text.encode()


def test_prose_takes_less_than_half() -> None:
    packed = pack([prose(str(n), 4000) for n in range(40)])
    words = lexicon.learn(packed)
    coded, _ = lexicon.encode(packed, words)
    assert len(coded) + words.nbytes < 0.45 * int(packed.bounds[-1])


def test_more_items_than_there_are_numbers() -> None:
    spelled = [f"w{n:x}" for n in range(60_000)]
    packed = pack([" ".join(spelled), " ".join(reversed(spelled))])
    words = lexicon.learn(packed)
    assert len(words) == lexicon.CAPACITY
    assert opened(packed, words) == packed.data[: packed.bounds[-1]].tobytes()


@pytest.mark.parametrize("compiled_code", [True, False])
@pytest.mark.parametrize(
    "codes",
    [b"\xfe", b"\xfe\x05ab", b"\xff\x09abc", b"\x60", b"\x60\x00", b"\x50", b"\x00\x00\x00\x00\x00\x00\x00\x00", b"\x00"],
    ids=["announced", "short-word", "short-piece", "half-number", "no-such-long", "no-such-short", "too-much", "too-little"],
)
def test_codes_that_make_no_sense_are_refused(codes: bytes, compiled_code: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    words = Lexicon.of(np.array([5, 3]), np.frombuffer(b"ferrythe", np.uint8))
    out = Packed(np.zeros(7 + PADDING, np.uint8), np.array([0, 7]))
    if not compiled_code:
        monkeypatch.setattr(compiled, "kernels", lambda: None)
    with pytest.raises(Unverified, match=r"matching\.damaged"):
        lexicon.decode(np.frombuffer(codes, np.uint8), np.array([0, len(codes)]), np.array([0]), words, out, 0)


def test_kernels_and_plain_code_have_the_same_constants() -> None:
    for name in ("LONGEST", "SEPARATORS", "PIECE", "SHORT", "WORD", "RAW"):
        assert getattr(lexicon_kernels, name) == getattr(lexicon, name)
    assert probe_kernels.SORTED == plan.SORTED
