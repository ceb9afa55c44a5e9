"""What is followed, where it is found, and that plain Python written for the purpose says the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid.hits import Hit, Hits, named, rows
from incamera.deid.lexicons import tables as t
from incamera.deid.propagate import follow
from incamera.deid.tokens import Tokens, tokenise

WORDS = (
    "anna",
    "Anna",
    "ANNA",
    "lee",
    "Lee",
    "rose",
    "Rose",
    "the",
    "of",
    "K",
    "zorblax",
    "Zorblax",
    "İnci",
    "will",
    "Will",
    "42",
)
GAPS = (" ", ", ", "-", ". ", "   ", "     ", "\n", "'")


def _tokens(text: str) -> Tokens:
    return tokenise(text, t.table("en"))


def _found(*parts: tuple[list[Hit], str]) -> list[list[str]]:
    read = [(rows(hits), _tokens(text)) for hits, text in parts]
    return [sorted(text[h.start : h.end] for h in named(more)) for more, (_, text) in zip(follow(read), parts, strict=True)]


def _hit(text: str, surface: str, label: str = "PERSON") -> Hit:
    start = text.index(surface)
    return Hit(start, start + len(surface), label, "direct", 0.7, "gate.name")


def test_a_name_is_found_in_another_part_whatever_its_case() -> None:
    text = "I met Zorblax Quimby"
    assert _found(([_hit(text, "Zorblax Quimby")], text), ([], "ask zorblax quimby or QUIMBY")) == [
        [],
        ["QUIMBY", "quimby", "zorblax", "zorblax quimby"],
    ]


def test_an_ordinary_word_is_followed_in_its_own_case_only() -> None:
    text = "I met Rose"
    assert _found(([_hit(text, "Rose")], text), ([], "Rose has a rose")) == [[], ["Rose"]]


def test_a_quasi_identifier_is_followed_nowhere() -> None:
    text = "she is from Zorblax"
    hit = _hit(text, "Zorblax")._replace(kind="quasi")
    assert _found(([hit], text), ([], "Zorblax again")) == [[], []]


def test_short_surfaces_and_words_far_apart_are_left() -> None:
    text = "by Al, by Xqz Ywv"
    assert _found(([_hit(text, "Al"), _hit(text, "Xqz Ywv", "CODE")], text), ([], "al said xqz      ywv and xqz, ywv")) == [
        [],
        ["xqz, ywv"],
    ]


def test_where_a_finding_stands_already_nothing_is_added() -> None:
    text = "Zorblax and Zorblax"
    everywhere = [_hit(text, "Zorblax"), Hit(12, 19, "ORG", "quasi", 0.5, "gate.run")]
    assert _found((everywhere, text)) == [[]]


def _plainly(parts: list[tuple[Hits, Tokens]]) -> list[set[tuple[int, int]]]:
    """The same in plain Python over strings."""
    single: set[str] = set()
    cased: set[str] = set()
    several: set[tuple[str, ...]] = set()
    covers: list[set[int]] = []

    def one(word: str, low: str, code: int) -> None:
        if len(low) >= 3:
            (cased if code & (t.SAFE_UNCASED | t.ORDINARY | t.MIXED) else single).add(
                word if code & (t.SAFE_UNCASED | t.ORDINARY | t.MIXED) else low
            )

    for hits, tokens in parts:
        covers.append(set())
        for hit in named(hits):
            inside = [i for i, (a, b) in enumerate(tokens.spans) if hit.start <= a and b <= hit.end]
            covers[-1].update(inside)
            if hit.kind != "direct" or sum(len(tokens.words[i]) for i in inside) < 3:
                continue
            if len(inside) == 1:
                one(tokens.words[inside[0]], tokens.lows[inside[0]], tokens.codes[inside[0]])
                continue
            several.add(tuple(tokens.lows[i] for i in inside))
            for i in inside:
                code, word = tokens.codes[i], tokens.words[i]
                if hit.label == "PERSON" and not code & t.FUNCTION and (word[0].isupper() or code & t.NAME or not code):
                    one(word, tokens.lows[i], code)
    found: list[set[tuple[int, int]]] = []
    for (_, tokens), covered in zip(parts, covers, strict=True):
        found.append(set())
        for i, (a, b) in enumerate(tokens.spans):
            if i not in covered and (tokens.lows[i] in single or tokens.words[i] in cased):
                found[-1].add((a, b))
            for surface in several:
                n = len(surface)
                near = all(len(tokens.gap(j)) <= 3 for j in range(i + 1, min(i + n, len(tokens))))
                if tuple(tokens.lows[i : i + n]) == surface and near and not covered.issuperset(range(i, i + n)):
                    found[-1].add((a, tokens.spans[i + n - 1][1]))
    return found


@st.composite
def _parts(draw: st.DrawFn) -> list[tuple[Hits, Tokens]]:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        pieces = draw(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GAPS)), min_size=1, max_size=12))
        tokens = _tokens("".join(word + gap for word, gap in pieces))
        hits, at = [], 0
        while at < len(tokens):
            if draw(st.booleans()):
                last = min(at + draw(st.integers(0, 3)), len(tokens) - 1)
                label, kind = draw(st.sampled_from(("PERSON", "CODE"))), draw(st.sampled_from(("direct", "quasi")))
                hits.append(Hit(tokens.spans[at][0], tokens.spans[last][1], label, kind, 0.6, "gate.name"))  # type: ignore[arg-type]
                at = last
            at += 1
        parts.append((rows(hits), tokens))
    return parts


@settings(deadline=None, max_examples=120)
@given(_parts())
def test_the_kernels_find_what_plain_python_finds(parts: list[tuple[Hits, Tokens]]) -> None:
    assert [{(h.start, h.end) for h in named(more)} for more in follow(parts)] == _plainly(parts)
