"""Compiled kernels of the names model: tokens, types and their features, over arrays of code points.

A *token* is a maximal run of letters, digits and marks; a run of one repeated punctuation character; or a stretch of
white space that holds a line end. A *type* is a distinct token, case included: its features are computed once however
often it occurs. Training and inference share these kernels, so that they cannot drift apart.

Everything here is integer arithmetic on the token alone: no result depends on what else is in the batch.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

# --- classes of code points ---------------------------------------------------------------------------------------

SPACE, LINE, UPPER, LOWER, LETTER, DIGIT, MARK, PUNCT = range(8)

#: Code points from here on are letters up to `LAST_IDEOGRAPH` and symbols above it.
TABLED = 0x20000
LAST_IDEOGRAPH = 0x3FFFF

#: Latin letters with a stroke have no canonical decomposition; everybody types them without it.
_STROKES = str.maketrans("øłđıħŧßþðæœ", "oldihtstdao")

# --- features of a type ---------------------------------------------------------------------------------------------

#: Shapes: 0-9 words, 10 line end, 11-19 punctuation.
SHAPES = 20
LENGTHS = 8
FLAGS = 16
ENGLISH, SPANISH, OTHER = 8, 4, 4  # frequency buckets; 0: not among the language's words
GROUPS = 8  # 1: first name, 2: surname, 4: place

_LENGTH = SHAPES
_ENGLISH = _LENGTH + LENGTHS
_SPANISH = _ENGLISH + ENGLISH
_OTHER = _SPANISH + SPANISH
_GROUP_BY_ENGLISH = _OTHER + OTHER
_SHAPE_BY_ENGLISH = _GROUP_BY_ENGLISH + GROUPS * ENGLISH
_FLAG = _SHAPE_BY_ENGLISH + SHAPES * ENGLISH
#: Rows of the small feature table, and how many of them every type has before its flags.
FEATURE_ROWS = _FLAG + FLAGS
DENSE_FEATURES = 7

#: Character n-grams: only the head and the tail of a longer token are read, so that cost is bounded.
GRAM_ROWS = 1 << 16
HEAD, TAIL = 24, 8
MAX_GRAMS = HEAD + TAIL + 8

#: Bits of `flags` that make the groups above. The other bits are listed in `training/lexicon.py`.
FIRST_BITS = 0b0000_0000_0000_0111
LAST_BITS = 0b0000_0000_0011_1000
PLACE_BITS = 0b0000_0011_1100_0000

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


def code_points(text: str) -> U32:
    """The code points of *text*, lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32, copy=False)


def tables() -> tuple[U8, U32]:
    """Class and fold of each tabled code point. The fold lower-cases and takes accents off alphabetic scripts.

    Cost: about 0.15 s; build it once.
    """
    classes = np.empty(TABLED, np.uint8)
    folds = np.arange(TABLED, dtype=np.uint32)
    by_category = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lo": LETTER, "Lm": LETTER, "Nd": DIGIT, "Nl": DIGIT, "No": DIGIT}
    for point in range(TABLED):
        char = chr(point)
        category = unicodedata.category(char)
        if char in "\n\r\x0b\x0c\x85\u2028\u2029":
            classes[point] = LINE
        elif category[0] == "Z" or category in ("Cc", "Cf"):
            classes[point] = SPACE
        elif category[0] == "M":
            classes[point] = MARK
        else:
            classes[point] = by_category.get(category, PUNCT)
        if category in ("Lu", "Lt", "Ll"):
            folds[point] = _fold(char, point)
    return classes, folds


def _fold(char: str, point: int) -> int:
    lower = char.lower()
    if point < 0x0590 or 0x1E00 <= point < 0x2000:
        lower = unicodedata.normalize("NFD", lower)[:1].translate(_STROKES)
    return ord(lower) if len(lower) == 1 else point


