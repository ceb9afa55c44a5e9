"""What the rules look at: one part's words, and the small questions that every rule asks of them."""

# ruff: noqa: SIM110

from __future__ import annotations

from typing import Any, NamedTuple

from incamera.deid.columns import (
    BLANK,
    CAPITAL,
    CODE,
    END,
    FIGURE_FIRST,
    GAP,
    LINE,
    LINE_WIDTH,
    LOUD,
    MARKS,
    OPENS,
    PLAIN,
    RECORD,
    ROLES,
    START,
    WIDTH,
    gap_code,
)  # fmt: skip
from incamera.deid.gate.verdicts import KIND_MASK, KIND_SHIFT, LABEL_MASK, LAST_NAME
from incamera.deid.lexicons import characters as c
from incamera.deid.lexicons import tables as t
from incamera.deid.lexicons.kernels import look_up
from incamera.deid.memory import get32, get64, jit, put32
from incamera.deid.tokens_kernels import kind


class Lists(NamedTuple):
    """Addresses and sizes of the classes of characters and of the arrays of `Words`."""

    classes: int
    slots: int
    slot_mask: int
    records: int
    phrase_keys: int
    phrases: int
    phrase_bounds: int
    phrase_words: int
    introducer_bounds: int
    introducers: int
    introducer_words: int


class Part(NamedTuple):
    """Addresses of the arrays of `Tokens`, of what is known (`Lists`) and of what the rules write (`deid.memory`).

    `masked` holds a verdict a word, 0 where it survives so far; `spared` says which numbers only count articles or steps.
    `thought` (by the names model, `opinion_kernels`) and `known` (used by k subjects) may be 0: nobody says anything.
    """

    points: int
    size: int
    folded: int
    words: int
    n: int
    lines: int
    lists: Lists
    masked: int
    spared: int
    thought: int
    known: int
    cased: bool
    code: bool


#: A known word may still say something: what it is, or what it begins.
SPEAKS = t.DEM | t.HEALTH | t.OCC | t.KIN | t.SEX | t.NUMWORD | t.TITLE | t.VOCATIVE | t.ANNOUNCES | t.PHRASE

SPACE = gap_code(" ")
HYPHEN = gap_code("-")
APOSTROPHES = (gap_code("'"), gap_code("’"))
PRIMES = (gap_code("'"), gap_code("’"), gap_code("´"))
#: Between two words of one name.
_STOPPED = (gap_code(" . "), gap_code(".-"), gap_code(". "), gap_code("."))
_JOIN = (
    SPACE, HYPHEN, *APOSTROPHES, gap_code(" & "), gap_code("&"), gap_code("  "), gap_code(" - "), gap_code(" / "), gap_code("/"),
    gap_code("\u00a0"),
)  # fmt: skip

_TAG = ord(BLANK)


# --- the columns of a word ------------------------------------------------------------------------------------------------


@jit
def start_of(p: Part, i: int) -> int:
    return get64(p.words, i * WIDTH + START)


@jit
def end_of(p: Part, i: int) -> int:
    return get64(p.words, i * WIDTH + END)


@jit
def code_of(p: Part, i: int) -> int:
    """What word *i* is known for (`tables`); 0 is unknown."""
    return get64(p.words, i * WIDTH + CODE)


@jit
def role_of(p: Part, i: int) -> int:
    return get64(p.words, i * WIDTH + ROLES)


@jit
def record_of(p: Part, i: int) -> int:
    return get64(p.words, i * WIDTH + RECORD)


@jit
def marks_of(p: Part, i: int) -> int:
    """What word *i* looks like (`columns`)."""
    return get64(p.words, i * WIDTH + MARKS)


@jit
def gap_of(p: Part, i: int) -> int:
    """The gap before word *i* (`columns.gap_code`)."""
    return get64(p.words, i * WIDTH + GAP)


@jit
def line_of(p: Part, i: int) -> int:
    return get64(p.words, i * WIDTH + LINE)


@jit
def of_line(p: Part, row: int, column: int) -> int:
    return get32(p.lines, row * LINE_WIDTH + column)


@jit
def point(p: Part, at: int) -> int:
    """The code point at *at*, 0 behind the end."""
    return get32(p.points, at) if at < p.size else 0


