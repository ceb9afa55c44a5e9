"""The frame: who is in, who is out and by which rule, and what the file gives away."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Error, Malformed, Refused, Unavailable
from incamera.core.facts import TIERS, UNKNOWN, Rule, Selection, known_tier
from incamera.sampling import files
from incamera.sampling.frame import RowMap, build
from incamera_verify.draw import frame_root

from .conftest import Facts


def rules(*names: str, **bounds) -> Selection:
    return Selection(exclusions=tuple(Rule.parse(name) for name in names), **bounds)  # type: ignore[misc]


def test_everybody_is_in_the_frame_or_counted_out() -> None:
    facts = [
        *(Facts(month=f"2024-{m:02}") for m in range(1, 13)),
        Facts(temporary=True),
        Facts(temporary=True, tier="enterprise"),
        Facts(tier="Enterprise"),
        Facts(month="2025-03", tier="enterprise"),
    ]
    frame, row_map = build(facts, rules("tier:enterprise", "temporary", first="2024-01", last="2024-12"))
    assert frame.population == 16
    assert len(frame.rows) == 12
    assert frame.excluded == {"period": 1, "tier:enterprise": 2, "temporary": 1}
    assert frame.excluded_each == {"period": 1, "tier:enterprise": 3, "temporary": 2}
    assert len(row_map.rows) + len(row_map.excluded) == 16
    assert frame.strata == {f"month=2024-{m:02}": 1 for m in range(1, 13)}
    assert frame.root == frame_root(frame.rows).hex()


def test_unknown_is_a_stratum_of_its_own() -> None:
    facts = [Facts(), Facts(month=None), Facts(region=None), Facts(tier=None, month=None)]
    frame, _ = build(facts, rules(first="2024-01"), stratified_by=("month", "tier", "region"))
    assert frame.strata == {
        "month=2024-01;tier=free;region=US": 1,
        "month=2024-01;tier=free;region=unknown": 1,
        "month=unknown;tier=free;region=US": 1,
        "month=unknown;tier=unknown;region=US": 1,
    }
    frame, _ = build(facts, rules("undated"), stratified_by=())
    assert frame.strata == {"all": 2} and frame.excluded == {"undated": 2}


def test_lists_include_what_they_name_and_nothing_else() -> None:
    facts = [Facts(tier="free"), Facts(tier="Plus"), Facts(tier=None), Facts(tier="enterprise")]
    assert len(build(facts, rules(tiers=("free", "plus")))[0].rows) == 2
    assert len(build(facts, rules(tiers=("free", "plus", "unknown")))[0].rows) == 3
    places = [Facts(region=r) for r in ("US", "EEA", None, "UK", "Atlantis")]
    assert len(build(places, rules(regions=("US",)))[0].rows) == 1
    assert len(build(places, rules(regions=("EEA",)))[0].rows) == 3  # unknown and unplaceable are treated as EEA
    assert build(places, rules("region:EEA"))[0].excluded == {"region:EEA": 3}


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        (rules("tier:enterprise"), "tier"),
        (rules(tiers=("free",)), "tier"),
        (rules("temporary"), "temporary"),
        (rules("deletion_requested"), "deletion_requested_at"),
        (rules(first="2024-01"), "started_at"),
        (rules(regions=("US",)), "region"),
    ],
)
def test_a_rule_over_a_field_the_source_lacks_is_refused_by_name(selection: Selection, field: str) -> None:
    with pytest.raises(Refused) as caught:
        build([Facts()], selection, lacks=lambda name: ("sharegpt",) if name == field else ())
    assert caught.value.code == "sample.lacking-field"
    assert field in caught.value.where and "sharegpt" in caught.value.hint
    build([Facts()], selection, lacks=lambda name: ())


def test_rules_the_holder_can_always_answer_need_no_source() -> None:
    selection = rules("party_account", "undated", "output_missing", "source:oasst")
    facts = [Facts(party_account=True), Facts(month=None), Facts(outputs_missing=1), Facts(source="oasst"), Facts()]
    frame, _ = build(facts, selection, lacks=lambda name: True)
    assert len(frame.rows) == 1 and set(frame.excluded.values()) == {1}


def test_days_need_days() -> None:
    selection = rules(first="2024-01-15", last="2024-01-20")
    with pytest.raises(Refused) as caught:
        build([Facts()], selection)
    assert caught.value.where == "frame.day"

    class Dated(Facts):
        day = "2024-01-16"

    assert len(build([Dated()], selection)[0].rows) == 1


def test_row_ids_are_random_and_new_each_time() -> None:
    facts = [Facts() for _ in range(50)]
    one, first_map = build(facts, rules())
    two, _ = build(facts, rules())
    assert not {r.row for r in one.rows} & {r.row for r in two.rows}
    assert one.root != two.root
    again, _ = build(facts, rules(), row_id=lambda fact: first_map.rows[fact.cref])
    assert again.root == one.root  # an extension keeps the rows


@pytest.mark.parametrize("case", ["conversation", "row", "stratum"])
def test_what_cannot_be_a_frame(case: str) -> None:
    fact = Facts()
    calls = {
        "conversation": lambda: build([fact, fact], rules()),
        "row": lambda: build([Facts(), Facts()], rules(), row_id=lambda _: "0" * 32),
        "stratum": lambda: build([fact], rules(), stratified_by=("subject",)),
    }
    with pytest.raises(Malformed) as caught:
        calls[case]()
    assert caught.value.code == {"conversation": "sample.repeated-conversation", "row": "sample.repeated-row"}.get(
        case, "sample.unknown-stratum"
    )


def test_a_value_with_anything_in_it_becomes_a_plain_stratum() -> None:
    frame, _ = build([Facts(source="a;b=c d/é\n" + "x" * 100)], rules(), stratified_by=("source",))
    (name,) = frame.strata
    assert re.fullmatch(r"source=[A-Za-z0-9._+-]{1,40}", name)


def test_a_tier_that_is_free_text_does_not_leave_and_two_spellings_are_one_stratum() -> None:
    facts = [Facts(tier=tier) for tier in ("quackenbush", "Plus", "PLUS", "plus", None, "Silver", "gold", "4111-1111")]
    frame, _ = build(facts, rules("tier:GOLD"), stratified_by=("tier",), tiers=["silver"])
    assert frame.strata == {"tier=plus": 3, "tier=silver": 1, "tier=unknown": 3}
    assert frame.excluded == {"tier:GOLD": 1}
    assert b"quackenbush" not in b"".join(frame.lines()).lower()


def test_a_list_that_includes_unknown_includes_every_tier_that_nobody_named() -> None:
    facts = [Facts(tier=tier) for tier in ("free", "quackenbush", None, "plus", "Gold")]
    assert len(build(facts, rules(tiers=("Free", "unknown")))[0].rows) == 4
    assert len(build(facts, rules(tiers=("gold",)))[0].rows) == 1


@given(st.text(max_size=12), st.sets(st.sampled_from(["gold", "silver"])))
def test_a_tier_leaves_only_in_a_word_that_was_known_before(text: str, named: set[str]) -> None:
    shown = known_tier(text, TIERS | named)
    assert shown in TIERS | named | {UNKNOWN}
    assert known_tier(text.upper(), TIERS | named) == known_tier(text.upper().casefold(), TIERS | named)
    assert known_tier(None) is None


@given(
    st.lists(
        st.builds(
            Facts,
            month=st.sampled_from([None, "2023-12", "2024-01"]),
            tier=st.sampled_from([None, "free", "enterprise"]),
            temporary=st.booleans(),
        ),
        max_size=30,
    )
)
@settings(max_examples=60)
def test_counts_add_up(facts: list[Facts]) -> None:
    frame, row_map = build(facts, rules("temporary", "tier:enterprise", first="2024-01"), stratified_by=("month", "tier"))
    assert frame.population == len(facts) == len(frame.rows) + sum(frame.excluded.values())
    assert sum(frame.strata.values()) == len(frame.rows)
    assert all(frame.excluded_each[rule] >= count for rule, count in frame.excluded.items())
    assert Counter(row_map.excluded.values()) == Counter({k: v for k, v in frame.excluded.items() if v})
    assert RowMap.parse(list(row_map.lines())) == row_map


# --- files ----------------------------------------------------------------------------------------------------------


def test_the_frame_file_reads_back_and_names_nobody(tmp_path: Path) -> None:
    facts = [Facts(subject=f"subject-{n}") for n in range(20)]
    frame, row_map = build(facts, rules("temporary"))
    path = tmp_path / "frame.jsonl.gz"
    files.write_frame(path, frame)
    assert files.read_frame(path) == frame
    text = gzip.decompress(path.read_bytes())
    assert not any(f.cref.encode() in text or f.subject.encode() in text for f in facts)
    assert all(row.encode() in text for row in row_map.rows.values())
    again = tmp_path / "again.jsonl.gz"
    files.write_frame(again, frame)
    assert again.read_bytes() == path.read_bytes()
    with pytest.raises(Unavailable) as caught:
        files.write_frame(path, frame)
    assert caught.value.code == "sample.exists"


def test_damaged_frame_files_are_named(tmp_path: Path) -> None:
    frame, _ = build([Facts() for _ in range(200)], rules())
    path = tmp_path / "frame.jsonl.gz"
    files.write_frame(path, frame)
    good = path.read_bytes()
    plain = gzip.decompress(good)
    lines = plain.split(b"\n")
    flaws = {
        "cut": good[: len(good) // 2],
        "text": b"not gzip",
        "empty": b"",
        "flip": good[:300] + bytes([good[300] ^ 0xFF]) + good[301:],
        "dropped": gzip.compress(b"\n".join(lines[:5] + lines[6:])),
        "swapped": gzip.compress(b"\n".join([lines[0], lines[2], lines[1], *lines[3:]])),
        "header": gzip.compress(b"\n".join([lines[0].replace(b'"population"', b'"people"'), *lines[1:]])),
    }
    for data in flaws.values():
        path.write_bytes(data)
        with pytest.raises(Malformed) as caught:
            files.read_frame(path)
        assert caught.value.code == "sample.bad-frame"
    with pytest.raises(Unavailable) as gone:
        files.read_frame(tmp_path / "none.gz")
    assert gone.value.code == "sample.unreadable"
    with pytest.raises(Unavailable) as gone:
        files.write_frame(tmp_path / "no" / "frame.gz", frame)
    assert gone.value.code == "sample.unwritable"


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_a_row_map_that_is_none_is_named(lines: list[bytes]) -> None:
    with pytest.raises(Malformed) as caught:
        RowMap.parse(lines)
    assert caught.value.code == "sample.bad-row-map"


def test_a_row_map_cut_short_is_noticed() -> None:
    _, row_map = build([Facts(), Facts(), Facts(temporary=True)], rules("temporary"))
    lines = list(row_map.lines())
    for cut in range(len(lines)):
        with pytest.raises(Error):
            RowMap.parse(lines[:cut])
