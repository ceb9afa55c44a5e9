"""What must hold of every redaction, whatever the conversation."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from incamera.core.ids import Commitment
from incamera.core.records import Conversation, Part, Turn
from incamera.deid.apply import apply
from incamera.deid.find import Found, find
from incamera.deid.recipe import load

PHRASES = st.sampled_from(
    [
        "my name is ",
        "Ruth Klinger",
        "ruth klinger",
        "RUTH",
        "Will",
        "will you ",
        "Mr Okafor",
        " lives in ",
        "Springfield",
        "springfield",
        " at 12 Long Acre Lane",
        "on 3 May 1999",
        " call +44 20 7946 0958",
        " r.klinger@example.org",
        "\n",
        ". ",
        ", ",
        " and ",
        "Article 6 § 1",
        "THE END",
        "3 apples",
        "[PERSON-3]",
        "[SMITH-1]",
        "https://example.org/ruth",
        "def ruth(x):\n    return x",
        "| Name | Age |\n| Tom Okafor | 43 |",
        "é",
        "J\u200bo",
        "&amp;",
        "Ministry of Silly Walks",
        "the ",
        " said ",
        "I am ",
        " years old",
        "the cat sat",
        "Grüße, Jörg",
    ]
)
TEXTS = st.lists(PHRASES | st.text(max_size=5), min_size=1, max_size=10).map("".join)
RECIPE = load()


def conversation(texts: list[str]) -> Conversation:
    turns = tuple(
        Turn(
            index=i,
            role="user" if i % 2 == 0 else "assistant",
            parts=(Part(kind="text", path="text", text=t),),
            tool="fetch_ruth" if i == 0 else None,
        )
        for i, t in enumerate(texts[1:])
    )
    return Conversation(id="c", subject="s", source="test", header=(Part(kind="text", path="title", text=texts[0]),), turns=turns)


def redacted_strings(c: Conversation, found: Found) -> list[str]:
    out = apply(c, found, recipe=RECIPE, source=Commitment("0" * 64))
    return [p.text for p in out.header] + [
        s for t in out.turns for s in ([p.text for p in t.parts] + list(t.sources) + [t.tool or ""])
    ]


@settings(deadline=None, max_examples=200)
@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_findings_lie_in_their_parts_and_do_not_overlap(texts: list[str]) -> None:
    c = conversation(texts)
    places = {(turn, p): part.text for turn, p, part in c.parts()}
    last: dict[tuple[int, int], int] = {}
    for f in find(c, recipe=RECIPE).findings:
        place = (f.span.turn, f.span.part)
        if f.span.part < 0:
            continue
        assert last.get(place, 0) <= f.span.start < f.span.end <= len(places[place])
        last[place] = f.span.end


@settings(deadline=None, max_examples=200)
@given(st.lists(TEXTS, min_size=2, max_size=4))
@example(["Ruth", "Ruth Klinger said", "klinger and RUTH"])
def test_no_direct_surface_survives_as_a_whole_token(texts: list[str]) -> None:
    c = conversation(texts)
    found = find(c, recipe=RECIPE)
    strings = redacted_strings(c, found)
    places = {(turn, p): part.text for turn, p, part in c.parts()}
    for f in found.findings:
        surface = places.get((f.span.turn, f.span.part), "")[f.span.start : f.span.end]
        if f.kind != "direct" or sum(ch.isalnum() for ch in surface) < 4:
            continue
        pattern = re.compile(r"(?<![^\W_])" + re.escape(surface) + r"(?![^\W_])")
        for s in strings:
            assert not pattern.search(re.sub(r"\[[A-Z-]+-\d+\]", "\x01", s)), (surface, f.detector)


@settings(deadline=None, max_examples=200)
@given(st.lists(TEXTS, min_size=2, max_size=4))
@example(["[PERSON-3]1>º\U00040000my name is ", "my name is "])
def test_applying_tags_twice_changes_nothing(texts: list[str]) -> None:
    once = redacted_strings(conversation(texts), find(conversation(texts), recipe=RECIPE))
    header, *rest = once
    again = conversation([header, *[s for i, s in enumerate(rest) if i % 2 == 0]])
    twice = redacted_strings(again, find(again, recipe=RECIPE))
    assert [s for i, s in enumerate(twice[1:]) if i % 2 == 0] == [s for i, s in enumerate(rest) if i % 2 == 0]
    assert twice[0] == header


@settings(deadline=None, max_examples=100)
@given(st.lists(TEXTS, min_size=2, max_size=3))
def test_the_span_log_remakes_the_output(texts: list[str]) -> None:
    c = conversation(texts)
    out = apply(c, find(c, recipe=RECIPE), recipe=RECIPE, source=Commitment("0" * 64))
    withheld = {(s.turn, s.part) for s, _ in out.withheld}
    for turn, p, part in c.parts():
        if (turn, p) in withheld:
            continue
        text, shift = part.text, 0
        for s in sorted((s for s in out.surrogates if (s.span.turn, s.span.part) == (turn, p)), key=lambda s: s.span):
            text = text[: s.span.start + shift] + s.replacement + text[s.span.end + shift :]
            shift += len(s.replacement) - (s.span.end - s.span.start)
        produced = out.header[p].text if turn < 0 else out.turns[turn].parts[p].text
        assert text == produced
