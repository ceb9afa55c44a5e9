"""Where texts are cut, and where rules are asked, compiled. Import lazily: it brings LLVM.

Texts of a batch lie behind each other in one array of code points, `bases` says where; every offset here counts from the
beginning of that array, but for what is given back.
"""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: SIM109, SIM110, PLR1714

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.lexicons.characters import DECIMAL, SPACE, TABLED
from incamera.deid.memory import jit

_ZERO, _NINE, _A, _Z, _BEYOND_ASCII = ord("0"), ord("9"), ord("a"), ord("z"), 0x80
_FEED, _BLANK, _STOP, _MARK, _QUESTION, _SEMICOLON = map(ord, "\n .!?;")
#: A place may begin before its text does: what is added to make it positive.
_BEFORE = 1 << 16
#: The matchers read digits that no engine does. Where one stands so near to a place, the match may go on in it.
_NEAR = 4


@jit
def segments(points: Any, bases: Any, classes: Any, short: int, long: int) -> Any:
    """(where segments begin, which of them is each text's first).

    A text is cut at a line's or a sentence's end once it is *short*, at a blank else, before it is longer than *long*.
    """
    starts = np.empty(bases[-1] // short + bases.size, np.int64)
    first = np.empty(bases.size, np.int64)
    n = 0
    for text in range(bases.size - 1):
        first[text] = n
        at, end = bases[text], bases[text + 1]
        while at < end:
            starts[n] = at
            n += 1
            at = _cut(points, at + short, at + long, classes) if end - at > long else end
    first[-1] = n
    return starts[:n], first


@jit
def _cut(points: Any, lo: int, hi: int, classes: Any) -> int:
    """Behind the first line end, or sentence end that no digit follows, in [lo, hi); else behind the last blank; else *hi*."""
    blank = hi
    for at in range(lo, hi):
        point = points[at]
        if point == _FEED:
            while at < hi and points[at] == _FEED:
                at += 1
            return at
        if point == _STOP or point == _MARK or point == _QUESTION or point == _SEMICOLON:
            after = at + 1
            while after < hi and _is(points[after], SPACE, classes):
                after += 1
            if at + 1 < after < hi and not _is(points[after], DECIMAL, classes):
                return after
        if point == _BLANK:
            blank = at + 1
    return blank


@jit
def _is(point: int, kind: int, classes: Any) -> bool:
    return point < TABLED and classes[point] & kind != 0


@jit
def asks(
    points: Any,
    bases: Any,
    starts: Any,
    first: Any,
    windows: Any,
    events: Any,
    rules: Any,
    runs: Any,
    made_of: Any,
    within: Any,
    classes: Any,
    short: int,
) -> Any:
    """Rows (text, rule, start and end of a segment, first, last): the stretches that a rule's events cover, by segment.

    Args:
        starts, first: as `segments` gives them, cut no shorter than *short*.
        windows: rows (text, where the window begins and ends, its first event, behind its last).
        events: rows (rule, begin, end) as the engine reports them of a window between two blanks; *begin* is 0 where it knows none.
        rules: rows (has a hint, lead, reach, solid, digits), see `rules.Rule`.
        runs: rows (rule, reach, tail, least, whether one of *within* must stand in it, digits,
            whether a letter may follow) of those nominated by their runs.
        made_of, within: of each ASCII character, a bit for each of *runs*.
    """
    digits = 0
    for w in range(len(windows)):
        for at in range(windows[w, 1], windows[w, 2]):
            digits += _ZERO <= points[at] <= _NINE
    keys = np.empty(len(events) + digits * len(runs), np.int64)
    lasts = np.empty(keys.size, np.int64)
    room, n = 0, 0
    for w in range(len(windows)):
        text, shift = windows[w, 0], windows[w, 1] - 1
        lo, hi = bases[text], bases[text + 1]
        for e in range(windows[w, 3], windows[w, 4]):
            rule, begin, end = events[e, 0], events[e, 1], events[e, 2] + shift
            hinted, lead, reach, solid = rules[rule, 0], rules[rule, 1], rules[rule, 2], rules[rule, 3]
            place = begin + shift if begin > 0 and not hinted else end - lead - 1
            last = end + reach if hinted else end
            if solid:
                place = _behind_blank(points, max(place, lo), end - 1)
                last = _before_blank(points, end - 1, last, hi)
            keys[n] = w << 48 | rule << 40 | place + _BEFORE
            lasts[n] = last
            n += 1
        n = _around_digits(points, windows[w], lo, hi, runs, made_of, within, classes, w, keys, lasts, n)
    keys = keys[:n]
    for e in range(n):
        room += (lasts[e] - _place(keys[e])) // short + 3
    asked = np.empty((room, 6), np.int64)
    n = 0
    order = np.argsort(keys)
    e = 0
    while e < order.size:
        key, last = keys[order[e]], lasts[order[e]]
        e += 1
        while e < order.size and keys[order[e]] >> 40 == key >> 40 and keys[order[e]] - key <= last - _place(key):
            last = max(last, lasts[order[e]])
            e += 1
        w, rule, place = key >> 48, key >> 40 & 0xFF, _place(key)
        text = windows[w, 0]
        if _holds_digits(points, max(place - _NEAR, bases[text]), min(last + _NEAR, bases[text + 1]), rules[rule, 4]):
            n = _split(text, rule, place, last, bases, starts, first, asked, n)
    return asked[:n]


@jit
def _place(key: int) -> int:
    return (key & (1 << 40) - 1) - _BEFORE


@jit
def _split(text: int, rule: int, place: int, last: int, bases: Any, starts: Any, first: Any, asked: Any, n: int) -> int:
    """Write an ask for each segment of *text* that [place, last] touches, in offsets of *text*; the number of rows then."""
    base, lo, hi = bases[text], first[text], first[text + 1]
    k = max(lo + np.searchsorted(starts[lo:hi], place, side="right") - 1, lo)
    while k < hi and starts[k] <= last:
        end = starts[k + 1] if k + 1 < hi else bases[text + 1]
        row = asked[n]
        row[0], row[1], row[2], row[3], row[4], row[5] = text, rule, starts[k] - base, end - base, place - base, last - base
        n += 1
        k += 1
    return n


@jit
def _behind_blank(points: Any, lo: int, hi: int) -> int:
    """The last blank or line end in [lo, hi), or *lo*."""
    at = hi - 1
    while at > lo and points[at] != _BLANK and points[at] != _FEED:
        at -= 1
    return max(at, lo)


@jit
def _before_blank(points: Any, lo: int, hi: int, end: int) -> int:
    """The first blank or line end in [lo, hi), or *hi*; nothing is read at *end* or behind."""
    for at in range(lo, min(hi, end)):
        if points[at] == _BLANK or points[at] == _FEED:
            return at
    return hi


@jit
def _holds_digits(points: Any, lo: int, hi: int, least: int) -> bool:
    """Whether so many digits stand in [lo, hi), or anything beyond ASCII."""
    seen = 0
    for at in range(lo, hi):
        if seen >= least:
            return True
        point = points[at]
        if point >= _BEYOND_ASCII:
            return True
        if _ZERO <= point <= _NINE:
            seen += 1
    return seen >= least


@jit
def _around_digits(
    points: Any,
    window: Any,
    lo: int,
    hi: int,
    runs: Any,
    made_of: Any,
    within: Any,
    classes: Any,
    w: int,
    keys: Any,
    lasts: Any,
    n: int,
) -> int:
    """Write a place for each run around the digits of *window*, in the text [lo, hi); the number of places then."""
    behind = np.zeros(len(runs), np.int64)  # where the last run of each rule ends
    for digit in range(window[1], window[2]):
        if not _ZERO <= points[digit] <= _NINE:
            continue
        for k in range(len(runs)):
            if digit < behind[k]:
                continue
            reach = runs[k, 1]
            start, end = digit, digit + 1
            while start > max(lo, window[1] - reach) and _in_run(points[start - 1], made_of, k, classes):
                start -= 1
            while end < min(hi, window[2] + reach) and _in_run(points[end], made_of, k, classes):
                end += 1
            behind[k] = end
            start, end = _bordered(points, start, end, lo, hi, runs[k, 6] != 0)
            if end - start < runs[k, 3] or (runs[k, 4] != 0 and not _holds(points, start, end, within, k)):
                continue
            if _holds_digits(points, start, end, runs[k, 5]):
                keys[n] = w << 48 | runs[k, 0] << 40 | start - 1 + _BEFORE
                lasts[n] = end + 1 + runs[k, 2]
                n += 1
    return n


@jit
def _in_run(point: int, made_of: Any, k: int, classes: Any) -> bool:
    return made_of[point] >> k & 1 != 0 if point < _BEYOND_ASCII else _is(point, DECIMAL, classes)


@jit
def _bordered(points: Any, start: int, end: int, lo: int, hi: int, open_right: bool) -> tuple[int, int]:
    """The run without what no match can begin or end with: letters and digits that go on beside it."""
    if start > lo and _alphanumeric(points[start - 1]):
        while start < end and _alphanumeric(points[start]):
            start += 1
    if not open_right and end < hi and _alphanumeric(points[end]):
        while start < end and _alphanumeric(points[end - 1]):
            end -= 1
    return start, end


@jit
def _alphanumeric(point: int) -> bool:
    return _ZERO <= point <= _NINE or _A <= point | 0x20 <= _Z


@jit
def _holds(points: Any, start: int, end: int, within: Any, k: int) -> bool:
    """Whether one of the characters stands in the run, stops behind it aside."""
    while end > start and not _alphanumeric(points[end - 1]) and points[end - 1] < _BEYOND_ASCII:
        end -= 1
    for at in range(start, end):
        if points[at] < _BEYOND_ASCII and within[points[at]] >> k & 1 != 0:
            return True
    return False
