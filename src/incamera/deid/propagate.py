"""Once found, found everywhere: a surface that identifies in one turn identifies in all of them.

Works on words, case aside, across turns, header, code and quoted mail. A surface that is also an ordinary word
("Will", "Rose") is followed in its own case only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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

    def hits(self, tokens: Tokens) -> Iterator[Hit]:
        """Every place in *tokens* where a followed surface stands."""
        lows = tokens.lows
        if self._single and not self._single.keys().isdisjoint(lows):
            yield from self._matches(tokens, lows, self._single)
        if self._cased and not self._cased.keys().isdisjoint(tokens.words):
            yield from self._matches(tokens, tokens.words, self._cased)
        if self._several and not self._several.keys().isdisjoint(lows):
            for i, low in enumerate(lows):
                for words, (label, kind) in self._several.get(low, {}).items():
                    n = len(words)
                    if tuple(lows[i : i + n]) == words and all(len(tokens.gap(j)) <= 3 for j in range(i + 1, i + n)):
                        yield Hit(tokens.spans[i][0], tokens.spans[i + n - 1][1], label, kind, 0.6, "propagate")

    @staticmethod
    def _matches(tokens: Tokens, forms: Iterable[str], known: Mapping[str, tuple[str, FindingKind]]) -> Iterator[Hit]:
        for i, form in enumerate(forms):
            if form in known:
                label, kind = known[form]
                yield Hit(*tokens.spans[i], label, kind, 0.6, "propagate")


def collect(surfaces: Surfaces, tokens: Tokens, resolved: Iterable[Hit]) -> None:
    """Add to *surfaces* what the direct findings of one part cover."""
    from bisect import bisect_left

    starts = [a for a, _ in tokens.spans]
    for hit in resolved:
        if hit.kind != "direct" or hit.label in ("WITHHELD",):
            continue
        i = bisect_left(starts, hit.start)
        j = i
        while j < len(starts) and tokens.spans[j][1] <= hit.end:
            j += 1
        if i < j:
            surfaces.add(tokens.words[i:j], tokens.codes[i:j], hit.label, hit.kind)
