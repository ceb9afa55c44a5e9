"""Who is who within one conversation: surfaces that name the same thing share one surrogate.

"Anna Lee", "Anna", "A. Lee", "annalee" and the local part of her e-mail are one person; so are "12/3/1999" twice.
Wrongly joined aliases lose detail, wrongly split ones lose coherence; neither reveals anything.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from incamera.deid.hits import LABEL, LABELS, Hits
from incamera.deid.lexicons import terms
from incamera.deid.lexicons.characters import characters, points

_WORD = re.compile(r"[^\W_]+")
#: By a label's code. People, whatever they were found as, go by one.
_GOES_BY = tuple("PERSON" if label == "ACCOUNT" else label for label in LABELS)
_HONORIFIC = frozenset(terms.TITLES | {"s"})


def key(surface: str) -> str:
    """The form by which two surfaces are the same thing: words, case and punctuation aside. A dotted capital I is an i."""
    return " ".join(_WORD.findall(surface.replace("İ", "i"))).lower() or surface.casefold()


class Aliases:
    """Clusters of the findings of one conversation. Holds text; lives no longer than the call.

    Args:
        text: The strings of the conversation that hold findings, one behind the other.
        hits: Their findings, in order, with offsets of *text*.
    Cost: some 100 ns a finding, in one compiled call.
    """

    def __init__(self, text: str, hits: Hits) -> None:
        from incamera.deid import aliases_kernels as kernels

        self.text = text
        #: `Hits` as Python's own integers: read several times, converted once.
        self.rows: list[list[int]] = hits.tolist()
        classes, lower = characters()
        of, leaders = kernels.clusters(points(text), hits, classes, lower, _honorifics())
        #: The cluster of each finding, numbered by first appearance.
        self.of: list[int] = of.tolist()
        #: Of each cluster the finding whose surface stands for all.
        self._leaders: list[int] = leaders.tolist()
        #: The label that each cluster goes by.
        self.labels = [_GOES_BY[self.rows[leader][LABEL]] for leader in self._leaders]

    def leader(self, cluster: int) -> str:
        """The form of the surface that leads a cluster."""
        return key(self.surface(self._leaders[cluster]))

    def found_as(self, finding: int) -> str:
        return LABELS[self.rows[finding][LABEL]]

    def surface(self, finding: int) -> str:
        start, end, *_ = self.rows[finding]
        return self.text[start:end]

    def __len__(self) -> int:
        """How many clusters there are."""
        return len(self._leaders)


@cache
def _honorifics() -> NDArray[np.int64]:
    """The hashes of words that are no part of a name, sorted."""
    from incamera.deid.aliases_kernels import hash_word

    return np.array(sorted(hash_word(points(word)) for word in _HONORIFIC), np.int64)
