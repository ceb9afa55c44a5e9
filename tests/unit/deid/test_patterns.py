"""What its form gives away."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from incamera.deid.hits import named
from incamera.deid.lexicons.characters import points
from incamera.deid.patterns import nominate, rules, validators
from incamera.deid.patterns.rules import RULES, Rule, split
from incamera.deid.patterns.scan import everything, hyperscan_nominator, re2_nominator, scan, scan_all

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
    found = [(h.label, text[h.start : h.end]) for h in named(scan(text))]
    assert any(lab == label and surface in s for lab, s in found), found


def test_a_wrong_checksum_ranks_lower_and_clears_nothing() -> None:
    right = next(h for h in named(scan("card 4111 1111 1111 1111 ok")) if h.label == "CARD")
    wrong = next(h for h in named(scan("card 4111 1111 1111 1112 ok")) if h.label == "CARD")
    assert wrong[:2] == right[:2]
    assert wrong.score < right.score


@pytest.mark.parametrize("text", [c[0] for c in CASES])
def test_engines_nominate_alike(text: str) -> None:
    reference = scan(text, everything).tolist()
    assert scan(text, re2_nominator()).tolist() == reference
    engine = hyperscan_nominator()
    if engine is not None:
        assert scan(text, engine).tolist() == reference


def test_more_than_forty_countries_have_a_number_rule() -> None:
    assert len({name.split(".")[0] for name, _ in validators._modules() if "." in name}) >= 40


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_match_reaches_farther_than_its_rule_says(rule: Rule) -> None:
    assert _parsed(rule.core).getwidth()[1] <= rule.reach


def test_a_match_at_the_edge_of_what_was_nominated_sees_what_stands_behind_it() -> None:
    # Behind the last digit stands a letter: the number ends before the last group, or nowhere.
    text = "call 020 7946 0958y today"
    for engine in (everything, re2_nominator(), hyperscan_nominator() or everything):
        assert [text[h.start : h.end] for h in named(scan(text, engine)) if h.label == "PHONE"] == ["020 7946"]


def test_a_long_match_is_not_cut_where_a_segment_ends() -> None:
    url = "https://example.org/" + "a1" * 180
    text = "word " * 90 + url + " and more"
    for engine in (everything, re2_nominator(), hyperscan_nominator() or everything):
        assert any(text[h.start : h.end] == url for h in named(scan(text, engine)) if h.label == "URL")


@pytest.mark.parametrize(
    "number",
    [
        "GB82WEST12345698765432",
        "DE89370400440532013000",
        "DE88370400440532013000",
        "DE8937040044053201300",
        "XX89370400440532013000",
        "FR1420041010050500013M02606",
        "DE98370400440532013000",
        "D189370400440532013000",
    ],
)
def test_the_quick_iban_check_says_what_schwifty_says(number: str) -> None:
    from schwifty import IBAN

    verdict = validators.iban(number)
    assert verdict is not None
    assert (verdict[1] > 0.9) == IBAN(number, allow_invalid=True).is_valid


def test_modules_spared_a_number_with_letters_would_have_refused_it() -> None:
    rng = random.Random(7)
    seeds = ["P00634642", "GB980780684", "6433435FT", "253072B07300470", "U13585627", "004495445B01", "X2482300W", "54362315K"]
    seeds += [
        "000000000ZZ4",
        "10259033P",
        "131052A308T",
        "J91402501L",
        "MA1953684",
        "ACUPA7085R",
        "27AAPFU0939F1ZV",
        "T01FC6132D",
    ]
    seeds += [
        "12ABC34501DE35",
        "CL125319092",
        "V114702834",
        "576937K",
        "1234567MAE001",
        "A004416331M",
        "PL8567346215",
        "EL094259216",
    ]
    accepted = 0
    for seed in seeds * 12:
        number = "".join(rng.choice("0123456789") if c.isdigit() and rng.random() < 0.2 else c for c in seed)
        asked = {name for name, _ in validators._lettered(number)}
        for name, module in validators._modules():
            if validators._valid(module, number):
                accepted += 1
                assert name in asked, number
    assert accepted > 50


def test_a_process_starts_on_what_an_earlier_one_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hyperscan = pytest.importorskip("hyperscan")
    monkeypatch.setenv("INCAMERA_CACHE", str(tmp_path))
    assert not nominate._compiled_before()
    nominate._database(hyperscan)
    assert nominate._compiled_before()
    (kept,) = tmp_path.glob("patterns-*.bin")
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    text = "call +49 30 901820 at once"
    found = nominate._database(hyperscan)  # what was spoilt is compiled anew
    events: list[int] = []
    found.scan(f" {text} ".encode(), match_event_handler=lambda i, *_: events.append(i), scratch=hyperscan.Scratch(found))
    assert {RULES[i].id for i in events} >= {"national-id"}
    asks = re2_nominator()(nominate.laid_out([text], [points(text)]))
    assert any(RULES[rule].id == "phone" for rows in asks for _, rule, *_ in rows.tolist())


def test_no_match_that_counts_holds_fewer_digits_than_its_rule_says() -> None:
    rng = random.Random(3)
    narrowed = [rule for rule in RULES if rule.digits]
    assert narrowed
    for rule in narrowed:
        if _digits_in(_parsed(rule.core)) >= rule.digits:
            continue
        assert rule.check is not None, rule.id
        for _ in range(2000):
            digits = rng.choices("0123456789", k=rng.randint(0, rule.digits - 1))
            short = [*digits, *rng.choices("+-(). /xDE", k=rng.randint(1, 20))]
            rng.shuffle(short)
            assert rule.check("".join(short)) is None, short


def _plain(pattern: str) -> str:
    """*pattern* for ASCII, its case aside."""
    pattern = split(pattern)[0]
    for letters, plain in ((r"\p{Lu}[", "[A-Z]["), (r"\p{L}", "A-Za-z"), (r"\p{M}", ""), (r"\p{N}", "0-9")):
        pattern = pattern.replace(letters, plain)
    return pattern


def _parsed(pattern: str) -> Any:
    from re import _parser as parser  # type: ignore[attr-defined]

    return parser.parse(_plain(pattern))


def _digits_in(parsed: Any) -> int:
    """How many digits whatever *parsed* matches holds at least."""
    from re import _constants as op  # type: ignore[attr-defined]

    count = 0
    for code, given in parsed:
        if code is op.IN:
            count += given == [(op.CATEGORY, op.CATEGORY_DIGIT)]
        elif code is op.BRANCH:
            count += min(_digits_in(branch) for branch in given[1])
        elif code is op.SUBPATTERN:
            count += _digits_in(given[3])
        elif code is op.MAX_REPEAT:
            count += given[0] * _digits_in(given[2])
    return count


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.run], ids=lambda rule: rule.id)
def test_a_match_is_made_of_its_rules_run_but_for_its_tail(rule: Rule) -> None:
    parsed = list(_parsed(rule.core))
    if rule.tail:
        optional = parsed.pop()
        assert optional[1][0] == 0
        assert optional[1][2].getwidth()[1] * optional[1][1] <= rule.tail
    both = {c for char in _letters_of(parsed) for c in ((char.lower(), char.upper()) if split(rule.core)[1] else (char,))}
    assert both <= {c for c in map(chr, range(128)) if re.fullmatch(f"[{rule.run}]", c)}
    assert _parsed(rule.core).getwidth()[0] >= rule.least
    assert not rule.open_left
    assert _digits_in(_parsed(rule.core)) or (rule.check is not None and rule.check("abcdef" * rule.least) is None)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.holds], ids=lambda rule: rule.id)
def test_a_match_that_counts_holds_what_its_rule_says(rule: Rule) -> None:
    rng = random.Random(5)
    others = sorted(
        {c for c in map(chr, range(128)) if re.fullmatch(f"[{rule.run}]", c) and not re.fullmatch(f"[{rule.holds}]", c)}
    )
    for _ in range(2000):
        without = "".join(rng.choices(others, k=rng.randint(1, 30))) + rng.choice(["", ".", "-"])
        for match in re.compile(_plain(rule.core)).finditer(without):
            assert rule.check is not None, without
            assert rule.check(match.group()) is None, without


def _letters_of(parsed: Any) -> set[str]:
    """Every ASCII character that *parsed* may match."""
    from re import _constants as op  # type: ignore[attr-defined]

    found: set[str] = set()
    for code, given in parsed:
        if code is op.BRANCH:
            found.update(*map(_letters_of, given[1]))
        elif code is op.SUBPATTERN:
            found |= _letters_of(given[3])
        elif code is op.MAX_REPEAT:
            found |= _letters_of(given[2])
        elif code is op.LITERAL:
            found.add(chr(given))
        else:
            assert code is op.IN
            for kind, what in given:
                if kind is op.RANGE:
                    found.update(map(chr, range(what[0], what[1] + 1)))
                elif kind is op.LITERAL:
                    found.add(chr(what))
                else:
                    assert what is op.CATEGORY_DIGIT
                    found.update("0123456789")
    return found


def test_a_duration_ends_for_the_engine_where_its_first_unit_does() -> None:
    (rule,) = (rule for rule in RULES if rule.id == "date.duration")
    assert rule.core.startswith("(?i)" + rules._SPAN)
    assert _parsed(rules._SPAN).getwidth()[1] + 1 <= rule.lead


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_card_check_says_what_stdnum_says(seed: int) -> None:
    from stdnum import luhn

    rng = random.Random(seed)
    for length in range(1, 20):
        digits = "".join(rng.choices("0123456789", k=length))
        right = digits + luhn.calc_check_digit(digits)
        assert validators._luhn_valid(right)
        assert validators._luhn_valid(digits) == (luhn.checksum(digits) == 0)


def test_a_short_run_goes_on_in_digits_that_the_engine_does_not_read() -> None:
    text = "ring 12٣٤٥٦٧٨٩ now"
    for engine in (hyperscan_nominator() or re2_nominator(), everything):
        assert (5, 14, "PHONE") in [(hit.start, hit.end, hit.label) for hit in named(scan(text, engine))]


@pytest.mark.parametrize(
    "text",
    [
        "write to ſam@example.org",
        "the \u212aey: PASSWORD \u0130s hunter22",
        "pay 20 € or 30€, £5",
        "Rue de l’Évêché 7 or 12 RUE DE L’ÉVÊCHÉ",
        "LINDENSTRA\u1e9eE 17, Lindenstraße 17",
        "in 3 AÑOS, 4 años",
        "ΑΒΓ 5 Д. +49 30 901820\ufffc",
        "\ud800 1.2.3.4 \U0001f600 aged 7 ÿ",
    ],
)
def test_the_alphabet_of_one_byte_a_character_hides_no_match(text: str) -> None:
    assert scan(text, hyperscan_nominator()).tolist() == scan(text, everything).tolist()


def test_a_long_text_is_read_in_pieces_and_nothing_is_lost_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = hyperscan_nominator() or re2_nominator()
    text = "call +49 30 901820, mail ada@example.org or see https://example.org/" + "a1" * 90 + " in 3 weeks. Naïve! " * 9
    whole = scan(text * 3, engine).tolist()
    for size in (50, 333, 1000):
        monkeypatch.setattr(nominate, "_BLOCK", size)
        assert scan(text * 3, engine).tolist() == whole


def test_texts_that_are_read_together_give_what_each_gives_alone() -> None:
    texts = ["", "+49 30 901820", "é 12", "1987-03-14", "\n", "ada@example.org", "x" * 70_000 + " 1.2.3.4", "aged 7", ""] * 3
    for engine in (everything, re2_nominator(), hyperscan_nominator() or everything):
        together = scan_all(texts, [points(text) for text in texts], engine)
        assert [hits.tolist() for hits in together] == [scan(text, engine).tolist() for text in texts]
