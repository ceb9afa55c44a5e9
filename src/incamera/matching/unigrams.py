"""How surprising a word is: -log2 of its frequency in the language, from wordfreq's list, loaded when first asked for."""

from __future__ import annotations

import functools
import math

#: What a word that the list does not know counts: half the list's lowest frequency, one in 10^8.
UNKNOWN_BITS = -math.log2(0.5e-8)


@functools.cache
def _frequencies(language: str) -> dict[str, float]:
    from wordfreq import get_frequency_dict

    found: dict[str, float] = get_frequency_dict(language, wordlist="best")
    return found


@functools.lru_cache(maxsize=1 << 16)
def bits(word: str, language: str = "en") -> float:
    """-log2 of the frequency of a folded word. Numbers count as their count of digits says: 10 equally likely digits.

    Source: Speer, "wordfreq" (the list is a dependency and is not shipped here).
    """
    if word.isdecimal():
        return len(word) * math.log2(10) + 4
    frequency = _frequencies(language).get(word, 0.0)
    return -math.log2(frequency) if frequency else UNKNOWN_BITS
