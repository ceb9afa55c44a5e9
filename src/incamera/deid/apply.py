"""Apply: replaces exactly the findings of one resolved list, in every string that leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace as altered
from datetime import datetime
from functools import lru_cache
from typing import Literal

from incamera.core.ids import Commitment
from incamera.core.records import HEADER, Conversation, Finding, Part, Redacted, Span, Surrogate, Turn
from incamera.deid.aliases import Aliases
from incamera.deid.find import LLM, SOURCES, TOOL, Found, find, leaves
from incamera.deid.lexicons import tables
from incamera.deid.recipe import Recipe, load
from incamera.deid.surrogates import Replace, tags

Coarse = Literal["day", "month", "year"]
_Place = tuple[int, int]
#: Halves of surrogate pairs stand alone in real exports; no encoding can carry them further.
_UNPAIRED = re.compile("[\ud800-\udfff]")


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
    texts = {(turn, part): text for turn, part, text, _ in leaves(conversation)}
    chosen = _chooser(conversation, found, texts, recipe, key)
    withheld = {(s.turn, s.part): code for s, code in found.withheld}
    by_place: dict[_Place, list[Finding]] = {}
    for finding in found.findings:
        by_place.setdefault((finding.span.turn, finding.span.part), []).append(finding)
    surrogates: list[Surrogate] = []
    produced: dict[_Place, str] = {}
    for place, text in texts.items():
        if place in withheld:
            produced[place] = f"[WITHHELD: {withheld[place]}]"
            continue
        treated, log = _replaced(text, sorted(by_place.get(place, ()), key=lambda f: f.span), chosen)
        produced[place] = _UNPAIRED.sub("\ufffd", treated)  # as many code points as before: no offset moves
        surrogates += log
    header = tuple(_part(p, produced[HEADER, i]) for i, p in enumerate(conversation.header))
    turns = tuple(_turn(t, produced, at) for t in conversation.turns)
    return Redacted(
        source=source,
        recipe=recipe.digest(),
        header=header,
        turns=turns,
        surrogates=tuple(surrogates),
        waivers=found.waivers,
        withheld=found.withheld,
    )


def _chooser(conversation: Conversation, found: Found, texts: Mapping[_Place, str], recipe: Recipe, key: bytes | None) -> Replace:
    surfaces = [(f.label, texts[f.span.turn, f.span.part][f.span.start : f.span.end]) for f in found.findings]
    aliases = Aliases(surfaces)
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
    return tags(aliases, texts.values())


def _replaced(text: str, findings: list[Finding], chosen: Replace) -> tuple[str, list[Surrogate]]:
    pieces: list[str] = []
    log: list[Surrogate] = []
    cursor = 0
    for f in findings:
        replacement, method = chosen(f.label, text[f.span.start : f.span.end])
        pieces += (text[cursor : f.span.start], replacement)
        cursor = f.span.end
        log.append(
            Surrogate(span=f.span, label=f.label, replacement=replacement, method=method, detector=f.detector, kind=f.kind)
        )
    pieces.append(text[cursor:])
    return "".join(pieces), log


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