@numba.njit(cache=True, inline="always")
def _class(classes: U8, point: int) -> int:
    if point < TABLED:
        return int(classes[point])
    return LETTER if point <= LAST_IDEOGRAPH else PUNCT


def cut(texts: Sequence[str], classes: U8) -> tuple[U32, I32, I32, I64]:
    """Code points of *texts* one after another, bounds of their tokens among them, and the number of tokens of each text."""
    points = code_points("".join(texts))
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    starts, ends = np.empty(points.size, np.int32), np.empty(points.size, np.int32)
    lengths = np.empty(sizes.size, np.int64)
    count = tokenise(points, sizes, classes, starts, ends, lengths)
    return points, starts[:count], ends[:count], lengths


@numba.njit(cache=True)
def tokenise(points: U32, sizes: I64, classes: U8, starts: I32, ends: I32, lengths: I64) -> int:
    """Write the half-open bounds of each token of texts of *sizes* code points, and how many each text has; returns their
    number. *starts* and *ends* hold as many as *points*; no token reaches from one text into the next."""
    count = 0
    i = 0
    end = 0
    for text in range(sizes.size):
        end += sizes[text]
        before = count
        while i < end:
            kind = _class(classes, points[i])
            j = i + 1
            token = True
            if kind <= LINE:
                token = kind == LINE
                while j < end:
                    kind = _class(classes, points[j])
                    if kind > LINE:
                        break
                    token = token or kind == LINE
                    j += 1
            elif kind == PUNCT:
                while j < end and points[j] == points[i]:
                    j += 1
            else:
                while j < end:
                    kind = _class(classes, points[j])
                    if kind < UPPER or kind > MARK:
                        break
                    j += 1
            if token:
                starts[count] = i
                ends[count] = j
                count += 1
            i = j
        lengths[text] = count - before
    return count


@numba.njit(cache=True, inline="always")
def _mix(h: np.uint64) -> np.uint64:
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    h ^= h >> np.uint64(33)
    return h


@numba.njit(cache=True, inline="always")
def _slot(points: U32, start: int, end: int, slots: int, seed: int) -> np.int64:
    h = np.uint64(0xCBF29CE484222325)
    for i in range(start, end):
        h = (h ^ np.uint64(points[i])) * np.uint64(0x100000001B3)
    return np.int64(_mix(h ^ np.uint64(seed)) & np.uint64(slots - 1))


@numba.njit(cache=True, inline="always")
def _same(points: U32, start: int, end: int, others: U32, other_start: int, other_end: int) -> bool:
    if other_end - other_start != end - start:
        return False
    for k in range(end - start):  # noqa: SIM110 (compiled code knows no generators)
        if others[other_start + k] != points[start + k]:
            return False
    return True


@numba.njit(cache=True)
def distinct(
    points: U32, starts: I32, ends: I32, of: I32, first: I32,
    common: U32, common_starts: I32, common_ends: I32, common_slots: I32,
) -> int:  # fmt: skip
    """Number the distinct tokens. Returns the number of types that are not among the *common* ones.

    *of* gets each token's type: below the number of common types it is one of those, from there on it counts the others in
    order of appearance; *first* gets a token of each of the others. Tokens are compared code point by code point; the hash
    only finds the slot, and where the table lies is part of it: nobody can write a text whose words meet in one. *common_slots*
    comes from `slots_of`.
    """
    n = starts.size
    slots = 1024
    while slots < 2 * n:
        slots *= 2
    table = np.full(slots, -1, np.int32)
    count = 0
    offset = common_starts.size
    for t in range(n):
        slot = _slot(points, starts[t], ends[t], common_slots.size, 0)
        known = common_slots[slot]
        while known >= 0 and not _same(points, starts[t], ends[t], common, common_starts[known], common_ends[known]):
            slot = (slot + 1) & (common_slots.size - 1)
            known = common_slots[slot]
        if known >= 0:
            of[t] = known
            continue
        slot = _slot(points, starts[t], ends[t], slots, table.ctypes.data)
        known = table[slot]
        while known >= 0 and not _same(points, starts[t], ends[t], points, starts[first[known]], ends[first[known]]):
            slot = (slot + 1) & (slots - 1)
            known = table[slot]
        if known < 0:
            known = table[slot] = count
            first[count] = t
            count += 1
        of[t] = offset + known
    return count


