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
    given: dict[str, dict[str, tuple[str, str]]] = {}

    def replace(label: str, surface: str) -> tuple[str, str]:
        if label not in PEOPLE and surface.isalnum():  # one word that names nobody, as most are
            form = surface.lower()
        else:
            label, form = aliases.cluster(label, surface)
        mine = given.get(label)
        if mine is None:
            mine = given[label] = {}
        tag = mine.get(form)
        if tag is None:
            taken[label] = number = taken.get(label, 0) + 1
            tag = mine[form] = f"[{label}-{number}]", "tag"
        return tag

    return replace
