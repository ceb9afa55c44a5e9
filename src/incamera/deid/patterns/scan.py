"""Nominate, then confirm: an engine says which rules may match about where, one matcher says where.

Text is cut into segments by its own line and sentence ends. A match belongs to the segment in which it begins, and no rule
reaches farther than it says, so that a line of 50 MB costs what 50 MB of lines cost and no engine changes a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from incamera.deid.hits import DETECTOR_CODE, KIND_CODE, LABEL, LABEL_CODE, SCORE, Hits, empty
from incamera.deid.lexicons.characters import points
from incamera.deid.patterns import nominate as engines
from incamera.deid.patterns.nominate import (
    LONG,
    SHORT,
    U32,
    Asks,
    Nominator,
    Texts,
    everything,
    hyperscan_nominator,
    laid_out,
    re2_nominator,
)
from incamera.deid.patterns.rules import RULES, Check, split

#: Code points, and texts, that are looked at together.
_TOGETHER, _MANY = 1 << 16, 1 << 10

#: (number of a text, start, end, label, score, rule)
_Match = tuple[int, int, int, int, int, int]
#: (label, score)
_Named = tuple[int, int]
#: What a check said of a surface, by rule and surface.
_Checked = dict[tuple[int, str], _Named | None]

#: No letter, mark or digit beside a match, and no tag: what a tag stands for may have been one.
_BEFORE, _AFTER = r"(?<![\p{L}\p{M}\p{N}\ufffc])", r"(?![\p{L}\p{M}\p{N}\ufffc])"
_BEFORE_ASCII, _AFTER_ASCII = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
#: What classes of letters mean where there is nothing but ASCII.
_ASCII_CLASSES = ((r"\p{Lu}[", "[A-Z]["), (r"\p{L}", "A-Za-z"), (r"\p{M}", ""), (r"\p{N}", "0-9"))

#: A capital that is no escape.
_CAPITAL = re.compile(r"(?<!\\)[A-Z]")

_CODE = (LABEL_CODE["CODE"], 500)
#: Kind, detector, whether it is a URL's, whether its check is costly, of each rule; and how far it reaches.
_ROWS = np.array(
    [(KIND_CODE[r.kind], DETECTOR_CODE[f"pattern.{r.id}"], r.label == "URL", r.costly is not None) for r in RULES], np.int64
)
_REACHES = np.array([rule.reach for rule in RULES], np.int64)
#: Whether a match counts, and its check, of each costly rule, by detector.
_CHECKS = {
    DETECTOR_CODE[f"pattern.{rule.id}"]: (rule.costly, rule.check)
    for rule in RULES
    if rule.costly is not None and rule.check is not None
}


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
    found: list[Hits] = []
    for lo, hi in _together(texts):
        batch = laid_out(texts[lo:hi], coded[lo:hi])
        checked: _Checked = {}
        found += _settled(batch, [match for asks in nominate(batch) for match in _matches(batch, asks, checked)])
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


class _How(NamedTuple):
    """A rule as it is asked. *plain* finds (all of it) in ASCII what `_matcher` finds in any text, several times faster.

    *plain* of a rule without case reads lower-cased text: the engine is quicker with plain letters than with either case.
    """

    plain: Any
    caseless: bool
    group: int
    check: Check | None
    label: int
    score: int


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
        find = re.compile(plain, re.ASCII).finditer
        check = None if rule.costly is not None else rule.check
        compiled.append(_How(find, caseless, rule.group, check, LABEL_CODE[rule.label], round(rule.score * 1000)))
    return tuple(compiled)


@cache
def _matcher(i: int) -> Any:
    """What decides where rule *i* matches; compiled when text beyond ASCII first asks for it."""
    import regex

    rule = RULES[i]
    core, caseless = split(rule.core)
    whole = ("" if rule.open_left else _BEFORE) + f"(?:{core})" + ("" if rule.open_right else _AFTER)
    return regex.compile(whole, regex.IGNORECASE if caseless else 0)


def _matches(batch: Texts, asks: Asks, checked: _Checked) -> Iterator[_Match]:
    """What the matchers find where *asks* say, and what the checks that are not costly make of it."""
    from incamera.deid.patterns import confirm_kernels as kernels

    rules, at, text, lowered = _asked(), -1, "", ""
    for number, rule, end, first, stop, limit, plain in kernels.places(asks, batch.points, batch.bases, _REACHES).tolist():
        if number != at:
            at, text = number, batch.texts[number]
            # A dotted capital I would become two characters. Only ASCII is read in lower case.
            lowered = text.lower() if text.isascii() else text.replace("İ", "ı").lower()
        find, caseless, group, check, label, score = rules[rule]
        if plain:
            lo, matches = 0, find(lowered if caseless else text, first, stop)
        else:
            lo = max(first - 1, 0)
            matches = _matcher(rule).finditer(text[lo:stop], first - lo)
        for match in matches:
            a, b = match.span()
            if a + lo >= end:
                break
            if b + lo >= stop < limit:  # what stands behind it was not in view
                yield from _matches(batch, np.array([(number, rule, first, end, first, limit)], np.int64), checked)
                break
            if group:
                a, b = match.span(group)
            if a < 0 or a == b:
                continue
            if check is not None:
                verdict = _verdict(rule, check, text[a + lo : b + lo], checked)
                if verdict is None:
                    continue
                label, score = verdict
            yield number, a + lo, b + lo, label, score, rule


def _settled(batch: Texts, matches: Sequence[_Match]) -> Iterator[Hits]:
    """The hits of each text. Costly checks are asked here, where no other rule's match names their matches anyway."""
    from incamera.deid.patterns import confirm_kernels as kernels

    if not matches:
        return (empty() for _ in batch.texts)
    rows = np.array(matches, np.int64)
    hits, states, begins = kernels.settle(rows, batch.points, batch.bases, _ROWS, *_CODE)
    waiting = np.flatnonzero(states >= kernels.COUNTED)
    gone = []
    for n, number in zip(waiting.tolist(), (np.searchsorted(begins, waiting, "right") - 1).tolist(), strict=True):
        start, end, _, _, _, detector = hits[n].tolist()
        counts, check = _CHECKS[detector]
        surface = batch.texts[number][start:end]
        if states[n] == kernels.COUNTED:
            if not counts(surface):
                gone.append(n)
        elif (verdict := check(surface)) is not None:
            hits[n, LABEL], hits[n, SCORE] = LABEL_CODE[verdict[0]], round(verdict[1] * 1000)
        else:
            gone.append(n)
    if gone:
        hits = np.delete(hits, gone, axis=0)
        begins -= np.searchsorted(gone, begins)
    return (hits[lo:hi] for lo, hi in pairwise(begins.tolist()))


def _verdict(i: int, check: Check, surface: str, checked: _Checked) -> _Named | None:
    """(label, score) that the rule's check gives *surface*; asked once for each."""
    asked = (i, surface)
    if asked in checked:
        return checked[asked]
    verdict = check(surface)
    named = checked[asked] = (LABEL_CODE[verdict[0]], round(verdict[1] * 1000)) if verdict is not None else None
    return named


__all__ = ["LONG", "SHORT", "everything", "hyperscan_nominator", "re2_nominator", "scan", "scan_all", "segments"]