@numba.njit(cache=True)
def slots_of(points: U32, starts: I32, ends: I32) -> I32:
    """A table of distinct tokens for `distinct`: slot to token, -1 where empty."""
    slots = 2
    while slots < 4 * starts.size:
        slots *= 2
    table = np.full(slots, -1, np.int32)
    for t in range(starts.size):
        slot = _slot(points, starts[t], ends[t], slots, 0)
        while table[slot] >= 0:
            slot = (slot + 1) & (slots - 1)
        table[slot] = t
    return table


@numba.njit(cache=True)
def keys(points: U32, folds: U32, starts: I32, ends: I32, out: U32) -> None:
    """The 32-bit lexicon key of each folded token."""
    for t in range(starts.size):
        h = np.uint64(0x9E3779B97F4A7C15)
        for i in range(starts[t], ends[t]):
            point = points[i]
            if point < TABLED:
                point = folds[point]
            h = (h ^ np.uint64(point)) * np.uint64(0x100000001B3)
        out[t] = np.uint32(_mix(h) >> np.uint64(32))


@numba.njit(cache=True)
def build(
    slots: int, table_keys: U32, used: U8, values: I32, new_keys: U32, new_values: I32, shift: int, width: int
) -> None:  # fmt: skip
    """Put *new_keys* into an open-addressed table; *new_values* go to bits [shift, shift+width), the largest one stays."""
    limit = (1 << width) - 1
    for k in range(new_keys.size):
        slot = np.int64(new_keys[k]) & (slots - 1)
        while used[slot] and table_keys[slot] != new_keys[k]:
            slot = (slot + 1) & (slots - 1)
        used[slot] = 1
        table_keys[slot] = new_keys[k]
        old = (values[slot] >> shift) & limit
        if new_values[k] > old:
            values[slot] = values[slot] ^ np.int32((old ^ new_values[k]) << shift)


@numba.njit(cache=True)
def look_up(wanted: U32, table_keys: U32, used: U8, values: I32, out: I32) -> None:
    """The value of each wanted key; 0 for a key that the table lacks."""
    slots = table_keys.size
    for k in range(wanted.size):
        slot = np.int64(wanted[k]) & (slots - 1)
        while used[slot] and table_keys[slot] != wanted[k]:
            slot = (slot + 1) & (slots - 1)
        out[k] = values[slot] if used[slot] else 0


@numba.njit(cache=True)
def shape(points: U32, classes: U8, start: int, end: int) -> int:
    """Casing and kind of one token, 0 to `SHAPES` - 1."""
    counts = np.zeros(8, np.int32)
    for i in range(start, end):
        counts[_class(classes, points[i])] += 1
    if counts[LINE]:
        return 10
    if counts[PUNCT]:
        return _punctuation(points[start])
    if counts[DIGIT]:
        if counts[UPPER] or counts[LOWER] or counts[LETTER]:
            return 8
        digits = counts[DIGIT]
        return 5 if digits <= 2 else 6 if digits == 4 else 7
    if counts[UPPER] == 0:
        return 0 if counts[LOWER] else 9
    if counts[LOWER] == 0:
        return 2 if counts[UPPER] > 1 else 3
    if counts[UPPER] == 1 and _class(classes, points[start]) == UPPER:
        return 1
    return 4


