"""Tag surrogates: `[PERSON-1]`, numbered by first appearance, the same for the same thing within one conversation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Literal

from incamera.deid import generalise
from incamera.deid.aliases import Aliases
from incamera.deid.tokens import TAG

#: (replacement, method)
Chosen = tuple[str, str]
#: The surrogate of a finding, by its number in `Aliases.rows`.
Replace = Callable[[int], Chosen]

_NUMBERED = re.compile(r"\[([A-Z-]+)-([0-9]+)\]")
#: Tags up to this number are made once a process: nobody's text is in them.
_KEPT = 256


def tags(aliases: Aliases, texts: Iterable[str]) -> Replace:
    """Tags for one conversation, counting on from those that an earlier pass left in *texts*."""
    taken = _taken(texts)
    given: list[Chosen | None] = [None] * len(aliases)

    def replace(finding: int) -> Chosen:
        cluster = aliases.of[finding]
        tag = given[cluster]
        if tag is None:
            label = aliases.label(cluster)
            taken[label] = number = taken.get(label, 0) + 1
            tag = given[cluster] = _tags(label)[number] if number < _KEPT else _tag(label, number)
        return tag

    return replace


def coarser(aliases: Aliases, labels: Sequence[str], at: Literal["day", "month", "year"], fall_back: Replace) -> Replace:
    """Tags that tell a coarser truth for findings of *labels* of which one can be told; *fall_back* for all others."""

    def replace(finding: int) -> Chosen:
        label = aliases.found_as(finding)
        if label in labels and (told := generalise.coarse(label, aliases.surface(finding), at)) is not None:
            return told, "generalised"
        return fall_back(finding)

    return replace


def _taken(texts: Iterable[str]) -> dict[str, int]:
    """The highest number of each label in *texts*."""
    taken: dict[str, int] = {}
    for text in texts:
        if "[" in text:
            for m in TAG.finditer(text):
                if numbered := _NUMBERED.fullmatch(m.group()):
                    label, n = numbered.groups()
                    taken[label] = max(taken.get(label, 0), int(n))
    return taken


def _tag(label: str, number: int) -> Chosen:
    return f"[{label}-{number}]", "tag"


@cache
def _tags(label: str) -> list[Chosen]:
    return [_tag(label, number) for number in range(_KEPT)]
