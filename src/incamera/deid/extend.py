"""A finding's neighbours that belong to it: "British citizen", "between 3 and 9 May", "Glen village", "five offences"."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from incamera.deid.hits import Hit
from incamera.deid.lexicons import tables as t
from incamera.deid.lexicons import terms
from incamera.deid.tokens import Tokens

_NAMED = frozenset(("PERSON", "ORG", "LOC", "OTHER"))
_DATES = frozenset(("DATE", "TIME"))
_BLANKS = frozenset((" ", ", ", " - ", " – ", "-", "–", "/", ". "))


def extend(hits: Sequence[Hit], tokens: Tokens) -> Iterator[Hit]:
    """Hits that carry resolved *hits* over their neighbouring words. Quasi-identifiers: they follow nobody elsewhere."""
    starts = [a for a, _ in tokens.spans]
    for n, hit in enumerate(hits):
        label = hit.label
        if label in _DATES:
            yield from _date(hit, hits[n + 1] if n + 1 < len(hits) else None, tokens, starts)
        if label in _NAMED or label == "DEM":
            yield from _body(hit, tokens, starts)
            yield from _article(hit, tokens, starts)
        if label in {"DEM", "LOC"}:
            after = bisect_left(starts, hit.end)
            nouns = terms.NATIONAL_NOUNS if label == "DEM" else terms.PLACE_NOUNS
            if (
                after < len(starts)
                and tokens.gap(after) in _BLANKS
                and (tokens.lows[after] in nouns or (label == "LOC" and tokens.lows[after] in terms.NATIONAL_NOUNS))
            ):
                yield Hit(*tokens.spans[after], label, "quasi", 0.5, "extend")
        elif (label == "QUANTITY" and hit.detector == "gate.number-word") or label == "NUMBER":
            yield from _counted(hit, tokens, starts)
    yield from _bodies_of(tokens)
    for i in [i for i, code in enumerate(tokens.codes) if code & t.ILL]:
        if i and tokens.lows[i - 1] in terms.ILL_BEFORE and tokens.gap(i) in _BLANKS:
            yield Hit(tokens.spans[i - 1][0], tokens.spans[i][1], "HEALTH", "sensitive", 0.5, "extend")


def _body(hit: Hit, tokens: Tokens, starts: list[int]) -> Iterator[Hit]:
    """ "caldwell insurance", "khomeini general hospital": the body that a name belongs to, at most two words on."""
    i = bisect_left(starts, hit.end)
    for j in range(i, min(i + 3, len(starts))):
        if tokens.gap(j) not in (" ", "-") or tokens.codes[j] & t.FUNCTION:
            return
        if tokens.codes[j] & t.BODY:
            yield Hit(hit.start, tokens.spans[j][1], hit.label, "quasi", 0.4, "extend")
            return


def _article(hit: Hit, tokens: Tokens, starts: list[int]) -> Iterator[Hit]:
    """ "the University of Alba": the article of a body's name of several words."""
    i = bisect_left(starts, hit.start)
    if not i or tokens.lows[i - 1] != "the" or tokens.gap(i) != " ":
        return
    words = range(i, bisect_left(starts, hit.end))
    if len(words) > 1 and any(tokens.codes[j] & (t.BODY | t.ORG) for j in words):
        yield Hit(tokens.spans[i - 1][0], hit.end, hit.label, "quasi", 0.4, "extend")


def _bodies_of(tokens: Tokens) -> Iterator[Hit]:
    """ "ministry of education", "department of housing and urban development"."""
    for i in [i for i, code in enumerate(tokens.codes) if code & t.BODY and tokens.lows[i] in terms.BODIES_OF]:
        j = i + 2
        if j >= len(tokens.lows) or tokens.lows[i + 1] not in ("of", "for") or tokens.gap(i + 1) != " ":
            continue
        end = 0
        while j < min(i + 7, len(tokens.lows)) and tokens.gap(j) == " ":
            if tokens.codes[j] & t.FUNCTION and not (
                tokens.lows[j] in ("the", "and")
                and j + 1 < len(tokens.lows)
                and not tokens.codes[j + 1] & t.FUNCTION
                and (end == 0 or j - i > 2)
            ):
                break
            end = tokens.spans[j][1] if not tokens.codes[j] & t.FUNCTION else end
            j += 1
        if end:
            yield Hit(tokens.spans[i][0], end, "ORG", "quasi", 0.4, "extend")


def _date(hit: Hit, following: Hit | None, tokens: Tokens, starts: list[int]) -> Iterator[Hit]:
    i = bisect_left(starts, hit.start) - 1
    while (
        i >= 0
        and tokens.gap(i + 1) in _BLANKS
        and (tokens.lows[i] in terms.DATE_BEFORE or (tokens.lows[i] in _OF and i and tokens.lows[i - 1] in terms.DATE_BEFORE))
    ):
        yield Hit(*tokens.spans[i], "DATE", "quasi", 0.4, "extend")
        i -= 1
    if following is None or following.label not in _DATES or following.start - hit.end > 40:
        return
    between = range(bisect_left(starts, hit.end), bisect_left(starts, following.start))
    if (
        len(between) <= 4
        and all(tokens.lows[j] in terms.DATE_BETWEEN for j in between)
        and "\n" not in tokens.text[hit.end : following.start]
    ):
        yield Hit(hit.start, following.end, "DATE", "quasi", 0.4, "extend")


_OF = frozenset(("of", "the", "than"))


def _counted(hit: Hit, tokens: Tokens, starts: list[int]) -> Iterator[Hit]:
    """What is counted, where it is a plural right after or one word on."""
    i = bisect_left(starts, hit.end)
    for j in range(i, min(i + 2, len(starts))):
        if tokens.gap(j) != " " or (tokens.codes[j] & t.FUNCTION and tokens.lows[j] not in ("other", "more")):
            return
        if tokens.lows[j].endswith("s") and not tokens.lows[j].endswith("ss"):
            yield Hit(hit.start, tokens.spans[j][1], "QUANTITY", "quasi", 0.4, "extend")
            return
