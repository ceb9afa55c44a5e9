"""Who is who within one conversation: surfaces that name the same thing share one surrogate.

"Anna Lee", "Anna", "A. Lee", "annalee" and the local part of her e-mail are one person; so are "12/3/1999" twice.
Wrongly joined aliases lose detail, wrongly split ones lose coherence; neither reveals anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from incamera.deid.lexicons import terms

_WORD = re.compile(r"[^\W_]+")
_PEOPLE = ("PERSON", "ACCOUNT")
_HONORIFIC = frozenset(terms.TITLES | {"s"})


def key(surface: str) -> str:
    """The form by which two surfaces are the same thing: words, case and punctuation aside."""
    if surface.isalnum():  # one word, as most are
        return surface.lower()
    return " ".join(_WORD.findall(surface)).lower() or surface.casefold()


class Aliases:
    """Clusters of the surfaces of one conversation. Holds text; lives no longer than the call."""

    def __init__(self, surfaces: Iterable[tuple[str, str]]) -> None:
        self._leader: dict[tuple[str, str], str] = {}
        names = {key(s) for label, s in surfaces if label in _PEOPLE}
        parts = {n: _parts(n) for n in names}
        holding: dict[str, list[str]] = {}
        for name in sorted(names):
            if len(parts[name]) > 1:
                for word in {*parts[name], "".join(parts[name]), parts[name][0][0] + parts[name][-1]}:
                    holding.setdefault(word, []).append(name)
        for name in names:
            self._leader["PERSON", name] = self._lead(name, parts, holding)

    @staticmethod
    def _lead(name: str, parts: dict[str, tuple[str, ...]], holding: dict[str, list[str]]) -> str:
        """The one fuller name that *name* is short for, or itself where there is none or more than one."""
        mine = parts[name]
        near = sorted({f for word in mine for f in holding.get(word, ())} - {name})
        fuller = [f for f in near if len(parts[f]) >= len(mine) and _short_for(mine, parts[f])]
        tops = [f for f in fuller if not any(len(parts[g]) > len(parts[f]) and _short_for(parts[f], parts[g]) for g in fuller)]
        return tops[0] if len(tops) == 1 else name

    def cluster(self, label: str, surface: str) -> tuple[str, str]:
        """(label, leader): equal for surfaces that share a surrogate."""
        form = key(surface)
        if label in _PEOPLE:
            return "PERSON", self._leader.get(("PERSON", form), form)
        return label, form


def _parts(name: str) -> tuple[str, ...]:
    return tuple(w for w in name.split() if w not in _HONORIFIC)


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
