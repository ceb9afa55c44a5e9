"""Titles: lines in which every longer word is an ordinary one and capitalised. There capitals say little."""

from __future__ import annotations

from incamera.deid.columns import BLANK, HEADLINE, LINE_END, LINE_START, LINE_WIDTH
from incamera.deid.gate.part import Part, bits_at, classes_at, line_of, of_line, point
from incamera.deid.lexicons import characters as c
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import jit, put32

_TAG = ord(BLANK)
#: No title is longer.
_LONGEST = 120
_YES, _NO = 1, 2


@jit
def headline(p: Part, i: int) -> bool:
    """Whether word *i* stands in a title. A line is asked once."""
    row = line_of(p, i)
    if not of_line(p, row, HEADLINE):
        found = _is_headline(p, of_line(p, row, LINE_START), of_line(p, row, LINE_END))
        put32(p.lines, row * LINE_WIDTH + HEADLINE, _YES if found else _NO)
    return of_line(p, row, HEADLINE) == _YES


@jit
def _is_headline(p: Part, start: int, end: int) -> bool:
    if end - start > _LONGEST:
        return False
    words = long = tags = 0
    at = start
    while at < end:
        if _letter(p, at):
            after = at
            while after < end and _letter(p, after):
                after += 1
            words += 1
            if after - at > 3:
                long += 1
                if not classes_at(p, at) & c.UPPER or not _opens_safely(p, at, after):
                    return False
            at = after
        else:
            # A tag counts as a capitalised word.
            tags += point(p, at) == _TAG and (at == start or point(p, at - 1) != _TAG)
            at += 1
    return words + tags >= 3 and long + tags >= 2


@jit
def _letter(p: Part, at: int) -> bool:
    classes = classes_at(p, at)
    return classes & c.ALNUM != 0 and not classes & c.DECIMAL


@jit
def _opens_safely(p: Part, start: int, end: int) -> bool:
    return bits_at(p, start, end, 0) & t.SAFE_START != 0
