"""Nominate, then confirm: an engine says which rules may match in a window, one matcher says where.

Hyperscan reads all rules in one pass (42 MB/s) and RE2 in one set; both only nominate (window, rule) pairs, and only
the `regex` matcher decides, so the findings do not depend on the engine (a property test holds that).
Windows are small and bounded, so that a line of 50 MB costs what 50 MB of lines cost.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from incamera.core.records import FindingKind
from incamera.deid.patterns.rules import RULES, Rule

#: A segment is cut at the first line or sentence end after SHORT code points, and is never longer than LONG.
SHORT, LONG = 160, 480
#: Context before a segment that borders look at; how far a match may reach beyond it, and one of a rule marked `far`.
LEFT, REACH, FAR = 2, 200, 1100
#: Code points that a process reads before Hyperscan is compiled.
WORTH_COMPILING = 400_000
_DIGIT = re.compile("[0-9]")
_CUT = re.compile(r"\n+|[.!?;]\s+(?=[^\d\s])")

#: (start, end, label, kind, score, detector)
Hit = tuple[int, int, str, FindingKind, float, str]
Nominator = Callable[[str], Sequence[int]]

#: No letter, mark or digit beside a match, and no tag: what a tag stands for may have been one.
_BEFORE = r"(?<![\p{L}\p{M}\p{N}\ufffc])"
_AFTER = r"(?![\p{L}\p{M}\p{N}\ufffc])"


def _split(core: str) -> tuple[str, bool]:
    return (core[4:], True) if core.startswith("(?i)") else (core, False)


def _nominating(rule: Rule) -> tuple[str, bool]:
    """(expression, caseless) to nominate by: never narrower than what `_matchers` confirms.

    Windows are padded with blanks, so that a border is always a character.
    """
    if rule.hint:
        return _split(rule.hint)
    core, caseless = _split(rule.core)
    left = "" if rule.open_left else "[^A-Za-z0-9]"
    right = "" if rule.open_right else "[^A-Za-z0-9]"
    return f"{left}(?:{core}){right}", caseless


@cache
def _matchers() -> tuple[Any, ...]:
    import regex

    compiled = []
    for rule in RULES:
        core, caseless = _split(rule.core)
        pattern = ("" if rule.open_left else _BEFORE) + f"(?:{core})" + ("" if rule.open_right else _AFTER)
        compiled.append(regex.compile(pattern, regex.IGNORECASE if caseless else 0))
    return tuple(compiled)


@cache
def hyperscan_nominator() -> Nominator | None:
    """All rules in one Hyperscan database, or None where Hyperscan is not installed.

    Cost: one to two seconds to compile, once per process.
    """
    try:
        import hyperscan
    except ImportError:
        return None
    flags, expressions = [], []
    for rule in RULES:
        core, caseless = _nominating(rule)
        expressions.append(core.encode())
        flags.append(
            hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_PREFILTER
            | (hyperscan.HS_FLAG_CASELESS if caseless else 0)
        )  # fmt: skip
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=expressions, ids=list(range(len(RULES))), elements=len(RULES), flags=flags)
    scratch = hyperscan.Scratch(database)

    def nominate(text: str) -> Sequence[int]:
        hits: list[int] = []
        database.scan(
            text.encode("utf-8", "replace"), match_event_handler=lambda i, _a, _b, _f, _c: hits.append(i), scratch=scratch
        )
        return hits

    return nominate


@cache
def re2_nominator() -> Nominator:
    """All rules in two RE2 sets (with and without case)."""
    import re2

    sets: list[tuple[Any, list[int]]] = []
    for wanted in (False, True):
        options = re2.Options()
        options.case_sensitive = not wanted
        options.log_errors = False
        options.max_mem = 256 << 20
        one, numbers = re2.Set.SearchSet(options), []
        for i, rule in enumerate(RULES):
            core, caseless = _nominating(rule)
            if caseless == wanted:
                one.Add(core)
                numbers.append(i)
        one.Compile()
        sets.append((one, numbers))

    def nominate(text: str) -> Sequence[int]:
        clean = text.encode("utf-8", "replace").decode("utf-8")
        return [numbers[i] for one, numbers in sets for i in one.Match(clean) or ()]

    return nominate


def everything(text: str) -> Sequence[int]:
    """The reference: every rule is asked everywhere."""
    return range(len(RULES))


class _Adaptive:
    """RE2, which is ready at once, until the text is worth Hyperscan's seconds of compiling. The findings are the same."""

    def __init__(self) -> None:
        self._left = WORTH_COMPILING
        self._nominate = re2_nominator()

    def __call__(self, text: str) -> Sequence[int]:
        if self._left > 0:
            self._left -= len(text)
            if self._left <= 0:
                self._nominate = hyperscan_nominator() or self._nominate
        return self._nominate(text)


