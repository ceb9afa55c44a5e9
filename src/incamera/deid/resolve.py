"""One list per part from many hits: no two findings overlap, and neighbours that make one name are one."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from incamera.deid.hits import END, START, Hits, empty
from incamera.deid.lexicons.characters import points

#: After these a full stop ends no sentence.
_INITIAL = re.compile(r"(?i)(?<![^\W_])(?:[^\W\d_]|mrs?|ms|dr|st|prof|sra?|rev|hon|lt|jr)$")
#: Code points before a full stop that may tell an initial or a title.
_BEFORE = 5


def resolve(hits: Hits, text: str, code_points: NDArray[np.uint32] | None = None) -> Hits:
    """Non-overlapping hits in order: overlapping ones united under the best label, name parts side by side joined.

    Of overlapping hits the best names the whole: a confident form before a vaguer one, then by the label's rank. Depends on
    the set of hits, not on their order.

    Args:
        code_points: of *text*, where the caller has them.
    Cost: some 20 ns a hit, beside the sort.
    """
    from incamera.deid import resolve_kernels as kernels

    if not len(hits):
        return hits
    united = empty(len(hits))
    orders = np.empty(len(hits), np.int64)
    united = united[: kernels.unite(hits, united, orders)]
    between = np.zeros(len(united), np.int8)
    if kernels.gaps(united, points(text) if code_points is None else code_points, between):
        _look_before_stops(united, text, between)
    return united[: kernels.join(united, between, orders)]


def _look_before_stops(united: Hits, text: str, between: NDArray[np.int8]) -> None:
    """A full stop joins two parts of a name behind an initial or a title, and nowhere else."""
    from incamera.deid.resolve_kernels import APART, JOINS, STOPS

    for i in np.flatnonzero(between == STOPS).tolist():
        first, end = i - 1, int(united[i - 1, END])
        seen = end - _BEFORE
        if seen >= 0 and text[seen:end].isalnum():  # a word too long for either, as most are
            between[i] = APART
            continue
        # Back to where the name begins, but no further than is looked at: ten thousand initials are one name.
        while first and between[first] == JOINS and united[first, START] > seen:
            first -= 1
        initial = _INITIAL.search(text, max(int(united[first, START]), seen), end)
        between[i] = APART if initial is None else JOINS
