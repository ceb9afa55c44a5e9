"""Checks that label and rank a match. They never clear one that could identify: a mistyped card still identifies.

Number rules are other people's well-kept work (phonenumbers, python-stdnum, schwifty); none is written here.
A check returns (label, score), or None where the match is plainly something else, which only ordinary words and
plain small numbers are.
"""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from stdnum.exceptions import InvalidLength

from incamera.deid.lexicons import terms

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
    return {n: tuple(modules) for n, modules in table.items()}


def countries(text: str) -> Iterator[str]:
    """python-stdnum modules whose check *text* passes."""
    compact = "".join(c for c in text if c.isalnum())
    modules = _by_length().get(len(compact), ()) if compact.isdigit() else _modules()
    return (name for name, module in modules if _valid(module, compact if compact.isdigit() else text))


def _valid(module: Any, text: str) -> bool:
    try:
        return bool(module.is_valid(text))
    except Exception:  # noqa: BLE001 - a validator that stumbles has not validated
        return False


def national_id(text: str) -> tuple[str, float] | None:
    digits = sum(c.isdigit() for c in text)
    if digits < 5 or (" " in text and any(p.isalpha() and len(p) > 2 for p in text.split())):
        return None
    return ("CODE", 0.6) if next(countries(text), None) is None else ("NATIONAL-ID", 0.85)


def card(text: str) -> tuple[str, float] | None:
    from stdnum import luhn

    digits = "".join(c for c in text if c.isdigit())
    if not 12 <= len(digits) <= 19:
        return ("CODE", 0.6)
    return ("CARD", 0.98) if _valid(luhn, digits) else ("CARD", 0.7)


def iban(text: str) -> tuple[str, float] | None:
    compact = text.replace(" ", "").replace("-", "").upper()
    digits = sum(c.isdigit() for c in compact)
    if digits < 8 or not 14 <= len(compact) <= 34:
        return None
    from schwifty import IBAN

    return ("IBAN", 0.99 if IBAN(compact, allow_invalid=True).is_valid else 0.8)


def phone(text: str) -> tuple[str, float] | None:
    digits = "".join(c for c in text.lower().partition("x")[0].partition("e")[0] if c.isdigit())
    if len(digits) < 6 or (not any(c in " .-/()+x" for c in text) and len(digits) < 9):
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
