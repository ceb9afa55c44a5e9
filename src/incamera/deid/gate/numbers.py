"""Numbers are findings, unless they only count pages, steps or articles."""

from __future__ import annotations

from incamera.deid.columns import DECIMALS, DIGIT, DIGITS, LINE_START
from incamera.deid.gate.part import Part, blank_but, code_of, end_of, line_of, marks_of, mask, of_line, only_sign, point, start_of
from incamera.deid.gate.verdicts import verdict
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import jit, put8

_NUMBER = verdict("NUMBER", "quasi", 0.4, "number")

#: Digits of the longest number that may count something.
_LONGEST = 3
_MARGIN = 8
_BULLETS = tuple(map(ord, " \t>*#-"))
_BEHIND = tuple(map(ord, ".):"))
_ABBREVIATES = tuple(map(ord, " .\u00a0#"))
_OPEN, _SECTION, _SPACE, _TAB, _NEWLINE = map(ord, "(§ \t\n")


@jit
def number(p: Part, i: int) -> bool:
    """True where word *i* holds a digit; says of it what there is to say."""
    marks = marks_of(p, i)
    if not marks & DIGIT:
        return False
    if marks & DIGITS and end_of(p, i) - start_of(p, i) <= _LONGEST:
        if _enumerates(p, i) or _section(p, start_of(p, i)):
            return True
        if _refers(p, i):
            put8(p.spared, i, 1)
            return True
        if p.code:
            return True
    mask(p, i, _NUMBER)
    return True


@jit
def _enumerates(p: Part, i: int) -> bool:
    """ "  3. ", "> (12) " at the beginning of a line."""
    start, end = start_of(p, i), end_of(p, i)
    line = of_line(p, line_of(p, i), LINE_START)
    if start - line > _MARGIN or not marks_of(p, i) & DECIMALS:
        return False
    before = start - 1 if start > line and point(p, start - 1) == _OPEN else start
    if not blank_but(p, line, before, _BULLETS) or point(p, end) not in _BEHIND:
        return False
    return end + 1 >= p.size or point(p, end + 1) in (_SPACE, _TAB, _NEWLINE)


@jit
def _refers(p: Part, i: int) -> bool:
    """ "Article 6", "step no. 3"."""
    if i == 0 or not code_of(p, i - 1) & t.REFERENCE:
        return False
    return blank_but(p, end_of(p, i - 1), start_of(p, i), _ABBREVIATES)


@jit
def _section(p: Part, start: int) -> bool:
    """ "§ 41", "§§12"."""
    if start >= 2 and point(p, start - 1) == _SECTION and point(p, start - 2) == _SECTION:
        return True
    return only_sign(p, max(0, start - 2), start) == _SECTION
