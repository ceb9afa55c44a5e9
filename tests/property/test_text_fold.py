"""The kernels, plain Python and the published normalisation give the same words at the same places, whatever the text."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.text import tokens
from incamera.text.offsets import pack

REFERENCES = [
    "&amp;",
    "&#65;",
    "&#x41;",
    "&#X1F600;",
    "&frac12;",
    "&#1234567;",
    "&#12345678;",
    "&#x110000;",
    "&#0;",
    "&fjlig;",
    "&shy;",
]
REFERENCES += [
    "&Eacute",
    "&;",
    "&#;",
    "&#x;",
    "&#xD800;",
    "&CounterClockwiseContourIntegral;",
    "&a;",
    "&amp;amp;",
    "&1a;",
    "&amp",
]
piece = st.one_of(
    st.characters(),
    st.characters(min_codepoint=0xD800, max_codepoint=0xDFFF, categories=["Cs"]),
    st.sampled_from(REFERENCES),
    st.sampled_from(
        ["the ", "Fox", "interminably", "x" * 17, "\u200b", "\u00ad", "\u0301", "ﷺ", "한국어", "汉字", "ไทย", "İ", "ß"]
    ),
    st.text("abcXYZ019 .,&;#'_\n", max_size=12),
)
texts = st.lists(piece, max_size=40).map("".join)


@pytest.fixture(scope="session")
def published(shared: Path) -> ModuleType:
    path = shared / "tools" / "score_matching.py"
    spec = importlib.util.spec_from_file_location("score_matching", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.shared
@settings(max_examples=600, deadline=None)
@given(text=texts)
def test_words_are_the_published_ones(published: ModuleType, text: str) -> None:
    assert tokens.words(text) == published.normalise(text)


@pytest.mark.shared
def test_every_code_point_alone_between_letters(published: ModuleType) -> None:
    text = " ".join(f"a{chr(cp)}b" for cp in range(0x110000))
    want = published.normalise(text)
    found = tokens.tokenise(pack([text]))
    assert len(found.hashes) == len(want)
    assert found.starts.tolist() == [s for _, s, _ in want]
    assert found.ends.tolist() == [e for _, _, e in want]
    assert found.folded.tobytes().decode() == "".join(w for w, _, _ in want)


@pytest.mark.shared
def test_every_named_reference(published: ModuleType) -> None:
    import html.entities

    text = " ".join(f"a&{name}b" for name in html.entities.html5)
    assert tokens.words(text) == published.normalise(text)


@settings(max_examples=400, deadline=None)
@given(many=st.lists(texts, max_size=5), chars=st.booleans())
def test_compiled_and_plain_give_equal_arrays(many: list[str], chars: bool) -> None:
    packed = pack(many)
    compiled, plain = tokens.tokenise(packed, chars=chars), tokens.plain(packed, chars=chars)
    for name in tokens.Tokens.__slots__:
        assert np.array_equal(getattr(compiled, name), getattr(plain, name)), name


@settings(max_examples=400, deadline=None)
@given(text=texts, room=st.integers(1, 5))
def test_the_fast_path_gives_the_same_hashes_in_any_number_of_calls(text: str, room: int) -> None:
    from incamera.text import kernels

    packed = pack([text, "the next text"])
    data = kernels.readonly(packed.data)
    out = np.zeros(room + kernels.SLACK, dtype=np.uint64)
    got: list[int] = []
    i, end = int(packed.bounds[0]), int(packed.bounds[1])
    while i < end:
        n, i = kernels.word_hashes(kernels.address(data), len(data) - 8, i, end, tokens.tables(), kernels.address(out), 0, room)
        got += out[:n].tolist()
    assert got == tokens.plain(pack([text])).hashes.tolist()


@settings(max_examples=300, deadline=None)
@given(text=texts)
def test_places_point_at_the_words(text: str) -> None:
    """Folding what stands between a word's start and end gives the word, or holds it where one character makes several."""
    for word, start, end in tokens.words(text):
        assert 0 <= start < end <= len(text)
        assert word in "".join(w for w, _, _ in tokens.words(text[start:end]))
