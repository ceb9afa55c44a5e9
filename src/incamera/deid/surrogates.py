"""Tag surrogates: `[PERSON-1]`, numbered by first appearance, the same for the same thing within one conversation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from incamera.deid.aliases import PEOPLE, Aliases
from incamera.deid.tokens import TAG

#: (label, surface) -> (replacement, method)
Replace = Callable[[str, str], tuple[str, str]]

_NUMBERED = re.compile(r"\[([A-Z-]+)-([0-9]+)\]")


def tags(aliases: Aliases, texts: Iterable[str]) -> Replace:
    """Tags for one conversation, counting on from those that an earlier pass left in *texts*."""
    taken: dict[str, int] = {}
    for text in texts:
        if "[" in text:
            for m in TAG.finditer(text):
                if numbered := _NUMBERED.fullmatch(m.group()):
                    label, n = numbered.groups()
                    taken[label] = max(taken.get(label, 0), int(n))
    given: dict[tuple[str, str], tuple[str, str]] = {}

    def replace(label: str, surface: str) -> tuple[str, str]:
        thing = aliases.cluster(label, surface) if label in PEOPLE or not surface.isalnum() else (label, surface.lower())
        tag = given.get(thing)
        if tag is None:
            label = thing[0]
            taken[label] = number = taken.get(label, 0) + 1
            tag = given[thing] = f"[{label}-{number}]", "tag"
        return tag

    return replace
