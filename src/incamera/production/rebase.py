"""From offsets of the source to offsets of the produced text, for many spans of one conversation at once."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate

from incamera.core.records import Redacted, Span, Surrogate


class Rebase:
    """`Redacted.rebase` for many spans: the same answers, from tables made once.

    Cost: O(s log s) to build over s surrogates, O(log s) a span; `Redacted.rebase` alone sorts them for each.
    """

    def __init__(self, redacted: Redacted) -> None:
        parts: dict[tuple[int, int], list[Surrogate]] = defaultdict(list)
        for surrogate in redacted.surrogates:
            parts[surrogate.span.turn, surrogate.span.part].append(surrogate)
        self._parts = {place: _Part(sorted(items, key=lambda s: s.span)) for place, items in parts.items()}

    def __call__(self, span: Span) -> Span:
        """*span* on the produced text; one that begins or ends inside a replaced stretch takes the whole replacement in."""
        part = self._parts.get((span.turn, span.part))
        if part is None:
            return span
        return Span(turn=span.turn, part=span.part, start=part.start(span.start), end=part.end(span.end))


class _Part:
    def __init__(self, surrogates: list[Surrogate]) -> None:
        self._starts = [s.span.start for s in surrogates]
        self._ends = [s.span.end for s in surrogates]
        self._lengths = [len(s.replacement) for s in surrogates]
        growth = (length - (end - start) for start, end, length in zip(self._starts, self._ends, self._lengths, strict=True))
        self._shifts = [0, *accumulate(growth)]  # before the n-th surrogate

    def start(self, offset: int) -> int:
        n = bisect_right(self._ends, offset)  # the first surrogate that ends after the offset
        inside = n < len(self._starts) and self._starts[n] < offset
        return (self._starts[n] if inside else offset) + self._shifts[n]

    def end(self, offset: int) -> int:
        n = bisect_right(self._starts, offset - 1)  # surrogates that start before the offset
        if n and offset <= self._ends[n - 1]:
            return self._starts[n - 1] + self._shifts[n - 1] + self._lengths[n - 1]
        return offset + self._shifts[n]
