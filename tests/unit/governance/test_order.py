"""Orders: what loads, what is refused, and that each refusal names the place."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Error, Malformed, Refused, Unavailable
from incamera.core.ids import digest
from incamera.governance.order import load

from .conftest import TODAY

PAGE = Path(__file__).resolve().parents[3] / "docs/formats/order.md"


def example() -> str:
    return re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]  # type: ignore[index]


def put(folder: Path, text: str | bytes) -> Path:
    (folder / "order.pdf").write_bytes(b"It is ordered.")
    (folder / "works.csv").write_bytes(b"work_id,title\n")
    path = folder / "order.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_the_page_shows_an_order_that_loads(tmp_path: Path) -> None:
    path = put(tmp_path, example())
    order = load(path, today=TODAY)
    assert order.digest == digest(path.read_bytes())
    assert order.matter.id == "26-cv-0001"
    assert order.matter.order_document_sha256 == digest(b"It is ordered.")
    assert order.works.schedule_sha256 == digest(b"work_id,title\n")
    assert [rule.name for rule in order.frame.exclusions] == ["temporary", "tier:enterprise", "output_missing"]
    assert order.sample.size == 2000
    assert [c.party for c in order.sample.commitments] == ["holder", "requester"]
    assert order.paragraphs["frame"] == "3(a)" and "works" not in order.paragraphs
    assert order.responsive.elicitation is None and order.responsive.max_commonness == 3
    # what the page leaves open: nothing but these; the two of a bound, because no answer could keep an order that sets them
    assert {key for key, _ in order.defaults} == {
        "sample.extends",
        "deidentification.detectors",
        "deidentification.max_leak_rate",
        "deidentification.on_miss",
        "deidentification.utility",
        "notice.exemption_paragraph",
    }


def test_an_order_names_what_the_expert_will_count(tmp_path: Path) -> None:
    text = example().replace("# utility = ", "utility = ").replace("# detectors = ", "detectors = ")
    with pytest.raises(Malformed, match=r"order\.missing-document"):
        load(put(tmp_path, text), today=TODAY)
    contract = b'version = "incamera-utility/1"\n'
    (tmp_path / "utility.toml").write_bytes(contract)
    terms = load(put(tmp_path, text), today=TODAY).deidentification
    assert terms.utility == contract.decode()
    assert terms.detectors == ("presidio",)
    assert terms.utility_sha256 == digest(contract)
    (tmp_path / "utility.toml").write_bytes(b"\xff")
    with pytest.raises(Malformed, match=r"order\.not-toml"):
        load(put(tmp_path, text), today=TODAY)


def test_every_key_of_the_page_is_one_the_reader_knows_and_the_other_way_round(tmp_path: Path) -> None:
    """Take each line of the example away: what is not an error becomes a default of exactly that key."""
    lines = example().splitlines()
    for number, line in enumerate(lines):
        if not (key := re.match(r"([a-z_]+) = ", line)) or key[1] in ("paragraph", "name", "party", "role", "age", "key"):
            continue
        text = "\n".join(lines[:number] + lines[number + 1 :])
        try:
            order = load(put(tmp_path, text), today=TODAY)
        except Error as flaw:
            assert flaw.code in ("order.missing-key", "order.no-default", "order.bad-value", "order.contradiction"), line
        else:
            assert any(path.endswith(f".{key[1]}") for path, _ in order.defaults), line


def test_what_is_left_open_gets_printed_defaults(write_order) -> None:
    order = write_order()
    defaults = dict(order.defaults)
    assert defaults["sample.size"] == "all"
    assert defaults["sample.strata"] == "month"
    assert defaults["hold.scope"] == "frame"
    assert defaults["frame.from"] == "any"
    assert defaults["deidentification.languages"] == "every covered language"
    assert "open" not in defaults.values()
    assert defaults["matching.min_words"] == "8"
    assert defaults["deidentification.recipe"] == "conservative"
    assert defaults["recipients.keys"] == "none"
    assert not any(path.startswith(("responsive.", "production.scope", "production.designation")) for path in defaults)
    assert order.sample.size is None


@pytest.mark.parametrize("line", ["min_run", "min_coverage", "max_commonness", "roles", "elicitation", "scope", "designation"])
def test_what_only_the_court_can_decide_has_no_default(write_order, line: str) -> None:
    with pytest.raises(Refused) as caught:
        write_order((rf"(?m)^{line} = .*\n", ""))
    assert caught.value.code == "order.no-default"
    assert caught.value.where.endswith(f".{line}")


def test_a_missing_responsive_section_is_refused_by_name(write_order) -> None:
    with pytest.raises(Refused, match=r"responsive\.min_run"):
        write_order((r"(?s)\[responsive\].*?\[production\]", "[production]"))


@pytest.mark.parametrize("line", ["caption", "number", "court", "order_date", "order_document"])
def test_a_missing_key_is_named(write_order, line: str) -> None:
    with pytest.raises(Malformed) as caught:
        write_order((rf"(?m)^{line} = .*\n", ""))
    assert caught.value.code == "order.missing-key"
    assert caught.value.where.endswith(f"matter.{line}")


def test_a_misspelt_key_is_pointed_out(write_order) -> None:
    with pytest.raises(Malformed, match="is it what 'captoin' means"):
        write_order((r"caption", "captoin"))
    with pytest.raises(Refused, match="is it what 'designaton' means"):
        write_order((r"designation", "designaton"))


def test_trust_is_required(write_order) -> None:
    with pytest.raises(Malformed, match=r"trust\.signers"):
        write_order((r"(?s)\[\[trust.signers.*", ""))


CASES = [
    # (what is added or exchanged, code, key named)
    ("[mater]\nx = 1", "order.unknown-section", "mater"),
    ("[hold]\nscop = 'all'", "order.unknown-key", "hold.scop"),
    ("[hold]\nscope = 'everything'", "order.bad-value", "hold.scope"),
    ("[hold]\nscope = ['tier:free', 'sunny']", "order.unknown-rule", "hold.scope"),
    ("[hold]\nscope = 'listed'", "order.contradiction", "hold.scope"),
    ("[hold]\nuntil = 2025-12-31", "order.contradiction", "hold.until"),
    ("[hold]\nuntil = 'soon'", "order.bad-date", "hold.until"),
    ("[hold]\nuntil = 2026-12-31T10:00:00Z", "order.bad-date", "hold.until"),
    ("[hold]\ndomains = ['no domain']", "order.bad-value", "hold.domains"),
    ("[frame]\nfrom = '2024-13'", "order.bad-date", "frame.from"),
    ("[frame]\nfrom = '2024-02-30'", "order.bad-date", "frame.from"),
    ("[frame]\nfrom = 2024", "order.bad-date", "frame.from"),
    ("[frame]\nfrom = '2024-05'\nto = '2024-04'", "order.contradiction", "frame.from"),
    ("[frame]\ntiers = 'free'", "order.bad-value", "frame.tiers"),
    ("[frame]\ntiers = []", "order.contradiction", "frame.tiers"),
    ("[frame]\ntiers = ['free', 'Free']", "order.bad-value", "frame.tiers"),
    ("[frame]\ntiers = ['Plus']\nexclusions = ['tier:plus']", "order.contradiction", "frame.exclusions"),
    ("[frame]\nregions = ['DE']", "order.unknown-rule", "frame.regions"),
    ("[frame]\nexclusions = ['region:DE']", "order.unknown-rule", "frame.exclusions"),
    ("[frame]\nexclusions = ['tier:']", "order.unknown-rule", "frame.exclusions"),
    ("[frame]\nexclusions = ['temporary', 3]", "order.bad-value", "frame.exclusions"),
    ("[sample]\nsize = 100", "order.missing-key", "sample.commitments"),
    ("[sample]\nsize = 0", "order.bad-value", "sample.size"),
    ("[sample]\nsize = true", "order.bad-value", "sample.size"),
    ("[sample]\nsize = 'some'", "order.bad-value", "sample.size"),
    ("[sample]\nstrata = ['weather']", "order.bad-value", "sample.strata"),
    ("[sample]\nextends = 'yes'", "order.bad-value", "sample.extends"),
    ("[sample]\ncommitments = [{party='a', commitment='b'}]", "order.bad-value", "sample.commitments[0]"),
    ("[[sample.commitments]]\nparty='A B'\ncommitment='x'\nkey='y'", "order.bad-value", "sample.commitments[0].party"),
    ("[[sample.commitments]]\nparty='a'\ncommitment='x'\nkey='y'", "order.bad-value", "sample.commitments[0].commitment"),
    (f"[[sample.commitments]]\nparty='a'\ncommitment='{'0' * 64}'\nkey='y'", "order.bad-key", "sample.commitments[0].key"),
    ("[works]\nschedule = 'nowhere.csv'", "order.missing-document", "works.schedule"),
    ("[works]\nschedule = '/etc/hostname'", "order.bad-value", "works.schedule"),
    ("[works]\nconfidential = 'yes'", "order.bad-value", "works.confidential"),
    ("[matching]\nmin_words = 7", "order.bad-value", "matching.min_words"),
    ("[matching]\nmin_words = 30", "order.contradiction", "matching.protect_words"),
    ("[matching]\nmin_words = 20\nparagraph = ''", "order.bad-value", "matching.paragraph"),
    ("[matching]\nmin_words = 20", "order.contradiction", "responsive.min_run"),
    ("[deidentification]\non_miss = 'refuse'", "order.contradiction", "deidentification.on_miss"),
    ("[deidentification]\nmax_leak_rate = 2", "order.bad-value", "deidentification.max_leak_rate"),
    ("[deidentification]\nlanguages = ['English']", "order.bad-value", "deidentification.languages"),
    ("[deidentification]\nk = 1", "order.bad-value", "deidentification.k"),
    ("[privacy]\nrho = nan", "order.bad-value", "privacy.rho"),
    ("[notice]\ndays = 0", "order.missing-paragraph", "notice.days"),
    ("[notice]\ndays = 3\nexemption_paragraph = '7'", "order.contradiction", "notice.exemption_paragraph"),
    ("[recipients]\nkeys = [{name='R', age='age1xyz'}]", "order.bad-key", "recipients.keys[0].age"),
    ("[recipients]\nkeys = 'age1xyz'", "order.bad-value", "recipients.keys"),
]


@pytest.mark.parametrize(("added", "code", "key"), CASES, ids=[f"{c}-{k}" for _, c, k in CASES])
def test_flaws_are_named(write_order, added: str, code: str, key: str) -> None:
    with pytest.raises(Error) as caught:
        write_order(add=added)
    assert caught.value.code == code
    assert key in caught.value.where
    assert re.search(r"order\.toml:\d+ ", caught.value.where)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (r"order_date = .*", "order_date = 2026-11-03", "order.bad-date"),
        (r"order_date = .*", "order_date = 2026-02-30", "order.bad-date"),
        (r"order_date = .*", "order_date = '2026-02-30'", "order.bad-date"),
        (r"order_date = .*", "order_date = 15", "order.bad-date"),
        (r"order_document = .*", "order_document = 'gone.pdf'", "order.missing-document"),
        (r"number = .*", "number = '---'", "order.bad-value"),
        (r"caption = .*", "caption = '  '", "order.bad-value"),
        (r"caption = .*", "caption = 'x", "order.not-toml"),
        (r"min_coverage = .*", "min_coverage = 1.5", "order.bad-value"),
        (r"min_coverage = .*", "min_coverage = true", "order.bad-value"),
        (r"elicitation = .*", "elicitation = 'most'", "order.bad-value"),
        (r"elicitation = .*", "elicitation = ['HACKED']", "order.bad-value"),
        (r"roles = .*", "roles = ['reader']", "order.bad-value"),
        (r"scope = .*", "scope = 'responsive'\nlanes = []", "order.contradiction"),
        (r"scope = .*", "scope = 'responsive'\nlanes = ['bulk-export']", "order.missing-paragraph"),
        (r"scope = .*", "scope = 'responsive'\nprefix = 'low'", "order.bad-value"),
        (r"\[matter\]", "matter = 3\n[matte]", "order.bad-value"),
        (r'role = "counsel"', 'role = "king"', "order.bad-value"),
        (r'role = "counsel"', 'role = "requester"', None),
        (r'key = "ed25519:', 'key = "rsa:', "order.bad-key"),
    ],
)
def test_flaws_in_what_is_required(write_order, old: str, new: str, code: str | None) -> None:
    if code is None:  # two of four roles are left: still an order
        assert write_order((old, new))
        return
    with pytest.raises(Malformed) as caught:
        write_order((old, new))
    assert caught.value.code == code
    assert "order.toml" in caught.value.where


@pytest.mark.parametrize(
    ("text", "code", "where", "hint"),
    [
        ("[matter]\ncaption = 'A'\norder_date = 2026-02-30\n", "order.bad-date", "order.toml:3 matter.order_date", "calendar"),
        ("[frame]\nfrom = 2024-13-01\n", "order.not-toml", "order.toml:2", "quote"),
        ("[matter]\n[hold]\n[matter]\n", "order.repeated-key", "order.toml:3 matter", "section stands twice"),
        ("[hold]\nuntil = 2027-01-01\nuntil = 2027-01-02\n", "order.repeated-key", "order.toml:3 hold.until", "key stands twice"),
        ("[hold]\nscope = {a = 1, a = 2}\n", "order.repeated-key", "order.toml:2 hold.scope", "between these braces"),
        ("[trust]\nsigners = []\n[[trust.signers]]\n", "order.repeated-key", "order.toml:3 trust.signers", "complete already"),
        ("[matter]\ncourt = 'a\x01'\n", "order.not-toml", "order.toml:2 matter.court", "control character"),
        ("# a\x07\n", "order.not-toml", "order.toml:1", "control character"),
        ("[matter]\n\ncourt = 'a", "order.not-toml", "order.toml:3", "quote"),
    ],
)
def test_what_is_no_toml_is_called_what_it_is(tmp_path: Path, text: str, code: str, where: str, hint: str) -> None:
    with pytest.raises(Malformed, match=hint) as caught:
        load(put(tmp_path, text), today=TODAY)
    assert (caught.value.code, caught.value.where) == (code, where)


def test_an_order_of_tomorrow_is_one_of_today_elsewhere(write_order) -> None:
    """The message names the day that was compared and the allowance, not the sum of both."""
    assert write_order((r"order_date = .*", "order_date = 2026-11-02")).matter.order_date == date(2026, 11, 2)
    with pytest.raises(Malformed, match=r"after today, 2026-11-01 \(a day's allowance for time zones\)"):
        write_order((r"order_date = .*", "order_date = 2026-11-03"))


@pytest.mark.parametrize("sign", ["\\n", "\\r", "\\u0000", "\\u0014", "\\u0085", "\\u2028", "\\u202E", "þ", "®"])
@pytest.mark.parametrize("key", ["caption", "number", "court", "designation", "prefix", "volume"])
def test_what_stands_on_every_page_is_one_line_without_delimiters(write_order, order_text: str, key: str, sign: str) -> None:
    changes = [] if f"{key} = " in order_text else [(r"scope = .*", f'scope = "responsive"\n{key} = "X"')]
    with pytest.raises(Malformed) as caught:
        write_order(*changes, (rf"(?m)^{key} = .*", f'{key} = "AB1{sign.replace(chr(92), chr(92) * 2)}2"'))
    assert caught.value.code == "order.bad-value"
    assert re.fullmatch(rf"order\.toml:\d+ \w+\.{key}", caught.value.where)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        (r'name = "Counsel Person"', r'name = "Counsel\\nPerson"', "trust.signers[0].name"),
        (r"court = .*", r'court = "Court"\nprotective_order = "Docket\\t1"', "matter.protective_order"),
        (r"scope = .*", 'scope = "responsive"\n[parties]\naccounts = ["a\\\\u001b[2J"]\n[production]', None),
    ],
)
def test_no_text_of_an_order_holds_a_control_character(write_order, old: str, new: str, key: str | None) -> None:
    if key is None:
        with pytest.raises(Malformed, match="control characters"):
            write_order(add='[parties]\naccounts = ["a\\u001b[2J"]')
        return
    with pytest.raises(Malformed, match="control characters") as caught:
        write_order((old, new))
    assert caught.value.where.endswith(key)


@pytest.mark.parametrize("number", ["...a...", "§ b", "._.", "a-b", "№", "x" + "." * 80])
def test_a_docket_number_that_names_nothing_is_refused(write_order, number: str) -> None:
    with pytest.raises(Malformed) as caught:
        write_order((r"number = .*", f"number = '{number}'"))
    assert caught.value.code == "order.bad-value"
    assert caught.value.where.endswith("matter.number")


@pytest.mark.parametrize(
    ("number", "slug"), [("7", "7"), ("No. 3", "no.-3"), ("Ex Parte", "ex-parte"), ("26-CV-0001 (ABC)", None)]
)
def test_docket_numbers(write_order, number: str, slug: str | None) -> None:
    assert write_order((r"number = .*", f"number = '{number}'")).matter.id == (slug or "26-cv-0001-abc")


def test_all_sections_tell_what_is_wrong_with_them_at_once(write_order) -> None:
    """One correction round: the first flaw gives family, code and place, the hint lists the others with theirs."""
    with pytest.raises(Malformed) as caught:
        write_order(
            (r"order_date = .*", "order_date = 'soon'"),
            (r"min_run = 12\n", ""),
            add="[frame]\nfrom = '2024-13'\n[hold]\nuntil = 'never'\n[privacy]\nrhoo = 1\n[mater]\nx = 1\n",
        )
    flaw = caught.value
    assert (flaw.code, flaw.where) == ("order.bad-date", "order.toml:6 matter.order_date")
    told = re.findall(r"^  also \[(.+?)\] at order\.toml(?::\d+)? (\S+): .", flaw.hint, re.MULTILINE)
    assert told == [
        ("order.bad-date", "frame.from"),
        # not hold.until: the hold is compared with the order's date, which has to be mended first
        ("order.no-default", "responsive.min_run"),
        ("order.unknown-key", "privacy.rhoo"),
        ("order.unknown-section", "mater"),
    ]


def test_signers(write_order, order_text: str) -> None:
    keys = re.findall(r'key = "(.*?)"', order_text)
    for changes, code in [
        (((re.escape(keys[1]), keys[0]),), "order.contradiction"),  # one key in two roles
        (((r'role = "privacy"', 'role = "counsel"'), (r'role = "neutral"', 'role = "counsel"')), "order.contradiction"),
        (((r'name = "Counsel Person"', 'name = "Counsel Person"\nage = "x"'),), "order.bad-value"),
    ]:
        with pytest.raises(Malformed) as caught:
            write_order(*changes)
        assert caught.value.code == code
        assert "trust.signers" in caught.value.where


def test_two_commitments_of_one_party(write_order, order_text: str) -> None:
    key = re.findall(r'key = "(.*?)"', order_text)[0]
    one = f"[[sample.commitments]]\nparty='a'\ncommitment='{'0' * 64}'\nkey='{key}'\n"
    with pytest.raises(Malformed, match="one seed"):
        write_order(add=one * 2)
    with pytest.raises(Malformed, match="no seed is left"):
        write_order(add=f"[sample]\nfallback='without-party'\n{one}")


def test_periods(write_order) -> None:
    for start, end, bounds in [
        ("2022-12", "2024-11", ("2022-12", "2024-11")),
        ("2022-12-01", "2024-11-30", ("2022-12", "2024-11")),
        ("2022-12-02", "2024-11-30", ("2022-12-02", "2024-11-30")),
        ("2022-12", "2024-11-29", ("2022-12-01", "2024-11-29")),
    ]:
        order = write_order(add=f"[frame]\nfrom = '{start}'\nto = '{end}'")
        assert (order.frame.first, order.frame.last) == bounds
    assert write_order(add="[frame]\nfrom = 2023-01-01").frame.first == "2023-01"


def test_spelling_changes_the_digest_and_not_the_protocol(write_order) -> None:
    plain = write_order()
    spelled = write_order((r"min_coverage = 0\.0", "min_coverage = 0  # none"), add="[matching]\nmin_words = 8\n")
    other = write_order((r"min_run = 12", "min_run = 13"))
    framed = write_order(add="[frame]\nfrom = '2023-01'")
    assert plain.digest != spelled.digest and plain.protocol == spelled.protocol
    assert other.protocol != plain.protocol and other.scope == plain.scope
    assert framed.scope != plain.scope


def test_unreadable_orders(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        load(tmp_path / "none.toml")
    assert caught.value.code == "governance.unreadable"
    with pytest.raises(Unavailable):
        load(tmp_path)
    with pytest.raises(Malformed, match="byte 0"):
        load(put(tmp_path, b"\xff\xfea\x00"))
    with pytest.raises(Malformed) as flaw:
        load(put(tmp_path, b"#" * (5 * 1024 * 1024)))
    assert flaw.value.code == "governance.too-large"
    with pytest.raises(Malformed, match=r"matter\.number"):
        load(put(tmp_path, ""))


@given(st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_an_order_or_a_named_flaw(tmp_path_factory: pytest.TempPathFactory, text: str | bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    with pytest.raises(Error):
        load(put(folder, data), today=date(2026, 11, 1))


VALUES = [
    "3",
    "-1",
    "0.5",
    "nan",
    "true",
    "'text'",
    "''",
    "[]",
    "['a']",
    "{}",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "12:00:00",
    "[[1]]",
    "inf",
]


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(["drop", "double", "value", "table"]), st.sampled_from(VALUES)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=250, deadline=None)
def test_an_order_edited_anywhere_is_an_order_or_a_named_flaw(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, str, str]]
) -> None:
    """Lines dropped, doubled, given other values, or turned into other tables: never a crash, and every flaw has a place."""
    lines = [line for line in example().splitlines() if line.strip()]
    for at, edit, value in edits:
        at %= len(lines)
        if edit == "drop":
            lines = lines[:at] + lines[at + 1 :]
        elif edit == "double":
            lines = lines[: at + 1] + lines[at:]
        elif edit == "value" and "=" in lines[at]:
            lines[at] = f"{lines[at].partition('=')[0]}= {value}"
        else:
            lines[at] = f"[{re.sub('[^a-z]', '', lines[at]) or 'x'}]"
    try:
        order = load(put(tmp_path_factory.mktemp("edited"), "\n".join(lines)), today=TODAY)
    except Error as flaw:
        assert flaw.code.startswith("order.") and flaw.where.startswith("order.toml")
    else:
        assert order.protocol and order.scope  # whatever loads has a canonical form
