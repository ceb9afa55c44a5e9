"""Names that their neighbours announce: "Mr", "Dear", "my name is"; and places of several words."""

# ruff: noqa: SIM110

from __future__ import annotations

from incamera.deid.columns import gap_code
from incamera.deid.gate.part import (
    Part,
    code_of,
    dotted,
    end_of,
    gap_of,
    joined,
    joins,
    mask,
    opens,
    record_of,
    role_of,
    say,
    start_of,
    upper,
)  # fmt: skip
from incamera.deid.gate.verdicts import verdict
from incamera.deid.lexicons import tables as t
from incamera.deid.lexicons.kernels import NONE
from incamera.deid.memory import get32, get64, jit

_TITLED = verdict("PERSON", "direct", 0.8, "title")
_TITLE = verdict("PERSON", "quasi", 0.5, "title")
_GREETED = verdict("PERSON", "direct", 0.6, "greeting")
_INTRODUCED = verdict("PERSON", "direct", 0.7, "introduced")
_PLACE = verdict("LOC", "direct", 0.7, "place")

_PLAIN = t.SAFE_START | t.SAFE_MID
_AFTER_GREETING = tuple(map(gap_code, (" ", ", ", ",\n", "\n", ",\n\n")))


@jit
def announced(p: Part, i: int) -> None:
    """What word *i* says of the words behind it."""
    code = code_of(p, i)
    if code & t.TITLE and (role_of(p, i) & t.SHORT_TITLE or upper(p, i)):
        _titled(p, i)
    elif code & t.VOCATIVE:
        _greeted(p, i)
    if code & t.ANNOUNCES:
        _announces(p, i)


@jit
def _titled(p: Part, i: int) -> None:
    """ "Mr Jonathan B. Reed", "dr reed": up to three words, the first in small letters only if it is not an ordinary one."""
    for j in range(i + 1, min(i + 4, p.n)):
        code = code_of(p, j)
        if not joined(p, j):
            return
        if not upper(p, j) and (code & (t.FUNCTION | t.SAFE_UNCASED) or j > i + 1):
            return
        mask(p, j, _TITLED)
        mask(p, i, _TITLE)


@jit
def _greeted(p: Part, i: int) -> None:
    """ "Dear Hannah", "hi hannah,"."""
    if not opens(p, i) or i + 1 >= p.n or gap_of(p, i + 1) not in _AFTER_GREETING:
        return
    code = code_of(p, i + 1)
    if (upper(p, i + 1) or code & t.NAME) and not code & t.FUNCTION and code & _PLAIN != _PLAIN:
        mask(p, i + 1, _GREETED)


@jit
def _announces(p: Part, i: int) -> None:
    """ "my name is hannah", "called Hannah"."""
    for row in range(p.lists.introducers):
        start = get32(p.lists.introducer_bounds, row)
        size = get32(p.lists.introducer_bounds, row + 1) - start
        if _stands(p, i, p.lists.introducer_words, start, size):
            _introduced(p, i + size)


@jit
def _stands(p: Part, i: int, run: int, start: int, size: int) -> bool:
    """Whether the words from *i* on are those of the run."""
    if i + size > p.n:
        return False
    for k in range(size):
        if record_of(p, i + k) != get32(run, start + k):
            return False
    return True


@jit
def _introduced(p: Part, first: int) -> None:
    """Up to three words from *first* on, as far as they can be one name."""
    for j in range(first, min(first + 3, p.n)):
        gap = gap_of(p, j)
        if j > first and (not joins(gap) or dotted(gap)):
            return
        if start_of(p, j) - end_of(p, j - 1) > 4:
            return
        code = code_of(p, j)
        if code & t.FUNCTION or (code & t.SAFE_UNCASED and not upper(p, j) and (j > first or not code & t.NAME)):
            return
        if upper(p, j) or not p.cased or code & t.NAME or not code:
            mask(p, j, _INTRODUCED)


@jit
def phrase(p: Part, i: int) -> None:
    """A place of several words from word *i* on, in whatever case; the longest one there is."""
    if i + 1 >= p.n or record_of(p, i + 1) == NONE:
        return
    key = record_of(p, i) << 32 | record_of(p, i + 1)
    at = _first_of(p, key)
    while at < p.lists.phrases and get64(p.lists.phrase_keys, at) == key:
        start = get32(p.lists.phrase_bounds, at)
        size = get32(p.lists.phrase_bounds, at + 1) - start
        if _stands(p, i, p.lists.phrase_words, start, size) and _one_place(p, i, i + size):
            for j in range(i, i + size):
                say(p, j, _PLACE)
            return
        at += 1


@jit
def _first_of(p: Part, key: int) -> int:
    """The first phrase whose key is not below *key*."""
    first, after = 0, p.lists.phrases
    while first < after:
        middle = (first + after) // 2
        if get64(p.lists.phrase_keys, middle) < key:
            first = middle + 1
        else:
            after = middle
    return first


@jit
def _one_place(p: Part, start: int, end: int) -> bool:
    """Whether the words are joined, and more than small words in small letters."""
    telling = upper(p, start)
    for j in range(start, end):
        if j > start and not joined(p, j):
            return False
        telling |= not code_of(p, j) & t.FUNCTION
    return telling
