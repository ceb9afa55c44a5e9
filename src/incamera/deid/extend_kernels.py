"""A finding's neighbours, compiled. Import lazily: it brings LLVM."""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: PLR1714

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid import columns as w
from incamera.deid.columns import gap_code
from incamera.deid.hits import DETECTOR, DETECTOR_CODE, END, KIND_CODE, LABEL, LABEL_CODE, START, WIDTH
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import get32, jit
from incamera.deid.rows_kernels import Part, of_hit, of_word, part, put_hit

_ORG, _DATE, _DEM, _QUANTITY, _NUMBER, _HEALTH = (
    LABEL_CODE[label] for label in ("ORG", "DATE", "DEM", "QUANTITY", "NUMBER", "HEALTH")
)
_DATES = tuple(LABEL_CODE[label] for label in ("DATE", "TIME"))
_NAMED = tuple(LABEL_CODE[label] for label in ("PERSON", "ORG", "LOC", "OTHER", "DEM"))
_PLACES = tuple(LABEL_CODE[label] for label in ("DEM", "LOC"))
_QUASI, _SENSITIVE = KIND_CODE["quasi"], KIND_CODE["sensitive"]
_EXTEND, _NUMBER_WORD = DETECTOR_CODE["extend"], DETECTOR_CODE["gate.number-word"]
_SPACE, _HYPHEN = map(gap_code, " -")
_BLANKS = tuple(map(gap_code, (" ", ", ", " - ", " – ", "-", "–", "/", ". ")))
_NEWLINE, _S = map(ord, "\ns")
_OF = t.OF | t.THE | t.THAN
#: Words beside a finding that are looked at, at most.
_NEAR, _BODY_WORDS, _DATE_WORDS, _DATE_GAP = 3, 7, 4, 40


@jit
def _blank(gap: int) -> bool:
    return gap in _BLANKS


@jit
def _code(p: Part, i: int) -> int:
    return of_word(p.words, i, w.CODE)


@jit
def _role(p: Part, i: int) -> int:
    return of_word(p.words, i, w.ROLES)


@jit
def _gap(p: Part, i: int) -> int:
    return of_word(p.words, i, w.GAP)


@jit
def _begin(p: Part, i: int) -> int:
    return of_word(p.words, i, w.START)


@jit
def _end(p: Part, i: int) -> int:
    return of_word(p.words, i, w.END)


@jit
def _put(out: int, room: int, count: int, start: int, end: int, label: int, kind: int, score: int) -> int:
    if count < room:
        put_hit(out, count, start, end, label, kind, score, _EXTEND)
    return count + 1


@jit
def _body(p: Part, start: int, label: int, i: int, out: int, room: int, count: int) -> int:
    """ "caldwell insurance", "khomeini general hospital": the body that a name belongs to, at most two words on."""
    for j in range(i, min(i + _NEAR, p.size)):
        gap = _gap(p, j)
        if (gap != _SPACE and gap != _HYPHEN) or _code(p, j) & t.FUNCTION:
            return count
        if _code(p, j) & t.BODY:
            return _put(out, room, count, start, _end(p, j), label, _QUASI, 400)
    return count


@jit
def _article(p: Part, first: int, behind: int, end: int, label: int, out: int, room: int, count: int) -> int:
    """ "the University of Alba": the article of a body's name of several words."""
    if first == 0 or not _role(p, first - 1) & t.THE or behind - first < 2 or _gap(p, first) != _SPACE:
        return count
    for j in range(first, behind):
        if _code(p, j) & (t.BODY | t.ORG):
            return _put(out, room, count, _begin(p, first - 1), end, label, _QUASI, 400)
    return count


@jit
def _noun(p: Part, label: int, i: int, out: int, room: int, count: int) -> int:
    """ "British citizen", "Glen village"."""
    nouns = t.NATIONAL_NOUN if label == _DEM else t.PLACE_NOUN | t.NATIONAL_NOUN
    if i < p.size and _role(p, i) & nouns and _blank(_gap(p, i)):
        return _put(out, room, count, _begin(p, i), _end(p, i), label, _QUASI, 500)
    return count


@jit
def _counted(p: Part, start: int, i: int, out: int, room: int, count: int) -> int:
    """What is counted, where it is a plural right after or one word on."""
    for j in range(i, min(i + 2, p.size)):
        if _gap(p, j) != _SPACE or (_code(p, j) & t.FUNCTION and not _role(p, j) & t.OTHER_OR_MORE):
            return count
        end = _end(p, j)
        if get32(p.folded, end - 1) == _S and (end - _begin(p, j) < 2 or get32(p.folded, end - 2) != _S):
            return _put(out, room, count, start, end, _QUANTITY, _QUASI, 400)
    return count


