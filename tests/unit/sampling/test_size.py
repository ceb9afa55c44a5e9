"""The proportionality calculator, against the published arithmetic and against counting."""

from __future__ import annotations

import random

import pytest

from incamera.core.errors import Malformed
from incamera.sampling.size import expected_subjects, precision_of, tradeoffs


def test_the_figures_of_the_dispute() -> None:
    assert round(precision_of(2401, 0.5), 3) == 0.04  # two points at one half
    for millions, per_cent in ((20, 4.4), (78, 2.2), (120, 1.8), (5, 8.8), (0.96, 20), (3.84, 10)):
        assert round(100 * precision_of(round(millions * 10**6), 1e-4), 1) == per_cent


def test_a_finite_frame_says_more_and_a_census_everything() -> None:
    assert precision_of(4000, 0.01, population=5000) < precision_of(4000, 0.01, population=10**6) < precision_of(4000, 0.01)
    assert precision_of(5000, 0.01, population=5000) == 0.0


def test_expected_subjects_is_what_drawing_gives() -> None:
    held = {1: 50, 5: 20, 50: 2}
    owners = [(n, k) for n, people in held.items() for k in range(people) for _ in range(n)]
    rng = random.Random(7)
    for size in (0, 1, 30, 249, 250):
        runs = 300
        mean = sum(len(set(rng.sample(owners, size))) for _ in range(runs)) / runs
        assert abs(expected_subjects(size, held) - mean) < 1.0


def test_the_curve_at_scale() -> None:
    curve = tradeoffs([0, 1000, 10**6, 20 * 10**6], prevalence=1e-4, conversations={1: 10**7, 10: 10**6, 100: 10**5})
    assert [c.relative_precision is None for c in curve] == [True, True, False, False]
    assert curve[0].subjects == 0 and curve[0].zero_miss == 1.0
    assert [c.subjects for c in curve] == sorted(c.subjects for c in curve)
    assert curve[3].expected_hits == 2000


@pytest.mark.parametrize(
    "call",
    [
        lambda: precision_of(5, 0),
        lambda: precision_of(0, 0.1),
        lambda: precision_of(5, 0.1, confidence=1),
        lambda: expected_subjects(11, {1: 10}),
        lambda: expected_subjects(1, {0: 10}),
    ],
)
def test_questions_without_an_answer(call) -> None:
    with pytest.raises(Malformed) as caught:
        call()
    assert caught.value.code == "sample.bad-question"
