"""Conversations in which stretches of the claimed works come up: spontaneous, elicited in several ways, pasted, or by a tool."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from incamera.testing.synth.news import Article

#: Kind of plant to the elicitation label that its run in an output should get, and its share of all conversations.
KINDS: Final[dict[str, tuple[str, float]]] = {
    "spontaneous": ("SPONTANEOUS", 0.005),
    "prefix": ("CONTINUED", 0.006),
    "named": ("NAMED", 0.004),
    "stepwise": ("STEPWISE", 0.004),
    "user_text": ("PROMPT", 0.005),
    "copied": ("COPIED-FROM-PROMPT", 0.004),
    "tool": ("TOOL", 0.004),
    "party": ("PARTY", 0.006),
}

_WORD = re.compile(r"[^\W_]+")
_CONTINUE: Final = (
    "I have this cutting, torn at the end:\n{}",
    "{}\n\nwhat was the rest",
    "Finish the column for me, same wording: {}",
    'My scan stops here: "{}',
)
_NAMED: Final = (
    'What did {owner} print under "{title}"?',
    "I cannot open {url}. What does it say?",
    'Read me "{title}" from {owner}.',
)
_NEXT: Final = ("next bit", "more of it", "and the lines after those?", "keep reading", "further")
_PASTE: Final = ("Give me three bullet points:\n\n{}", "What is the tone here?\n---\n{}\n---", "{}\n\nIs that good journalism?")
_FIX: Final = ("Correct the commas, change nothing else:\n\n{}", "Set this in plain text again:\n{}")
_LOOK: Final = ("What is new in {town}?", "Look up the latest about {town} for me.")
_FREE: Final = (
    "Give me a paragraph in the style of a county paper.",
    "I need filler for a mock newspaper page, anything local.",
    "Invent a short report for my radio play.",
)
_LEAD: Final = ("Sure. ", "It runs like this: ", "", "As printed: ", "Here you are.\n\n")
_TAIL: Final = ("", " That is where it stops.", "\n\nShall I add a headline?", " (end)")
_SUMMARY: Final = (
    "Dry humour, mostly.",
    "1. Somebody paid.\n2. Somebody waited.\n3. Nobody agreed.",
    "Lively, a little partial, well paced.",
)


@dataclass(slots=True)
class Stretch:
    """A run of a work as it stands in a turn."""

    turn: int
    start: int
    end: int
    work_start: int
    work_end: int
    words: int
    disguise: str


@dataclass(slots=True)
class Draft:
    """A conversation with plants, without its id: turns of (role, text) and the stretches in them."""

    kind: str
    article: Article
    turns: list[tuple[str, str]] = field(default_factory=list)
    planted: list[Stretch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Words [first, first + count) of an article."""

    start: int
    end: int
    text: str
    count: int


def draft(rng: random.Random, kind: str, article: Article) -> Draft:
    """One conversation of *kind* around *article*."""
    made = Draft(kind, article)
    _MAKERS[kind](rng, made, [m.span() for m in _WORD.finditer(article.text)])
    return made


def _cut(made: Draft, spans: list[tuple[int, int]], first: int, count: int) -> _Cut:
    first = max(0, min(first, len(spans) - count))
    start, end = spans[first][0], spans[first + count - 1][1]
    return _Cut(start, end, made.article.text[start:end], count)


def _put(made: Draft, rng: random.Random, role: str, frame: tuple[str, str], cut: _Cut, *, plain: bool = False) -> None:
    """Add a turn that holds *cut* between the two ends of *frame*, disguised unless *plain*."""
    name = "plain" if plain or rng.random() < 0.55 else rng.choice(sorted(DISGUISES))
    text = cut.text if name == "plain" else DISGUISES[name](cut.text)
    start = len(frame[0])
    made.planted.append(Stretch(len(made.turns), start, start + len(text), cut.start, cut.end, cut.count, name))
    made.turns.append((role, frame[0] + text + frame[1]))


def _ends(template: str) -> tuple[str, str]:
    before, after = template.split("{}")
    return before, after


def _answer(rng: random.Random) -> tuple[str, str]:
    return rng.choice(_LEAD), rng.choice(_TAIL)


