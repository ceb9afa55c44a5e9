"""Which rules may match, and about where: Hyperscan or RE2 read all rules in one pass and nominate; they decide nothing.

An engine answers with `Ask`s. It may ask too much, never too little: what a match needs (a rule's hint, or its core with its
borders) is what nominates it. Hyperscan says at which offsets, so that the confirming matcher looks at a few dozen
characters; RE2 says in which segment. The findings are the same (a property test holds that).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from incamera.core.ids import Digest, digest
from incamera.deid.patterns.rules import RULES, Rule, split

#: Context before a segment that borders look at.
LEFT = 1
#: How far behind a segment's end what nominates a match of it may end.
_AHEAD = max(rule.lead or rule.reach for rule in RULES) + 2
#: Code points that Hyperscan reads in one call: bounds its events, not its findings.
_BLOCK = 1 << 16
#: Code points that a process reads before Hyperscan is worth compiling.
WORTH_COMPILING = 400_000

Segment = tuple[int, int]
#: (rule, begin, end)
_Event = tuple[int, int, int]
#: (has a hint, lead, reach, solid) of each rule.
_NARROWING = [(bool(rule.hint), rule.lead or rule.reach, rule.reach, rule.solid) for rule in RULES]
#: What Hyperscan says of a match that counts is at least so long: the match and a border on either side.
_LEAST = [rule.least + 2 if rule.least else 0 for rule in RULES]
#: Beyond ASCII the confirming matcher reads digits that Hyperscan does not: any length may grow.
_ANY = [0 for _ in RULES]
#: Hyperscan says where matches of the other rules without a hint begin; of these it could only with too large an automaton.
_STARTLESS = frozenset(("date.duration", "id.named", "iban", "money", "path.home", "secret.basic"))


#: (rule, number of a segment, first, last): the rule's matches in that segment begin at *first* or later, end at *last* or before.
Ask = tuple[int, int, int, int]

Nominator = Callable[[str, Sequence[Segment]], Iterable[Ask]]


def everything(text: str, segments: Sequence[Segment]) -> Iterator[Ask]:
    """The reference: every rule is asked everywhere."""
    for number, (start, end) in enumerate(segments):
        for i, rule in enumerate(RULES):
            yield i, number, start, end + rule.reach


def _expression(rule: Rule) -> tuple[str, bool]:
    """(expression, caseless) to nominate by: never narrower than what is confirmed.

    Windows are padded with blanks, so that a border is always a character.
    """
    if rule.hint:
        return split(rule.hint)
    core, caseless = split(rule.core)
    left = "" if rule.open_left else "[^A-Za-z0-9]"
    right = "" if rule.open_right else "[^A-Za-z0-9]"
    return f"{left}(?:{core}){right}", caseless


@cache
def hyperscan_nominator() -> Nominator | None:
    """All rules in one Hyperscan database, or None where Hyperscan is not installed.

    Cost: two seconds to compile, once for each version of the rules; milliseconds from the cache after that.
    """
    try:
        import hyperscan
    except ImportError:
        return None
    database = _database(hyperscan)
    scratch = hyperscan.Scratch(database)

    def nominate(text: str, segments: Sequence[Segment]) -> Iterator[Ask]:
        events: list[_Event] = []

        def note(rule: int, begin: int, end: int, _flags: int, _context: object) -> None:
            events.append((rule, begin, end))

        for at, block in _blocks(segments):
            lo, hi = max(0, block[0][0] - LEFT), block[-1][1] + _AHEAD
            window = text[lo:hi]
            data = b" " + window.encode("utf-8", "replace") + b" "
            events.clear()
            database.scan(data, match_event_handler=note, scratch=scratch)
            if events:
                places = _places(_counted(events, data, window), text, lo - 1)
                yield from _asks(places, at, block, _LEAST if window.isascii() else _ANY)

    return nominate


def _blocks(segments: Sequence[Segment]) -> Iterator[tuple[int, Sequence[Segment]]]:
    """(number of the first segment, segments) of about `_BLOCK` code points."""
    at = 0
    while at < len(segments):
        stop = bisect_left(segments, (segments[at][0] + _BLOCK, 0), lo=at + 1)
        yield at, segments[at:stop]
        at = stop


def _counted(events: list[_Event], data: bytes, window: str) -> Iterable[_Event]:
    """*events* with their offsets in code points instead of bytes."""
    if window.isascii():
        return events
    import numpy as np

    begins = (np.frombuffer(data, np.uint8) & 0xC0) != 0x80
    before = np.concatenate(([0], np.cumsum(begins)))
    rules, starts, ends = zip(*events, strict=True)
    return zip(rules, before[list(starts)].tolist(), before[list(ends)].tolist(), strict=True)


def _places(events: Iterable[_Event], text: str, shift: int) -> list[_Event]:
    """(rule, first, last) for each event, sorted: where its match begins at the earliest and ends at the latest."""
    places = []
    for i, begin, end in events:
        hinted, lead, reach, solid = _NARROWING[i]
        end += shift
        # Hyperscan reports 0 where it keeps no track of starts.
        first = begin + shift if begin and not hinted else end - lead - 1
        last = end + reach if hinted else end
        if solid:
            first = max(first, 0)  # negative ones would count from the end
            first = max(first, text.rfind(" ", first, end - 1), text.rfind("\n", first, end - 1))
            for blank in " \n":
                stop = text.find(blank, end - 1, last)
                if stop >= 0:
                    last = stop
        places.append((i, first, last))
    places.sort()
    return places


def _asks(places: list[_Event], at: int, block: Sequence[Segment], least: Sequence[int]) -> Iterator[Ask]:
    """*places* (sorted) joined where they overlap: one ask for each, and for each segment that it touches.

    Those shorter than *least* of their rule, whole, hold nothing that counts.
    """
    starts = [start for start, _ in block]
    beyond = block[-1][1]
    rule, first, last = places[0]
    for i, begin, end in (*places[1:], (-1, 0, 0)):
        if i == rule and begin <= last:
            last = max(last, end)
            continue
        k = bisect_right(starts, first) - 1
        k = max(k, 0)
        if first < beyond and last - first >= least[rule]:
            yield rule, at + k, first, last
            k += 1
            while k < len(starts) and starts[k] <= last:
                yield rule, at + k, first, last
                k += 1
        rule, first, last = i, begin, end


def _database(hyperscan: Any) -> Any:
    """The compiled rules, from the cache where it holds them."""
    from incamera.deid import cache as store

    def compiled() -> bytes:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=[expression.encode() for expression, _ in map(_expression, RULES)],
            ids=list(range(len(RULES))),
            elements=len(RULES),
            flags=_flags(hyperscan),
        )
        return bytes(hyperscan.dumpb(database))

    try:
        return hyperscan.loadb(bytes(store.kept("patterns", _key(hyperscan), compiled)), mode=hyperscan.HS_MODE_BLOCK)
    except hyperscan.HyperscanError:  # made by another build of the library
        return hyperscan.loadb(compiled(), mode=hyperscan.HS_MODE_BLOCK)


def _flags(hyperscan: Any) -> list[int]:
    flags = []
    for rule in RULES:
        startless = rule.hint or rule.id in _STARTLESS
        start = hyperscan.HS_FLAG_PREFILTER if startless else hyperscan.HS_FLAG_SOM_LEFTMOST
        flags.append(hyperscan.HS_FLAG_UTF8 | start | (hyperscan.HS_FLAG_CASELESS if _expression(rule)[1] else 0))
    return flags


def _key(hyperscan: Any) -> Digest:
    """Digest of what the database is made from. It fits the processor it was compiled on: its features are part of the key."""
    made_from = [
        [expression for expression, _ in map(_expression, RULES)],
        _flags(hyperscan),
        hyperscan.__version__,
        _processor(),
    ]
    return digest(repr(made_from).encode())


def _compiled_before() -> bool:
    """Whether Hyperscan can start at once."""
    try:
        import hyperscan
    except ImportError:
        return False
    from incamera.deid import cache as store

    return store.held("patterns", _key(hyperscan))


def _processor() -> str:
    """What Hyperscan compiles for: the instruction sets of this processor."""
    import platform

    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            return next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return platform.processor() or platform.machine()


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
            expression, caseless = _expression(rule)
            if caseless == wanted:
                one.Add(expression)
                numbers.append(i)
        one.Compile()
        sets.append((one, numbers))

    def nominate(text: str, segments: Sequence[Segment]) -> Iterator[Ask]:
        for number, (start, end) in enumerate(segments):
            window = f" {text[max(0, start - LEFT) : end + _AHEAD]} ".encode("utf-8", "replace").decode("utf-8")
            for one, numbers in sets:
                for k in one.Match(window) or ():
                    yield numbers[k], number, start, end + RULES[numbers[k]].reach

    return nominate


class _Adaptive:
    """RE2, which is ready at once, until the text is worth Hyperscan's seconds of compiling. The findings are the same."""

    def __init__(self) -> None:
        self._left = WORTH_COMPILING
        self._nominate = re2_nominator()

    def __call__(self, text: str, segments: Sequence[Segment]) -> Iterable[Ask]:
        if self._left > 0:
            self._left -= len(text)
            if self._left <= 0:
                self._nominate = hyperscan_nominator() or self._nominate
        return self._nominate(text, segments)


@cache
def default_nominator() -> Nominator:
    """Hyperscan where an earlier process has compiled it, else `_Adaptive`."""
    return (hyperscan_nominator() if _compiled_before() else None) or _Adaptive()
