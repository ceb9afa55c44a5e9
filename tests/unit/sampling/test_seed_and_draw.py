"""Seeds in the right order, draws with proofs, extensions, and answers about single conversations."""

from __future__ import annotations

import io
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Awaiting, Error, Malformed, Refused, Unavailable, Unverified
from incamera.core.facts import Rule, Selection
from incamera.core.ids import digest
from incamera.sampling import files
from incamera.sampling import seed as seeds
from incamera.sampling.check import check
from incamera.sampling.draw import Draw, check_extends, make, read
from incamera.sampling.frame import Frame, build
from incamera_verify import draw as arithmetic

from .conftest import Facts, Party

ORDER = digest(b"order")
MATTER = "26-cv-0001"


@pytest.fixture(scope="module")
def frame() -> Frame:
    facts = [Facts(month=f"2024-{m:02}") for m in range(1, 5) for _ in range(m * 10)]
    return build(facts, Selection())[0]


def revealed(parties: list[Party], frame: Frame) -> list[seeds.Revealed]:
    files_ = [seeds.reveal(p.seed, p.private, matter=MATTER, order=ORDER, frame=frame.root) for p in parties]
    return [seeds.accept(data, commitments=parties, matter=MATTER, order=ORDER, frame=frame.root) for data in files_]


def drawn(parties: list[Party], frame: Frame, size: int | None, **changed) -> Draw:
    got = seeds.gather(revealed(parties, frame), commitments=parties, fallback="refuse")
    return make(frame, got, size, matter=MATTER, order=ORDER, commitments=parties, **changed)


# --- seeds ----------------------------------------------------------------------------------------------------------


def test_a_seed_is_random_private_and_silent(tmp_path: Path) -> None:
    one, two = seeds.new_seed("holder"), seeds.new_seed("holder")
    assert one.value != two.value and len(one.value) == 32
    assert one.value.hex() not in repr(one) and str(one.value) not in repr(one)
    files.write_seed(tmp_path / "seed.json", one)
    assert stat.S_IMODE((tmp_path / "seed.json").stat().st_mode) == 0o600
    assert files.read_seed(tmp_path / "seed.json") == one
    with pytest.raises(Malformed) as caught:
        seeds.new_seed("The Holder")
    assert caught.value.code == "sample.bad-party"


@pytest.mark.parametrize("change", ["cut", "seed", "party", "version", "extra"])
def test_a_damaged_seed_file_is_named_and_not_shown(tmp_path: Path, change: str) -> None:
    seed = seeds.new_seed("holder")
    value = json.loads(seed.json())
    value |= {"seed": {"seed": "00" * 32}, "party": {"party": "x"}, "version": {"v": "2"}, "extra": {"note": "x"}}.get(change, {})
    data = json.dumps(value).encode()
    (tmp_path / "s").write_bytes(data[:50] if change == "cut" else data)
    with pytest.raises(Malformed) as caught:
        files.read_seed(tmp_path / "s")
    assert caught.value.code == "sample.bad-seed-file"
    assert seed.value.hex() not in str(caught.value)


def test_small_files_have_limits(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"x" * 70_000)
    with pytest.raises(Malformed) as caught:
        files.read_small(tmp_path / "s")
    assert caught.value.code == "sample.too-long"
    with pytest.raises(Unavailable):
        files.read_small(tmp_path / "none")


def test_all_parties_reveal(parties, frame) -> None:
    got = seeds.gather(revealed(parties, frame), commitments=parties, fallback="refuse")
    assert got == {p.party: p.seed.value for p in parties}


def test_a_silent_party_is_awaited(parties, frame) -> None:
    with pytest.raises(Awaiting) as caught:
        seeds.gather(revealed(parties, frame)[:1], commitments=parties, fallback="without-party")
    assert caught.value.code == "sample.awaiting-reveal" and "requester" in caught.value.hint


def test_a_silent_party_is_left_out_only_if_the_order_says_so(parties, frame) -> None:
    one = revealed(parties, frame)[:1]
    assert set(seeds.gather(one, commitments=parties, fallback="without-party", without=["requester"])) == {"holder"}
    for given_, fallback, without in [
        (one, "refuse", ["requester"]),
        (one, "without-party", ["holder"]),
        (one, "without-party", ["court"]),
    ]:
        with pytest.raises(Refused) as caught:
            seeds.gather(given_, commitments=parties, fallback=fallback, without=without)
        assert caught.value.code == "sample.no-fallback"
    with pytest.raises(Refused) as caught:
        seeds.gather([], commitments=parties, fallback="without-party", without=["holder", "requester"])
    assert caught.value.code == "sample.no-seed"


# --- the draw -------------------------------------------------------------------------------------------------------


def test_the_draw_file_reads_back_and_verifies(tmp_path: Path, parties, frame) -> None:
    draw = drawn(parties, frame, 20)
    files.write_draw(tmp_path / "draw.jsonl", draw)
    files.write_frame(tmp_path / "frame.jsonl.gz", frame)
    assert files.read_draw(tmp_path / "draw.jsonl") == draw
    assert digest((tmp_path / "draw.jsonl").read_bytes()) == draw.digest
    header, rows = arithmetic.read_draw(io.BytesIO((tmp_path / "draw.jsonl").read_bytes()))
    assert header["places"] == {
        "month=2024-01": "2/10",
        "month=2024-02": "4/20",
        "month=2024-03": "6/30",
        "month=2024-04": "8/40",
    }
    assert [p["revealed"] for p in header["parties"]] == [True, True]
    arithmetic.check_draw(
        header, rows, files.read_frame(tmp_path / "frame.jsonl.gz").rows, {p.party: p.seed.value for p in parties}
    )
    assert draw.empty_strata == []


