"""Apply: replaces exactly the findings of one resolved list, in every string that leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace as altered
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from incamera.core.ids import Commitment
from incamera.core.records import HEADER, Conversation, Part, Redacted, Span, Surrogate, Turn
from incamera.deid import generalise
from incamera.deid.aliases import Aliases
from incamera.deid.find import LLM, SOURCES, TOOL, Found, find, leaves
from incamera.deid.hits import LABELS, named
from incamera.deid.lexicons import tables
from incamera.deid.recipe import Recipe, load
from incamera.deid.surrogates import Replace, tags

Coarse = Literal["day", "month", "year"]
_Place = tuple[int, int]
#: `Hits` as Python's own integers: read several times, converted once.
Rows = list[list[int]]
#: Halves of surrogate pairs stand alone in real exports; no encoding can carry them further.
_UNPAIRED = re.compile("[\ud800-\udfff]")


class Replaced(NamedTuple):
    """One string with its findings replaced: for each row of its hits, in order, (replacement, method)."""

    turn: int
    part: int
    rows: Rows
    surrogates: list[tuple[str, str]]
    text: str


def apply(
    conversation: Conversation,
    found: Found,
    *,
    recipe: Recipe,
    source: Commitment,
    at: Coarse = "month",
    key: bytes | None = None,
) -> Redacted:
    """*conversation* with every finding replaced, times coarsened to *at*, and a span log.

    Args:
        found: What `find` returned for this very conversation.
        source: Commitment to the packed conversation, under the subject's key.
        key: HMAC key of realistic surrogates; without one they are drawn under a key made for this call and forgotten.

    Surrogates of `tool`, `llm` and `sources` carry part numbers below zero (see `find.TOOL`).

    Privacy: the result holds no original surface outside the logged waivers.
    """
    treated = treat(conversation, found, recipe=recipe, key=key)
    produced = {(t.turn, t.part): t.text for t in treated}
    header = tuple(_part(p, produced[HEADER, i]) for i, p in enumerate(conversation.header))
    turns = tuple(_turn(t, produced, at) for t in conversation.turns)
    return Redacted(
        source=source,
        recipe=recipe.digest(),
        header=header,
        turns=turns,
        surrogates=tuple(
            Surrogate(
                span=Span(turn=turn, part=part, start=h.start, end=h.end),
                label=h.label,
                replacement=replacement,
                method=method,
                detector=h.detector,
                kind=h.kind,
            )
            for turn, part, rows, surrogates, _ in treated
            for h, (replacement, method) in zip(named(rows), surrogates, strict=True)
        ),
        waivers=found.waivers,
        withheld=found.withheld,
    )


def treat(conversation: Conversation, found: Found, *, recipe: Recipe, key: bytes | None = None) -> list[Replaced]:
    """Every string of *conversation* that leaves, with its findings replaced; `apply` and file mode each write it their own way.

    Cost: a few hundred nanoseconds a finding.
    """
    texts = {(turn, part): text for turn, part, text, _ in leaves(conversation)}
    rows: dict[_Place, Rows] = {(p.turn, p.part): p.hits.tolist() for p in found.placed}
    surfaces = {place: _surfaces(texts[place], mine) for place, mine in rows.items()}
    chosen = _chooser(conversation, found, texts, surfaces.values(), recipe, key)
    withheld = {(s.turn, s.part): code for s, code in found.withheld}
    treated = []
    for place, text in texts.items():
        if place in withheld:
            treated.append(Replaced(*place, [], [], f"[WITHHELD: {withheld[place]}]"))
            continue
        surrogates = [chosen(label, surface) for label, surface in surfaces.get(place, ())]
        mine = rows.get(place, [])
        treated.append(Replaced(*place, mine, surrogates, _joined(text, mine, surrogates)))
    return treated


def _surfaces(text: str, rows: Rows) -> list[tuple[str, str]]:
    """(label, surface) of each hit."""
    return [(LABELS[label], text[start:end]) for start, end, label, _, _, _ in rows]


def _chooser(
    conversation: Conversation,
    found: Found,
    texts: Mapping[_Place, str],
    surfaces: Iterable[list[tuple[str, str]]],
    recipe: Recipe,
    key: bytes | None,
) -> Replace:
    aliases = Aliases(chain.from_iterable(surfaces))
    if recipe.surrogates == "realistic":
        from incamera.deid.realistic import realistic

        return realistic(
            aliases,
            texts.values(),
            key=key,
            language=found.language,
            subject=conversation.subject,
            linkage=recipe.linkage,
            at=recipe.at,
        )
    numbered = tags(aliases, texts.values())
    return generalise.tags(numbered, recipe.generalise, recipe.at) if recipe.generalise else numbered


def _joined(text: str, rows: Rows, surrogates: list[tuple[str, str]]) -> str:
    """*text* with each hit's stretch replaced."""
    pieces: list[str] = []
    cursor = 0
    for (start, end, _, _, _, _), (replacement, _) in zip(rows, surrogates, strict=True):
        pieces += (text[cursor:start], replacement)
        cursor = end
    pieces.append(text[cursor:])
    treated = "".join(pieces)
    # As many code points as before: no offset moves.
    return treated if treated.isascii() else _UNPAIRED.sub("\ufffd", treated)


