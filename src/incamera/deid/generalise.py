"""Coarser truths: a date as its month or year, an age as its band. What is not understood is not guessed at."""

from __future__ import annotations

import re
from typing import Literal

from incamera.deid.lexicons import terms

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_BY_WORD: dict[str, int] = {}
for _block in (
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
):
    for _i, _word in enumerate(_block.split(), 1):
        _BY_WORD.setdefault(_word, _i)

_YEAR = re.compile(r"(?<!\d)(1[6-9]\d{2}|20\d{2})(?!\d)")
_ISO = re.compile(r"(1[6-9]\d{2}|20\d{2})[-/.](\d{1,2})(?:[-/.]\d{1,2})?")
_DAY_FIRST = re.compile(r"(\d{1,2})\s?[-/.]\s?(\d{1,2})\s?[-/.]\s?(1[6-9]\d{2}|20\d{2})")
_WORDS = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d{1,3}")


def date(surface: str, at: Literal["day", "month", "year"]) -> str | None:
    """*surface* as "March 1999" or "1999"; None where its year (or, for months, its month) cannot be told.

    A numeric date whose order is ambiguous ("3/4/1999") gives its year only.
    """
    year = _YEAR.search(surface)
    if year is None:
        return None
    if at == "year":
        return year.group()
    month = _month(surface)
    return f"{_MONTHS[month - 1]} {year.group()}" if month else year.group()


def _month(surface: str) -> int | None:
    if iso := _ISO.search(surface):
        month = int(iso.group(2))
        return month if 1 <= month <= 12 else None
    if numeric := _DAY_FIRST.search(surface):
        a, b = int(numeric.group(1)), int(numeric.group(2))
        if a > 12 >= b >= 1:
            return b
        if b > 12 >= a >= 1 or a == b <= 12:
            return a
        return None
    named = {_BY_WORD[w] for w in (w.lower() for w in _WORDS.findall(surface)) if w in _BY_WORD}
    return named.pop() if len(named) == 1 else None


def age(surface: str) -> str | None:
    """*surface* as a ten-year band ("40 to 49"), everything from 90 up as one (HIPAA safe harbor); None if no number is in it."""
    number = _NUMBER.search(surface)
    if number is None or any(
        w.lower() in terms.TIME_UNITS and w.lower().startswith(("m", "w", "d")) for w in _WORDS.findall(surface)
    ):
        return None
    years = int(number.group())
    return "90 or over" if years >= 90 else f"{years // 10 * 10} to {years // 10 * 10 + 9}"
