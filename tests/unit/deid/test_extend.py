"""Neighbours that belong to a finding, and neighbours that do not."""

from __future__ import annotations

import pytest

from incamera.deid.extend import extend
from incamera.deid.hits import Hit, named, rows
from incamera.deid.lexicons import tables as t
from incamera.deid.tokens import tokenise

CASES = [
    ("he is a British citizen now", "British", "DEM", "citizen"),
    ("they live in Glen village", "Glen", "LOC", "village"),
    ("from Caldwell insurance they say", "Caldwell", "PERSON", "Caldwell insurance"),
    ("at the University of Alba there", "University of Alba", "ORG", "the University of Alba"),
    ("between 3 and 9 May we met", "3 and 9 May", "DATE", "between"),
    ("five offences were named", "five", "NUMBER", "five offences"),
    ("the ministry of education. They wrote", "wrote", "OTHER", "ministry of education"),
]


def _extended(text: str, *hits: Hit) -> list[str]:
    return [text[h.start : h.end] for h in named(extend(rows(hits), tokenise(text, t.table("en"))))]


def _hit(text: str, surface: str, label: str) -> Hit:
    start = text.index(surface)
    return Hit(start, start + len(surface), label, "direct", 0.7, "gate.name")


@pytest.mark.parametrize(("text", "surface", "label", "wanted"), CASES)
def test_a_neighbour_that_belongs_goes_along(text: str, surface: str, label: str, wanted: str) -> None:
    assert wanted in _extended(text, _hit(text, surface, label))


def test_two_dates_with_only_date_words_between_are_one_period() -> None:
    text = "from 3 May 1999 until the 9 June 2001 in all"
    assert "3 May 1999 until the 9 June 2001" in _extended(
        text, _hit(text, "3 May 1999", "DATE"), _hit(text, "9 June 2001", "DATE")
    )
    text = "from 3 May 1999\nuntil 9 June 2001"
    assert not any("\n" in s for s in _extended(text, _hit(text, "3 May 1999", "DATE"), _hit(text, "9 June 2001", "DATE")))


def test_other_neighbours_stay() -> None:
    assert _extended("Glen said the village is small", _hit("Glen said the village is small", "Glen", "PERSON")) == []
    assert _extended("five very odd offences", _hit("five very odd offences", "five", "NUMBER")) == []


def test_more_neighbours_than_hits_find_room() -> None:
    text = "between " * 60 + "3 May 1999"
    assert len(_extended(text, _hit(text, "3 May 1999", "DATE"))) == 60
