"""The values of slots: every function makes one value for a document; `SLOTS` names them and their labels."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import labels
import values
import words
from document import Document, Slots


def _digits(rng: random.Random, pattern: str) -> str:
    return "".join(
        str(rng.randint(0, 9)) if c == "9" else rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c == "A" else c for c in pattern
    )


def _date(d: Document) -> str:
    rng = d.rng
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1935, 2025)
    name = values.MONTHS[month - 1]
    return rng.choice(
        (
            f"{day} {name} {year}",
            f"{name} {day}, {year}",
            f"{day}/{month:02}/{year}",
            f"{month}/{day}/{year % 100:02}",
            f"{year}-{month:02}-{day:02}",
            f"{name} {day}",
            f"{name} {year}",
            f"the {day}th of {name}",
            f"{day:02}.{month:02}.{year}",
            f"{name[:3]} {day} {year}",
            f"{day} {name[:3]} {year}",
        )
    )


def _company(d: Document) -> str:
    rng = d.rng
    if rng.random() < 0.45:
        return rng.choice(values.ORGS)
    if rng.random() < 0.5:
        return rng.choice(d.store.pools[d.locale]["company"] or values.ORGS)
    word, other = (rng.choice(d.store.words["en"]).capitalize() for _ in range(2))
    last, city = d.person(8).last, _city(d)
    if rng.random() < 0.15:
        return _digits(rng, rng.choice(("AAA", "AAAA", "AA", "AAA", "AAAAA", "A&A")))
    if rng.random() < 0.15:
        return _institution(d)
    return rng.choice(
        (
            f"{word} {other}",
            f"{word}{other.lower()}",
            f"{last} & Sons",
            f"{last} {word}s",
            f"{word} Labs",
            f"{city} {word} Group",
            f"{word} {other} Ltd",
            f"{last} Law Firm",
            f"{city} City Council",
            f"{city} Police Department",
            f"Bank of {city}",
            f"{last} Consulting",
            f"{word}ify",
            f"{last} Bros",
            f"The {word} {other}",
            f"{word} and {other}",
            f"{city} Times",
            f"{last}, {d.person(9).last} & Partners",
            f"{city} United",
            f"{word} Foundation",
        )
    )


def _shop(d: Document) -> str:
    """A small business as people name it: ordinary words, a surname or a place, and mostly its trade."""
    rng = d.rng
    word, other = (rng.choice(d.store.words["en"]).capitalize() for _ in range(2))
    first, last, trade = d.person(7).first, d.person(8).last, rng.choice(values.TRADES).title()
    return rng.choice(
        (
            f"{word} {trade}",
            f"{word} {other}",
            f"{word} {other} {trade}",
            f"{word} & {other}",
            f"{first}'s {trade}",
            f"{last}'s",
            f"{last} {trade}",
            f"{_city(d)} {trade}",
            f"The {word} {trade}",
            f"The {word} {other}",
            f"{trade} {word}",
            f"{word} {rng.randint(2, 99)}",
            f"{word}s R Us",
            f"{word} World",
            f"{word} Depot",
            f"Mr. {word}",
        )
    )


def _institution(d: Document) -> str:
    rng = d.rng
    word, other = (rng.choice(d.store.words["en"]).capitalize() for _ in range(2))
    kind = rng.choice(
        (
            "Board",
            "Commission",
            "Authority",
            "Tribunal",
            "Committee",
            "Council",
            "Agency",
            "Office",
            "Inspectorate",
            "Directorate",
        )
    )
    city = _city(d)
    return rng.choice(
        (
            f"Ministry of {word}",
            f"{word} {kind}",
            f"{word} and {other} {kind}",
            f"{kind} of {word} and {other}",
            f"Department of {word} {other}",
            f"Secretary of State for {word} {other}",
            f"{city} {word} {kind}",
            f"National {kind} for {word}",
            f"{city} Police",
            f"{city} Prison",
            f"{kind} for {word} {other}",
            f"Office of the {word} {other}",
            f"{city} Tax Office",
            f"{word} Revenue",
            f"Association of {word} {other}",
            f"{word} Union of {city}",
            f"Chamber of {word}",
            f"{city} {kind}",
            f"the {word} {kind}",
            f"{word} Service",
            f"Parole {kind}",
            f"Army {word}",
        )
    )


def _city(d: Document) -> str:
    return d.rng.choice(d.store.cities) if d.rng.random() < 0.45 else d.rng.choice(d.store.towns)


def _school(d: Document) -> str:
    last, city, first = d.person(8).last, _city(d), d.person(7).first
    return d.rng.choice(
        (
            f"University of {city}",
            f"{city} University",
            f"{last} High School",
            f"{last} Elementary",
            f"St. {first}'s School",
            f"{city} Community College",
            f"{last} College",
            f"{city} State",
            f"{last} Academy",
            f"Lycée {last}",
            f"{city} Institute of Technology",
            f"Universidad de {city}",
        )
    )


def _hospital(d: Document) -> str:
    last, city = d.person(8).last, _city(d)
    return d.rng.choice(
        (
            f"{city} General Hospital",
            f"{last} Memorial",
            f"St. {d.person(7).first}'s Hospital",
            f"{city} Medical Center",
            f"{last} Clinic",
            "Mercy Hospital",
            f"{city} Children's Hospital",
            f"Hospital {last}",
            f"Klinikum {city}",
            f"{last} Family Practice",
        )
    )


def _place(d: Document) -> str:
    last, city, word = d.person(8).last, _city(d), d.rng.choice(d.store.words["en"]).capitalize()
    return d.rng.choice(
        (
            f"{last} Park",
            f"{city} Airport",
            f"Lake {last}",
            f"Mount {last}",
            f"{word} Hill",
            f"{city} Central Station",
            f"{last} Bridge",
            f"the {word} Cafe",
            f"{word} Street",
            f"{word} Beach",
            f"{last} Square",
            f"{city} Mall",
            f"{word} Valley",
            f"The {word} Inn",
            f"{city} Zoo",
            f"Café {last}",
        )
    )


def _address(d: Document) -> str:
    pool = d.store.pools[d.locale]["address"]
    if d.rng.random() < 0.5 and pool:
        return d.rng.choice(pool).replace("\n", d.rng.choice((", ", ", ", "\n")))
    return f"{d.rng.randint(1, 2999)} {_street(d)}, {_city(d)}" + d.rng.choice(
        ("", "", f", {_digits(d.rng, '99999')}", f" {_digits(d.rng, 'AA9 9AA')}")
    )


def _street(d: Document) -> str:
    rng = d.rng
    name = rng.choice(
        (
            d.person(8).last,
            rng.choice(d.store.words["en"]).capitalize(),
            rng.choice(d.store.pools[d.locale]["street"] or ["Main"]),
        )
    )
    kinds = ("Street", "St", "Road", "Rd", "Avenue", "Ave", "Lane", "Drive", "Dr", "Blvd", "Close", "Way", "Court", "Terrace")
    return f"{name} {rng.choice(kinds)}"


def _address_es(d: Document) -> str:
    rng = d.rng
    last = d.person(6, "es").last
    kind = rng.choice(("C/", "Calle", "Avenida", "Avda.", "Plaza", "Paseo", "C/ de", "Camino de"))
    tail = rng.choice(
        ("", f", {rng.randint(1, 9)}º {rng.choice('ABCD')}", f", {rng.randint(1, 9)}, {rng.choice('ABCD')}", " bajo")
    )
    name = rng.choice((last, d.person(6, "es").full, rng.choice(d.store.words["es"]).capitalize()))
    return f"{kind} {name}, {rng.randint(1, 200)}{tail}"


def _hospital_es(d: Document) -> str:
    last, city = d.person(6, "es").last, d.slot("cityes", 6)[0]
    return d.rng.choice(
        (
            f"Hospital {last}",
            f"Hospital Universitario de {city}",
            f"Hospital General de {city}",
            f"Clínica {last}",
            f"Centro de Salud {last}",
            f"Hospital Clínico {d.person(7, 'es').full}",
            f"Complejo Hospitalario {city}",
        )
    )


def _email(d: Document) -> str:
    who = d.person(d.rng.randint(1, 2))
    first, last = (re.sub(r"\W", "", part.lower()) for part in (who.first, who.last))
    local = d.rng.choice((f"{first}.{last}", f"{first[:1]}{last}", f"{first}{d.rng.randint(1, 99)}", f"{last}_{first}"))
    host = d.rng.choice(("gmail.com", "yahoo.com", "hotmail.com", "example.org", "outlook.com", f"{last}.com", "company.co.uk"))
    return f"{local}@{host}"


def _handle(d: Document) -> str:
    who, word = d.person(5), d.rng.choice(d.store.words["en"])
    first, last = (re.sub(r"\W", "", part.lower()) for part in (who.first, who.last))
    return "@" * (d.rng.random() < 0.4) + d.rng.choice(
        (
            f"{first}{last}",
            f"{first}_{last}",
            f"{first}{d.rng.randint(1, 2010)}",
            f"{word}{first}",
            f"x{first}x",
            f"{last}{d.rng.randint(1, 99)}",
            f"its{first}",
        )
    )


def _age(d: Document) -> str:
    n = d.rng.randint(1, 97)
    return d.rng.choice(
        (f"{n} years old", f"{n} year old", f"{n}-year-old", f"{n} yo", f"{n}", f"aged {n}", f"{n}yo", f"in my {n // 10}0s")
    )


_NUMBERS = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "fifteen",
    "eighteen",
    "twenty",
    "thirty",
    "forty",
]


def _duration(d: Document) -> str:
    rng = d.rng
    unit = rng.choice(("years", "months", "days", "weeks", "hours", "minutes"))
    return rng.choice(
        (
            f"{rng.choice(_NUMBERS)} {unit}",
            f"{rng.randint(2, 40)} {unit}",
            f"{rng.choice(_NUMBERS)} years and {rng.choice(_NUMBERS)} months",
            f"{rng.choice(_NUMBERS)} to {rng.choice(_NUMBERS)} {unit}",
            f"{rng.choice(_NUMBERS)}-{unit[:-1]}",
            f"{rng.randint(1, 30)} {unit[:-1]}",
            f"one {unit[:-1]}",
            f"{rng.choice(_NUMBERS)} years, {rng.choice(_NUMBERS)} months and {rng.randint(2, 28)} days",
        )
    )


def _range(d: Document) -> str:
    rng = d.rng
    month, other = rng.choice(values.MONTHS), rng.choice(values.MONTHS)
    a, b, year = rng.randint(1, 14), rng.randint(15, 28), rng.randint(1950, 2024)
    return rng.choice(
        (
            f"{a} and {b} {month} {year}",
            f"{a} {month} and {b} {other} {year}",
            f"{month} and {other} {year}",
            f"{year} and {year + 3}",
            f"{a}, {a + 1} and {b} {month}",
            f"{month} {year} to {other} {year + 1}",
            f"the night of {a} {month}",
            f"{a}-{b} {month} {year}",
        )
    )


def _time(d: Document) -> str:
    hour, minute = d.rng.randint(1, 12), d.rng.randint(0, 59)
    return d.rng.choice(
        (
            f"{hour}pm",
            f"{hour}:{minute:02}",
            f"{hour + 11}:{minute:02}",
            f"{hour} am",
            "noon",
            "midnight",
            f"{hour}.{minute:02} p.m.",
            f"{hour} p.m.",
            f"{hour} a.m.",
            f"{hour} o'clock",
        )
    )


_UNITS = ("kilograms", "kg", "grams", "square metres", "sq. m", "hectares", "kilometres", "metres", "litres", "per cent")
_COUNTED = (
    "counts",
    "offences",
    "persons",
    "other persons",
    "occasions",
    "shares",
    "children",
    "victims",
    "officers",
    "witnesses",
)
_MONIES = ("zlotys", "pounds", "euros", "dollars", "roubles", "Turkish liras", "Swedish kronor", "Swiss francs")


def _quantity(d: Document) -> str:
    rng = d.rng
    n = rng.choice((str(rng.randint(2, 900)), f"{rng.randint(1, 900)},000", rng.choice(_NUMBERS)))
    unit, counted, money = rng.choice(_UNITS), rng.choice(_COUNTED), rng.choice(_MONIES)
    return rng.choice((f"{n} {unit}", f"GBP {n}", f"EUR {n}", f"{n} {counted}", f"{n} {money}", f"approximately {n} people"))


def _sentence(language: str) -> Callable[[Document], str]:
    """Ordinary words by their frequency, small words included: no sense, but the words stand where names do not."""

    def make(d: Document) -> str:
        words, weights = d.store.frequent[language]
        out = d.rng.choices(words, cum_weights=weights, k=d.rng.randint(5, 14))
        return (" ".join(out[:5]).capitalize() + d.rng.choice((" ", ", ")) + " ".join(out[5:])).strip(" ,") + "."

    return make


def _money(d: Document) -> str:
    n = d.rng.choice((d.rng.randint(5, 999), d.rng.randint(1, 900) * 1000))
    return d.rng.choice((f"${n:,}", f"{n} euros", f"£{n}", f"EUR {n:,}", f"{n} dollars", f"{n}€"))


def _id(d: Document) -> str:
    return _digits(
        d.rng,
        d.rng.choice(
            (
                "99999/99",
                "AA999999",
                "999-99-9999",
                "99999999",
                "A-99999",
                "9999-9999-9999",
                "99 9999 999 99",
                "A9999999A",
                "K-9999/99",
            )
        ),
    )


def _month_year_es(d: Document) -> str:
    rng = d.rng
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1935, 2025)
    return rng.choice(
        (
            f"{day} de {values.MONTHS_ES[month - 1]} de {year}",
            f"{day:02}/{month:02}/{year}",
            f"{values.MONTHS_ES[month - 1]} de {year}",
        )
    )


def _of(items: list[str]) -> Callable[[Document], str]:
    return lambda d: d.rng.choice(items)


#: Demonyms that English writes with a small letter.
_SMALL = {
    "hispanic",
    "latino",
    "latina",
    "latinx",
    "chicano",
    "black",
    "white",
    "caucasian",
    "biracial",
    "mixed",
    "indigenous",
    "aboriginal",
    "atheist",
    "agnostic",
    "gay",
    "lesbian",
    "bisexual",
    "transgender",
    "nonbinary",
    "heterosexual",
    "queer",
    "trans",
    "divorced",
    "widowed",
    "unmarried",
    "married",
    "single",
    "republican",
    "democrat",
    "socialist",
    "communist",
    "conservative",
    "libertarian",
    "immigrant",
    "refugee",
    "asylum",
}
_DEMONYMS = [w if w.split()[0] in _SMALL else w.title() for w in words.DEMONYMS[:168]]
_JOBS = words.OCCUPATIONS[:170]
SLOTS: Slots = {
    "org": (_company, labels.ORG),
    "school": (_school, labels.ORG),
    "shop": (_shop, labels.ORG),
    "team": (
        lambda d: d.rng.choice((_city(d), f"the {_city(d)} {d.rng.choice(d.store.words['en']).capitalize()}s", _company(d))),
        labels.ORG | labels.LOC,
    ),
    "abbr": (lambda d: _digits(d.rng, d.rng.choice(("AA", "AAA", "AAA", "AAAA"))), labels.ORG),
    "hosp": (_hospital, labels.ORG),
    "hospes": (_hospital_es, labels.ORG),
    "court": (_of(values.COURTS), labels.ORG),
    "city": (_city, labels.LOC),
    "country": (lambda d: d.rng.choice(d.store.countries if d.rng.random() < 0.8 else values.LANDS), labels.LOC),
    "place": (_place, labels.LOC),
    "street": (_street, labels.LOC),
    "addr": (_address, labels.LOC),
    "addres": (_address_es, labels.LOC),
    "state": (lambda d: d.rng.choice(d.store.countries), labels.LOC),
    "us": (_of(values.STATES), labels.LOC),
    "usadj": (_of(["US", "US", "U.S.", "UK"]), labels.LOC),
    "city1": (lambda d: re.sub(r"\W", "", _city(d)), labels.LOC),
    "date": (_date, labels.DATE),
    "datees": (_month_year_es, labels.DATE),
    "iso": (lambda d: _digits(d.rng, "202") + _digits(d.rng, "9-1") + _digits(d.rng, "1-09T19:59:59"), labels.DATE),
    "day": (_of(values.DAYS), labels.DATE),
    "month": (_of(values.MONTHS), labels.DATE),
    "monthes": (_of(values.MONTHS_ES), labels.DATE),
    "yr": (lambda d: str(d.rng.randint(1930, 2026)), labels.DATE),
    "time": (_time, labels.DATE),
    "dur": (_duration, labels.DATE),
    "range": (_range, labels.DATE),
    "qty": (_quantity, labels.OTHER),
    "inst": (_institution, labels.ORG),
    "paises": (_of(values.COUNTRIES_ES), labels.LOC),
    "sexes": (_of(["H", "M", "varón", "mujer", "Varón", "Mujer", "femenino", "masculino", "hombre", "niña", "niño"]), labels.DEM),
    "edades": (
        lambda d: d.rng.choice(
            (
                f"{d.rng.randint(1, 97)} años",
                f"{d.rng.randint(1, 97)} años de edad",
                f"{d.rng.randint(1, 23)} meses",
                f"{d.rng.randint(1, 97)} años",
            )
        ),
        labels.DEM,
    ),
    "sen": (_sentence("en"), labels.O),
    "ses": (_sentence("es"), labels.O),
    "sfr": (_sentence("fr"), labels.O),
    "sde": (_sentence("de"), labels.O),
    "sit": (_sentence("it"), labels.O),
    "spt": (_sentence("pt"), labels.O),
    "snl": (_sentence("nl"), labels.O),
    "acro": (_of(values.ACRONYMS), labels.O),
    "age": (_age, labels.DEM),
    "num": (lambda d: str(d.rng.randint(1, 97)), labels.DEM | labels.O),
    "artage": (lambda d: f"a {_age(d)}", labels.DEM | labels.O),
    "dem": (_of(_DEMONYMS), labels.DEM),
    "demes": (_of(values.DEMONYMS_ES), labels.DEM),
    "artdem": (_of(["a", "an"]), labels.O),
    "lang": (_of(values.LANGUAGES), labels.DEM | labels.O),
    "job": (
        lambda d: d.rng.choice(_JOBS) if d.rng.random() < 0.8 else d.rng.choice(d.store.pools["en_GB"]["job"]).lower(),
        labels.OCC,
    ),
    "jobes": (_of(values.JOBS_ES), labels.OCC),
    "jobfr": (_of(values.JOBS_FR), labels.OCC),
    "ill": (_of(words.ILLNESSES[:93]), labels.HEALTH),
    "illes": (_of(values.ILLNESSES_ES), labels.HEALTH),
    "drug": (_of(values.DRUGS), labels.HEALTH),
    "email": (_email, labels.OTHER),
    "phone": (
        lambda d: _digits(
            d.rng,
            d.rng.choice(("999-999-9999", "(999) 999-9999", "+99 999 999 999", "99999 999999", "9999999999", "+1 999 999 9999")),
        ),
        labels.OTHER,
    ),
    "id": (_id, labels.OTHER),
    "url": (lambda d: f"https://www.{d.rng.choice(d.store.words['en'])}.com/{_digits(d.rng, 'A9A99')}", labels.OTHER),
    "work": (_of(values.WORKS), labels.OTHER),
    "prod": (_of(values.PRODUCTS), labels.OTHER),
    "event": (_of(values.EVENTS), labels.OTHER | labels.O),
    "handle": (_handle, labels.PERSON),
    "initials": (lambda d: _digits(d.rng, d.rng.choice(("AA", "AA", "AAA", "A.A."))), labels.PERSON),
    "trade": (_of(values.TRADES), labels.O),
    "invented": (lambda d: d.store.inventors[d.locale][0].draw(d.rng), labels.PERSON),
    "lowfirst": (lambda d: re.sub(r"\W", "", d.person(1).first.lower()), labels.PERSON),
    "title": (
        lambda d: d.rng.choice(("Mr", "Mrs", "Ms", "Dr", "Mr.", "Mrs.", "Ms.", "Dr.", "Miss", "Prof.", "Sir", "Judge")),
        labels.O,
    ),
    "money": (_money, labels.O | labels.OTHER),
    "n": (lambda d: str(d.rng.randint(1, 60)), labels.O),
    "verb": (_of(values.VERBS), labels.O),
    "low_sentence": (lambda d: " ".join(d.rng.choices(d.store.words["en"][:1500], k=4)), labels.O),
}
