"""Nominate, then confirm: an engine says which rules may match about where, one matcher says where.

Text is cut into segments by its own line and sentence ends. A match belongs to the segment in which it begins, and no rule
reaches farther than it says, so that a line of 50 MB costs what 50 MB of lines cost and no engine changes a finding.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import cache
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any, NamedTuple

from incamera.deid.hits import DETECTOR, DETECTOR_CODE, END, KIND_CODE, LABEL_CODE, SCORE, START, Hits, empty, matrix
from incamera.deid.lexicons.characters import points
from incamera.deid.patterns import nominate as engines
from incamera.deid.patterns.nominate import (
    LONG,
    SHORT,
    U32,
    Ask,
    Nominator,
    everything,
    hyperscan_nominator,
    laid_out,
    re2_nominator,
)
from incamera.deid.patterns.rules import RULES, Check, split

#: Code points, and texts, that are looked at together.
_TOGETHER, _MANY = 1 << 16, 1 << 10

_Row = tuple[int, int, int, int, int, int]
#: (label, score)
_Named = tuple[int, int]
_Checked = dict[tuple[int, str], _Named | None]

#: No letter, mark or digit beside a match, and no tag: what a tag stands for may have been one.
_BEFORE, _AFTER = r"(?<![\p{L}\p{M}\p{N}\ufffc])", r"(?![\p{L}\p{M}\p{N}\ufffc])"
_BEFORE_ASCII, _AFTER_ASCII = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
#: What classes of letters mean where there is nothing but ASCII.
_ASCII_CLASSES = ((r"\p{Lu}[", "[A-Z]["), (r"\p{L}", "A-Za-z"), (r"\p{M}", ""), (r"\p{N}", "0-9"))

#: A capital that is no escape.
_CAPITAL = re.compile(r"(?<!\\)[A-Z]")

_CODE = (LABEL_CODE["CODE"], 500)
#: The checks of costly rules, by detector.
_CHECKS = {
    DETECTOR_CODE[f"pattern.{rule.id}"]: (rule.costly, rule.check)
    for rule in RULES
    if rule.costly is not None and rule.check is not None
}
#: What may follow a match and be read into it.
_LAST = frozenset(".,;:!?)]}'\" \n")
#: A costly match is named where one at least this sure covers it, or one as confident as `resolve` means it touches it.
_SURE, _CONFIDENT = 600, 900


def scan(text: str, nominate: Nominator | None = None) -> Hits:
    """`scan_all` of one text."""
    return scan_all([text], [points(text)], nominate)[0]


def scan_all(texts: Sequence[str], coded: Sequence[U32], nominate: Nominator | None = None) -> list[Hits]:
    """Every match of every rule in each text (a view), overlapping ones included, by start, then the longer first.

    Args:
        coded: the code points of each text.

    Privacy: reads text; hits carry offsets and codes only. What a check said of a surface is forgotten with the call.
    """
    nominate = nominate or engines.default_nominator()
    found = [empty() for _ in texts]
    for lo, hi in _together(texts):
        for number, asks in groupby(nominate(laid_out(texts[lo:hi], coded[lo:hi])), itemgetter(0)):
            found[lo + number] = _confirmed(texts[lo + number], asks)
    return found


def _together(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """[lo, hi) of texts that are short together, or of one that is long."""
    lo, size = 0, 0
    for hi, text in enumerate(texts):
        if hi > lo and (size + len(text) > _TOGETHER or hi - lo == _MANY):
            yield lo, hi
            lo, size = hi, 0
        size += len(text)
    if texts:
        yield lo, len(texts)


def segments(text: str) -> Iterator[tuple[int, int]]:
    """[start, end) stretches that tile *text*: cut at a line's or a sentence's end once long enough, at a blank else."""
    return ((start, end) for _, start, end in laid_out([text], [points(text)]).segments())


def _confirmed(text: str, asks: Iterable[Ask]) -> Hits:
    """The matches that *asks* point at."""
    ascii_only = text.isascii()
    # A dotted capital I would become two characters. Only ASCII is read in lower case.
    lowered = text.lower() if ascii_only else text.replace("İ", "ı").lower()
    rows: set[_Row] = set()  # two asks may see the same match
    costly: set[_Row] = set()
    checked: _Checked = {}
    rules = _asked()
    for _, i, start, end, first, last in asks:
        how = rules[i]
        read = lowered if how.caseless else text
        _confirm(i, how, text, read, ascii_only, start, end, first, last, costly if how.costly else rows, checked)
    if costly:
        rows.update(_named_last(costly, rows, text))
    return matrix(sorted(rows, key=_by_place))


def _by_place(row: _Row) -> tuple[int, int, int]:
    return row[START], -row[END], row[DETECTOR]


class _How(NamedTuple):
    """A rule as it is asked. *plain* finds (all of it) in ASCII what `_matcher` finds in any text, several times faster.

    *plain* of a rule without case reads lower-cased text: the engine is quicker with plain letters than with either case.
    """

    plain: Any
    caseless: bool
    reach: int
    group: int
    check: Check | None
    named: _Named
    kind: int
    detector: int
    url: bool
    costly: bool


@cache
def _asked() -> tuple[_How, ...]:
    """How each rule is asked."""
    compiled = []
    for rule in RULES:
        core, caseless = split(rule.core)
        plain = core
        for letters, ascii_letters in _ASCII_CLASSES:
            plain = plain.replace(letters, ascii_letters)
        if caseless:
            plain = _CAPITAL.sub(lambda m: m.group().lower(), plain)
        plain = ("" if rule.open_left else _BEFORE_ASCII) + f"(?:{plain})" + ("" if rule.open_right else _AFTER_ASCII)
        compiled.append(
            _How(
                plain=re.compile(plain, re.ASCII).finditer,
                caseless=caseless,
                reach=rule.reach,
                group=rule.group,
                check=None if rule.costly is not None else rule.check,
                named=(LABEL_CODE[rule.label], round(rule.score * 1000)),
                kind=KIND_CODE[rule.kind],
                detector=DETECTOR_CODE[f"pattern.{rule.id}"],
                url=rule.label == "URL",
                costly=rule.costly is not None,
            )
        )
    return tuple(compiled)


@cache
def _matcher(i: int) -> Any:
    """What decides where rule *i* matches; compiled when text beyond ASCII first asks for it."""
    import regex

    rule = RULES[i]
    core, caseless = split(rule.core)
    whole = ("" if rule.open_left else _BEFORE) + f"(?:{core})" + ("" if rule.open_right else _AFTER)
    return regex.compile(whole, regex.IGNORECASE if caseless else 0)


def _confirm(
    i: int,
    how: _How,
    text: str,
    read: str,
    ascii_only: bool,
    start: int,
    end: int,
    first: int,
    last: int,
    rows: set[_Row],
    checked: _Checked,
) -> None:
    """Add to *rows* the matches of rule *i* that begin in [start, end), at *first* or later, and end at *last* or before.

    *read* is *text* in the case in which the plain matcher reads it.
    """
    find, _, reach, group, check, named, kind, detector, url, _ = how
    first = max(first, start)
    limit = min(end + reach, len(text))
    stop = last + 1 if last < limit else limit
    lo = 0
    if ascii_only or text[first - 1 if first else 0 : stop].isascii():
        matches = find(read, first, stop)
    else:
        lo = first - 1 if first else 0
        matches = _matcher(i).finditer(text[lo:stop], first - lo)
    for m in matches:
        if m.start() + lo >= end:
            break
        if m.end() + lo >= stop < limit:  # what stands behind it was not in view
            _confirm(i, how, text, read, ascii_only, start, end, first, limit, rows, checked)
            return
        a, b = m.span(group)
        if a < 0 or a == b:
            continue
        a += lo
        b += lo
        label, score = named
        if check is not None:
            verdict = _verdict(i, check, text[a:b], checked)
            if verdict is None:
                continue
            label, score = verdict
        if text[b - 1] in _LAST:
            b = _trimmed(text, a, b, url)
        if b > a:
            rows.add((a, b, label, kind, score, detector))


def _trimmed(text: str, a: int, b: int, url: bool) -> int:
    """A sentence's last stop is not part of an address."""
    while b > a and text[b - 1] in _LAST and (text[b - 1] not in ")]}" or url):
        b -= 1
    return b


