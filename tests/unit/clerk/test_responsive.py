"""Every key of `[responsive]` decides by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from incamera.core.records import Commonness, Match, Span
from incamera.governance.responsive import Reuse, responsive
from incamera.governance.terms import ResponsiveTerms

TERMS = ResponsiveTerms(min_run=12, min_coverage=0.5, max_commonness=3, roles=("assistant",), elicitation=("SPONTANEOUS",))
RUN = Match(
    span=Span(turn=1, part=0, start=0, end=80),
    work_id="w",
    work_start=0,
    work_end=80,
    words=12,
    elicitation=("SPONTANEOUS",),
    commonness=Commonness(works=1, owners=1, background=2),
)
TURN = Reuse(turn=1, role="assistant", words=20, covered=12, runs=(RUN,))


def test_a_turn_that_satisfies_every_key_is_responsive() -> None:
    assert responsive(TERMS, [replace(TURN, role="user"), TURN])


@pytest.mark.parametrize(
    "turn",
    [
        replace(TURN, role="user"),
        replace(TURN, covered=9),
        replace(TURN, words=0, covered=0),
        replace(TURN, runs=(replace(RUN, words=11),)),
        replace(TURN, runs=(replace(RUN, elicitation=("CONTINUED",)),)),
        replace(TURN, runs=(replace(RUN, commonness=Commonness(works=2, owners=2, background=2)),)),
        replace(TURN, runs=()),
    ],
    ids=["role", "coverage", "empty", "run", "elicitation", "commonness", "no-run"],
)
def test_one_key_that_fails_is_enough_to_leave_a_turn_out(turn: Reuse) -> None:
    assert not responsive(TERMS, [turn])


def test_any_puts_no_limit() -> None:
    loose = replace(TERMS, max_commonness=None, elicitation=None)
    common = replace(RUN, elicitation=("CONTINUED",), commonness=Commonness(works=90, owners=90))
    assert responsive(loose, [replace(TURN, runs=(common,))])


def test_unmeasured_commonness_counts_one_owner() -> None:
    assert responsive(TERMS, [replace(TURN, runs=(replace(RUN, commonness=None),))])
    assert not responsive(replace(TERMS, max_commonness=0), [replace(TURN, runs=(replace(RUN, commonness=None),))])
