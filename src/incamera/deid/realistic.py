"""Realistic surrogates: someone else's name in the same place, so that the text still reads and a leak hides among them.

Names, firms and places come from Faker in the conversation's language, chosen by HMAC under a secret key and the scope;
unique identifiers come from ranges that belong to nobody (example.org, 555-01xx, 192.0.2.0/24, test cards). A surrogate
is never a value of the conversation itself. Keyed surrogates are pseudonyms, not anonymity: who holds the key can link.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from incamera.deid import generalise
from incamera.deid.aliases import Aliases
from incamera.deid.lexicons import tables
from incamera.deid.surrogates import Chosen, numbering

if TYPE_CHECKING:
    from faker import Faker

LOCALES = {
    "en": "en_US",
    "es": "es_ES",
    "fr": "fr_FR",
    "de": "de_DE",
    "it": "it_IT",
    "pt": "pt_PT",
    "nl": "nl_NL",
    "pl": "pl_PL",
    "sv": "sv_SE",
    "da": "da_DK",
    "nb": "no_NO",
    "fi": "fi_FI",
    "cs": "cs_CZ",
    "ru": "ru_RU",
    "uk": "uk_UA",
    "tr": "tr_TR",
    "hu": "hu_HU",
    "ro": "ro_RO",
    "el": "el_GR",
}
_TRIES = 64


@cache
def _faker(locale: str) -> Faker:
    from faker import Faker

    return Faker(locale)


def realistic(
    aliases: Aliases,
    texts: Iterable[str],
    *,
    key: bytes | None,
    language: str,
    subject: str,
    linkage: Literal["conversation", "subject"],
    at: Literal["day", "month", "year"],
) -> list[Chosen]:
    """The surrogate of each finding of one conversation.

    Args:
        key: Secret HMAC key; None makes one for this call and forgets it, so that nothing links to any other call.
        linkage: `subject` gives one subject's conversations the same surrogates for the same value (linkable by design).

    Privacy: equal values get equal surrogates within the scope; the key opens nothing by itself but allows guessing.
    """
    texts = list(texts)
    present = {w.lower() for text in texts for w in text.split()}
    secret = key or secrets.token_bytes(32)
    scope = (
        subject
        if linkage == "subject" and key is not None
        else secrets.token_hex(16)
        if key is None
        else "\n".join(sorted(texts))
    )
    following = numbering(aliases, texts)
    given: dict[int, Chosen] = {}
    used: set[str] = set()

    def choose(cluster: int, surface: str) -> Chosen:
        label, leader = aliases.labels[cluster], aliases.leader(cluster)
        coarse = generalise.date(surface, at) if label == "DATE" else generalise.age(surface) if label == "AGE" else None
        if coarse is not None:
            return coarse, "generalised"
        make = _MAKERS.get(label)
        if make is None:
            return following(cluster)
        for n in range(_TRIES):
            drawn = hmac.new(secret, f"{scope}\0{label}\0{leader}\0{n}".encode("utf-8", "surrogatepass"), sha256).digest()
            fake = _faker(LOCALES.get(language, "en_US"))
            fake.seed_instance(int.from_bytes(drawn[:8], "big"))
            made = make(fake, surface, drawn)
            words = {w.strip(".,").lower() for w in made.split()}
            if made not in used and not words & present:
                used.add(made)
                return made, "realistic"
        return following(cluster)

    for finding, cluster in enumerate(aliases.of):
        if cluster not in given:
            given[cluster] = choose(cluster, aliases.surface(finding))
    return [given[cluster] for cluster in aliases.of]


def _person(fake: Faker, surface: str, drawn: bytes) -> str:
    """As many names as the original has, of the same register of first names where it can be told."""
    words = surface.split()
    female, male = _genders()
    first = words[0].lower() if words else ""
    give = (
        fake.first_name_female
        if first in female and first not in male
        else fake.first_name_male
        if first in male and first not in female
        else fake.first_name
    )
    if len(words) <= 1:
        known = tables.table("en")[first]
        made = fake.last_name() if known & tables.LAST and not known & tables.FIRST else give()
    else:
        made = f"{give()} {fake.last_name()}"
    return made.lower() if surface.islower() else made.upper() if surface.isupper() else made


@cache
def _genders() -> tuple[frozenset[str], frozenset[str]]:
    """(names given to women, names given to men). Source: US census 1990."""
    from importlib.resources import files

    def read(name: str) -> frozenset[str]:
        return frozenset(line.split()[0].lower() for line in (files("names") / name).read_text().splitlines())

    return read("dist.female.first"), read("dist.male.first")


def _number(drawn: bytes, digits: int) -> str:
    return str(int.from_bytes(drawn[8:16], "big") % 10**digits).zfill(digits)


def _card(drawn: bytes) -> str:
    """A number of the test range 4000 00, with its Luhn digit."""
    from stdnum import luhn

    body = "400000" + _number(drawn, 9)
    return body + str(luhn.calc_check_digit(body))


def _iban(drawn: bytes) -> str:
    """A well-formed IBAN of country code XX, which no country has."""
    from stdnum.iso7064 import mod_97_10

    account = _number(drawn, 16)
    return "XX" + mod_97_10.calc_check_digits(account + "XX") + account


#: Unique identifiers come from ranges set aside for documentation and tests; nobody has them.
_MAKERS: dict[str, Callable[[Faker, str, bytes], str]] = {
    "PERSON": _person,
    "ORG": lambda fake, surface, drawn: str(fake.company()),
    "LOC": lambda fake, surface, drawn: str(fake.city()),
    "ADDRESS": lambda fake, surface, drawn: str(fake.street_address()).replace("\n", ", "),
    "EMAIL": lambda fake, surface, drawn: f"{fake.user_name()}{_number(drawn, 3)}@example.org",
    "URL": lambda fake, surface, drawn: f"https://example.org/{_number(drawn, 6)}",
    "HANDLE": lambda fake, surface, drawn: ("@" if surface.startswith("@") else "") + f"{fake.user_name()}{_number(drawn, 3)}",
    "PHONE": lambda fake, surface, drawn: f"+1 {200 + drawn[0] % 700} 555-01{drawn[1] % 100:02d}",
    "CARD": lambda fake, surface, drawn: _card(drawn),
    "IBAN": lambda fake, surface, drawn: _iban(drawn),
    "IP": lambda fake, surface, drawn: f"192.0.2.{drawn[0]}",
    "MAC": lambda fake, surface, drawn: "00:00:5e:00:53:" + f"{drawn[0]:02x}",
}
