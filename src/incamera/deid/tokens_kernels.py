"""Cutting a text into words, compiled: one pass that folds, hashes, classifies and looks up.

Inside, arrays are addresses (`deid.memory`). Each word becomes one row of `words`, each line one row of `lines`; nothing of a
text outlives the arrays it is written to.
"""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: PLR1714

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.columns import (
    BLANK,
    CAPITAL,
    CODE,
    DECIMALS,
    DIGIT,
    DIGITS,
    END,
    FIGURE_FIRST,
    GAP,
    HEADLINE,
    ID,
    LETTERS,
    LINE,
    LINE_END,
    LINE_START,
    LOUD,
    MARKS,
    OPENS,
    PLAIN,
    RECORD,
    ROLES,
    SHOUTED,
    SMALL,
    START,
    WIDTH,
)  # fmt: skip
from incamera.deid.lexicons import characters as c
from incamera.deid.lexicons import tables as t
from incamera.deid.lexicons.kernels import Int, bits_of, hash_of, look_up, role_of, seek
from incamera.deid.memory import get16, get32, jit, put32, put64

_TAG = ord(BLANK)
#: Of a longer line only so much is looked at to tell whether it shouts.
_LOUD_PART = 400
_FAR = 1 << 30
_LONG_GAP = -1
_NO, _YES, _MAYBE = range(3)
_FULL_STOP, _SPACE, _HYPHEN, _NEWLINE, _UNDERSCORE = map(ord, ". -\n_")
_SIGMA, _SMALL_SIGMA, _FINAL_SIGMA = 0x3A3, 0x3C3, 0x3C2


@jit
def kind(classes: int, point: int) -> int:
    """The classes of a code point."""
    if point < c.TABLED:
        return get16(classes, point)
    return c.ALNUM | c.ALPHA | c.UNSPACED if point < c.IDEOGRAPHS else 0


@jit
def survey(text: Any, characters: Any) -> int:
    """The classes of all code points of a text, united; every class where one is beyond the table."""
    points, classes = text.ctypes.data, characters.ctypes.data
    found = 0
    for i in range(text.size):
        point = get32(points, i)
        found |= get16(classes, point) if point < c.TABLED else -1
    return found


@jit
def uncovered(text: Any, characters: Any, stretches: Any) -> tuple[int, int]:
    """Write [start, end) of what the gate cannot read: runs of scripts without spaces, words with a strange letter.

    Returns how many there are, and the number of letters of the whole text. Of a word partly written without spaces that
    part counts.
    """
    points, size, classes = text.ctypes.data, text.size, characters.ctypes.data
    count = letters = 0
    run = word = -1
    strange = mixed = False
    for at in range(size + 1):
        bits = kind(classes, get32(points, at)) if at < size else 0
        letters += bits & c.ALPHA != 0
        if bits & c.UNSPACED:
            if run < 0:
                run = at
        elif run >= 0:
            stretches[count, 0], stretches[count, 1] = run, at
            count += 1
            run = -1
        if bits & c.ALNUM and not bits & c.DECIMAL:
            if word < 0:
                word, strange, mixed = at, False, False
            strange |= bits & c.STRANGE != 0
            mixed |= bits & c.UNSPACED != 0
        elif word >= 0:
            if strange and not mixed:
                stretches[count, 0], stretches[count, 1] = word, at
                count += 1
            word = -1
    return count, letters


@jit
def _count(points: int, size: int, classes: int, word: int) -> int:
    """The number of words."""
    found = 0
    inside = False
    for i in range(size):
        now = kind(classes, get32(points, i)) & word != 0
        found += now and not inside
        inside = now
    return found


@jit
def _gap(points: int, start: int, end: int) -> int:
    """A gap as `columns.gap_code` has it."""
    if end - start > 3:
        return _LONG_GAP
    code = 0
    for i in range(end - 1, start - 1, -1):
        code = code << 21 | get32(points, i)
    return code