def _part(part: Part, text: str) -> Part:
    return altered(part, text=text, path=safe_path(part.path))


def _turn(turn: Turn, produced: Mapping[_Place, str], at: Coarse) -> Turn:
    return altered(
        turn,
        parts=tuple(_part(p, produced[turn.index, i]) for i, p in enumerate(turn.parts)),
        at=coarse(turn.at, at),
        tool=None if turn.tool is None else _metadata(turn.tool, produced[turn.index, TOOL]),
        llm=None if turn.llm is None else _metadata(turn.llm, produced[turn.index, LLM]),
        sources=tuple(produced[turn.index, SOURCES - k] for k in range(len(turn.sources))),
    )


def coarse(when: datetime | None, at: Coarse) -> datetime | None:
    """*when* cut down to the day, month or year it lies in."""
    if when is None:
        return None
    day = when.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if at == "day" else day.replace(day=1) if at == "month" else day.replace(month=1, day=1)


#: Names of language models and tools begin with one of these words and are made of them, of versions, sizes and release
#: dates, and of nothing else: a number that could be somebody's is none of these.
_KNOWN = (
    r"(?:gpt|chatgpt|openai|anthropic|google|meta|mistralai|claude|gemini|gemma|llama|mistral|mixtral|command|palm|bard|qwen|deepseek"
    r"|grok|phi|text|code|chat|davinci|curie|babbage|ada|turbo|instruct|opus|sonnet|haiku|flash|pro|ultra|mini|nano|small|medium|large"
    r"|preview|vision|audio|realtime|latest|auto|plus|alpha|beta|free|plugins|browsing|gizmo|canmore|interpreter|python|browser|bio"
    r"|dalle|text2im|web|search|run|call|open|click|find|quote|file|files|myfiles|canvas|create|update|textdoc|image|gen|img"
    r"|functions|function|tool|tools|multi|use|parallel|assistant|user|system|all|analysis|commentary|final|research|deep|kickoff"
    r"|t2uay3k|mclick|msearch|recipient|[or]\d)"
)
_VERSION = (
    r"(?:20[2-9]\d-?[01]\d-?[0-3]\d(?!\d)|v?\d{1,2}(?:\.\d{1,2})?[a-z]{0,2}(?!\d)|00\d"
    r"|\d{4}(?![-._:/ ]?\d)|\d{1,3}(?:x\d{1,3})?[bk])"
)
_METADATA = re.compile(rf"{_KNOWN}(?:[-._:/ ]?(?:{_KNOWN}|{_VERSION}))*")
#: A version, a size and a release date together.
_DIGITS_MAX = 12


def _metadata(original: str, treated: str) -> str:
    """The name of a language model or a tool as it was, where it is made of known words; else as treated."""
    name = original.lower()
    few = sum(c.isdigit() for c in name) <= _DIGITS_MAX
    return original if few and len(name) <= 80 and _METADATA.fullmatch(name) else treated


@lru_cache(maxsize=4096)
def _plain_key(word: str) -> bool:
    return bool(tables.table("en")[word.lower()] & tables.SAFE_UNCASED)


def safe_path(path: str) -> str:
    """*path* if every word in it is an ordinary one: keys of a source record can be written by people too."""
    if all(_plain_key(w) or w.isdigit() for w in re.findall(r"[^\W_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", path))):
        return path
    return "other"


def redact_text(text: str, *, recipe: Recipe | None = None) -> str:
    """*text* with everything that is not known to be safe replaced by tags.

    >>> redact_text("Write to Ruth Klinger, r.klinger@example.org")
    'Write to [PERSON-1], [EMAIL-1]'
    """
    recipe = recipe or load()
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=text),))
    conversation = Conversation(id="", subject="", source="text", turns=(turn,))
    found = find(conversation, recipe=recipe)
    return apply(conversation, found, recipe=recipe, source=Commitment("")).turns[0].parts[0].text


__all__ = ["Span", "apply", "coarse", "redact_text", "safe_path"]
