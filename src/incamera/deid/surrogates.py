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
_NUMBERED = re.compile(r"\[([A-Z-]+)-([0-9]+)\]")
#: Tags up to this number are made once a process: nobody's text is in them.
_KEPT = 256


def tags(aliases: Aliases, texts: Iterable[str]) -> list[Chosen]:
    """The tag of each finding of one conversation, counting on from those that an earlier pass left in *texts*."""
    following = numbering(aliases, texts)
    given = [following(cluster) for cluster in range(len(aliases))]  # in the order of their first appearance
    return [given[cluster] for cluster in aliases.of]


def coarser(aliases: Aliases, texts: Iterable[str], labels: Sequence[str], at: Literal["day", "month", "year"]) -> list[Chosen]:
    """Tags that tell a coarser truth for findings of *labels* of which one can be told, numbered ones for all others."""
    following = numbering(aliases, texts)
    given: dict[int, Chosen] = {}
    chosen: list[Chosen] = []
    for finding, cluster in enumerate(aliases.of):
        label = aliases.found_as(finding)
        told = generalise.coarse(label, aliases.surface(finding), at) if label in labels else None
        if told is None and cluster not in given:
            given[cluster] = following(cluster)
        chosen.append(given[cluster] if told is None else (told, "generalised"))
    return chosen


def numbering(aliases: Aliases, texts: Iterable[str]) -> Callable[[int], Chosen]:
    """What gives a cluster the next tag of its label. Each is asked for once."""
    taken, labels = _taken(texts), aliases.labels

    def following(cluster: int) -> Chosen:
        label = labels[cluster]
        taken[label] = number = taken.get(label, 0) + 1
        return _tags(label)[number] if number < _KEPT else _tag(label, number)

    return following


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
