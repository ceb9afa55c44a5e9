"""The stratified interval: its coverage, computed exactly by convolving hypergeometric counts."""

from __future__ import annotations

from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Malformed
from incamera.stats.intervals import clopper_pearson, zero_miss_bound
from incamera.stats.stratified import Stratum, stratified, weighted_share


def outcomes(draws: list[tuple[int, int, int]]) -> list[tuple[list[Stratum], float]]:
    """Every possible result of drawing n of N with K marked in each stratum, with its probability."""
    sides = []
    for population, marked, n in draws:
        possible = range(max(0, n - (population - marked)), min(n, marked) + 1)
        sides.append([(k, comb(marked, k) * comb(population - marked, n - k) / comb(population, n)) for k in possible])
    found = []
    for choice in product(*sides):
        probability = 1.0
        for _, p in choice:
            probability *= p
        found.append(([Stratum(k=k, n=n, population=N) for (k, _), (N, _, n) in zip(choice, draws, strict=True)], probability))
    return found


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("side", ["two", "upper", "lower"])
@pytest.mark.parametrize(
    "draws",
    [
        [(20, 0, 5), (20, 20, 5)],  # the most unequal strata
        [(20, 10, 5), (20, 10, 5)],
        [(30, 1, 6), (10, 5, 2), (20, 0, 4)],
        [(30, 30, 6), (10, 5, 2), (3, 3, 0)],  # a stratum without a place, all of it marked
        [(40, 3, 13)],
        [(12, 2, 5), (9, 4, 3), (20, 7, 11)],  # not proportional
        [(6, 3, 6), (6, 1, 6)],  # a census
    ],
)
def test_coverage_is_at_least_what_is_promised(draws: list[tuple[int, int, int]], side: str, confidence: float) -> None:
    truth = sum(marked for _, marked, _ in draws) / sum(population for population, _, _ in draws)
    covered = 0.0
    for strata, probability in outcomes(draws):
        got = stratified(strata, confidence, side)  # type: ignore[arg-type]
        if got.low - 1e-12 <= truth <= got.high + 1e-12:
            covered += probability
    assert covered >= confidence - 1e-9


def test_one_stratum_and_proportional_strata_cost_nothing() -> None:
    one = stratified([Stratum(k=3, n=100, population=1000)])
    pooled = clopper_pearson(3, 100)
    assert one.low == pytest.approx(min(pooled.low, 0.02)) and one.high == pytest.approx(pooled.high)
    many = stratified([Stratum(k=0, n=125, population=12_500)] * 24, side="upper")
    assert many.high == pytest.approx(zero_miss_bound(3000))


def test_a_stratum_nobody_looked_at_may_be_full() -> None:
    got = stratified([Stratum(k=0, n=100, population=1000), Stratum(k=0, n=0, population=10)], side="upper")
    assert got.high > zero_miss_bound(100) + 9 / 1010
    assert weighted_share([Stratum(k=0, n=100, population=1000), Stratum(k=0, n=0, population=10)]) is None


def test_the_estimate_weighs_strata_by_their_rows() -> None:
    assert weighted_share([Stratum(k=1, n=10, population=100), Stratum(k=0, n=10, population=900)]) == pytest.approx(0.01)
    assert weighted_share([]) is None
    assert stratified([]).high == 1.0


counts = (
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
    .map(sorted)
    .map(lambda t: Stratum(k=t[0], n=t[1], population=t[2]))
)


@given(st.lists(counts, max_size=6), st.sampled_from(["two", "upper", "lower"]))
def test_the_interval_is_one(strata: list[Stratum], side: str) -> None:
    got = stratified(strata, 0.95, side)  # type: ignore[arg-type]
    assert 0.0 <= got.low <= got.high <= 1.0
    if (share := weighted_share(strata)) is not None and side == "two":
        assert got.low - 1e-9 <= share <= got.high + 1e-9


@pytest.mark.parametrize(
    "bad", [Stratum(k=2, n=1, population=3), Stratum(k=0, n=4, population=3), Stratum(k=-1, n=1, population=3)]
)
def test_impossible_counts(bad: Stratum) -> None:
    for call in (stratified, weighted_share):
        with pytest.raises(Malformed) as caught:
            call([bad])
        assert caught.value.code == "stats.bad-count"
