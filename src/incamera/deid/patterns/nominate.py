"""Which rules may match, and about where: Hyperscan or RE2 read all rules in one pass and nominate; they decide nothing.

An engine answers with `Ask`s. It may ask too much, never too little: what a match needs (a rule's hint, or its core with its
borders) is what nominates it. Hyperscan says at which offsets, so that the confirming matcher looks at a few dozen
characters; RE2 says in which segment. The findings are the same (a property test holds that).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from incamera.core.ids import Digest, digest
from incamera.deid.lexicons import characters
from incamera.deid.patterns.rules import RULES, Rule, split

U32: TypeAlias = NDArray[np.uint32]
I64: TypeAlias = NDArray[np.int64]

#: A segment is cut at the first line or sentence end after SHORT code points, and is never longer than LONG.
SHORT, LONG = 160, 480
#: Context before a window that borders look at.
LEFT = 1
#: How far behind a place what nominates a match that begins there may end.
_AHEAD = max(rule.lead or rule.reach for rule in RULES) + 2
#: Code points that Hyperscan reads in one call: bounds its events, not its findings.
_BLOCK = 1 << 16
#: Code points that a process reads before Hyperscan is worth compiling.
WORTH_COMPILING = 400_000
#: Has a hint, lead, reach, solid, digits of each rule.
_NARROWING = np.array([(bool(r.hint), r.lead or r.reach, r.reach, r.solid, r.digits) for r in RULES], np.int64)
#: Rules whose matches are runs of some characters around a digit.
_BY_RUN = [i for i, rule in enumerate(RULES) if rule.run]
#: Number, reach, tail, least, whether something else must stand within, digits, whether a letter may follow, of each.
_RUNS = np.array(
    [(i, r.reach, r.tail, r.least, bool(r.holds), r.digits, r.open_right or r.tail > 0) for i in _BY_RUN for r in (RULES[i],)],
    np.int64,
)


def _characters(sets: Sequence[str]) -> NDArray[np.uint8]:
    """Of each ASCII character, a bit for each of *sets* that holds it."""
    bits = np.zeros(128, np.uint8)
    for k, some in enumerate(sets):
        if some:
            bits[[point for point in range(128) if re.fullmatch(f"[{some}]", chr(point))]] |= 1 << k
    return bits


#: What makes the runs of each, and what must stand within them.
_MADE_OF, _WITHIN = (_characters([getattr(RULES[i], name) for i in _BY_RUN]) for name in ("run", "holds"))
#: Hyperscan says where matches of the other rules without a hint begin; of these it could only with too large an automaton.
_STARTLESS = frozenset(("date.duration", "id.named", "iban", "money", "path.home", "secret.basic"))

#: Rows (number of a text, rule, start and end of a segment, first, last): the rule's matches that begin in that segment
#: begin at *first* or later and end at *last* or before.
Asks: TypeAlias = I64


class Texts(NamedTuple):
    """Texts of a batch, their code points behind each other, and where they are cut into segments.

    `bases` says where each text begins and the last ends, `starts` where each segment begins (among all code points), `first`
    which segment is each text's first.
    """

    texts: Sequence[str]
    points: U32
    bases: I64
    starts: I64
    first: I64

    def segments(self) -> Iterator[tuple[int, int, int]]:
        """(number of its text, start, end) of each segment; they tile the texts."""
        for number, text in enumerate(self.texts):
            base, lo, hi = self.bases[number], self.first[number], self.first[number + 1]
            cuts = [*(self.starts[lo:hi] - base).tolist(), len(text)]
            yield from ((number, start, end) for start, end in pairwise(cuts))


#: Asks come text by text, in the order of the texts.
Nominator = Callable[[Texts], Iterable[Asks]]


def laid_out(texts: Sequence[str], coded: Sequence[U32]) -> Texts:
    """*texts*, whose code points are *coded*, cut into segments by their own line and sentence ends."""
    from incamera.deid.patterns import nominate_kernels as kernels

    bases = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=bases[1:])
    points = coded[0].view() if len(coded) == 1 else np.concatenate(coded)
    points.flags.writeable = False  # as one text's are: kernels are compiled once
    return Texts(texts, points, bases, *kernels.segments(points, bases, characters.characters().classes, SHORT, LONG))


def everything(texts: Texts) -> Iterator[Asks]:
    """The reference: every rule is asked everywhere."""
    for number, start, end in texts.segments():
        yield np.array([(number, i, start, end, start, end + rule.reach) for i, rule in enumerate(RULES)], np.int64)


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
    from incamera.deid.patterns import nominate_kernels as kernels

    database = _database(hyperscan)
    scratch = hyperscan.Scratch(database)
    classes = characters.characters().classes

    def nominate(texts: Texts) -> Iterator[Asks]:
        events: list[int] = []
        windows: list[tuple[int, int, int, int, int]] = []
        add = events.extend

        def note(rule: int, begin: int, end: int, _flags: int, _context: object) -> None:
            add((rule, begin, end))

        def asks() -> Iterator[Asks]:
            if windows:
                rows = np.array(events, np.int64).reshape(-1, 3)
                where = np.array(windows, np.int64)
                yield kernels.asks(*texts[1:], where, rows, _NARROWING, _RUNS, _MADE_OF, _WITHIN, classes, SHORT)
            windows.clear()
            events.clear()

        read = 0
        for number, lo, window in _windows(texts):
            before = len(events) // 3
            database.scan(_letters(window), match_event_handler=note, scratch=scratch)
            windows.append((number, lo, lo + len(window), before, len(events) // 3))
            read += len(window)
            if read >= _BLOCK:
                yield from asks()
                read = 0
        yield from asks()

    return nominate


def _windows(texts: Texts) -> Iterator[tuple[int, int, str]]:
    """(number of a text, where among all code points the window begins, window): whole texts, long ones piece by piece."""
    for number, base, text in zip(range(len(texts.texts)), texts.bases.tolist(), texts.texts, strict=False):
        if len(text) <= _BLOCK:
            yield number, base, text
            continue
        for at in range(0, len(text), _BLOCK):
            lo = max(0, at - LEFT)
            yield number, base + lo, text[lo : at + _BLOCK + _AHEAD]


def _letters(window: str) -> bytes:
    """*window* between two blanks in an alphabet of one byte a code point: Latin-1, where ÿ stands for all beyond it.

    Hyperscan is quicker with bytes than with UTF-8, and its offsets are code points.
    """
    if window.isascii():
        return f" {window} ".encode()
    for letter, plain in _OTHER_CASES:
        if letter in window:
            window = window.replace(letter, plain)
    points: U32 = np.minimum(characters.points(f" {window} "), 0xFF)
    return points.astype(np.uint8).tobytes()


#: Letters beyond Latin-1 that are the other case of one within it.
_OTHER_CASES = (("\u017f", "s"), ("\u212a", "k"), ("\u0130", "i"), ("\u0131", "i"), ("\u212b", "å"), ("\u1e9e", "ß"))


def _in_latin(expression: str, caseless: bool) -> bytes:
    """*expression* in the alphabet of `_letters`: both cases of a letter where case does not count, ÿ for all beyond."""
    for letters, plain in _LATIN_CLASSES:
        expression = expression.replace(letters, plain)
    made, inside, escaped = [], False, False
    for char in expression:
        if not char.isascii():
            both = {char, char.lower(), char.upper()} if caseless else {char}
            one = "".join(sorted({f"\\x{min(ord(c), 0xFF):02x}" for c in both if len(c) == 1}))
            made.append(one if inside else f"[{one}]")
            continue
        made.append(char)
        if not escaped and char in "[]":
            inside = char == "["
        escaped = char == "\\" and not escaped
    return "".join(made).encode("ascii")


#: What classes of letters may be in the alphabet of `_letters`.
_LATIN_CLASSES = (
    (r"\p{Lu}[", r"[A-Z\x80-\xff]["),
    (r"\p{L}", r"A-Za-z\x80-\xff"),
    (r"\p{M}", ""),
    (r"\p{N}", r"0-9\x80-\xff"),
)


def _database(hyperscan: Any) -> Any:
    """The compiled rules, from the cache where it holds them."""
    from incamera.deid import cache as store

    def compiled() -> bytes:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=_expressions(),
            ids=_engine_rules(),
            elements=len(_engine_rules()),
            flags=_flags(hyperscan),
        )
        return bytes(hyperscan.dumpb(database))

    try:
        return hyperscan.loadb(bytes(store.kept("patterns", _key(hyperscan), compiled)), mode=hyperscan.HS_MODE_BLOCK)
    except hyperscan.HyperscanError:  # made by another build of the library
        return hyperscan.loadb(compiled(), mode=hyperscan.HS_MODE_BLOCK)


def _expressions() -> list[bytes]:
    return [_in_latin(*_expression(RULES[i])) for i in _engine_rules()]


def _engine_rules() -> list[int]:
    """The rules that Hyperscan is asked about."""
    return [i for i, rule in enumerate(RULES) if not rule.run]


def _flags(hyperscan: Any) -> list[int]:
    flags = []
    for rule in (RULES[i] for i in _engine_rules()):
        startless = rule.hint or rule.id in _STARTLESS
        start = hyperscan.HS_FLAG_PREFILTER if startless else hyperscan.HS_FLAG_SOM_LEFTMOST
        flags.append(start | (hyperscan.HS_FLAG_CASELESS if _expression(rule)[1] else 0))
    return flags


def _key(hyperscan: Any) -> Digest:
    """Digest of what the database is made from. It fits the processor it was compiled on: its features are part of the key."""
    made_from = [
        _expressions(),
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

    def nominate(texts: Texts) -> Iterator[Asks]:
        for number, start, end in texts.segments():
            window = f" {texts.texts[number][max(0, start - LEFT) : end + _AHEAD]} ".encode("utf-8", "replace").decode("utf-8")
            asked = [numbers[k] for one, numbers in sets for k in one.Match(window) or ()]
            if asked:
                yield np.array([(number, i, start, end, start, end + RULES[i].reach) for i in asked], np.int64)

    return nominate


class _Adaptive:
    """RE2, which is ready at once, until the text is worth Hyperscan's seconds of compiling. The findings are the same."""

    def __init__(self) -> None:
        self._left = WORTH_COMPILING
        self._nominate = re2_nominator()

    def __call__(self, texts: Texts) -> Iterable[Asks]:
        if self._left > 0:
            self._left -= len(texts.points)
            if self._left <= 0:
                self._nominate = hyperscan_nominator() or self._nominate
        return self._nominate(texts)


@cache
def default_nominator() -> Nominator:
    """Hyperscan where an earlier process has compiled it, else `_Adaptive`."""
    return (hyperscan_nominator() if _compiled_before() else None) or _Adaptive()
