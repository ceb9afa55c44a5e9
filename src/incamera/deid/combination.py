"""What singles out only together: a rare trade and a place are nobody each, and one person both.

A recipe that spares descriptions does not spare these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from incamera.deid.hits import DETECTOR, DETECTOR_CODE, END, LABEL, LABEL_CODE, START, Hits

#: A place, or what is at one.
_PLACES = [LABEL_CODE[label] for label in ("LOC", "ADDRESS", "ORG", "GEO")]
#: Offices that one person holds at a place, however common the word.
_OFFICES = frozenset(
    (
        *("mayor", "governor", "ambassador", "chancellor", "bishop", "coroner", "registrar", "headmaster", "headmistress"),
        *("principal", "magistrate", "sheriff", "bürgermeister", "bürgermeisterin", "alcalde", "alcaldesa", "maire", "sindaco"),
    )
)
#: A trade named less often than this among all words is rare: "midwife" 0.0000019, "nurse" 0.000025.
_RARE = 4e-6


def spared(strings: Sequence[tuple[str, Hits]], labels: Sequence[str]) -> list[Hits]:
    """The hits of each string of one conversation without those of *labels*, which its recipe leaves standing.

    Rare trades stay hits, under the detector `combination`, where any string of the conversation names a place.

    Args:
        strings: (text as received, hits with offsets into it).
    """
    codes = [LABEL_CODE[label] for label in labels]
    placed = any(np.isin(hits[:, LABEL], _PLACES).any() for _, hits in strings)
    return [_kept(text, hits, codes, placed) for text, hits in strings]


def _kept(text: str, hits: Hits, codes: Sequence[int], placed: bool) -> Hits:
    keep = ~np.isin(hits[:, LABEL], codes)
    together = np.zeros(len(hits), bool)
    if placed and LABEL_CODE["OCC"] in codes:
        for i in np.flatnonzero(hits[:, LABEL] == LABEL_CODE["OCC"]):
            together[i] = rare(text[hits[i, START] : hits[i, END]])
    kept = hits[keep | together].copy()
    kept[together[keep | together], DETECTOR] = DETECTOR_CODE["combination"]
    return kept


def rare(trade: str) -> bool:
    """Whether few people follow *trade*, or one at a time in any place. A word that English does not know counts as rare."""
    common = _common()
    return any(word in _OFFICES or common.get(word, 0.0) < _RARE for word in trade.casefold().split())


@cache
def _common() -> Mapping[str, float]:
    """Public words only: asking for one word at a time would leave the words of a text in the list's own cache."""
    from wordfreq import get_frequency_dict

    frequencies: Mapping[str, float] = get_frequency_dict("en")
    return frequencies
