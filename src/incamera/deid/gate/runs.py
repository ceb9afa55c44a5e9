"""A run of capitals is one name: its ordinary words and the small words inside it go with it."""

from __future__ import annotations

from incamera.deid.gate.headlines import headline
from incamera.deid.gate.part import (
    Part,
    code_of,
    end_of,
    joined,
    like,
    looked_at,
    loud,
    mask,
    named,
    opens,
    point,
    refers,
    said,
    start_of,
    upper,
)  # fmt: skip
from incamera.deid.gate.verdicts import KIND_SHIFT, ORG, QUASI, weak
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import jit

_RUN = weak(0.45, "run")
_BODY = ORG | QUASI << KIND_SHIFT
_I = ord("I")
#: So many small words may stand between two capitals ("Ministry of the Interior").
_BETWEEN = 3


@jit
def runs(p: Part) -> None:
    """Every run of capitals of the part."""
    done = -1
    for i in range(p.n):
        if i < done or not upper(p, i) or not looked_at(p, i) or refers(p, i):
            continue
        if code_of(p, i) & (t.FUNCTION | t.VOCATIVE) and not said(p, i):
            continue
        done = _end_of_run(p, i)
        _one_run(p, i, done)


@jit
def _end_of_run(p: Part, first: int) -> int:
    """The word behind the run that begins with word *first*."""
    n = p.n
    j = first + 1
    while j < n and joined(p, j):
        k = j
        while k < min(j + _BETWEEN, n - 1) and _connects(p, k):
            k += 1
        if not upper(p, k) or refers(p, k) or (_holds_sentences(p, k) and not said(p, k)):
            break
        j = k + 1
    return j


@jit
def _connects(p: Part, k: int) -> bool:
    """Whether word *k* is a small one that a name may run through."""
    return not said(p, k) and code_of(p, k) & t.CONNECTOR != 0 and not upper(p, k) and joined(p, k + 1)


@jit
def _holds_sentences(p: Part, k: int) -> bool:
    """Whether word *k* is a function word; "I" alone may be a number ("Francis I")."""
    if not code_of(p, k) & t.FUNCTION:
        return False
    start = start_of(p, k)
    return not (point(p, start) == _I and end_of(p, k) - start == 1)


@jit
def _one_run(p: Part, first: int, end: int) -> None:
    capitals, all_safe, found = 0, True, -1
    for i in range(first, end):
        if upper(p, i):
            capitals += 1
            all_safe &= code_of(p, i) & t.SAFECAP != 0
            if found < 0 and named(p, i):
                found = i
    if capitals < 2 or all_safe or loud(p, first) or headline(p, first):
        return
    code = code_of(p, first)
    only_opens = opens(p, first) and not said(p, first) and code & t.SAFE_START and not code & (t.NAME | t.ORG | t.TITLE)
    if only_opens and capitals == 2 and found >= 0:
        # "Yesterday Anna ...": the word that only opens the sentence is no part of the name, unless more capitals follow.
        first += 1
    verdict = (like(p, found) if found >= 0 else _BODY) | _RUN
    for i in range(first, end):
        mask(p, i, verdict)
