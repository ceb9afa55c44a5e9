"""Once found, found everywhere: a surface that identifies in one turn identifies in all of them.

Works on words, case aside, across turns, header, code and quoted mail. A surface that is also an ordinary word
("Will", "Rose") is followed in its own case only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from incamera.core.records import FindingKind
from incamera.deid.hits import Hit
from incamera.deid.lexicons import tables as t
from incamera.deid.tokens import Tokens

#: Shorter surfaces stand in too many innocent places.
MIN_ALNUM = 3


class Surfaces:
    """What is followed through a conversation; lives no longer than the call."""

    def __init__(self) -> None:
        self._single: dict[str, tuple[str, FindingKind]] = {}
        self._cased: dict[str, tuple[str, FindingKind]] = {}
        self._several: dict[str, dict[tuple[str, ...], tuple[str, FindingKind]]] = {}

    def __bool__(self) -> bool:
        return bool(self._single or self._cased or self._several)

    def add(self, words: list[str], codes: list[int], label: str, kind: FindingKind) -> None:
        """Follow the surface made of *words*, and the words of a name one by one."""
        lows = [w.lower() for w in words]
        if sum(map(len, words)) < MIN_ALNUM or not words:
            return
        if len(words) == 1:
            self._one(words[0], lows[0], codes[0], label, kind)
            return
        if len(words) <= 12:
            self._several.setdefault(lows[0], {}).setdefault(tuple(lows), (label, kind))
        if label == "PERSON":
            for word, low, code in zip(words, lows, codes, strict=True):
                if len(word) >= MIN_ALNUM and not code & t.FUNCTION and (word[0].isupper() or code & t.NAME or not code):
                    self._one(word, low, code, label, kind)

    def _one(self, word: str, low: str, code: int, label: str, kind: FindingKind) -> None:
        if len(low) < MIN_ALNUM:
            return
        if code & t.SAFE_UNCASED or code & (t.ORDINARY | t.MIXED):
            self._cased.setdefault(word, (label, kind))
        else:
            self._single.setdefault(low, (label, kind))

    def hits(self, tokens: Tokens, covered: set[int]) -> list[Hit]:
        """Every place in *tokens* where a followed surface stands and no finding does yet."""
        lows, words = tokens.lows, tokens.words
        found: list[Hit] = []
        for forms, known in ((lows, self._single), (words, self._cased)):
            if known and not known.keys().isdisjoint(forms):
                at = [i for i, form in enumerate(forms) if form in known and i not in covered]
                found += (Hit(*tokens.spans[i], *known[forms[i]], 0.6, "propagate") for i in at)
        if self._several and not self._several.keys().isdisjoint(lows):
            for i in [i for i, low in enumerate(lows) if low in self._several]:
                for surface, (label, kind) in self._several[lows[i]].items():
                    n = len(surface)
                    if covered.issuperset(range(i, i + n)) or tuple(lows[i : i + n]) != surface:
                        continue
                    if all(len(tokens.gap(j)) <= 3 for j in range(i + 1, i + n)):
                        found.append(Hit(tokens.spans[i][0], tokens.spans[i + n - 1][1], label, kind, 0.6, "propagate"))
        return found


def collect(surfaces: Surfaces, tokens: Tokens, resolved: Iterable[Hit]) -> set[int]:
    """Add to *surfaces* what the direct findings of one part cover; return the words that any finding covers."""
    starts = [a for a, _ in tokens.spans]
    covered: set[int] = set()
    for hit in resolved:
        i = bisect_left(starts, hit.start)
        j = i
        while j < len(starts) and tokens.spans[j][1] <= hit.end:
            j += 1
        covered.update(range(i, j))
        if i < j and hit.kind == "direct":
            surfaces.add(tokens.words[i:j], tokens.codes[i:j], hit.label, hit.kind)
    return covered
