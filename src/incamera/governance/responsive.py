"""The stipulated rule: which conversations answer the demand. Counts and labels decide; a person wrote it, in the order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from incamera.core.records import Match
from incamera.governance.terms import ResponsiveTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """The shared runs of one turn. `words` counts the turn's folded words, `covered` those inside the runs."""

    turn: int
    role: str
    words: int
    covered: int
    runs: tuple[Match, ...]


def responsive(terms: ResponsiveTerms, reuse: Iterable[Reuse]) -> bool:
    """Whether one turn satisfies every key of `[responsive]`: role, coverage, and a run that is long, rare and labelled enough.

    A run whose commonness was not measured counts as claimed by one owner only.
    """
    return any(_turn(terms, turn) for turn in reuse)


def _turn(terms: ResponsiveTerms, turn: Reuse) -> bool:
    if turn.role not in terms.roles or not turn.words or turn.covered < terms.min_coverage * turn.words:
        return False
    return any(
        run.words >= terms.min_run
        and (terms.max_commonness is None or _commonness(run) <= terms.max_commonness)
        and (terms.elicitation is None or bool(set(terms.elicitation) & set(run.elicitation)))
        for run in turn.runs
    )


def _commonness(run: Match) -> int:
    if run.commonness is None:
        return 1
    return run.commonness.owners + (run.commonness.background or 0)
