"""Who is who within one conversation: surfaces that name the same thing share one surrogate.

"Anna Lee", "Anna", "A. Lee", "annalee" and the local part of her e-mail are one person; so are "12/3/1999" twice.
Wrongly joined aliases lose detail, wrongly split ones lose coherence; neither reveals anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+")
_PEOPLE = ("PERSON", "ACCOUNT")
_HONORIFIC = frozenset("mr mrs ms miss dr prof sir lady lord sr sra don doña herr frau mme s".split())


def key(surface: str) -> str:
    """The form by which two surfaces are the same thing: words, case and punctuation aside."""
    return " ".join(w.lower() for w in _WORD.findall(surface)) or surface.casefold()


class Aliases:
    """Clusters of the surfaces of one conversation. Holds text; lives no longer than the call."""

    def __init__(self, surfaces: Iterable[tuple[str, str]]) -> None:
        self._leader: dict[tuple[str, str], str] = {}
        names = sorted({key(s) for label, s in surfaces if label in _PEOPLE}, key=lambda k: (-len(k.split()), k))
        full = [n for n in names if len(_parts(n)) > 1]
        for name in names:
            self._leader["PERSON", name] = self._lead(name, full)

    @staticmethod
    def _lead(name: str, full: list[str]) -> str:
        """The one fuller name that *name* is short for, or itself where there is none or more than one."""
        mine = _parts(name)
        if not mine:
            return name
        fuller = [f for f in full if f != name and len(_parts(f)) >= len(mine) and _short_for(mine, _parts(f))]
        tops = {
            f
            for f in fuller
            if not any(g != f and _short_for(_parts(f), _parts(g)) and len(_parts(g)) > len(_parts(f)) for g in fuller)
        }
        return tops.pop() if len(tops) == 1 else name

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
            if word == full[i] or len(word) == 1 and full[i].startswith(word):
                whole |= word == full[i]
                at = i + 1
                break
        else:
            return len(short) == 1 and len(full) > 1 and short[0] in ("".join(full), full[0][0] + full[-1])
    return whole