@jit
def _opens(points: int, start: int, end: int, classes: int) -> int:
    """Whether a sentence begins behind the gap [start, end): no, yes, or `_MAYBE` where only a full stop says so."""
    ends = 0
    stops = others = 0
    for i in range(start, end):
        point = get32(points, i)
        ends |= kind(classes, point) & c.END
        if point == _FULL_STOP:
            stops += 1
        elif point != _SPACE and point != _HYPHEN:
            others += 1
    if not ends:
        return _NO
    return _MAYBE if stops == 1 and not others else _YES


@jit
def _final(points: int, start: int, end: int, at: int, classes: int) -> bool:
    """Whether the sigma at *at* ends its word, as `str.lower` sees it: behind a cased letter, before none."""
    i = at - 1
    while i >= start and kind(classes, get32(points, i)) & c.IGNORED:
        i -= 1
    if i < start or not kind(classes, get32(points, i)) & c.CASED:
        return False
    i = at + 1
    while i < end and kind(classes, get32(points, i)) & c.IGNORED:
        i += 1
    return i == end or not kind(classes, get32(points, i)) & c.CASED


@jit
def _fold(points: int, start: int, end: int, classes: int, lower: int, folded: int) -> int:
    """Write the lower case of a word; returns what it looks like."""
    some, every, plain = 0, -1, True
    for i in range(start, end):
        point = get32(points, i)
        bits = kind(classes, point)
        some |= bits
        every &= bits
        low = get32(lower, point) if point < c.TABLED else point
        if point == _SIGMA:
            low = _FINAL_SIGMA if _final(points, start, end, i, classes) else _SMALL_SIGMA
        plain &= low == point
        put32(folded, i, low)
    return _look(some, every, kind(classes, get32(points, start)), plain)


@jit
def _look(some: int, every: int, first: int, plain: bool) -> int:
    """What a word looks like, by the classes of some, of every and of the first of its characters."""
    marks = PLAIN if plain else 0
    if first & c.UPPER:
        marks |= CAPITAL
    if some & c.UPPER and not some & (c.LOWER | c.TITLE):
        marks |= SHOUTED
    if some & c.LOWER and not some & (c.UPPER | c.TITLE):
        marks |= SMALL
    if every & c.ALPHA:
        marks |= LETTERS
    if some & c.DIGIT:
        marks |= DIGIT
        if every & c.DIGIT:
            marks |= DIGITS
        if every & c.DECIMAL:
            marks |= DECIMALS
        if first & c.DIGIT:
            marks |= FIGURE_FIRST
    return marks


@jit
def _write_lines(points: int, size: int, classes: int, lines: Any) -> None:
    """Bounds of each line, and whether it shouts: then capitals say nothing. A tag counts as shouting."""
    start = 0
    for row in range(lines.shape[0]):
        end = start
        upper = lower = 0
        while end < size:
            point = get32(points, end)
            if point == _NEWLINE:
                break
            if end - start < _LOUD_PART:
                bits = kind(classes, point)
                upper += bits & c.UPPER != 0 or point == _TAG
                lower += bits & c.LOWER != 0
            end += 1
        lines[row, LINE_START], lines[row, LINE_END] = start, end
        lines[row, LOUD] = upper + lower >= 8 and upper * 10 >= 7 * (upper + lower)
        lines[row, HEADLINE] = 0
        start = end + 1


@jit
def _cased(points: int, size: int, classes: int) -> bool:
    """Whether the author capitalises where a sentence begins. A tag counts as a capital: it never makes the gate stricter.

    A beginning is a letter at most four characters behind a sign that opens a sentence, with no word and no tag between.
    """
    distance = 0
    openings = lower = tags = before = 0
    for i in range(size):
        point = get32(points, i)
        bits = kind(classes, point)
        if bits & c.ALNUM or point == _UNDERSCORE:
            if distance <= 4 and bits & c.ALNUM and not bits & c.DECIMAL:
                openings += 1
                lower += bits & c.LOWER != 0
            distance = _FAR
        elif point == _TAG:
            tags += before != _TAG
            distance = _FAR
        elif bits & c.OPENING:
            distance = 0
        else:
            distance += 1
        before = point
    return 2 * (tags + openings - lower) >= lower


