"""What stands before and behind the confirming matcher, compiled: where it looks, and what becomes of what it finds.

Import lazily: it brings LLVM. Texts of a batch lie behind each other in one array of code points, `bases` says where.
"""

# Kernels are written for the compiler: plain loops and plain comparisons.

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.memory import jit

_BEYOND_ASCII = 0x80
#: What may follow a match and be read into it, and which of it belongs to an address.
_LAST = np.zeros(_BEYOND_ASCII, np.bool_)
_LAST[[ord(c) for c in ".,;:!?)]}'\" \n"]] = True
_CLOSING = np.zeros(_BEYOND_ASCII, np.bool_)
_CLOSING[[ord(c) for c in ")]}"]] = True
#: A costly match is named where one at least this sure covers it, or one as confident as `resolve` means it touches it.
_SURE, _CONFIDENT = 600, 900
#: What is still to be asked of a row: nothing, of a costly one nothing either, whether it counts, its rule's check.
SETTLED, NAMED, COUNTED, CHECKED = range(4)


@jit
def places(asks: Any, points: Any, bases: Any, reaches: Any) -> Any:
    """Where to look for what *asks* name: rows (text, rule, end, first, stop, limit, whether there is nothing but ASCII).

    Matches begin in [first, end); what is beyond *stop* is not in view, and they need not look beyond *limit*.
    """
    placed = np.empty((len(asks), 7), np.int64)
    for n in range(len(asks)):
        text, rule, end, last = asks[n, 0], asks[n, 1], asks[n, 3], asks[n, 5]
        base, first = bases[text], max(asks[n, 4], asks[n, 2])
        limit = min(end + reaches[rule], bases[text + 1] - base)
        stop = last + 1 if last < limit else limit
        plain = 1
        for at in range(base + max(first - 1, 0), base + stop):
            if points[at] >= _BEYOND_ASCII:
                plain = 0
                break
        row = placed[n]
        row[0], row[1], row[2], row[3], row[4], row[5], row[6] = text, rule, end, first, stop, limit, plain
    return placed


@jit
def settle(matches: Any, points: Any, bases: Any, rules: Any, code: int, code_score: int) -> Any:
    """(rows of hits, what is still to be asked of each, where each text's rows begin): by text and start, the longer first.

    Args:
        matches: rows (text, start, end, label, score, rule); those seen twice count once.
        rules: rows (kind, detector, whether it is a URL's, whether its check is costly).

    A costly match need not be checked where another rule's names it anyway: one that covers it and is sure does; so does any
    confident one that touches it, whose label the whole will take. It has the label *code* then, and *code_score*.
    """
    keys = np.empty(len(matches), np.int64)
    for n in range(len(matches)):
        text, start, end, rule = matches[n, 0], matches[n, 1], matches[n, 2], matches[n, 5]
        end = _trimmed(points, bases[text], start, end, rules[rule, 2])
        matches[n, 2] = end
        # Text, start, the longer first, detector: 11, 30, 14 and 8 bits. An empty match comes last.
        keys[n] = text << 52 | start << 22 | ((1 << 14) - 1 - (end - start)) << 8 | rules[rule, 1]
    order = np.argsort(keys)
    hits = np.empty((len(matches), 6), np.int32)
    states = np.empty(len(matches), np.int8)
    begins = np.zeros(bases.size, np.int64)
    n = 0
    for k in range(order.size):
        match = matches[order[k]]
        if match[2] > match[1] and not _seen(matches, order, keys, k):
            rule, hit = rules[match[5]], hits[n]
            hit[0], hit[1], hit[2], hit[3], hit[4], hit[5] = match[1], match[2], match[3], rule[0], match[4], rule[1]
            states[n] = CHECKED if rule[3] else SETTLED
            n += 1
            begins[match[0] + 1] = n
    for text in range(bases.size - 1):
        begins[text + 1] = max(begins[text + 1], begins[text])
        _spare(hits, states, begins[text], begins[text + 1], code, code_score)
    return hits[:n], states[:n], begins


@jit
def _trimmed(points: Any, base: int, start: int, end: int, url: int) -> int:
    """A sentence's last stop is not part of an address."""
    while end > start:
        point = points[base + end - 1]
        if point >= _BEYOND_ASCII or not _LAST[point] or (_CLOSING[point] and not url):
            break
        end -= 1
    return end


@jit
def _seen(matches: Any, order: Any, keys: Any, k: int) -> bool:
    """Whether the match at *k* of the order says what one before it says: as much of its key is its place."""
    before = k - 1
    while before >= 0 and keys[order[before]] == keys[order[k]]:
        one, other = matches[order[before]], matches[order[k]]
        if one[3] == other[3] and one[4] == other[4]:
            return True
        before -= 1
    return False


@jit
def _spare(hits: Any, states: Any, lo: int, hi: int, code: int, code_score: int) -> None:
    """Name those of the costly rows in [lo, hi), the rows of one text, that need not be checked."""
    sure, confident = 0, 0  # how far such rows before this one reach
    for n in range(lo, hi):
        start, end, score = hits[n, 0], hits[n, 1], hits[n, 4]
        if states[n] == SETTLED:
            if score >= _SURE:
                sure = max(sure, end)
            if score >= _CONFIDENT:
                confident = max(confident, end)
            continue
        covering, touching = sure, confident
        k = n + 1
        while k < hi and hits[k, 0] < end:
            if states[k] == SETTLED:
                if hits[k, 0] == start and hits[k, 4] >= _SURE:
                    covering = max(covering, hits[k, 1])
                if hits[k, 4] >= _CONFIDENT:
                    touching = max(touching, hits[k, 1])
            k += 1
        if covering >= end or touching > start:
            states[n] = NAMED if covering >= end else COUNTED
            hits[n, 2], hits[n, 4] = code, code_score