def _verdict(i: int, check: Check, surface: str, checked: _Checked) -> _Named | None:
    """(label, score) that the rule's check gives *surface*; asked once for each."""
    asked = (i, surface)
    if asked in checked:
        return checked[asked]
    verdict = check(surface)
    named = checked[asked] = (LABEL_CODE[verdict[0]], round(verdict[1] * 1000)) if verdict is not None else None
    return named


def _named_last(costly: Set[_Row], rows: Set[_Row], text: str) -> Iterator[_Row]:
    """Costly matches: checked where no other rule's match names them anyway, taken as they are where one does.

    One that covers them and is sure does; so does any confident one that touches them, whose label the whole will take.
    """
    covering, touching = _Ends(rows, _SURE), _Ends(rows, _CONFIDENT)
    for start, end, _, kind, _, detector in costly:
        counts, check = _CHECKS[detector]
        if covering.before(start + 1) >= end or (touching.before(end) > start and counts(text[start:end])):
            yield start, end, _CODE[0], kind, _CODE[1], detector
        elif touching.before(end) <= start and (verdict := check(text[start:end])):
            yield start, end, LABEL_CODE[verdict[0]], kind, round(verdict[1] * 1000), detector


class _Ends:
    """How far the rows of at least a score reach."""

    def __init__(self, rows: Set[_Row], score: int) -> None:
        places = sorted([(row[START], row[END]) for row in rows if row[SCORE] >= score])
        self._starts = [start for start, _ in places]
        self._ends = list(accumulate([end for _, end in places], max))

    def before(self, at: int) -> int:
        """Where the farthest of those that begin before *at* ends; 0 where none does."""
        n = bisect_left(self._starts, at)
        return self._ends[n - 1] if n else 0


__all__ = ["LONG", "SHORT", "everything", "hyperscan_nominator", "re2_nominator", "scan", "scan_all", "segments"]
