"""One word by itself: what it is known for, and how it is written."""

from __future__ import annotations

from incamera.deid.columns import LETTERS, PLAIN, SHOUTED
from incamera.deid.gate.derived import derived
from incamera.deid.gate.headlines import headline
from incamera.deid.gate.numbers import number
from incamera.deid.gate.part import (
    Part,
    bits_at,
    code_of,
    end_of,
    length,
    loud,
    marks_of,
    mask,
    opens,
    point,
    role_of,
    start_of,
    upper,
)
from incamera.deid.gate.verdicts import verdict
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import get8, jit
from incamera.deid.opinion_kernels import CLEARED

_DEM = verdict("DEM", "sensitive", 0.7, "demographic")
_HEALTH = verdict("HEALTH", "sensitive", 0.5, "health")
_OCC = verdict("OCC", "quasi", 0.5, "occupation")
_NUMBER_WORD = verdict("QUANTITY", "quasi", 0.4, "number-word")
_KIN = verdict("KIN", "quasi", 0.5, "kin")
_SMALL_PLACE = verdict("LOC", "direct", 0.6, "name")
_SMALL_NAME = verdict("PERSON", "direct", 0.6, "name")
_SMALL_UNKNOWN = verdict("OTHER", "direct", 0.4, "unknown")
_INITIAL = verdict("PERSON", "direct", 0.5, "initial")
_NAME = verdict("PERSON", "direct", 0.7, "name")
_PLACE = verdict("LOC", "direct", 0.7, "place")
_DATE = verdict("DATE", "quasi", 0.6, "date")
_ORG = verdict("ORG", "quasi", 0.5, "organisation")
_CAPITAL, _UNKNOWN_CAPITAL = verdict("OTHER", "quasi", 0.4, "capital"), verdict("OTHER", "direct", 0.5, "capital")
_ACRONYM, _UNKNOWN_ACRONYM = verdict("OTHER", "quasi", 0.4, "acronym"), verdict("OTHER", "direct", 0.5, "acronym")
_UNKNOWN = verdict("OTHER", "direct", 0.5, "unknown")

#: What k subjects' use of a word grants it: to survive however it is written.
_GRANTED = t.SAFE_CASED | t.SAFE_UNCASED | t.SAFE_START | t.SAFE_MID
_I = ord("I")
#: Capitals that are words where a sentence begins ("A", Spanish "Y", "E", "O").
_WORDS = tuple(map(ord, "AYEO"))
_CLOSING = tuple(map(ord, ")]"))
_FULL_STOP, _COLON, _SPACE, _TAB = map(ord, ".: \t")
_BIG_A, _BIG_Z, _SMALL_A, _SMALL_Z = map(ord, "AZaz")


@jit
def one_word(p: Part, i: int) -> None:
    """The verdict on word *i* from itself, its line and its place in the sentence."""
    marks = marks_of(p, i)
    if not marks & LETTERS:
        if not number(p, i):
            _small(p, i)
    elif marks & PLAIN:
        _small(p, i)
    else:
        _capital(p, i)


@jit
def _small(p: Part, i: int) -> None:
    """A word in small letters survives if it is known and no name."""
    code = code_of(p, i)
    if _describes(p, i, code) or code & (t.SAFE_CASED if p.cased else t.SAFE_UNCASED) or _granted(p, i, code):
        return
    if not code:
        code = derived(p, i)
        if code & t.SAFE_CASED:
            return
    if length(p, i) == 1 or (p.code and code & t.KNOWN and not code & t.NAME):
        return
    if code & t.KNOWN and _cleared(p, i):
        return
    if not code & t.NAME:
        mask(p, i, _SMALL_UNKNOWN)
    elif code & t.PLACE and not code & t.FIRST:
        mask(p, i, _SMALL_PLACE)
    else:
        mask(p, i, _SMALL_NAME)


@jit
def _describes(p: Part, i: int, code: int) -> bool:
    """What says something about a person without naming one: people, faith, health, trade, kin."""
    if code & t.DEM:
        mask(p, i, _DEM)
    elif code & t.HEALTH:
        mask(p, i, _HEALTH)
    elif code & t.OCC:
        mask(p, i, _OCC)
    elif code & t.NUMWORD and not role_of(p, i) & t.VAGUE:
        mask(p, i, _NUMBER_WORD)
    elif code & (t.KIN | t.SEX):
        mask(p, i, _KIN)
    else:
        return False
    return True


