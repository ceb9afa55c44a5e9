"""What a sample of n can tell, and how many people it exposes: the arithmetic of proportionality, before anything is drawn.

A sample that is large enough for "how many per cent" says nothing about an event of one in ten thousand, and a sample large
enough for that exposes people by the million. These functions put both numbers side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, lgamma, sqrt
from statistics import NormalDist

from incamera.core.errors import Malformed
from incamera.stats.intervals import zero_miss_bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """One line of the curve: what a draw of `size` buys, and whom it exposes.

    `relative_precision` is the half-width of the interval of a prevalence, over that prevalence; None where not one case is
    expected. `zero_miss` bounds the prevalence of what is never seen in it. `subjects` is the expected number of people.
    """

    size: int
    expected_hits: float
    relative_precision: float | None
    zero_miss: float
    subjects: float


def precision_of(size: int, prevalence: float, *, confidence: float = 0.95, population: int | None = None) -> float:
    """Half-width of the interval that *size* rows give for a prevalence, relative to that prevalence.

    20 M rows at p = 1e-4 give 4.4 %, 78 M 2.2 %, 120 M 1.8 %: the second hundred million buys half a point.

    Source: Cochran, Sampling Techniques, chapter 4; normal approximation, good where some hundred hits are expected.
    """
    _check(0 < prevalence < 1 and size > 0 and 0 < confidence < 1)
    spread = (1 - prevalence) / (prevalence * size)
    if population is not None and population > 1:
        spread *= max(0.0, (population - size) / (population - 1))
    return _z(confidence) * sqrt(spread)


def expected_subjects(size: int, conversations: Mapping[int, int]) -> float:
    """Expected number of different people in a simple random draw of *size* conversations.

    Args:
        conversations: How many people hold how many conversations: `{1: 900, 40: 3}`.
    Meaning: the sum over people of one minus the chance that none of theirs is drawn, without replacement.
    """
    total = sum(held * people for held, people in conversations.items())
    _check(0 <= size <= total and all(held > 0 and people >= 0 for held, people in conversations.items()))
    missed = {
        held: exp(_log_choose(total - held, size) - _log_choose(total, size)) if held <= total - size else 0.0
        for held in conversations
    }
    return sum(people * (1 - missed[held]) for held, people in conversations.items())


def tradeoffs(
    sizes: Iterable[int], *, prevalence: float, conversations: Mapping[int, int], confidence: float = 0.95
) -> list[Tradeoff]:
    """The curve: precision bought against people exposed, for several sizes of draw of one frame."""
    total = sum(held * people for held, people in conversations.items())
    return [
        Tradeoff(
            size=size,
            expected_hits=size * prevalence,
            relative_precision=precision_of(size, prevalence, confidence=confidence, population=total)
            if size * prevalence >= 1
            else None,
            zero_miss=zero_miss_bound(size, confidence),
            subjects=expected_subjects(size, conversations),
        )
        for size in sizes
    ]


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _check(sane: bool) -> None:
    if not sane:
        raise Malformed(
            "sample.bad-question", "sizes are whole and within the frame, prevalence and confidence lie between 0 and 1"
        )
