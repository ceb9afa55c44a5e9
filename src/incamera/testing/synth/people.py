"""The subjects of the synthetic world: account holders in many countries, with identities from Faker.

These identities stand in letters, CVs and mails of their own conversations. They share lists with realistic surrogates, so
they never measure the detector: that is what canaries are for.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from incamera.testing.synth.grammar import Fact

#: (Faker locale, language, region, share)
_LOCALES: Final = (
    ("en_US", "en", "US", 26),
    ("en_GB", "en", "UK", 12),
    ("de_DE", "de", "EEA", 11),
    ("fr_FR", "fr", "EEA", 10),
    ("es_ES", "es", "EEA", 9),
    ("it_IT", "it", "EEA", 7),
    ("pt_PT", "pt", "EEA", 4),
    ("pt_BR", "pt", "BR", 5),
    ("es_MX", "es", "MX", 5),
    ("de_CH", "de", "CH", 3),
    ("en_IE", "en", "EEA", 3),
    ("en_AU", "en", "AU", 3),
    ("en_IN", "en", "IN", 2),
)
_TIERS: Final = (("free", 54), ("plus", 22), ("pro", 4), ("team", 5), ("enterprise", 6), ("edu", 2), ("api", 4), (None, 3))
_MAIL: Final = ("example.org", "example.com", "example.net", "mail.example.org")


@dataclass(frozen=True, slots=True)
class Person:
    """An account holder and what the holder's account system knows. `region` and `tier` None: it does not know."""

    subject: str
    given: str
    family: str
    email: str
    phone: str
    street: str
    city: str
    postcode: str
    handle: str
    born: str
    language: str
    region: str | None
    tier: str | None

    @property
    def name(self) -> str:
        """Given and family name."""
        return f"{self.given} {self.family}"

    @property
    def address(self) -> str:
        """One line."""
        return f"{self.street}, {self.postcode} {self.city}"

    def account(self) -> dict[str, Any]:
        """The line of accounts.jsonl."""
        record: dict[str, Any] = {
            "subject": self.subject,
            "names": [self.name],
            "emails": [self.email],
            "phones": [self.phone],
            "addresses": [self.address],
            "handles": [self.handle],
        }
        return record | {key: value for key, value in (("tier", self.tier), ("region", self.region)) if value}

    def facts(self, prefix: str = "me") -> dict[str, Fact]:
        """The slots of a grammar that say something about this person."""
        return {
            prefix: Fact("PERSON", self.name),
            f"{prefix}_given": Fact("PERSON", self.given),
            f"{prefix}_family": Fact("PERSON", self.family),
            f"{prefix}_email": Fact("EMAIL", self.email),
            f"{prefix}_phone": Fact("PHONE", self.phone),
            f"{prefix}_street": Fact("ADDRESS", self.street),
            f"{prefix}_city": Fact("LOCATION", self.city),
            f"{prefix}_address": Fact("ADDRESS", self.address),
            f"{prefix}_handle": Fact("HANDLE", self.handle),
            f"{prefix}_born": Fact("DATE", self.born),
        }


def people(seed: int, count: int) -> list[Person]:
    """*count* account holders."""
    from faker import Faker

    rng = random.Random(f"{seed}/people")
    fakers: dict[str, Any] = {}
    weights = [share for *_, share in _LOCALES]
    found = []
    for number in range(count):
        locale, language, region, _ = rng.choices(_LOCALES, weights)[0]
        if locale not in fakers:
            fakers[locale] = Faker(locale)
            fakers[locale].seed_instance(rng.getrandbits(32))
        found.append(_person(fakers[locale], rng, number, language, region))
    return found


def _person(faker: Any, rng: random.Random, number: int, language: str, region: str) -> Person:
    given, family = faker.first_name(), faker.last_name()
    local = f"{plain(given)}.{plain(family)}"
    shape = rng.randrange(4)
    handle = (
        local,
        f"{plain(given)}{rng.randint(2, 99)}",
        f"{plain(given)[:1]}{plain(family)}",
        f"{plain(family)}_{plain(given)[:2]}",
    )[shape]
    tier = rng.choices([t for t, _ in _TIERS], [share for _, share in _TIERS])[0]
    year, month, day = rng.randint(1948, 2004), rng.randint(1, 12), rng.randint(1, 28)
    return Person(
        subject=f"acct-{rng.getrandbits(48):012x}-{number}",
        given=given,
        family=family,
        email=f"{local}{rng.randint(1, 99)}@{rng.choice(_MAIL)}",
        phone=faker.phone_number().split("x")[0].strip(),
        street=" ".join(faker.street_address().split()),
        city=faker.city(),
        postcode=faker.postcode(),
        handle=handle,
        born=f"{month}/{day}/{year}" if region == "US" else f"{day:02}.{month:02}.{year}",
        language=language,
        region=region if rng.random() > 0.03 else None,
        tier=tier,
    )


def plain(name: str) -> str:
    """*name* in small ASCII letters, as it stands in addresses and handles."""
    folded = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    return "".join(c for c in folded.lower() if c.isascii() and c.isalnum())
