"""Who is who within one conversation: surfaces that name the same thing share one surrogate.

"Anna Lee", "Anna", "A. Lee", "annalee" and the local part of her e-mail are one person; so are "12/3/1999" twice.
Wrongly joined aliases lose detail, wrongly split ones lose coherence; neither reveals anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from incamera.deid.lexicons import terms

_WORD = re.compile(r"[^\W_]+")
#: Labels of those who have names in several forms.
PEOPLE = ("PERSON", "ACCOUNT")
_HONORIFIC = frozenset(terms.TITLES | {"s"})


def key(surface: str) -> str:
    """The form by which two surfaces are the same thing: words, case and punctuation aside."""
    if surface.isalnum():  # one word, as most are
        return surface.lower()
    words = surface.split()
    if "".join(words).isalnum():  # words and blanks, as most others are
        return " ".join(words).lower()
    return " ".join(_WORD.findall(surface)).lower() or surface.casefold()


class Aliases:
    """Clusters of the surfaces of one conversation. Holds text; lives no longer than the call."""

    def __init__(self, surfaces: Iterable[tuple[str, str]]) -> None:
        self._forms = {s: key(s) for label, s in surfaces if label in PEOPLE}
        self._leader: dict[str, str] = {}
        holding: dict[str, list[str]] = {}
        parts = {n: _parts(n) for n in self._forms.values()}
        for name, words in parts.items():
            if len(words) > 1:
                for word in {*words, "".join(words), words[0][0] + words[-1]}:
                    holding.setdefault(word, []).append(name)
        for name, words in parts.items():
            near = {f for word in words if word in holding for f in holding[word]}
            near.discard(name)
            if near and (leader := self._lead(words, near, parts)):
                self._leader[name] = leader

    @staticmethod
    def _lead(mine: tuple[str, ...], near: set[str], parts: dict[str, tuple[str, ...]]) -> str | None:
        """The one fuller name of those *near* that *mine* is short for, or None where there is none or more than one."""
        fuller = [f for f in near if len(parts[f]) >= len(mine) and _short_for(mine, parts[f])]
        if len(fuller) < 2:
            return fuller[0] if fuller else None
        tops = [f for f in fuller if not any(len(parts[g]) > len(parts[f]) and _short_for(parts[f], parts[g]) for g in fuller)]
        return tops[0] if len(tops) == 1 else None

    def cluster(self, label: str, surface: str) -> tuple[str, str]:
        """(label, leader): equal for surfaces that share a surrogate."""
        if label not in PEOPLE:
            return label, key(surface)
        form = self._forms.get(surface) or key(surface)
        return "PERSON", self._leader.get(form, form)


def _parts(name: str) -> tuple[str, ...]:
    if " " not in name:
        return () if name in _HONORIFIC else (name,)
    return tuple([w for w in name.split(" ") if w not in _HONORIFIC])


def _short_for(short: tuple[str, ...], full: tuple[str, ...]) -> bool:
    """Every word of *short* stands in *full*, in order, or is an initial of one there; at least one stands whole."""
    at, whole = 0, False
    for word in short:
        for i in range(at, len(full)):
            if word == full[i] or (len(word) == 1 and full[i].startswith(word)):
                whole |= word == full[i]
                at = i + 1
                break
        else:
            return len(short) == 1 and len(full) > 1 and short[0] in ("".join(full), full[0][0] + full[-1])
    return whole
