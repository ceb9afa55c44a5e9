"""Exact intervals: against published values, against closed forms, and by their own promise, coverage."""

from __future__ import annotations

from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Malformed
from incamera.stats.intervals import clopper_pearson, zero_miss_bound


def test_published_values() -> None:
    # Clopper-Pearson for 5 of 20 and 0 of 10, as every table of exact binomial limits gives them.
    got = clopper_pearson(5, 20)
    assert (round(got.low, 4), round(got.high, 4)) == (0.0866, 0.4910)
    assert round(clopper_pearson(0, 10).high, 4) == 0.3085
    assert clopper_pearson(10, 10).high == 1.0
    assert round(clopper_pearson(10, 10).low, 4) == 0.6915


def test_the_figures_a_court_will_see() -> None:
    # 0 misses in 3,000 read: at most 0.10 %, that is 19,960 or so of 20 million.
    assert round(zero_miss_bound(3000) * 20_000_000, -2) == 20_000
    assert int(zero_miss_bound(30_000) * 20_000_000) in range(1_996, 1_999)


def test_nothing_looked_at_bounds_nothing() -> None:
    got = clopper_pearson(0, 0)
    assert (got.low, got.high, got.point) == (0.0, 1.0, None)
    assert zero_miss_bound(0) == 1.0


@given(n=st.integers(1, 10**6), confidence=st.floats(0.5, 0.999))
def test_zero_miss_bound_is_the_upper_limit_at_no_miss(n: int, confidence: float) -> None:
    assert isclose(zero_miss_bound(n, confidence), clopper_pearson(0, n, confidence, "upper").high, rel_tol=1e-6)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_one_sided_limits_lie_inside_the_two_sided_interval(kn: tuple[int, int]) -> None:
    k, n = kn
    two, upper, lower = (clopper_pearson(k, n, 0.95, side) for side in ("two", "upper", "lower"))
    assert upper.low == 0.0 and lower.high == 1.0
    assert two.low <= lower.low <= k / n <= upper.high <= two.high


@pytest.mark.parametrize("n", [1, 7, 20])
@pytest.mark.parametrize("p", [0.01, 0.1, 0.37, 0.5, 0.93])
def test_binomial_coverage_is_at_least_what_is_promised(n: int, p: float) -> None:
    covered = 0.0
    for k in range(n + 1):
        got = clopper_pearson(k, n, 0.95)
        if got.low <= p <= got.high:
            covered += comb(n, k) * p**k * (1 - p) ** (n - k)
    assert covered >= 0.95 - 1e-12


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((-1, 10), "stats.bad-count"),
        ((11, 10), "stats.bad-count"),
        ((True, 10), "stats.bad-count"),
        ((1.0, 10), "stats.bad-count"),
        ((1, 10, 1.0), "stats.bad-confidence"),
        ((1, 10, float("nan")), "stats.bad-confidence"),
        ((1, 10, 0.95, "both"), "stats.bad-side"),
    ],
)
def test_impossible_questions_are_refused(arguments: tuple[object, ...], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        clopper_pearson(*arguments)  # type: ignore[arg-type]
    assert caught.value.code == code
