"""Exact upper bounds on how many of a finite whole have a property, in whole numbers: no float decides, so all machines agree.

The only implementation: what the product states, the other side computes again with this code.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, comb


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """*leaks* of *read* looked at have the property; the stratum has *rows* in all. 0 <= leaks <= read <= rows."""

    leaks: int
    read: int
    rows: int


def hypergeometric(leaks: int, read: int, rows: int, alpha: Fraction) -> int:
    """The largest total that *leaks* of *read*, drawn without replacement from *rows*, do not contradict at level *alpha*.

    A census (read == rows) gives *leaks*; nobody read gives *rows*.

    Cost: about log2(rows) sums of leaks + 1 products of binomial coefficients.
    Source: inversion of the one-sided hypergeometric test; Buonaccorsi, The American Statistician 41 (1987).
    """
    most = rows - (read - leaks)  # the draw itself shows so many without
    limit = alpha * comb(rows, read)

    def contradicted(total: int) -> bool:
        ways = sum(comb(total, hits) * comb(rows - total, read - hits) for hits in range(leaks + 1))
        return bool(limit >= ways)

    return _last(leaks, most, contradicted)


def pooled(strata: Sequence[Stratum], alpha: Fraction) -> int:
    """A bound for the whole of a draw made stratum by stratum, from its pooled counts.

    Among all sums of independent yes-or-no draws with one mean the plain binomial has the heaviest tails (Hoeffding), so its
    bound holds for the stratified draw; it is never less than one leak away from the mean, where the theorem begins. What
    the draw weighs otherwise than the whole is added on top, for nothing is known about those rows.

    Source: Hoeffding, Annals of Mathematical Statistics 27 (1956), theorem 4.
    """
    leaks, read, rows = sum(s.leaks for s in strata), sum(s.read for s in strata), sum(s.rows for s in strata)
    if read == 0:
        return rows
    limit: Fraction = alpha * Fraction(rows) ** read

    def contradicted(total: int) -> bool:
        ways = sum(comb(read, hits) * total**hits * (rows - total) ** (read - hits) for hits in range(leaks + 1))
        return bool(limit >= ways)

    binomial = _last(leaks, rows, contradicted)
    mean = ceil(Fraction((leaks + 1) * rows, read))
    unweighed = sum((max(Fraction(0), Fraction(s.rows, rows) - Fraction(s.read, read)) for s in strata), Fraction(0))
    return min(rows - (read - leaks), max(binomial, mean) + ceil(unweighed * rows))


def together(strata: Sequence[Stratum], alpha: Fraction) -> list[int]:
    """A bound for each stratum, all of which hold together at level *alpha* (Bonferroni): their sum bounds the whole."""
    each = alpha / max(1, len(strata))
    return [hypergeometric(s.leaks, s.read, s.rows, each) for s in strata]


def whole(strata: Sequence[Stratum], alpha: Fraction) -> int:
    """The bound for all strata: the sum of theirs, or the pooled one, whichever the sizes alone make the smaller.

    The choice looks at sizes and never at what was found, so that the level holds.
    """
    clean = [Stratum(leaks=0, read=s.read, rows=s.rows) for s in strata]
    if sum(together(clean, alpha)) <= pooled(clean, alpha):
        return sum(together(strata, alpha))
    return pooled(strata, alpha)


def _last(low: int, high: int, contradicted: Callable[[int], bool]) -> int:
    """The largest number in [low, high] that is not contradicted; contradiction sets in once and stays."""
    return low + bisect_left(range(low + 1, high + 1), True, key=contradicted)
