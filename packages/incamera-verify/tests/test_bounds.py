"""The bounds of a reading: they invert the exact tests, and fail at most as often as they say, computed without a simulation."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from math import comb, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera_verify.bounds import Stratum, hypergeometric, pooled, together, whole

ALPHA = Fraction(1, 20)
#: (rows, how many of them leak, rows read), a stratum each.
DRAWS = [
    [(40, 3, 13)],
    [(20, 0, 5), (20, 20, 5)],  # the most unequal strata
    [(20, 10, 5), (20, 10, 5)],
    [(30, 1, 6), (10, 5, 2), (20, 0, 4)],
    [(30, 30, 6), (10, 5, 2), (3, 3, 0)],  # a stratum that nobody reads, all of it leaking
    [(12, 2, 5), (9, 4, 3), (20, 7, 11)],  # not proportional
    [(6, 3, 6), (6, 1, 6)],  # a census
]

counts = (
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
    .map(sorted)
    .map(lambda t: Stratum(leaks=t[0], read=t[1], rows=t[2]))
)


def seen(rows: int, leaking: int, read: int, upto: int) -> Fraction:
    """The chance that at most *upto* of the *read* rows leak."""
    ways = sum(comb(leaking, k) * comb(rows - leaking, read - k) for k in range(upto + 1) if k <= read)
    return Fraction(ways, comb(rows, read))


def outcomes(draws: list[tuple[int, int, int]]) -> Iterator[tuple[list[Stratum], Fraction]]:
    """Every way in which such a draw can come out, and its chance."""
    for found in product(*(range(max(0, read - (rows - leaking)), min(read, leaking) + 1) for rows, leaking, read in draws)):
        strata = [Stratum(leaks=k, read=read, rows=rows) for k, (rows, _, read) in zip(found, draws, strict=True)]
        yield (
            strata,
            prod(
                (Fraction(comb(L, k) * comb(N - L, n - k), comb(N, n)) for k, (N, L, n) in zip(found, draws, strict=True)),
                start=Fraction(1),
            ),
        )


@given(counts)
def test_the_bound_is_the_largest_total_that_is_not_contradicted(stratum: Stratum) -> None:
    k, n, N = stratum.leaks, stratum.read, stratum.rows
    kept = [total for total in range(k, N - (n - k) + 1) if seen(N, total, n, k) > ALPHA]
    assert hypergeometric(k, n, N, ALPHA) == kept[-1]


@pytest.mark.parametrize("alpha", [Fraction(1, 2), Fraction(1, 5), ALPHA])
@pytest.mark.parametrize("bound", ["pooled", "together", "whole"])
@pytest.mark.parametrize("draws", DRAWS)
def test_a_bound_fails_at_most_as_often_as_it_says(draws: list[tuple[int, int, int]], bound: str, alpha: Fraction) -> None:
    leaking = sum(drawn[1] for drawn in draws)
    most = {"pooled": pooled, "together": lambda strata, level: sum(together(strata, level)), "whole": whole}[bound]
    failed = sum(chance for strata, chance in outcomes(draws) if most(strata, alpha) < leaking)
    assert failed <= alpha


@given(st.lists(counts, max_size=6))
def test_a_bound_lies_between_what_was_seen_and_what_is_possible(strata: list[Stratum]) -> None:
    least, rows = sum(s.leaks for s in strata), sum(s.rows for s in strata)
    possible = rows - sum(s.read - s.leaks for s in strata)
    for bound in (pooled(strata, ALPHA), sum(together(strata, ALPHA)), whole(strata, ALPHA)):
        assert least <= bound <= possible


def test_a_census_leaves_nothing_to_infer() -> None:
    assert hypergeometric(3, 1000, 1000, ALPHA) == 3


def test_who_has_not_read_has_no_bound() -> None:
    assert hypergeometric(0, 0, 1000, ALPHA) == pooled([Stratum(leaks=0, read=0, rows=1000)], ALPHA) == 1000
    read, unread = Stratum(leaks=0, read=100, rows=1000), Stratum(leaks=0, read=0, rows=10)
    assert pooled([read, unread], ALPHA) > pooled([read], ALPHA) + 9
