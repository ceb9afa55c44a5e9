"""Checks that label and rank a match. They never clear one that could identify: a mistyped card still identifies.

Number rules are other people's well-kept work (phonenumbers, python-stdnum, schwifty); none is written here.
A check returns (label, score), or None where the match is plainly something else, which only ordinary words and
plain small numbers are.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from stdnum.exceptions import InvalidLength

from incamera.deid.lexicons import terms

_NOT_DIGITS = bytes(c for c in range(128) if not 48 <= c <= 57)
#: What ISO 7064 reads for a letter: A is 10, Z is 35.
_LETTERS_AS_NUMBERS = {ord(c): str(int(c, 36)) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
#: Luhn: what the digits of twice a digit sum up to.
_ZERO = ord("0")
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_SEPARATOR = re.compile(r"[ .\-/()+x]")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]+")
_COUNTRY = re.compile(r"[A-Z]{2}")

#: python-stdnum modules of national, tax and health numbers: 60 countries.
NATIONAL = (
    "us.ssn", "us.ein", "us.itin", "us.ptin", "gb.nhs", "gb.utr", "gb.vat", "ca.sin", "ca.bn", "au.tfn", "au.abn", "au.acn", "nz.ird", "ie.pps",
    "ie.vat", "fr.nir", "fr.nif", "fr.siren", "fr.siret", "de.idnr", "de.stnr", "de.vat", "at.vnr", "at.tin", "at.uid", "ch.ssn", "ch.uid", "be.nn",
    "be.vat", "nl.bsn", "nl.btw", "lu.tva", "es.dni", "es.nie", "es.nif", "es.cif", "pt.nif", "pt.cc", "it.codicefiscale", "it.iva", "gr.amka",
    "gr.vat", "mt.vat", "cy.vat", "se.personnummer", "se.orgnr", "no.fodselsnummer", "no.orgnr", "dk.cpr", "dk.cvr", "fi.hetu", "fi.alv",
    "is_.kennitala", "ee.ik", "lv.pvn", "lt.asmens", "pl.pesel", "pl.nip", "pl.regon", "cz.rc", "cz.dic", "sk.rc", "sk.dph", "hu.anum", "ro.cnp",
    "ro.cui", "bg.egn", "bg.pnf", "hr.oib", "si.emso", "si.ddv", "rs.pib", "mk.edb", "al.nipt", "ua.rntrc", "ua.edrpou", "ru.inn", "by.unp",
    "md.idno", "tr.tckimlik", "tr.vkn", "il.idnr", "il.hp", "in_.aadhaar", "in_.pan", "in_.epic", "in_.gstin", "pk.cnic", "cn.ric", "cn.uscc",
    "jp.cn", "kr.rrn", "kr.brn", "tw.ubn", "th.pin", "th.tin", "vn.mst", "my.nric", "id.npwp", "id.nik", "sg.uen", "br.cpf", "br.cnpj", "mx.curp",
    "mx.rfc", "ar.cuit", "ar.dni", "cl.rut", "co.nit", "pe.cui", "pe.ruc", "ec.ci", "ec.ruc", "uy.rut", "py.rucn", "ve.rif", "cr.cpf", "do.cedula",
    "do.rnc", "gt.nit", "sv.nit", "cu.ni", "za.idnr", "za.tin", "eg.tn", "ma.ice", "tn.mf", "dz.nif", "ke.pin", "gh.tin", "imei", "imsi", "lei",
)  # fmt: skip

#: These accept nearly every number of their length: asked first, they end most questions.
_LENIENT = ("ar.dni", "cr.cpf", "kr.brn", "de.stnr", "imei", "dz.nif", "pk.cnic", "co.nit", "in_.aadhaar", "pt.cc")

#: Forms of numbers with letters other than a country's in front, capitals and digits only. Wider than the numbers: only a
#: question that nobody could answer yes to is spared.
_LETTERED = {
    name: re.compile(form)
    for name, form in {
        "us.ptin": r"P\d{8}", "gb.vat": r"(GD|HA)\d{3,7}", "ca.bn": r"\d{9}[A-Z]{2}\d{4}", "ie.pps": r"\d{7}[A-Z]{1,2}",
        "ie.vat": r"\d[A-Z0-9]\d{5}[A-Z]{1,2}", "fr.nir": r"\d{5,7}[AB]\d{5,8}", "at.uid": r"U\d{8}", "nl.btw": r"\d{1,9}B\d{2}",
        "es.dni": r"\d{8}[A-Z]", "es.nie": r"[XYZ]\d{7}[A-Z]", "es.nif": r"[A-Z0-9]\d{7}[A-Z0-9]", "es.cif": r"[A-Z]\d{7}[A-Z0-9]",
        "pt.cc": r"\d*[A-Z0-9]{2}\d", "it.codicefiscale": r"[A-Z0-9]{16}", "cy.vat": r"\d{8}[A-Z]", "fi.hetu": r"\d{6}[A-Z0-9]{3,5}",
        "al.nipt": r"[A-Z]\d{8}[A-Z]", "by.unp": r"[A-Z]{2}\d{7}", "in_.pan": r"[A-Z]{5}\d{4}[A-Z]", "in_.epic": r"[A-Z]{3}\d{7}",
        "in_.gstin": r"\d{2}[A-Z0-9]{13}", "cn.ric": r"\d{17}X", "cn.uscc": r"[A-Z0-9]{18}", "sg.uen": r"\d{8,9}[A-Z]|[A-Z]\d{2}[A-Z]{2}\d{4}[A-Z]",
        "br.cnpj": r"[A-Z0-9]{14}", "mx.curp": r"[A-Z0-9]{18}", "mx.rfc": r"[A-Z]{2,4}[A-Z0-9]{6,9}", "cl.rut": r"\d{7,8}K",
        "ve.rif": r"[A-Z]\d{9}", "gt.nit": r"\d{1,11}K", "tn.mf": r"\d{1,7}[A-Z](?:[A-Z]{2}\d{3})?", "ke.pin": r"[A-Z]\d{9}[A-Z]",
        "gh.tin": r"[A-Z]00[A-Z0-9]{8}", "lei": r"[A-Z0-9]+", "pe.cui": r"\d{8}[A-Z]", "gb.utr": r"K\d{10}",
    }.items()
}  # fmt: skip


@cache
def _modules() -> tuple[tuple[str, Any], ...]:
    loaded = []
    for name in NATIONAL:
        try:
            loaded.append((name, import_module(f"stdnum.{name}")))
        except ModuleNotFoundError:  # another version of python-stdnum: fewer labels, the same findings
            continue
    return tuple(loaded)


@cache
def _by_length() -> dict[int, tuple[tuple[str, Any], ...]]:
    """Modules that take a number of n digits at all: asking each of them about every number is what costs."""
    table: dict[int, list[tuple[str, Any]]] = {n: [] for n in range(5, 21)}
    for name, module in _modules():
        for n in table:
            try:
                module.validate("1" * n)
            except InvalidLength:
                continue
            except Exception:  # noqa: BLE001, S110 - wrong checksum or prefix: the length at least is right
                pass
            table[n].append((name, module))
    likely = {name: rank for rank, name in enumerate(_LENIENT)}
    return {n: tuple(sorted(modules, key=lambda m: likely.get(m[0], len(likely)))) for n, modules in table.items()}


def countries(text: str) -> Iterator[str]:
    """python-stdnum modules whose check *text* passes, lenient ones first."""
    compact = "".join(filter(str.isalnum, text))
    if compact.isdigit():
        return (name for name, module in _by_length().get(len(compact), ()) if _valid(module, compact))
    modules = _lettered(compact.upper()) if compact.isascii() else iter(_modules())
    return (name for name, module in modules if _valid(module, text))


def _lettered(compact: str) -> Iterator[tuple[str, Any]]:
    """Modules that take a number with letters of this form at all: their country in front, or a form with letters."""
    plain, formed = _by_country()
    yield from plain.get(compact[:2], ())
    for name, module in formed:
        form = _LETTERED[name]
        if form.fullmatch(compact):
            yield name, module


@cache
def _by_country() -> tuple[dict[str, list[tuple[str, Any]]], list[tuple[str, Any]]]:
    """(modules by the two letters that may stand in front of their numbers, modules of numbers with other letters)."""
    plain: dict[str, list[tuple[str, Any]]] = {}
    for name, module in _modules():
        for country in ("GR", "EL") if name[:2] == "gr" else (name[:2].upper(),):
            plain.setdefault(country, []).append((name, module))
    return plain, [(name, module) for name, module in _modules() if name in _LETTERED]


def _valid(module: Any, text: str) -> bool:
    try:
        return bool(module.is_valid(text))
    except Exception:  # noqa: BLE001 - a validator that stumbles has not validated
        return False


def numbered(text: str) -> bool:
    """Whether *text* is more of a number than of words."""
    return len(_digits(text)) >= 5 and not (" " in text and any(p.isalpha() and len(p) > 2 for p in text.split()))


def national_id(text: str) -> tuple[str, float] | None:
    if not numbered(text):
        return None
    return ("CODE", 0.6) if next(countries(text), None) is None else ("NATIONAL-ID", 0.85)


def _digits(text: str) -> str:
    """What `str.isdigit` leaves of *text*."""
    if text.isascii():
        return text.encode().translate(None, _NOT_DIGITS).decode()
    return "".join(filter(str.isdigit, text))


def card(text: str) -> tuple[str, float] | None:
    digits = _digits(text)
    if not 12 <= len(digits) <= 19:
        return ("CODE", 0.6)
    return ("CARD", 0.98) if digits.isascii() and _luhn_valid(digits) else ("CARD", 0.7)


def _luhn_valid(digits: str) -> bool:
    """What python-stdnum's `luhn.is_valid` says, a dozen times faster. Source: ISO/IEC 7812-1."""
    data = digits.encode()
    return (sum(data[::-2]) + sum(data[-2::-2].translate(_DOUBLED)) - _ZERO * len(data)) % 10 == 0