@numba.njit(cache=True)
def _punctuation(point: int) -> int:
    if point == ord("."):
        return 11
    if point == ord("!") or point == ord("?") or point == 0x2026:
        return 12
    if point == ord(",") or point == ord(";"):
        return 13
    if point == ord(":"):
        return 14
    if point == ord("@"):
        return 15
    if point == ord("#"):
        return 16
    if point == ord("'") or point == ord("-") or point == 0x2019 or point == ord("&"):
        return 17
    if point in (0x5F, 0x2F, 0x5C, 0x3D, 0x7B, 0x7D):  # _ / \ = { }
        return 18
    return 19


@numba.njit(cache=True)
def features(
    points: U32, classes: U8, folds: U32, starts: I32, ends: I32, facts: I32, flag_bits: int,
    grams: I32, gram_counts: I32, rows: I32, row_counts: I32,
) -> None:  # fmt: skip
    """Rows of the n-gram table and of the feature table for each type.

    *facts* packs *flag_bits* flags, then English (3 bits), Spanish (2) and other (2) frequency buckets.
    *grams* is (types, `MAX_GRAMS`), *rows* is (types, `DENSE_FEATURES` + `FLAGS`); their counts say how much is filled.
    """
    buffer = np.empty(HEAD + TAIL + 2, np.uint32)
    for t in range(starts.size):
        start, end = starts[t], ends[t]
        form = shape(points, classes, start, end)
        length = end - start
        bits = facts[t]
        english = (bits >> flag_bits) & 7
        spanish = (bits >> (flag_bits + 3)) & 3
        other = (bits >> (flag_bits + 5)) & 3
        group = (1 if bits & FIRST_BITS else 0) + (2 if bits & LAST_BITS else 0) + (4 if bits & PLACE_BITS else 0)
        rows[t, 0] = form
        rows[t, 1] = _LENGTH + (length - 1 if length <= 5 else 5 if length <= 8 else 6 if length <= 12 else 7)
        rows[t, 2] = _ENGLISH + english
        rows[t, 3] = _SPANISH + spanish
        rows[t, 4] = _OTHER + other
        rows[t, 5] = _GROUP_BY_ENGLISH + group * ENGLISH + english
        rows[t, 6] = _SHAPE_BY_ENGLISH + form * ENGLISH + english
        count = DENSE_FEATURES
        for bit in range(FLAGS):
            if (bits >> bit) & 1:
                rows[t, count] = _FLAG + bit
                count += 1
        row_counts[t] = count
        gram_counts[t] = 0
        if form < 10:
            size = _padded(points, folds, start, end, buffer)
            gram_counts[t] = _grams(buffer, size, grams[t])


@numba.njit(cache=True)
def _padded(points: U32, folds: U32, start: int, end: int, buffer: U32) -> int:
    """Head and tail of one folded token between two sentinels; digits count as one kind. Returns the length."""
    buffer[0] = 2
    size = 1
    for i in range(start, end):
        if i - start >= HEAD and end - i > TAIL:
            continue
        point = points[i]
        if point < TABLED:
            point = folds[point]
        buffer[size] = ord("0") if ord("0") <= point <= ord("9") else point
        size += 1
    buffer[size] = 3
    return size + 1


@numba.njit(cache=True)
def _grams(buffer: U32, size: int, out: I32) -> int:
    """All trigrams, the first and last 3, 4 and 5 characters, and the whole token."""
    count = 0
    for i in range(size - 2):
        out[count] = _row(buffer, i, i + 3)
        count += 1
    for width in (4, 5, 6):  # with the sentinel
        if size > width:
            out[count] = _row(buffer, 0, width)
            out[count + 1] = _row(buffer, size - width, size)
            count += 2
    out[count] = _row(buffer, 0, size)
    return count + 1


@numba.njit(cache=True, inline="always")
def _row(buffer: U32, start: int, end: int) -> np.int64:
    h = np.uint64(0xA0761D6478BD642F)
    for i in range(start, end):
        h = (h ^ np.uint64(buffer[i])) * np.uint64(0x100000001B3)
    return np.int64(_mix(h) >> np.uint64(48))
