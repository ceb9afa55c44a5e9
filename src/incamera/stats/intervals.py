"""Exact intervals for proportions: what k of n looked at can say.

Every interval here is exact in the sense of Clopper and Pearson: its coverage is at least the stated confidence for every
true value, at the price of being wide. A normal approximation at k = 0 says "nothing leaks"; these do not. Bounds for a finite
whole, which the other side computes again, are `incamera_verify.bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, log
from typing import Literal

from incamera.core.errors import Malformed

#: `two`: alpha/2 on each side. `upper` and `lower`: the whole alpha on the one side that is asked for.
Side = Literal["two", "upper", "lower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """[low, high] for a proportion, with the count it came from. `point` is k / n, and never stands alone in a report."""

    k: int
    n: int
    low: float
    high: float
    confidence: float
    side: Side
    method: str

    @property
    def point(self) -> float | None:
        """The observed share, or None where nothing was observed."""
        return self.k / self.n if self.n else None


def clopper_pearson(k: int, n: int, confidence: float = 0.95, side: Side = "two") -> Interval:
    """Exact binomial interval for a proportion, k of n.

    Meaning: independent draws from a population so large that drawing does not change it. For a draw without replacement
    from a frame of known size use `incamera_verify.bounds.hypergeometric`, which is tighter. With n = 0 the interval is [0, 1].

    Args:
        k: Number with the property, 0 <= k <= n.
        n: Number looked at.
        confidence: Coverage, strictly between 0 and 1.
        side: `two` for [low, high]; `upper` for [0, high]; `lower` for [low, 1].
    Raises:
        Malformed: `stats.bad-count`, `stats.bad-confidence` or `stats.bad-side`.
    Source: Clopper and Pearson, Biometrika 26 (1934), by quantiles of the beta distribution.
    """
    _check(k, n, confidence, side)
    from scipy.special import betainccinv, betaincinv  # scipy.stats gives the same and takes seconds to import

    alpha = (1 - confidence) / 2 if side == "two" else 1 - confidence
    low = 0.0 if k == 0 or side == "upper" else float(betaincinv(k, n - k + 1, alpha))
    high = 1.0 if k == n or side == "lower" else float(betainccinv(k + 1, n - k, alpha))
    return Interval(k=k, n=n, low=low, high=high, confidence=confidence, side=side, method="clopper-pearson")


def zero_miss_bound(n: int, confidence: float = 0.95) -> float:
    """The largest miss rate that a run of n looks without a single miss does not contradict: 1 - (1 - confidence)^(1/n).

    n = 3,000 gives 0.10 %: of 20 M conversations 19,960 may still leak. It is `clopper_pearson(0, n, side="upper").high`
    in closed form. With n = 0 it is 1: who has not looked has no bound.

    Raises:
        Malformed: `stats.bad-count` or `stats.bad-confidence`.
    """
    _check(0, n, confidence, "upper")
    if n == 0:
        return 1.0
    return -expm1(log(1 - confidence) / n)


def _check(k: int, n: int, confidence: float, side: str) -> None:
    if isinstance(k, bool) or isinstance(n, bool) or not isinstance(k, int) or not isinstance(n, int) or not 0 <= k <= n:
        raise Malformed("stats.bad-count", f"need whole numbers 0 <= k <= n, got k={k} n={n}")
    if not 0 < confidence < 1:
        raise Malformed("stats.bad-confidence", f"the confidence must lie strictly between 0 and 1, got {confidence}")
    if side not in ("two", "upper", "lower"):
        raise Malformed("stats.bad-side", "the side is one of two, upper, lower")