@jit
def low(p: Part, at: int) -> int:
    """The code point at *at* in lower case."""
    return get32(p.folded, at)


@jit
def classes_at(p: Part, at: int) -> int:
    """The classes of the code point at *at* (`characters`)."""
    return kind(p.lists.classes, get32(p.points, at))


@jit
def bits_at(p: Part, start: int, end: int, extra: int) -> int:
    """What the letters [start, end), with code point *extra* behind them unless it is 0, are known for."""
    return look_up(p.folded, start, end, extra, p.lists.slots, p.lists.slot_mask, p.lists.records)


# --- what is said of a word -------------------------------------------------------------------------------------------------


@jit
def said(p: Part, i: int) -> int:
    """The verdict on word *i*, 0 so far."""
    return get32(p.masked, i)


@jit
def say(p: Part, i: int, verdict: int) -> None:
    """Say *verdict* of word *i*, whatever has been said."""
    put32(p.masked, i, verdict)


@jit
def mask(p: Part, i: int, verdict: int) -> None:
    """Say *verdict* of word *i*, unless something has been said."""
    if not said(p, i):
        say(p, i, verdict)


@jit
def like(p: Part, i: int) -> int:
    """Label and kind of what was said of word *i*."""
    return said(p, i) & (LABEL_MASK | KIND_MASK << KIND_SHIFT)


@jit
def named(p: Part, i: int) -> bool:
    """Whether word *i* is masked as a name."""
    label = said(p, i) & LABEL_MASK
    return label != 0 and label <= LAST_NAME


@jit
def looked_at(p: Part, i: int) -> bool:
    """Whether the rules look at word *i*. Four in five end here: in lower case, known, and silent about people."""
    safe = t.SAFE_CASED if p.cased else t.SAFE_UNCASED
    return code_of(p, i) & (safe | SPEAKS) != safe or not marks_of(p, i) & PLAIN


@jit
def upper(p: Part, i: int) -> bool:
    """Whether word *i* is there and begins with a capital."""
    return i < p.n and marks_of(p, i) & CAPITAL != 0


@jit
def opens(p: Part, i: int) -> bool:
    """Whether a sentence begins with word *i*."""
    return marks_of(p, i) & OPENS != 0


@jit
def length(p: Part, i: int) -> int:
    """Characters of word *i*."""
    return end_of(p, i) - start_of(p, i)


@jit
def letter(p: Part, i: int) -> int:
    """The lower case of word *i* where it is one character, else 0."""
    return low(p, start_of(p, i)) if length(p, i) == 1 else 0


@jit
def dotted(gap: int) -> bool:
    """Whether a gap is the full stop of an initial, and blanks."""
    return gap in _STOPPED


@jit
def joins(gap: int) -> bool:
    """Whether a gap may stand inside a name."""
    return gap in _JOIN or gap in _STOPPED


@jit
def joined(p: Part, i: int) -> bool:
    """Whether word *i* may be one name with the word before it: a blank, a hyphen, the stop of an initial."""
    gap = gap_of(p, i)
    return joins(gap) and not (dotted(gap) and opens(p, i))


@jit
def refers(p: Part, i: int) -> bool:
    """ "Rule 44": the word belongs to its number, not to the name before it."""
    if not code_of(p, i) & t.REFERENCE:
        return False
    if point(p, end_of(p, i) + 1) == _TAG:
        return True
    return i + 1 < p.n and marks_of(p, i + 1) & FIGURE_FIRST != 0


@jit
def loud(p: Part, i: int) -> bool:
    """Whether the line of word *i* shouts: then capitals say nothing."""
    return of_line(p, line_of(p, i), LOUD) != 0


@jit
def blank_but(p: Part, start: int, end: int, spared: Any) -> bool:
    """Whether nothing but characters of *spared* stands in [start, end)."""
    for i in range(start, end):
        if point(p, i) not in spared:
            return False
    return True


@jit
def only_sign(p: Part, start: int, end: int) -> int:
    """The one character between blanks in [start, end), or 0."""
    while start < end and classes_at(p, start) & c.SPACE:
        start += 1
    while start < end and classes_at(p, end - 1) & c.SPACE:
        end -= 1
    return point(p, start) if end - start == 1 else 0
