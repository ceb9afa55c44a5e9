"""Surrogates that read like text, belong to nobody, and link only where linkage was chosen."""

from __future__ import annotations

import re

import pytest
from stdnum import iban, luhn

from incamera.core.ids import Commitment
from incamera.core.records import Conversation, Part, Turn
from incamera.deid import generalise
from incamera.deid.apply import apply
from incamera.deid.find import find
from incamera.deid.recipe import load

RECIPE = load().with_(surrogates="realistic")
TEXT = (
    "My name is Ruth Klinger, r.klinger@example.com, +44 20 7946 0958, card 4111 1111 1111 1111. Ruth was born on 3 March 1987."
)


def redact(text: str, *, key: bytes | None = b"k" * 32, recipe=RECIPE, subject: str = "s") -> str:  # type: ignore[no-untyped-def]
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=text),))
    c = Conversation(id="c", subject=subject, source="t", turns=(turn,))
    return apply(c, find(c, recipe=recipe), recipe=recipe, source=Commitment("0" * 64), key=key).turns[0].parts[0].text


def test_reads_like_text_and_holds_nothing_of_the_original() -> None:
    out = redact(TEXT)
    assert "[" not in out
    for secret in ("Ruth", "Klinger", "7946", "4111", "1987-"):
        assert secret not in out
    assert "March 1987" in out
    assert "example.org" in out


def test_the_same_key_and_text_give_the_same_surrogates() -> None:
    assert redact(TEXT) == redact(TEXT)
    assert redact(TEXT) != redact(TEXT, key=b"j" * 32)


def test_without_a_key_nothing_links() -> None:
    assert redact(TEXT, key=None) != redact(TEXT, key=None)


def test_conversation_scope_does_not_link_and_subject_scope_does() -> None:
    email = lambda t: re.findall(r"\S+@example\.org", t)[0]
    a, b = "write to r.klinger@example.com now", "again to r.klinger@example.com please"
    assert email(redact(a)) != email(redact(b))
    linked = RECIPE.with_(linkage="subject")
    assert email(redact(a, recipe=linked)) == email(redact(b, recipe=linked))
    assert email(redact(a, recipe=linked, subject="other")) != email(redact(a, recipe=linked))


def test_identifiers_come_from_ranges_that_belong_to_nobody() -> None:
    out = redact("card 4111 1111 1111 1111, pay to DE89 3704 0044 0532 0130 00, phone: 212-555-0143")
    card = re.search(r"400000\d{10}", out)
    account = re.search(r"XX\d{18}", out)
    assert card and luhn.is_valid(card.group())
    assert account and not iban.is_valid(account.group())
    assert "555-01" in out


def test_never_a_value_of_the_conversation() -> None:
    names = " and ".join(f"{n} Smith" for n in ("James", "Mary", "John", "Linda", "Robert", "Maria"))
    out = redact(f"I met {names} today")
    assert not {"james", "mary", "john", "linda", "robert", "maria", "smith"} & {w.lower() for w in re.findall(r"\w+", out)}


@pytest.mark.parametrize(
    ("surface", "month", "year"),
    [
        ("3 March 1987", "March 1987", "1987"),
        ("1987-03-14", "March 1987", "1987"),
        ("25/03/1987", "March 1987", "1987"),
        ("3/4/1987", "1987", "1987"),
        ("14 de marzo de 1987", "March 1987", "1987"),
        ("last Tuesday", None, None),
    ],
)
def test_dates_are_coarsened_not_guessed(surface: str, month: str | None, year: str | None) -> None:
    assert generalise.date(surface, "month") == month
    assert generalise.date(surface, "year") == year


@pytest.mark.parametrize(
    ("surface", "band"), [("43 years old", "40 to 49"), ("aged 97", "90 or over"), ("old", None), ("7 months old", None)]
)
def test_ages_become_bands(surface: str, band: str | None) -> None:
    assert generalise.age(surface) == band