def iban(text: str) -> tuple[str, float] | None:
    compact = text.replace(" ", "").replace("-", "").upper()
    if not 14 <= len(compact) <= 34 or len(_digits(compact)) < 8:
        return None
    return ("IBAN", 0.99 if _iban_valid(compact) else 0.8)


def _iban_valid(compact: str) -> bool:
    """What schwifty's `IBAN.is_valid` says, without an object for every question.

    Source: ISO 13616 (form, by country, from schwifty's registry), ISO 7064 (check digits).
    """
    form = _iban_form(compact[:2])
    if form is None or _IBAN.fullmatch(compact) is None or len(compact) != form.iban_length or not form.regex.match(compact[4:]):
        return False
    number = int((compact[4:] + compact[:2]).translate(_LETTERS_AS_NUMBERS)) * 100
    return int(compact[2:4]) == 98 - number % 97


@cache
def _iban_form(country: str) -> Any:
    """schwifty's specification of *country*'s accounts, or None where it has none. Countries are public."""
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    if not _COUNTRY.fullmatch(country):
        return None
    try:
        return IBAN(country + "00", allow_invalid=True).spec
    except SchwiftyException:
        return None


def phone(text: str) -> tuple[str, float] | None:
    digits = _digits(text.lower().partition("x")[0].partition("e")[0])
    if len(digits) < 6 or (len(digits) < 9 and _SEPARATOR.search(text) is None):
        return None
    if len(digits) > 20:
        return ("CODE", 0.5)
    score = 0.6
    if text.startswith(("+", "00")):
        import phonenumbers

        try:
            number = phonenumbers.parse("+" + digits.lstrip("0"), None)
            score = 0.98 if phonenumbers.is_valid_number(number) else 0.8
        except phonenumbers.NumberParseException:
            score = 0.7
    return ("PHONE", score)


