"""A small text grammar: rules with alternatives, slots that expand, names that stay the same within one text.

`{rule}` expands a rule; `{^rule}` expands it with a capital; `{x=rule}` expands it and remembers it as `x`; `{x}` repeats it.
A bound `Fact` leaves a trace when it is used, so that the truth about planted values is exact.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_SLOT = re.compile(r"\{(\^?)([a-z_0-9]+)(?:=([a-z_0-9]+))?\}")

Piece = str | tuple[bool, str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that identifies: its entity type and its text."""

    label: str
    value: str


@dataclass(slots=True)
class Voice:
    """One text in the making: randomness, bound names, and the facts used so far."""

    rng: random.Random
    bound: dict[str, str | Fact] = field(default_factory=dict)
    used: list[Fact] = field(default_factory=list)


class Grammar:
    """Rules, compiled once."""

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = {name: [_compile(text) for text in texts] for name, texts in rules.items()}

    def __contains__(self, rule: str) -> bool:
        return rule in self._rules

    def say(self, rule: str, voice: Voice) -> str:
        """One expansion of *rule*."""
        alternatives = self._rules[rule]
        return self._expand(alternatives[int(voice.rng.random() * len(alternatives))], voice)

    def several(self, rule: str, count: int, voice: Voice) -> list[str]:
        """*count* expansions of different alternatives of *rule* (fewer if it has fewer), in the order of the rule."""
        alternatives = self._rules[rule]
        chosen = sorted(voice.rng.sample(range(len(alternatives)), min(count, len(alternatives))))
        return [self._expand(alternatives[i], voice) for i in chosen]

    def _expand(self, pieces: Sequence[Piece], voice: Voice) -> str:
        out: list[str] = []
        for piece in pieces:
            if isinstance(piece, str):
                out.append(piece)
            else:
                capital, name, source = piece
                text = self._slot(name, source, voice)
                out.append(text[:1].upper() + text[1:] if capital else text)
        return "".join(out)

    def _slot(self, name: str, source: str, voice: Voice) -> str:
        bound = voice.bound.get(name)
        if isinstance(bound, Fact):
            voice.used.append(bound)
            return bound.value
        if bound is not None:
            return bound
        if name == "n":
            return str(2 + int(voice.rng.random() * 18))
        if name == "nn":
            return str(20 + int(voice.rng.random() * 961))
        text = self.say(source or name, voice)
        if source:
            voice.bound[name] = text
        return text


def _compile(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for match in _SLOT.finditer(text):
        if match.start() > at:
            pieces.append(text[at : match.start()])
        pieces.append((bool(match[1]), match[2], match[3] or ""))
        at = match.end()
    if at < len(text):
        pieces.append(text[at:])
    return pieces