@jit
def _dated(p: Part, i: int) -> bool:
    """Whether word *i* leads up to a date: "between", "the end of"."""
    role = _role(p, i)
    return role & t.DATE_BEFORE != 0 or (role & _OF != 0 and i > 0 and _role(p, i - 1) & t.DATE_BEFORE != 0)


@jit
def _date(p: Part, first: int, out: int, room: int, count: int) -> int:
    """The words before a date that make it one."""
    i = first - 1
    while i >= 0 and i + 1 < p.size and _blank(_gap(p, i + 1)) and _dated(p, i):
        count = _put(out, room, count, _begin(p, i), _end(p, i), _DATE, _QUASI, 400)
        i -= 1
    return count


@jit
def _period(p: Part, hits: int, n: int, i: int, out: int, room: int, count: int) -> int:
    """ "3 May to 9 June": what lies between two dates."""
    end, following = of_hit(hits, n, END), of_hit(hits, n + 1, START)
    if following - end > _DATE_GAP:
        return count
    j = i
    while j < p.size and _begin(p, j) < following:
        if j - i == _DATE_WORDS or not _role(p, j) & t.DATE_BETWEEN:
            return count
        j += 1
    for at in range(end, following):
        if get32(p.points, at) == _NEWLINE:
            return count
    return _put(out, room, count, of_hit(hits, n, START), of_hit(hits, n + 1, END), _DATE, _QUASI, 400)


@jit
def _body_of(p: Part, i: int, out: int, room: int, count: int) -> int:
    """ "ministry of education", "department of housing and urban development"."""
    j = i + 2
    if j >= p.size or not _role(p, i + 1) & t.OF_OR_FOR or _gap(p, i + 1) != _SPACE:
        return count
    end = 0
    while j < min(i + _BODY_WORDS, p.size) and _gap(p, j) == _SPACE:
        if not _code(p, j) & t.FUNCTION:
            end = _end(p, j)
        elif not _role(p, j) & (t.THE | t.AND) or j + 1 >= p.size or _code(p, j + 1) & t.FUNCTION or (end != 0 and j - i <= 2):
            break
        j += 1
    return _put(out, room, count, _begin(p, i), end, _ORG, _QUASI, 400) if end else count


@jit
def neighbours_to(p: Part, hits: int, n: int, out: int, room: int) -> int:
    """Write what belongs to *n* resolved hits to *out*; returns how many there are, which may be more than it has room for."""
    count = first = i = 0
    for k in range(n):
        start, end, label = of_hit(hits, k, START), of_hit(hits, k, END), of_hit(hits, k, LABEL)
        first = max(first, i)
        while first < p.size and _begin(p, first) < start:
            first += 1
        i = first
        while i < p.size and _begin(p, i) < end:
            i += 1
        if label in _DATES:
            count = _date(p, first, out, room, count)
            if k + 1 < n and of_hit(hits, k + 1, LABEL) in _DATES:
                count = _period(p, hits, k, i, out, room, count)
        if label in _NAMED:
            count = _body(p, start, label, i, out, room, count)
            count = _article(p, first, i, end, label, out, room, count)
        if label in _PLACES:
            count = _noun(p, label, i, out, room, count)
        elif label == _NUMBER or (label == _QUANTITY and of_hit(hits, k, DETECTOR) == _NUMBER_WORD):
            count = _counted(p, start, i, out, room, count)
    for i in range(p.size):
        code = _code(p, i)
        if code & t.BODY and _role(p, i) & t.BODY_OF:
            count = _body_of(p, i, out, room, count)
        if code & t.ILL and i and _role(p, i - 1) & t.ILL_BEFORE and _blank(_gap(p, i)):
            count = _put(out, room, count, _begin(p, i - 1), _end(p, i), _HEALTH, _SENSITIVE, 500)
    return count


@jit
def neighbours_of(p: Part, hits: Any) -> Any:
    """What `neighbours_to` writes, however much it is."""
    room = 2 * hits.shape[0] + 16
    while True:
        out = np.empty((room, WIDTH), np.int32)
        found = neighbours_to(p, hits.ctypes.data, hits.shape[0], out.ctypes.data, room)
        if found <= room:
            return out[:found]
        room = found


@jit
def neighbours(hits: Any, points: Any, folded: Any, words: Any) -> Any:
    """`neighbours_of` for arrays."""
    return neighbours_of(part(points, folded, words), hits)
