"""A finding's neighbours, compiled. Import lazily: it brings LLVM. Arrays are rows of `hits` and of `Tokens`."""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: PLR1714

from __future__ import annotations

from typing import Any

from incamera.deid import columns as w
from incamera.deid.columns import gap_code
from incamera.deid.hits import DETECTOR, DETECTOR_CODE, END, KIND, KIND_CODE, LABEL, LABEL_CODE, SCORE, START
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import jit

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
def _from(words: Any, start: int) -> int:
    """The first word that begins at *start* or behind it."""
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) >> 1
        if words[middle, w.START] < start:
            low = middle + 1
        else:
            high = middle
    return low


@jit
def _put(out: Any, count: int, start: int, end: int, label: int, kind: int, score: int) -> int:
    if count < len(out):
        out[count, START] = start
        out[count, END] = end
        out[count, LABEL] = label
        out[count, KIND] = kind
        out[count, SCORE] = score
        out[count, DETECTOR] = _EXTEND
    return count + 1


@jit
def _body(hit: Any, words: Any, i: int, out: Any, count: int) -> int:
    """ "caldwell insurance", "khomeini general hospital": the body that a name belongs to, at most two words on."""
    for j in range(i, min(i + _NEAR, len(words))):
        gap = words[j, w.GAP]
        if (gap != _SPACE and gap != _HYPHEN) or words[j, w.CODE] & t.FUNCTION:
            return count
        if words[j, w.CODE] & t.BODY:
            return _put(out, count, hit[START], words[j, w.END], hit[LABEL], _QUASI, 400)
    return count


@jit
def _article(hit: Any, words: Any, behind: int, out: Any, count: int) -> int:
    """ "the University of Alba": the article of a body's name of several words."""
    i = _from(words, hit[START])
    if i == 0 or not words[i - 1, w.ROLES] & t.THE or behind - i < 2 or words[i, w.GAP] != _SPACE:
        return count
    for j in range(i, behind):
        if words[j, w.CODE] & (t.BODY | t.ORG):
            return _put(out, count, words[i - 1, w.START], hit[END], hit[LABEL], _QUASI, 400)
    return count


@jit
def _noun(hit: Any, words: Any, i: int, out: Any, count: int) -> int:
    """ "British citizen", "Glen village"."""
    nouns = t.NATIONAL_NOUN if hit[LABEL] == _DEM else t.PLACE_NOUN | t.NATIONAL_NOUN
    if i < len(words) and words[i, w.ROLES] & nouns and _blank(words[i, w.GAP]):
        return _put(out, count, words[i, w.START], words[i, w.END], hit[LABEL], _QUASI, 500)
    return count


@jit
def _counted(hit: Any, words: Any, folded: Any, i: int, out: Any, count: int) -> int:
    """What is counted, where it is a plural right after or one word on."""
    for j in range(i, min(i + 2, len(words))):
        if words[j, w.GAP] != _SPACE or (words[j, w.CODE] & t.FUNCTION and not words[j, w.ROLES] & t.OTHER_OR_MORE):
            return count
        end = words[j, w.END]
        if folded[end - 1] == _S and (end - words[j, w.START] < 2 or folded[end - 2] != _S):
            return _put(out, count, hit[START], end, _QUANTITY, _QUASI, 400)
    return count


@jit
def _dated(words: Any, i: int) -> bool:
    """Whether word *i* leads up to a date: "between", "the end of"."""
    role = words[i, w.ROLES]
    return role & t.DATE_BEFORE != 0 or (role & _OF != 0 and i > 0 and words[i - 1, w.ROLES] & t.DATE_BEFORE != 0)


@jit
def _date(hit: Any, words: Any, out: Any, count: int) -> int:
    """The words before a date that make it one."""
    i = _from(words, hit[START]) - 1
    while i >= 0 and _blank(words[i + 1, w.GAP]) and _dated(words, i):
        count = _put(out, count, words[i, w.START], words[i, w.END], _DATE, _QUASI, 400)
        i -= 1
    return count


@jit
def _period(hit: Any, following: Any, words: Any, points: Any, i: int, out: Any, count: int) -> int:
    """ "3 May to 9 June": what lies between two dates."""
    if following[START] - hit[END] > _DATE_GAP:
        return count
    behind = _from(words, following[START])
    if behind - i > _DATE_WORDS:
        return count
    for j in range(i, behind):
        if not words[j, w.ROLES] & t.DATE_BETWEEN:
            return count
    for at in range(hit[END], following[START]):
        if points[at] == _NEWLINE:
            return count
    return _put(out, count, hit[START], following[END], _DATE, _QUASI, 400)


@jit
def _body_of(words: Any, i: int, out: Any, count: int) -> int:
    """ "ministry of education", "department of housing and urban development"."""
    n = len(words)
    j = i + 2
    if j >= n or not words[i + 1, w.ROLES] & t.OF_OR_FOR or words[i + 1, w.GAP] != _SPACE:
        return count
    end = 0
    while j < min(i + _BODY_WORDS, n) and words[j, w.GAP] == _SPACE:
        if not words[j, w.CODE] & t.FUNCTION:
            end = words[j, w.END]
        elif (
            not words[j, w.ROLES] & (t.THE | t.AND)
            or j + 1 >= n
            or words[j + 1, w.CODE] & t.FUNCTION
            or (end != 0 and j - i <= 2)
        ):
            break
        j += 1
    return _put(out, count, words[i, w.START], end, _ORG, _QUASI, 400) if end else count


@jit
def neighbours(hits: Any, words: Any, points: Any, folded: Any, out: Any) -> int:
    """Write what belongs to resolved *hits* to *out*; returns how many there are, which may be more than *out* holds."""
    count = 0
    for n in range(len(hits)):
        hit = hits[n]
        label = hit[LABEL]
        i = _from(words, hit[END])
        if label in _DATES:
            count = _date(hit, words, out, count)
            if n + 1 < len(hits) and hits[n + 1, LABEL] in _DATES:
                count = _period(hit, hits[n + 1], words, points, i, out, count)
        if label in _NAMED:
            count = _body(hit, words, i, out, count)
            count = _article(hit, words, i, out, count)
        if label in _PLACES:
            count = _noun(hit, words, i, out, count)
        elif label == _NUMBER or (label == _QUANTITY and hit[DETECTOR] == _NUMBER_WORD):
            count = _counted(hit, words, folded, i, out, count)
    for i in range(len(words)):
        code = words[i, w.CODE]
        if code & t.BODY and words[i, w.ROLES] & t.BODY_OF:
            count = _body_of(words, i, out, count)
        if code & t.ILL and i and words[i - 1, w.ROLES] & t.ILL_BEFORE and _blank(words[i, w.GAP]):
            count = _put(out, count, words[i - 1, w.START], words[i, w.END], _HEALTH, _SENSITIVE, 500)
    return count