def regions(text: str) -> tuple[str, ...]:
    """Regions (ISO 3166) in which *text* would be a valid national number."""
    import phonenumbers

    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(text, region)):
                found.append(region)
        except phonenumbers.NumberParseException:
            continue
    return tuple(found)


def date_words(text: str) -> tuple[str, float] | None:
    """A bare month word that is another word too ("may", "mar") is a date only with a number beside it or a capital."""
    if any(c.isdigit() for c in text):
        return ("DATE", 0.95)
    word = text.strip(" .,").lower()
    if word in terms.WEAK_DATES or len(word) <= 3:
        return None
    return ("DATE", 0.7)


def weekday(text: str) -> tuple[str, float] | None:
    word = text.rsplit(maxsplit=1)[-1]
    if len(word) <= 4:
        return ("DATE", 0.5) if word[0].isupper() and word.lower() in ("mon", "tue", "tues", "thu", "thur", "fri") else None
    return ("DATE", 0.6)


def size(text: str) -> tuple[str, float] | None:
    return ("QUANTITY", 0.5)


def ipv6(text: str) -> tuple[str, float] | None:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return ("IP", 0.5) if text.count(":") >= 4 else None
    return ("IP", 0.95)


def hexadecimal(text: str) -> tuple[str, float] | None:
    """Words like `effaced` are hexadecimal too: without a digit it is a word."""
    body = text[2:] if text[:2].lower() == "0x" else text
    if body.isalpha() or body.isdigit():  # a word, or a number of digits alone: what most are
        return None
    return ("CODE", 0.8) if any(c.isdigit() for c in body) and any(c.isalpha() for c in body) else None


def _entropy(text: str) -> float:
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def secret(text: str) -> tuple[str, float] | None:
    """What follows "password:" is a secret unless it is plain code: a call, a lookup, a placeholder in brackets."""
    if text.endswith(("(", ")", "{", "[")) or text[0] in "<({[$%":
        return None
    if text.isalpha() and text.islower() and len(text) < 20:
        return ("SECRET", 0.5)
    return ("SECRET", 0.9)


def blob(text: str) -> tuple[str, float] | None:
    """Long runs without a space: a digit, mixed case and high entropy make a key or encoded text; paths and rules are not."""
    body = text.rstrip("=")
    if not any(c.isdigit() for c in body) or not any(c.isalpha() for c in body):
        return None
    pieces = [p for p in body.replace("/", "-").replace("_", "-").split("-") if p]
    if max(map(len, pieces), default=0) < 16:
        return None
    return ("SECRET", 0.8) if _entropy(body) >= 3.2 else ("CODE", 0.5)