def test_a_party_left_out_is_named_in_the_draw(parties, frame) -> None:
    got = seeds.gather(revealed(parties, frame)[:1], commitments=parties, fallback="without-party", without=["requester"])
    draw = make(frame, got, 5, matter=MATTER, order=ORDER, commitments=parties)
    assert [(p["party"], p["revealed"]) for p in draw.header["parties"]] == [("holder", True), ("requester", False)]


def test_the_whole_frame_needs_no_seed(frame) -> None:
    draw = make(frame, {}, None, matter=MATTER, order=ORDER)
    assert len(draw.rows) == len(frame.rows)
    assert {row.probability for row in draw.rows} == {f"{n}/{n}" for n in (10, 20, 30, 40)}
    assert draw.empty_strata == []


def test_draws_that_cannot_be(parties, frame) -> None:
    with pytest.raises(Refused) as caught:
        drawn(parties, frame, 101)
    assert caught.value.code == "sample.too-large"
    with pytest.raises(Refused) as caught:
        make(frame, {}, 5, matter=MATTER, order=ORDER)
    assert caught.value.code == "sample.no-seed"


def test_a_frame_altered_since_it_was_built_is_not_drawn_from(frame) -> None:
    with pytest.raises(Unverified) as caught:
        make(replace(frame, rows=frame.rows[1:]), {"p": bytes(32)}, 5, matter=MATTER, order=ORDER)
    assert caught.value.code == "sample.other-frame"


def test_strata_without_a_place_are_told() -> None:
    facts = [Facts() for _ in range(99)] + [Facts(month="2020-01")]
    small = make(build(facts, Selection())[0], {"p": bytes(32)}, 10, matter=MATTER, order=ORDER)
    assert small.empty_strata == ["month=2020-01"]


@given(st.integers(1, 99).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
@settings(max_examples=40, deadline=None)
def test_an_extension_contains_what_it_extends(parties, frame, sizes: tuple[int, int]) -> None:
    larger, smaller = sizes
    before = drawn(parties, frame, smaller)
    after = drawn(parties, frame, larger, extends=before.digest)
    check_extends(after, b"".join(before.lines()), extends=before.digest)


def test_a_later_order_extends_with_reveals_signed_again(parties, frame) -> None:
    before = drawn(parties, frame, 10)
    later = digest(b"later order")
    again = [seeds.reveal(p.seed, p.private, matter="m-2", order=later, frame=frame.root) for p in parties]
    shown = [seeds.accept(data, commitments=parties, matter="m-2", order=later, frame=frame.root) for data in again]
    got = seeds.gather(shown, commitments=parties, fallback="refuse")
    after = make(frame, got, 30, matter="m-2", order=later, commitments=parties, extends=before.digest)
    check_extends(after, b"".join(before.lines()), extends=before.digest)
    assert after.header["extends"] == before.digest


def test_an_extension_of_something_else_is_refused(parties, frame) -> None:
    before, after = drawn(parties, frame, 10), drawn(parties, frame, 20)
    data = b"".join(before.lines())
    with pytest.raises(Unverified) as caught:
        check_extends(after, data, extends=digest(b"another"))
    assert caught.value.code == "sample.other-draw"
    reseeded = make(frame, {"holder": bytes(32)}, 20, matter=MATTER, order=ORDER)
    other_frame = make(build([Facts() for _ in range(40)], Selection())[0], {"holder": bytes(32)}, 20, matter=MATTER, order=ORDER)
    for draw in (reseeded, other_frame):
        with pytest.raises(Refused) as caught:
            check_extends(draw, data, extends=digest(data))
        assert caught.value.code == "sample.not-nested"


@given(st.binary(max_size=60) | st.just(b'{"v":"incamera/draw/1"}') | st.just(b'{"v":"incamera/draw/1","places":{"a":"x"}}'))
def test_a_draw_file_that_is_none_is_named(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        read(data)
    assert caught.value.code == "sample.bad-draw"


def test_roots_of_draws_differ(parties, frame) -> None:
    assert drawn(parties, frame, 10).root != drawn(parties, frame, 11).root
    with pytest.raises(Unavailable):
        files.read_draw(Path("/nonexistent/draw.jsonl"))


# --- one conversation -----------------------------------------------------------------------------------------------


def test_in_the_frame_with_proof_excluded_by_rule_or_unknown(parties) -> None:
    facts = [Facts() for _ in range(9)] + [Facts(temporary=True)]
    frame, row_map = build(facts, Selection(exclusions=(Rule("temporary"),)))
    draw = drawn(parties, frame, 4)
    answers = list(check([f.cref for f in facts] + ["f" * 32], frame=frame, row_map=row_map, draw=draw))
    assert [a.status for a in answers] == ["in-frame"] * 9 + ["excluded", "unknown"]
    assert answers[9].rule == "temporary"
    assert sum(bool(a.drawn) for a in answers) == 4
    for a in answers[:9]:
        arithmetic.check_row(
            row=a.row, stratum=a.stratum, rank="", index=a.index, path=a.path, root=bytes.fromhex(frame.root), rows=9
        )
    assert next(iter(check([facts[0].cref], frame=frame, row_map=row_map))).drawn is None


@given(st.binary(max_size=80))
def test_a_reveal_of_any_bytes_is_a_named_flaw(parties, data: bytes) -> None:
    with pytest.raises(Error):
        seeds.accept(data, commitments=parties, matter=MATTER, order=ORDER, frame=ORDER)