@cache
def default_nominator() -> Nominator:
    return _Adaptive()


def scan(text: str, nominate: Nominator | None = None) -> list[Hit]:
    """Every match of every rule in *text* (a view), overlapping ones included, in order of start.

    A match belongs to the segment in which it starts; segments depend on the text alone, never on the engine.

    Privacy: reads text; hits carry offsets and labels only.
    """
    nominate = nominate or default_nominator()
    matchers = _matchers()
    hits: list[Hit] = []
    costly: list[tuple[Rule, Hit]] = []
    for start, end in segments(text):
        window = f" {text[max(0, start - LEFT) : end + REACH]} "
        for i in sorted(set(nominate(window))):
            rule = RULES[i]
            if rule.digit and not _DIGIT.search(window):
                continue
            if rule.costly:
                costly += ((rule, h) for h in _confirm(rule, matchers[i], text, start, end))
            else:
                hits += _confirm(rule, matchers[i], text, start, end)
    if costly:
        hits += _named_last(costly, hits, text)
    hits.sort(key=lambda h: (h[0], -h[1], h[5]))
    return hits


def _named_last(costly: list[tuple[Rule, Hit]], hits: list[Hit], text: str) -> Iterator[Hit]:
    """Costly matches: checked where no other rule covers them, taken as they are where one does."""
    hits.sort()
    starts = [h[0] for h in hits]
    for rule, hit in costly:
        start, end, _label, kind, _score, detector = hit
        near = hits[max(0, bisect_left(starts, start) - 3) : bisect_left(starts, end)]
        if rule.check is None or any(h[0] <= start and end <= h[1] and h[4] >= 0.6 for h in near):
            yield start, end, "CODE", kind, 0.5, detector
        elif verdict := rule.check(text[start:end]):
            yield start, end, verdict[0], kind, verdict[1], detector


def segments(text: str) -> Iterator[tuple[int, int]]:
    """[start, end) stretches that tile *text*: cut at a line's or a sentence's end once long enough, at a blank else."""
    start, length = 0, len(text)
    while length - start > LONG:
        cut = _CUT.search(text, start + SHORT, start + LONG)
        end = cut.end() if cut else text.rfind(" ", start + SHORT, start + LONG) + 1 or start + LONG
        yield start, end
        start = end
    if start < length:
        yield start, length


def _confirm(rule: Rule, matcher: Any, text: str, start: int, end: int) -> Iterator[Hit]:
    lo = max(0, start - LEFT)
    window = text[lo : end + (FAR if rule.far else REACH)]
    stop = end - lo
    for m in matcher.finditer(window, start - lo):
        if m.start() >= stop:
            break
        a, b = m.span(rule.group)
        if a < 0 or a == b:
            continue
        label, score = rule.label, rule.score
        if rule.check is not None and not rule.costly:
            verdict = rule.check(m.group(rule.group))
            if verdict is None:
                continue
            label, score = verdict
        # A sentence's last stop is not part of an address.
        while b > a and window[b - 1] in ".,;:!?)]}'\" \n" and (window[b - 1] not in ")]}" or rule.label == "URL"):
            b -= 1
        if b > a:
            yield a + lo, b + lo, label, rule.kind, score, f"pattern.{rule.id}"
