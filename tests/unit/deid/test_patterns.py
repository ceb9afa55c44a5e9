"""What its form gives away."""

from __future__ import annotations

import pytest

from incamera.deid.patterns.scan import everything, hyperscan_nominator, re2_nominator, scan

CASES = [
    ("write to ada.byte+x@example.co.uk today", "EMAIL", "ada.byte+x@example.co.uk"),
    ("mail ada (at) example (dot) com please", "EMAIL", "ada (at) example (dot) com"),
    ("see https://example.org/u/ada?x=1.", "URL", "https://example.org/u/ada?x=1"),
    ("go to www.example.org/a now", "URL", "www.example.org/a"),
    ("my site is ada-byte.de", "URL", "ada-byte.de"),
    ("ping @ada_byte on it", "HANDLE", "@ada_byte"),
    ("call +49 30 901820 at once", "PHONE", "+49 30 901820"),
    ("tel: 020 7946 0958", "PHONE", "020 7946 0958"),
    ("call (212) 555-0143 x22", "PHONE", "(212) 555-0143 x22"),
    ("card 4111 1111 1111 1111 ok", "CARD", "4111 1111 1111 1111"),
    ("pay to DE89 3704 0044 0532 0130 00 now", "IBAN", "DE89 3704 0044 0532 0130 00"),
    ("SSN 219-09-9999 here", "NATIONAL-ID", "219-09-9999"),
    ("host 203.0.113.7 is down", "IP", "203.0.113.7"),
    ("host 2001:db8::ff00:42:8329 is down", "IP", "2001:db8::ff00:42:8329"),
    ("mac 00:1b:63:84:45:e6 seen", "MAC", "00:1b:63:84:45:e6"),
    ("born 1987-03-14 there", "DATE", "1987-03-14"),
    ("on 3 March 1987 we", "DATE", "3 March 1987"),
    ("el 3 de marzo de 1987 fue", "DATE", "3 de marzo de 1987"),
    ("at 10:35 pm it", "TIME", "10:35 pm"),
    ("a 43-year-old man", "AGE", "43-year-old"),
    ("edad: 43", "AGE", "edad: 43"),
    ("lives at 12 Long Acre Lane, Apt 4", "ADDRESS", "12 Long Acre Lane, Apt 4"),
    ("vive en Calle Mayor 5, 2 B", "ADDRESS", "Calle Mayor 5, 2 B"),
    ("wohnt Lindenstraße 17", "ADDRESS", "Lindenstraße 17"),
    ("at 52.520008, 13.404954 exactly", "GEO", "52.520008, 13.404954"),
    ("wallet 0x52908400098527886E0F7030069857D2E4169EE7", "WALLET", "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("id 123e4567-e89b-12d3-a456-426614174000", "CODE", "123e4567-e89b-12d3-a456-426614174000"),
    ("key AKIAIOSFODNN7EXAMPLE leaked", "SECRET", "AKIAIOSFODNN7EXAMPLE"),
    ("password = 'hunter22!'", "SECRET", "hunter22"),
    ("passport no. X1234567", "CODE", "X1234567"),
    ("it cost $1,250.50 then", "QUANTITY", "$1,250.50"),
]


@pytest.mark.parametrize(("text", "label", "surface"), CASES)
def test_known_forms_are_found(text: str, label: str, surface: str) -> None:
    found = [(h[2], text[h[0] : h[1]]) for h in scan(text)]
    assert any(lab == label and surface in s for lab, s in found), found


def test_a_wrong_checksum_ranks_lower_and_clears_nothing() -> None:
    right = next(h for h in scan("card 4111 1111 1111 1111 ok") if h[2] == "CARD")
    wrong = next(h for h in scan("card 4111 1111 1111 1112 ok") if h[2] == "CARD")
    assert wrong[:2] == right[:2]
    assert wrong[4] < right[4]


@pytest.mark.parametrize("text", [c[0] for c in CASES])
def test_engines_nominate_alike(text: str) -> None:
    reference = scan(text, everything)
    assert scan(text, re2_nominator()) == reference
    nominate = hyperscan_nominator()
    if nominate is not None:
        assert scan(text, nominate) == reference


def test_more_than_forty_countries_have_a_number_rule() -> None:
    from incamera.deid.patterns.validators import _modules

    assert len({name.split(".")[0] for name, _ in _modules() if "." in name}) >= 40
