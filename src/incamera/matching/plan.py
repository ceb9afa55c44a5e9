"""What the search promises and the sampling that keeps the promise.

A shared run of at least t tokens holds t - k + 1 consecutive k-grams. If every (t - k + 1)-th k-gram of a work is in the table,
one of them is; if every k-gram of a text is looked up, it is found. The proof is about the folded tokens, and needs sampling
on the work's side only.

Source: the guarantee threshold of Schleimer, Wilkerson and Aiken, "Winnowing", SIGMOD 2003, with one side sampled by position.
"""

from __future__ import annotations

from dataclasses import dataclass

from incamera.core.errors import Refused

#: Shortest shared run that counts, in words of `words/1`.
MIN_WORDS = 8
#: Buckets with more entries than this are kept sorted by tag; fewer are looked at one by one.
SORTED = 24
#: Parts into which the grams are dealt before the table is laid: filter and table are then filled from front to back, a
#: cache's worth at a time, instead of all over.
PARTS = 256
#: Shortest shared run that counts in scripts without spaces, in characters of `chars/1`.
MIN_CHARS = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """Declared threshold t of one stream, gram length k, and the step between sampled grams."""

    threshold: int
    k: int
    every: int

    @classmethod
    def words(cls, threshold: int = MIN_WORDS) -> Plan:
        """The plan for `words/1`: k = 6 and every third gram for t = 8.

        Raises:
            Refused: `matching.threshold`, fewer than 2 or more than 200 words.
        """
        if not 2 <= threshold <= 200:
            raise Refused(
                "matching.threshold", "a shared run must have at least 2 and at most 200 words", where=f"min_words {threshold}"
            )
        k = min(6, max(1, threshold - 2))
        return cls(threshold, k, threshold - k + 1)

    @classmethod
    def chars(cls) -> Plan:
        """The plan for `chars/1`: 16 characters, k = 8."""
        return cls(MIN_CHARS, 8, MIN_CHARS - 8 + 1)
