"""What is known of each word of a language, as bits: one table a language, made of public lists and nothing else.

A table is made once an installation (`sources`, `words`) and mapped afterwards. Nothing of a conversation is ever stored
in one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from incamera.core.canon import canonical
from incamera.core.ids import Digest, digest
from incamera.deid.cache import kept
from incamera.deid.lexicons import sources, terms
from incamera.deid.lexicons.words import FORMAT, Entry, Words, layout

# What a word is known for: `Tokens.codes`. 0 is an unknown word.

ORDINARY = 1 << 0  # people write it in lower case; strong evidence
MIXED = 1 << 1  # ordinary and a name, both common
KNOWN = 1 << 2  # in the base vocabulary of its language
FREQUENT = 1 << 3  # among the words everybody uses
FUNCTION = 1 << 4  # among the few hundred that hold sentences together
FIRST = 1 << 5
LAST = 1 << 6
PLACE = 1 << 7
DEM = 1 << 8
OCC = 1 << 9
HEALTH = 1 << 10
KIN = 1 << 11
DATE = 1 << 12
TITLE = 1 << 13
VOCATIVE = 1 << 14
ORG = 1 << 15
SAFECAP = 1 << 16
NUMWORD = 1 << 17
UNIT = 1 << 18
CONNECTOR = 1 << 19
RARENAME = 1 << 20  # only in a long register of surnames or small towns
SEX = 1 << 21
REFERENCE = 1 << 22
SAFE_CASED = 1 << 23  # in lower case, in a text that uses capitals: survives
SAFE_UNCASED = 1 << 24  # in lower case, in a text that does not: survives
SAFE_START = 1 << 25  # capitalised where a sentence begins: survives
SAFE_MID = 1 << 26  # capitalised inside a sentence, alone: survives
BRAND = 1 << 27
PHRASE = 1 << 28  # begins a place of several words
ANNOUNCES = 1 << 29  # begins "my name is", "called"
ILL = 1 << 30
FIGURE = 1 << 31  # a public figure's name
BODY = 1 << 32  # "hospital", "insurance": a name before it is an organisation's or a place's

NAME = FIRST | LAST | PLACE

# What a small word does beside others: `Tokens.roles`. Unknown words may have roles too.

VAGUE = 1 << 0  # a number word that mostly counts nothing
SHORT_TITLE = 1 << 1  # announces a name in lower case too
LINK = 1 << 2
PREFIX = 1 << 3
APART_PREFIX = 1 << 4
ABBREVIATION = 1 << 5
NATIONAL_NOUN = 1 << 6
PLACE_NOUN = 1 << 7
ILL_BEFORE = 1 << 8
DATE_BEFORE = 1 << 9
DATE_BETWEEN = 1 << 10
BODY_OF = 1 << 11  # "ministry (of)"
OF_OR_FOR = 1 << 12
OF = 1 << 13
THE = 1 << 14
THAN = 1 << 15
AND = 1 << 16
OTHER_OR_MORE = 1 << 17

_ROLES: tuple[tuple[Iterable[str], int], ...] = (
    (terms.VAGUE_NUMBERS, VAGUE), (terms.SHORT_TITLES, SHORT_TITLE), (terms.LINKS, LINK), (terms.NAME_PREFIXES, PREFIX),
    (terms.APART_PREFIXES, APART_PREFIX), (terms.ABBREVIATIONS, ABBREVIATION), (terms.NATIONAL_NOUNS, NATIONAL_NOUN),
    (terms.PLACE_NOUNS, PLACE_NOUN), (terms.ILL_BEFORE, ILL_BEFORE), (terms.DATE_BEFORE, DATE_BEFORE), (terms.DATE_BETWEEN, DATE_BETWEEN),
    (terms.BODIES_OF, BODY_OF), (("of", "for"), OF_OR_FOR), (("of",), OF), (("the",), THE), (("than",), THAN), (("and",), AND),
    (("other", "more"), OTHER_OR_MORE),
)  # fmt: skip

#: Languages whose function words `terms` lists by hand.
_HAND = ("en", "es", "fr", "de", "it", "pt")

#: Languages whose base vocabulary wordfreq gives and whose script the gate reads.
LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "nl", "ca", "da", "sv", "nb", "fi", "pl", "cs", "sk", "sl", "sh", "ro", "hu", "tr", "id", "ms",
    "fil", "is", "lt", "lv", "ru", "uk", "bg", "mk", "el", "he", "ar", "fa", "ur", "hi", "bn", "ta", "vi",
)  # fmt: skip


@cache
def table(language: str) -> Words:
    """The table of *language*; English always shines through: its words are everywhere.

    Cost: some 5 s and 25 MB of cache once an installation and language, then a mapping and a checksum.
    """
    return Words(kept(f"words-{language}", key(language), lambda: _made(language)))


def key(language: str) -> Digest:
    """Digest of all that the table of *language* follows from: lists, rules and formats."""
    rules = [
        digest((files("incamera.deid.lexicons") / f"{name}.py").read_bytes())
        for name in ("tables", "sources", "words", "kernels")
    ]
    return digest(canonical({"format": FORMAT, "language": language, "sources": dict(sources.versions()), "rules": rules}))


def _made(language: str) -> bytes:
    own, english = sources.frequencies(language), sources.frequencies("en")
    classes = _classes()
    function = terms.FUNCTION_WORDS if language in _HAND else terms.FUNCTION_WORDS | sources.stopwords(language)
    roles: dict[str, int] = {}
    for words, role in _ROLES:
        for word in words:
            roles[word] = roles.get(word, 0) | role
    entries = []
    for word in {*own, *english, *classes, *roles}:
        mine, theirs = sources.zipf(own.get(word, 0.0)), sources.zipf(english.get(word, 0.0))
        code = _code(classes.get(word, 0), mine, theirs, function=word in function)
        entries.append(Entry(word, code, roles.get(word, 0), max(mine, theirs)))
    return layout(entries, phrases=sorted({*sources.places()[2], *terms.PHRASES}), introducers=terms.INTRODUCERS)


def _code(known: int, own: float, english: float, *, function: bool) -> int:
    """All bits of one word; *known* are those that do not depend on the language, *own* and *english* its Zipf values."""
    top = max(own, english)
    if not known and not top:
        return 0
    known |= (KNOWN if top else 0) | (FREQUENT if top >= 4.0 else 0) | (FUNCTION if function else 0)
    return known | _survival(known, own, english)


def _classes() -> dict[str, int]:
    """The bits that do not depend on the language."""
    bits: dict[str, int] = {}

    def mark(words: Iterable[str], bit: int) -> None:
        for word in words:
            bits[word] = bits.get(word, 0) | bit

    mark((w for w, strong in sources.ordinary_english().items() if strong), KNOWN | ORDINARY)
    mark((w for w, strong in sources.ordinary_english().items() if not strong), KNOWN | MIXED)
    first, last, rare = sources.people()
    single, small, several = sources.places()
    for words, bit in (
        (first, FIRST), (last, LAST), (rare, RARENAME | LAST), (single, PLACE), (small, PLACE | RARENAME), ({p[0] for p in (*several, *terms.PHRASES)}, PHRASE),
        (terms.DEMOGRAPHIC, DEM), (terms.OCCUPATIONS, OCC), (terms.TRADES, OCC), (terms.HEALTH | terms.GENETIC | terms.BIOMETRIC, HEALTH), (terms.ILL_NOUNS, ILL), (terms.KIN, KIN),
        (terms.SEX, SEX), (terms.MONTHS, DATE), (terms.WEEKDAYS, DATE), (terms.TITLES, TITLE), (terms.VOCATIVES, VOCATIVE), (terms.ORG_WORDS, ORG),
        (terms.BRANDS, BRAND), (terms.FIGURES, FIGURE), (terms.SAFE_CAPITALS, SAFECAP), (terms.NUMBER_WORDS, NUMWORD), (terms.TIME_UNITS, UNIT), (terms.CONNECTORS, CONNECTOR),
        (terms.REFERENCE_WORDS, REFERENCE), ((p[0] for p in terms.INTRODUCERS), ANNOUNCES), (terms.BODY_NOUNS, BODY), (terms.BODIES_OF, BODY), (terms.KEYWORDS_OF_CODE, KNOWN | ORDINARY),
    ):  # fmt: skip
        mark(words, bit)
    for singular, bit in ((terms.OCCUPATIONS, OCC), (terms.TRADES, OCC), (terms.DEMOGRAPHIC, DEM)):
        mark((w + "s" for w in singular if len(w) > 3), bit)
    return bits


def _survival(known: int, own: float, english: float) -> int:
    """The four survival bits of one word; *own* and *english* are its Zipf values."""
    top = max(own, english)
    named = known & (FIRST | PLACE) or known & LAST
    rare = bool(known & RARENAME) and not known & FIRST
    ordinary = bool(known & ORDINARY)
    safe = 0
    if not named:
        if top >= 1.5 or ordinary or known & MIXED:
            safe |= SAFE_CASED
        if ordinary or known & MIXED or top >= 3.5:
            safe |= SAFE_UNCASED
        if ordinary or top >= 4.0:
            safe |= SAFE_START
        if ordinary and top >= 4.3:
            safe |= SAFE_MID
    else:
        if ordinary or known & MIXED or own >= 6.0 or (rare and top >= 3.0) or (not known & FIRST and own >= 5.3):
            safe |= SAFE_CASED
        if (
            (ordinary and (top >= 4.0 or rare or not known & FIRST))
            or own >= 5.6
            or (known & MIXED and not known & FIRST and top >= 4.3)
        ):
            safe |= SAFE_UNCASED
        if (ordinary and (rare or not known & FIRST)) or (own >= 5.6 and not known & PLACE):
            safe |= SAFE_START
        if ordinary and rare and top >= 4.6:
            safe |= SAFE_MID
    if known & BRAND:
        safe = SAFE_CASED if ordinary and top >= 4.3 else 0
    if known & FIGURE:
        safe = SAFE_CASED | SAFE_UNCASED if ordinary and top >= 4.6 else 0
    if known & SAFECAP:
        safe |= SAFE_START | SAFE_MID | SAFE_CASED | SAFE_UNCASED
    return safe
