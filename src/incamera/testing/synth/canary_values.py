# ruff: noqa: E501, SIM905  (tables of values: one list a line)
"""Values of canaries: identities that nobody has, from lists and formats written for this purpose alone.

Nothing here is shared with a lexicon, a training template or a surrogate generator: a detector that finds these was not told
about them. Names mix common ones, ones that are ordinary words too, and ones that no list has.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Final

_GIVEN: Final = {
    "en": "Grace Rose Will Mark Joy Heath Dawn Jordan Olwen Thaddeus Keziah Rafferty Imogen Dashiell Cressida Barnabas".split(),
    "es": "Consuelo Rocío Iker Ximena Nieves Gonzalo Amparo Jacinto Leire Fermín Candela Lázaro".split(),
    "fr": "Aurore Placide Fleur Thibault Solène Gaspard Violette Anatole Capucine Evrard Maëlys Blaise".split(),
    "de": "Ottilie Falk Wolke Gernot Sieglinde Jörn Frauke Rüdiger Alma Hartmut Wiebke Tjark".split(),
    "it": "Fiore Gaspare Serena Ercole Allegra Tullio Perla Amedeo Ginevra Oreste Fiammetta Dante".split(),
    "pt": "Jacira Valdir Íris Duarte Piedade Tomé Aurora Baltazar Luzia Nuno Graça Heitor".split(),
}
_FAMILY: Final = {
    "en": "Field Pond Sharp Winter Bishop Fennimore Achterberg Quillfeather Okonjo-Blythe Strand Drinkwater Vanterpool".split(),
    "es": "Delgado Rubio Calle Montes Urrutibéascoa Zabalgoitia Peñalver Bravo Cordero Larrañaga".split(),
    "fr": "Petit Boulanger Dubreuilh Lacour Le-Guennec Courtois Vaillancourt Printemps Quéméner Marchand".split(),
    "de": "Klein Sommer Vogelsang Hackbarth Oberdörffer Grau Kindermann Zwingli Feuerstein Winkelried".split(),
    "it": "Conte Fontana Quattrocchi Bevilacqua Passalacqua Monti Sanguinetti Leone Tagliabue Ferrante".split(),
    "pt": "Leitão Carvalho Prazeres Quintanilha Ramalho Pinto Sequeira Boaventura Falcão Trigueiro".split(),
}
_CODES: Final = {
    "en": "+44 20 7946 0",
    "es": "+34 612 34 ",
    "fr": "+33 6 39 98 ",
    "de": "+49 1512 345",
    "it": "+39 347 555 ",
    "pt": "+351 912 34 ",
}
_STREETS: Final = {
    "en": "{n} Lamplighter Row, Tolleymere",
    "es": "Calle del Candil {n}, 3.º B, Valdehornillos",
    "fr": "{n} rue des Lavandières, 29860 Kerlouan-sur-Orge",
    "de": "Seilergasse {n}, 08393 Niederlungwitz",
    "it": "Vicolo dei Cordai {n}, 12038 Montesarchio Alto",
    "pt": "Travessa das Rendeiras {n}, 4900 Vila Moinho",
}
_BANKS: Final = {
    "en": ("GB", "NWBK", 14),
    "es": ("ES", "", 20),
    "fr": ("FR", "", 23),
    "de": ("DE", "", 18),
    "it": ("IT", "X", 22),
    "pt": ("PT", "", 21),
}


def person(rng: random.Random, language: str) -> str:
    return f"{rng.choice(_GIVEN[language])} {rng.choice(_FAMILY[language])}"


def email(rng: random.Random, language: str) -> str:
    name = "".join(c for c in rng.choice(_FAMILY[language]).lower() if c.isascii() and c.isalpha())
    return f"{name}{rng.choice(['.', '_', '+', ''])}{rng.randint(3, 999)}@{_word(rng, 6)}-{_word(rng, 4)}.{rng.choice(['example', 'test', 'invalid'])}"


def phone(rng: random.Random, language: str) -> str:
    return _CODES[language] + str(rng.randint(100, 999))


def address(rng: random.Random, language: str) -> str:
    return _STREETS[language].format(n=rng.randint(2, 148))


def iban(rng: random.Random, language: str) -> str:
    """Valid by its check digits (ISO 13616, mod 97); no such account exists on purpose."""
    country, bank, digits = _BANKS[language]
    body = bank + _digits(rng, digits)
    number = "".join(str(int(c, 36)) for c in body + country + "00")
    value = f"{country}{98 - int(number) % 97:02}{body}"
    return " ".join(value[i : i + 4] for i in range(0, len(value), 4)) if rng.random() < 0.5 else value


def card(rng: random.Random, language: str) -> str:
    """Valid by its check digit (ISO 7812, Luhn)."""
    body = rng.choice(["4539", "5277", "4716"]) + _digits(rng, 11)
    total = sum(d if i % 2 else d * 2 - 9 * (d > 4) for i, d in enumerate(map(int, body)))
    value = body + str(-total % 10)
    return rng.choice(
        [value, " ".join(value[i : i + 4] for i in range(0, 16, 4)), "-".join(value[i : i + 4] for i in range(0, 16, 4))]
    )


def national_id(rng: random.Random, language: str) -> str:
    if language == "es":
        number = rng.randint(10_000_000, 99_999_999)
        return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"
    if language == "fr":
        body = f"{rng.randint(1, 2)}{rng.randint(40, 99)}{rng.randint(1, 12):02}29{_digits(rng, 6)}"
        return f"{body}{97 - int(body) % 97:02}"
    if language == "pt":
        body = _digits(rng, 9)
        first = sum(int(d) * w for d, w in zip(body, range(10, 1, -1), strict=True)) * 10 % 11 % 10
        second = (sum(int(d) * w for d, w in zip(body, range(11, 2, -1), strict=True)) + first * 2) * 10 % 11 % 10
        return f"{body[:3]}.{body[3:6]}.{body[6:]}-{first}{second}"
    if language == "it":
        return f"{_letters(rng, 6)}{rng.randint(40, 99)}{rng.choice('ABCDEHLMPRST')}{rng.randint(1, 31):02}{rng.choice('FGHL')}{_digits(rng, 3)}{_letters(rng, 1)}"
    if language == "de":
        return f"{rng.choice('CFGHJKLMNPRTVWXYZ')}{_digits(rng, 2)}{rng.choice('CFGHJKLMNPRTVWXYZ')}{_digits(rng, 5)}"
    return f"{rng.randint(100, 665)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"


def born(rng: random.Random, language: str) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1941, 2006)
    return (
        f"{month}/{day}/{year}"
        if language == "en"
        else f"{day:02}.{month:02}.{year}"
        if language == "de"
        else f"{day:02}/{month:02}/{year}"
    )


def handle(rng: random.Random, language: str) -> str:
    return f"@{_word(rng, rng.randint(5, 8))}_{rng.randint(10, 9999)}"


def ip(rng: random.Random, language: str) -> str:
    return f"{rng.choice([198, 203])}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"


def api_key(rng: random.Random, language: str) -> str:
    token = "".join(rng.choices(string.ascii_letters + string.digits, k=36))
    return rng.choice(["sk-live-", "ghp_", "xoxb-7731-", "AKIA"]) + token


def password(rng: random.Random, language: str) -> str:
    return _word(rng, 6).capitalize() + str(rng.randint(10, 999)) + rng.choice("!?#*") + _word(rng, 3)


def plate(rng: random.Random, language: str) -> str:
    forms = {
        "en": f"{_letters(rng, 2)}{rng.randint(51, 74)} {_letters(rng, 3)}",
        "es": f"{_digits(rng, 4)} {''.join(rng.choices('BCDFGHJKLMNPRSTVWXYZ', k=3))}",
        "fr": f"{_letters(rng, 2)}-{_digits(rng, 3)}-{_letters(rng, 2)}",
        "de": f"{_letters(rng, 2)}-{_letters(rng, 2)} {rng.randint(10, 9999)}",
        "it": f"{_letters(rng, 2)}{_digits(rng, 3)}{_letters(rng, 2)}",
        "pt": f"{_letters(rng, 2)}-{_digits(rng, 2)}-{_letters(rng, 2)}",
    }
    return forms[language]


def record_number(rng: random.Random, language: str) -> str:
    return f"{rng.choice(['MRN', 'P', 'NHC', 'F'])}-{rng.randint(2019, 2024)}-{_digits(rng, 6)}"


def wallet(rng: random.Random, language: str) -> str:
    return "0x" + "".join(rng.choices("0123456789abcdef", k=40))


#: Entity type to generator. The types are those a reader of the certificate knows.
VALUES: Final[dict[str, Callable[[random.Random, str], str]]] = {
    "PERSON": person,
    "EMAIL": email,
    "PHONE": phone,
    "ADDRESS": address,
    "IBAN": iban,
    "CARD": card,
    "NATIONAL_ID": national_id,
    "DATE_OF_BIRTH": born,
    "HANDLE": handle,
    "IP": ip,
    "API_KEY": api_key,
    "PASSWORD": password,
    "PLATE": plate,
    "RECORD_NUMBER": record_number,
    "WALLET": wallet,
}


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def _letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("ABCDEFGHJKLMNPRSTVWXYZ", k=count))


def _word(rng: random.Random, length: int) -> str:
    return "".join(rng.choice("bdfgklmnprstvz" if i % 2 == 0 else "aeiou") for i in range(length))