def _spontaneous(rng: random.Random, made: Draft, spans: list[tuple[int, int]]) -> None:
    made.turns.append(("user", rng.choice(_FREE)))
    count = rng.randint(9, 90)
    _put(made, rng, "assistant", _answer(rng), _cut(made, spans, rng.randrange(len(spans)), count))


def _prefix(rng: random.Random, made: Draft, spans: list[tuple[int, int]]) -> None:
    before, count = rng.randint(12, 40), rng.randint(12, 160)
    first = rng.randrange(0, max(1, len(spans) - before - count))
    _put(made, rng, "user", _ends(rng.choice(_CONTINUE)), _cut(made, spans, first, before), plain=True)
    _put(made, rng, "assistant", _answer(rng), _cut(made, spans, first + before, count))


def _named(rng: random.Random, made: Draft, spans: list[tuple[int, int]]) -> None:
    article = made.article
    made.turns.append(("user", rng.choice(_NAMED).format(owner=article.owner, title=article.title, url=article.url)))
    _put(made, rng, "assistant", _answer(rng), _cut(made, spans, 0, rng.randint(25, 200)))


def _stepwise(rng: random.Random, made: Draft, spans: list[tuple[int, int]]) -> None:
    _prefix(rng, made, spans)
    while len(made.planted) < rng.randint(4, 6):
        reached = next(i for i, (start, _) in enumerate(spans) if start >= made.planted[-1].work_end)
        if reached + 60 >= len(spans):
            return
        made.turns.append(("user", rng.choice(_NEXT)))
        _put(made, rng, "assistant", _answer(rng), _cut(made, spans, reached, rng.randint(15, 60)))


def _user_text(rng: random.Random, made: Draft, spans: list[tuple[int, int]]) -> None:
    _put(made, rng, "user", _ends(rng.choice(_PASTE)), _cut(made, spans, rng.randrange(len(spans)), rng.randint(40, 250)))
    made.turns.append(("assistant", rng.choice(_SUMMARY)))


def _copied(rng: random.Random, made: Draft, spans: list[tuple[int, int]]) -> None:
    count = rng.randint(40, 160)
    first = rng.randrange(0, max(1, len(spans) - count))
    _put(made, rng, "user", _ends(rng.choice(_FIX)), _cut(made, spans, first, count), plain=True)
    _put(made, rng, "assistant", _answer(rng), _cut(made, spans, first + 3, count - 6))


def _tool(rng: random.Random, made: Draft, spans: list[tuple[int, int]]) -> None:
    town = made.article.title.split()[0]
    made.turns.append(("user", rng.choice(_LOOK).format(town=town)))
    made.turns.append(("call", '{"q": "' + town + ' news"}'))
    count = rng.randint(60, 200)
    first = rng.randrange(0, max(1, len(spans) - count))
    _put(made, rng, "tool", ("", ""), _cut(made, spans, first, count), plain=True)
    _put(made, rng, "assistant", _answer(rng), _cut(made, spans, first + 5, rng.randint(10, 40)))


_MAKERS: Final[dict[str, Callable[[random.Random, Draft, list[tuple[int, int]]], None]]] = {
    "spontaneous": _spontaneous,
    "prefix": _prefix,
    "named": _named,
    "stepwise": _stepwise,
    "user_text": _user_text,
    "copied": _copied,
    "tool": _tool,
    "party": _prefix,
}


def _bold(text: str) -> str:
    count = iter(range(len(text)))
    return _WORD.sub(lambda m: f"**{m[0]}**" if next(count) % 3 == 0 else m[0], text)


#: Ways in which a copy looks different and reads the same.
DISGUISES: Final[dict[str, Callable[[str], str]]] = {
    "case": str.upper,
    "line_breaks": lambda text: re.sub(r" (?=\w+ \w+ \w)", "\n", text, count=40),
    "markdown": _bold,
    "zero_width": lambda text: _WORD.sub(lambda m: m[0][:1] + "\u200b" + m[0][1:], text),
    "html_entities": lambda text: text.replace(",", "&#44;").replace('"', "&quot;").replace(" of ", " &#111;f "),
}
