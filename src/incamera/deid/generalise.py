"""Coarser truths: a date as its month or year, an age as its band, a place as its region. What is unclear is not guessed at.

A tag that tells one (`[DATE: March 1999]`, `[AGE: 40 to 49]`, `[PLACE: Bavaria, DE]`) is as closed as a numbered one: months and
years, bands, and the regions and countries of `regions.told`, nothing a person could have written in it.
"""

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


_BANDS = "|".join(("0 to 9", *(f"{d}0 to {d}9" for d in range(1, 9)), "90 or over"))
#: What a coarse tag may look like; a place must also be one of `regions.told` (see `is_tag`).
TAG = (
    rf"\[DATE: (?:(?:{'|'.join(_MONTHS)}) )?(?:1[6-9]|20)[0-9]{{2}}\]"
    rf"|\[AGE: (?:{_BANDS})\]|\[PLACE: [^\[\]\n]{{2,50}}\]"
)
_PLACE = "[PLACE: "


def is_tag(tag: str) -> bool:
    """Whether what matches `TAG` is one: a place that we do not tell is somebody's text."""
    if not tag.startswith(_PLACE):
        return True
    from incamera.deid import regions

    return tag[len(_PLACE) : -1] in regions.told()


def coarse(label: str, surface: str, at: Literal["day", "month", "year"]) -> str | None:
    """The tag that tells *surface* coarsely; None where nothing coarser is known."""
    if label == "DATE":
        told, word = date(surface, at), "DATE"
    elif label == "AGE":
        told, word = age(surface), "AGE"
    elif label == "LOC":
        from incamera.deid import regions

        told, word = regions.place(surface), "PLACE"
    else:
        return None
    return f"[{word}: {told}]" if told is not None else None
