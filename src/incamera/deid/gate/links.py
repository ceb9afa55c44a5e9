"""Small words beside and between the parts of a name: "anna k lee", "fox and gillespie", "al-sadr", "Anna's"; case aside."""

from __future__ import annotations

import numpy as np

from incamera.deid.columns import CAPITAL, SMALL, gap_code
from incamera.deid.gate.part import (
    APOSTROPHES,
    HYPHEN,
    PRIMES,
    SPACE,
    Part,
    blank_but,
    classes_at,
    code_of,
    end_of,
    gap_of,
    joined,
    length,
    letter,
    like,
    loud,
    marks_of,
    mask,
    named,
    only_sign,
    opens,
    point,
    role_of,
    said,
    start_of,
    upper,
)  # fmt: skip
from incamera.deid.gate.verdicts import DIRECT, KIND_MASK, KIND_SHIFT, LABEL_MASK, PERSON, QUASI, verdict, weak
from incamera.deid.lexicons import tables as t
from incamera.deid.lexicons.characters import ALPHA
from incamera.deid.memory import jit

_POSSESSIVE = weak(0.4, "possessive")
_LINK = weak(0.4, "link")
_PREFIX = weak(0.4, "prefix")
_INITIAL = weak(0.4, "initial")
_SURNAME = verdict("PERSON", "direct", 0.4, "surname")

_S, _SMALL_H, _SMALL_E = map(ord, "she")
#: Single letters that are words.
_WORDS = tuple(map(ord, "aiyoe"))
_WORDS_BETWEEN = tuple(map(ord, "aiyeo"))
_SIGNS_OF_POSSESSION = tuple(map(ord, "'’´`"))
_BETWEEN = tuple(map(ord, " ,."))
_BEHIND_INITIAL = tuple(map(gap_code, (".", ". ", " ", " . ", ".-")))


@jit
def links(p: Part) -> None:
    """What goes with each name found so far."""
    n = p.n
    names = np.empty(n, np.bool_)
    for i in range(n):
        names[i] = named(p, i)
    for i in range(n):
        if names[i]:
            _initials_before(p, i)
            _prefix_before(p, i)
            _behind(p, i)


@jit
def _behind(p: Part, i: int) -> None:
    """The word after name *i*: its possessive, a link to the next name, a surname."""
    j = i + 1
    if j >= p.n or said(p, j):
        return
    before, start = end_of(p, i), start_of(p, j)
    direct = said(p, i) >> KIND_SHIFT & KIND_MASK == DIRECT
    if letter(p, j) == _S and (direct or only_sign(p, before, start) in _SIGNS_OF_POSSESSION):
        mask(p, j, like(p, i) | _POSSESSIVE)
    elif j + 1 < p.n and named(p, j + 1) and blank_but(p, before, start, _BETWEEN) and joined(p, j + 1):
        single = letter(p, j)
        if (single and single not in _WORDS_BETWEEN) or role_of(p, j) & t.LINK:
            mask(p, j, like(p, i) | _LINK)
    elif gap_of(p, j) == SPACE and code_of(p, i) & t.FIRST and marks_of(p, i) & SMALL and _surname(code_of(p, j)):
        # "paul walker": after a first name in small letters, an ordinary word that is also a surname is one.
        mask(p, j, _SURNAME)


@jit
def _surname(code: int) -> bool:
    return code & t.LAST != 0 and not code & (t.FUNCTION | t.FIRST)


@jit
def _prefix_before(p: Part, i: int) -> None:
    """ "al-sadr", "bin laden", "o'neill", and "The" where it is capitalised inside a sentence."""
    j = i - 1
    if j < 0 or said(p, j):
        return
    gap, role = gap_of(p, i), role_of(p, j)
    if role & t.PREFIX:
        elided = gap in PRIMES and length(p, j) <= 2
        apart = gap == SPACE and role & t.APART_PREFIX and said(p, i) & LABEL_MASK == PERSON
        if gap == HYPHEN or elided or apart:
            mask(p, j, like(p, i) | _PREFIX)
    elif role & t.THE and _titled(p, j) and gap == SPACE and upper(p, i) and not opens(p, j) and not loud(p, j):
        mask(p, j, said(p, i) & LABEL_MASK | QUASI << KIND_SHIFT | _PREFIX)


@jit
def _titled(p: Part, j: int) -> bool:
    """Whether "the" is written "The"."""
    start = start_of(p, j)
    return marks_of(p, j) & CAPITAL != 0 and point(p, start + 1) == _SMALL_H and point(p, start + 2) == _SMALL_E


@jit
def _initials_before(p: Part, i: int) -> None:
    """ "j. m. huber": single letters that lead up to a name."""
    j = i - 1
    while j >= 0 and not said(p, j) and _initial(p, j) and gap_of(p, j + 1) in _BEHIND_INITIAL:
        if (gap_of(p, j + 1) == SPACE and letter(p, j) in _WORDS) or gap_of(p, j) in APOSTROPHES:
            return
        mask(p, j, like(p, i) | _INITIAL)
        j -= 1


@jit
def _initial(p: Part, j: int) -> bool:
    start = start_of(p, j)
    return end_of(p, j) - start == 1 and classes_at(p, start) & ALPHA != 0