@jit
def _word_class(points: int, size: int, classes: int) -> int:
    """What words are made of: letters and digits, and marks where the script writes them."""
    for i in range(size):
        if kind(classes, get32(points, i)) & c.MARKED:
            return c.ALNUM | c.MARK
    return c.ALNUM


@jit
def cut(text: Any, ascii: bool, newlines: int, characters: Any, lower: Any, slots: Any, records: Any) -> Any:
    """(folded, words, lines, whether the author uses capitals) of a text with so many line feeds."""
    points, size, classes, table = text.ctypes.data, text.size, characters.ctypes.data, records.ctypes.data
    word = c.ALNUM if ascii else _word_class(points, size, classes)
    folded = text.copy()
    words = np.empty((_count(points, size, classes, word), WIDTH), np.int64)
    lines = np.empty((newlines + 1, 4), np.int32)
    _write_lines(points, size, classes, lines)
    _write_words(
        points, size, classes, word, lower.ctypes.data, folded.ctypes.data, slots.ctypes.data, slots.size - 1, table,
        words.ctypes.data, words.shape[0],
    )  # fmt: skip
    return folded, words, lines, _cased(points, size, classes)


@jit
def _write_words(
    points: int,
    size: int,
    classes: int,
    word: int,
    lower: int,
    folded: int,
    slots: int,
    mask: int,
    records: int,
    words: int,
    n: int,
) -> None:  # fmt: skip
    line = gap = at = before = 0
    lone = False
    for i in range(n):
        while not kind(classes, get32(points, at)) & word:
            line += get32(points, at) == _NEWLINE
            at += 1
        start = at
        while at < size and kind(classes, get32(points, at)) & word:
            at += 1
        marks = _fold(points, start, at, classes, lower, folded)
        hashed = hash_of(folded, start, at, 0)
        record = seek(folded, start, at, 0, hashed, slots, mask, records)
        role = role_of(records, record)
        opens = _YES if i == 0 else _opens(points, gap, start, classes)
        # After an initial or "Dr" a full stop ends no sentence.
        if opens == _YES or (opens == _MAYBE and not lone and not before & t.ABBREVIATION):
            marks |= OPENS
        row = i * WIDTH
        put64(words, row + START, start)
        put64(words, row + END, at)
        put64(words, row + CODE, bits_of(records, record))
        put64(words, row + ROLES, role)
        put64(words, row + RECORD, record)
        put64(words, row + MARKS, marks)
        put64(words, row + GAP, _gap(points, gap, start))
        put64(words, row + LINE, line)
        put64(words, row + ID, Int(hashed))
        gap, before, lone = at, role, at - start == 1 and marks & CAPITAL != 0


@jit
def count_bits(text: Any, characters: Any, lower: Any, slots: Any, records: Any, found: Any) -> int:
    """Add up, bit by bit, what the runs of letters of a text are known for; returns how many runs there are."""
    points, size, classes, table = text.ctypes.data, text.size, characters.ctypes.data, records.ctypes.data
    folded = text.copy()
    at = runs = 0
    while at < size:
        if not _letter(classes, get32(points, at)):
            at += 1
            continue
        start = at
        while at < size and _letter(classes, get32(points, at)):
            at += 1
        runs += 1
        _fold(points, start, at, classes, lower.ctypes.data, folded.ctypes.data)
        bits = look_up(folded.ctypes.data, start, at, 0, slots.ctypes.data, slots.size - 1, table)
        bit = 0
        while bits:  # few words are of more than a few languages
            found[bit] += bits & 1
            bits >>= 1
            bit += 1
    return runs


@jit
def _letter(classes: int, point: int) -> bool:
    bits = kind(classes, point)
    return bits & c.ALNUM != 0 and not bits & c.DECIMAL