@jit
def _granted(p: Part, i: int, code: int) -> bool:
    """Whether k subjects use word *i*; commonness never clears a name."""
    return p.known != 0 and get8(p.known, i) != 0 and not code & t.NAME


@jit
def _cleared(p: Part, i: int) -> bool:
    """Whether the names model is sure that word *i* is no name."""
    return p.thought != 0 and get8(p.thought, i) & CLEARED != 0


@jit
def _capital(p: Part, i: int) -> None:
    """A capital must be explained: by a sentence that begins, a title, a line that shouts, a word that always has one."""
    if length(p, i) == 1:
        _initial(p, i)
        return
    code = code_of(p, i)
    if not code:
        code = derived(p, i)
    if _describes(p, i, code):
        return
    if _granted(p, i, code):
        code |= _GRANTED
    if code & t.SAFECAP and not code & t.FIRST:
        return
    if p.code and _identifier(p, start_of(p, i), end_of(p, i)):
        return
    if marks_of(p, i) & SHOUTED:
        _shouted(p, i, code)
    elif opens(p, i) or headline(p, i):
        if not code & (t.SAFE_START | t.TITLE):
            _name(p, i, code, _CAPITAL, _UNKNOWN_CAPITAL)
    elif not code & (t.SAFE_MID | t.TITLE):
        _name(p, i, code, _CAPITAL, _UNKNOWN_CAPITAL)


@jit
def _shouted(p: Part, i: int, code: int) -> None:
    """Capitals only: in a line that shouts like small letters, else an acronym."""
    if loud(p, i):
        if not code & t.SAFE_UNCASED:
            _name(p, i, code, _CAPITAL, _UNKNOWN_CAPITAL)
    elif length(p, i) <= 3 or not code & t.SAFE_START or not code & (t.ORDINARY | t.FUNCTION):
        _name(p, i, code, _ACRONYM, _UNKNOWN_ACRONYM)


@jit
def _initial(p: Part, i: int) -> None:
    """A capital alone: an initial, unless it is I, opens a sentence as A, or counts a list."""
    sign, end = point(p, start_of(p, i)), end_of(p, i)
    if sign == _I or p.code or (sign in _WORDS and (opens(p, i) or loud(p, i))):
        return
    if point(p, end) in _CLOSING:
        return
    if opens(p, i) and not upper(p, i + 1):
        first, second = point(p, end), point(p, end + 1)
        if (first == _FULL_STOP and second in (_SPACE, _TAB)) or (first == _COLON and second == _SPACE):
            return
    mask(p, i, _INITIAL)


@jit
def _name(p: Part, i: int, code: int, ordinary: int, unlisted: int) -> None:
    """A name, said as exactly as the lists can; *ordinary* and *unlisted* where no register holds the word."""
    if _cleared(p, i) and code & (t.ORDINARY | t.MIXED | t.FREQUENT) and not code & (t.FIRST | t.PLACE | t.BRAND | t.FIGURE):
        return
    if code & t.FIRST or (code & t.LAST and not code & (t.PLACE | t.ORDINARY | t.MIXED)):
        mask(p, i, _NAME)
    elif code & t.PLACE:
        mask(p, i, _PLACE)
    elif code & t.DATE:
        mask(p, i, _DATE)
    elif code & t.ORG:
        mask(p, i, _ORG)
    elif code & (t.ORDINARY | t.MIXED | t.FREQUENT):
        mask(p, i, ordinary)
    else:
        mask(p, i, unlisted if code else _UNKNOWN)


@jit
def _identifier(p: Part, start: int, end: int) -> bool:
    """In code: camelCase whose every hump is known and no name."""
    at = start
    while at < end:
        after = _hump(p, at, end)
        if after - at > 1 and not bits_at(p, at, after, 0) & t.SAFE_CASED:
            return False
        at = after
    return True


@jit
def _hump(p: Part, start: int, end: int) -> int:
    """The end of the hump at *start*: "HTTP" of HTTPServer, "Server", "get", or letters of another alphabet."""
    at = start
    while at < end and _BIG_A <= point(p, at) <= _BIG_Z:
        at += 1
    capitals = at - start
    if capitals > 1 and at < end and _SMALL_A <= point(p, at) <= _SMALL_Z:
        return at - 1
    if capitals > 1:
        return at
    small = at
    while at < end and _SMALL_A <= point(p, at) <= _SMALL_Z:
        at += 1
    return at if at > small or capitals else end
