"""Apply: replaces exactly the findings of one resolved list, in every string that leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace as altered
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Literal, NamedTuple

import numpy as np

from incamera.core.ids import Commitment
from incamera.core.records import HEADER, Conversation, Part, Redacted, Span, Surrogate, Turn
from incamera.deid.aliases import Aliases
from incamera.deid.find import LLM, SOURCES, TOOL, Found, Placed, find, leaves
from incamera.deid.hits import END, START, empty, named
from incamera.deid.lexicons import tables
from incamera.deid.recipe import Recipe, load
from incamera.deid.surrogates import Chosen, coarser, tags

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
    surrogates: list[Chosen]
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
    aliases = _aliases(texts, found.placed)
    chosen = _chosen(conversation, found, texts.values(), aliases, recipe, key)
    withheld = {(s.turn, s.part): f"[WITHHELD: {code}]" for s, code in found.withheld}
    behind = accumulate(len(p.hits) for p in found.placed)
    mine = {(p.turn, p.part): (p.hits, chosen[end - len(p.hits) : end]) for p, end in zip(found.placed, behind, strict=True)}
    treated = []
    for place, text in texts.items():
        hits, surrogates = mine.get(place, (empty(), []))
        # The rows of one part are those of all; of several all have other offsets.
        rows = aliases.rows if len(mine) == 1 and surrogates else hits.tolist()
        treated.append(Replaced(*place, rows, surrogates, withheld.get(place) or _paired(_joined(text, rows, surrogates))))
    return treated


def _aliases(texts: Mapping[_Place, str], placed: Sequence[Placed]) -> Aliases:
    """Who is who among the findings of all strings, which are read as one behind the other."""
    if len(placed) == 1:
        return Aliases(texts[placed[0].turn, placed[0].part], placed[0].hits)
    named = [texts[p.turn, p.part] for p in placed]
    begins = [0, *accumulate(map(len, named))]
    hits = np.concatenate([empty(), *(p.hits for p in placed)])
    hits[:, [START, END]] += np.repeat(np.array(begins[:-1], np.int32), [len(p.hits) for p in placed])[:, None]
    return Aliases("".join(named), hits)


def _chosen(
    conversation: Conversation,
    found: Found,
    texts: Iterable[str],
    aliases: Aliases,
    recipe: Recipe,
    key: bytes | None,
) -> list[Chosen]:
    """The surrogate of each finding."""
    if recipe.surrogates == "realistic":
        from incamera.deid.realistic import realistic

        return realistic(
            aliases,
            texts,
            key=key,
            language=found.language,
            subject=conversation.subject,
            linkage=recipe.linkage,
            at=recipe.at,
        )
    return coarser(aliases, texts, recipe.generalise, recipe.at) if recipe.generalise else tags(aliases, texts)


def _joined(text: str, rows: Rows, surrogates: Sequence[Chosen]) -> str:
    """*text* with each hit's stretch replaced."""
    behind = [0, *[row[END] for row in rows]]
    before = [*[row[START] for row in rows], len(text)]
    woven = [""] * (2 * len(rows) + 1)
    woven[::2] = [text[start:end] for start, end in zip(behind, before, strict=True)]
    woven[1::2] = [replacement for replacement, _ in surrogates]
    return "".join(woven)


def _paired(text: str) -> str:
    """*text* without halves of surrogate pairs, as many code points as before: no offset moves."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _UNPAIRED.sub("\ufffd", text)
    return text


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
