"""One exact interval for a whole that was drawn stratum by stratum.

The number of hits in a stratified draw without replacement is a sum of hypergeometric counts, and each of those is a sum of
independent yes-or-no draws. Hoeffding showed that among all such sums with one mean the plain binomial has the heaviest
tails, so the Clopper-Pearson interval of the pooled counts holds for the stratified draw too: it is wide, never wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from incamera.core.errors import Malformed
from incamera.stats.intervals import Interval, Side, clopper_pearson


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """k of n drawn rows have the property, of `population` rows in the stratum."""

    k: int
    n: int
    population: int


def stratified(strata: Sequence[Stratum], confidence: float = 0.95, side: Side = "two") -> Interval:
    """Exact interval for the share of a whole frame that has a property, from a stratified draw of it.

    Meaning: conservative for any allocation. What the draw weighs otherwise than the frame (rounded places, strata without a
    place) is added to the interval as the distance between the two sets of weights, for nothing is known about those rows.

    Args:
        strata: One entry a stratum, those without a place included (n = 0).
    Raises:
        Malformed: `stats.bad-count`, `stats.bad-confidence` or `stats.bad-side`.
    Source: Hoeffding, Annals of Mathematical Statistics 27 (1956), theorem 4; Vatutin and Mikhailov, Theory of Probability
        and its Applications 27 (1982), for the hypergeometric as a sum of independent indicators.
    """
    if any(not 0 <= s.k <= s.n <= s.population for s in strata):
        raise Malformed("stats.bad-count", "need 0 <= k <= n <= population in every stratum")
    k, n = sum(s.k for s in strata), sum(s.n for s in strata)
    total = sum(s.population for s in strata)
    pooled = clopper_pearson(k, n, confidence, side)
    if n == 0:
        return pooled
    # The theorem speaks of counts at least one away from the mean; where the pooled limit is nearer, it is moved out.
    low, high = min(pooled.low, max(0.0, (k - 1) / n)), max(pooled.high, min(1.0, (k + 1) / n))
    unweighed = sum(max(0.0, s.population / total - s.n / n) for s in strata)
    return Interval(
        k=k,
        n=n,
        low=0.0 if side == "upper" else max(0.0, low - unweighed),
        high=1.0 if side == "lower" else min(1.0, high + unweighed),
        confidence=confidence,
        side=side,
        method="clopper-pearson, stratified",
    )


def weighted_share(strata: Sequence[Stratum]) -> float | None:
    """The estimate that belongs to a stratified draw: each stratum's share, weighed by its rows; None if one has no draw.

    Raises:
        Malformed: `stats.bad-count`.
    """
    if any(not 0 <= s.k <= s.n <= s.population for s in strata):
        raise Malformed("stats.bad-count", "need 0 <= k <= n <= population in every stratum")
    total = sum(s.population for s in strata)
    if not total or any(s.population and not s.n for s in strata):
        return None
    return sum(s.population * s.k / s.n for s in strata if s.population) / total
