"""The draw: quotas, ranks, nesting, and everything a verifier with or without the frame file can check."""

from __future__ import annotations

import base64
import io
import json
import secrets
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.crypto import public_text
from incamera_verify import draw, merkle
from incamera_verify.canon import canonical
from incamera_verify.draw import FrameRow
from incamera_verify.errors import VerificationError

SEEDS = {"holder": bytes(range(32)), "requester": bytes(range(32, 64))}


def frame(counts: dict[str, int]) -> list[FrameRow]:
    return sorted(FrameRow(secrets.token_hex(16), stratum) for stratum, n in counts.items() for _ in range(n))


def refused(code: str, call, *args, **kwargs) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code
    return caught.value


# --- quotas ---------------------------------------------------------------------------------------------------------


def one_by_one(sizes: dict[str, int], size: int) -> dict[str, int]:
    """Webster's rule as the definition gives it, one place at a time: the oracle of the fast form."""
    places = dict.fromkeys(sorted(sizes), 0)
    for _ in range(size):
        name = min((n for n in places if sizes[n]), key=lambda n: (Fraction(-sizes[n], 2 * places[n] + 1), n))
        places[name] += 1
    return places


sizes_strategy = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 60), min_size=1)


@given(sizes_strategy.flatmap(lambda s: st.tuples(st.just(s), st.integers(0, sum(s.values())))))
@settings(max_examples=300)
def test_quotas_follow_the_definition(case: tuple[dict[str, int], int]) -> None:
    sizes, size = case
    assert draw.quotas(sizes, size) == one_by_one(sizes, size)


@given(sizes_strategy)
def test_quotas_never_take_a_place_back_and_never_exceed_a_stratum(sizes: dict[str, int]) -> None:
    series = [draw.quotas(sizes, size) for size in range(sum(sizes.values()) + 1)]
    for smaller, larger in pairwise(series):
        assert all(smaller[name] <= larger[name] <= sizes[name] for name in sizes)
    assert series[-1] == dict(sorted(sizes.items()))


def test_quotas_at_the_size_of_the_dispute() -> None:
    months = {f"month-{m:02}": 3_000_000_000 + m * 7 for m in range(24)}
    got = draw.quotas(months, 20_000_000)
    assert sum(got.values()) == 20_000_000
    assert max(got.values()) - min(got.values()) <= 1


@pytest.mark.parametrize("size", [-1, 11])
def test_an_impossible_size_is_refused(size: int) -> None:
    refused("draw.bad-size", draw.quotas, {"a": 10}, size)


# --- the draw -------------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from(["m=1", "m=2", "m=unknown"]), st.integers(1, 15), min_size=1))
@settings(max_examples=25)
def test_a_larger_draw_contains_every_smaller_one(counts: dict[str, int]) -> None:
    rows = frame(counts)
    before: set[str] = set()
    for size in range(len(rows) + 1):
        now = {d.row for d in draw.redraw(rows, SEEDS, size)}
        assert len(now) == size
        assert before <= now
        before = now


def test_the_draw_follows_from_frame_and_seeds_alone() -> None:
    rows = frame({"a": 40, "b": 10})
    first = draw.redraw(rows, SEEDS, 10)
    assert first == draw.redraw(rows, dict(reversed(SEEDS.items())), 10)
    assert {d.row for d in first} != {d.row for d in draw.redraw(rows, {**SEEDS, "holder": bytes(32)}, 10)}
    assert Counter(d.stratum for d in first) == {"a": 8, "b": 2}
    assert {d.probability for d in first} == {"8/40", "2/10"}
    for d in first:
        assert (
            sorted(draw.rank_of(draw.draw_key(draw.frame_root(rows), SEEDS), r.row) for r in rows if r.stratum == d.stratum)[
                d.position - 1
            ]
            == d.rank
        )


def test_every_row_is_drawn_about_as_often_as_its_probability_says() -> None:
    rows = frame({"a": 30, "b": 10})
    runs = 400
    times = Counter(d.row for _ in range(runs) for d in draw.redraw(rows, {"p": secrets.token_bytes(32)}, 8))
    expected = runs * 0.2
    # 40 rows, binomial(400, .2): standard deviation 8; 6 of them is one false alarm in twelve million runs of this test
    assert all(abs(times[r.row] - expected) < 48 for r in rows)


def test_naming_the_parties_differently_gives_another_key() -> None:
    root = bytes(32)
    assert draw.draw_key(root, {"ab": b"c" * 32}) != draw.draw_key(root, {"a": b"b" + b"c" * 32})
    assert draw.draw_key(root, {"a": b"x" * 32, "b": b"y" * 32}) != draw.draw_key(root, {"a": b"y" * 32, "b": b"x" * 32})


@pytest.mark.parametrize("flaw", ["order", "twice", "id", "stratum"])
def test_a_frame_that_is_not_one_is_refused(flaw: str) -> None:
    rows = frame({"a": 4})
    if flaw == "order":
        rows.reverse()
    if flaw == "twice":
        rows.insert(1, rows[0])
    if flaw == "id":
        rows[-1] = FrameRow("F" * 32, "a")
    if flaw == "stratum":
        rows[0] = FrameRow(rows[0].row, "a b")
    refused("draw.unordered" if flaw in ("order", "twice") else "draw.bad-row", draw.frame_root, rows)


@given(st.from_regex(r"[0-9a-f]{32}", fullmatch=True), st.from_regex(r"[A-Za-z0-9._+=;-]{1,60}", fullmatch=True))
def test_a_leaf_is_canonical_json(row: str, stratum: str) -> None:
    assert draw.leaf(row, stratum) == canonical({"row": row, "stratum": stratum})


# --- files ----------------------------------------------------------------------------------------------------------


def frame_file(listed: list[FrameRow], **changed: object) -> bytes:
    header = {
        "v": draw.FRAME_VERSION,
        "rows": len(listed),
        "root": draw.frame_root(listed).hex(),
        "strata": draw.strata(listed),
        **changed,
    }
    return b"\n".join([json.dumps(header).encode(), *(draw.leaf(*r) for r in listed)]) + b"\n"


def draw_file(rows: list[FrameRow], size: int, seeds: dict[str, bytes] = SEEDS) -> tuple[dict, list]:
    tree = merkle.Tree(merkle.leaf_hash(draw.leaf(*r)) for r in rows)
    drawn = draw.redraw(rows, seeds, size)
    header = {
        "v": draw.DRAW_VERSION,
        "frame": tree.root().hex(),
        "rows": len(rows),
        "size": size,
        "parties": [{"party": p, "revealed": True} for p in seeds],
    }
    lines = [draw.draw_line(d, [h.hex() for h in tree.inclusion_path(d.index)]) for d in drawn]
    return draw.read_draw(io.BytesIO(b"\n".join([canonical(header), *lines])))


def test_the_frame_file_reads_back() -> None:
    rows = frame({"a": 5, "b": 1})
    header, got = draw.read_frame(io.BytesIO(frame_file(rows)))
    assert got == rows
    assert header["strata"] == {"a": 5, "b": 1}


@pytest.mark.parametrize("name", ["rows", "root", "strata"])
def test_a_frame_header_that_lies_is_refused(name: str) -> None:
    data = frame_file(frame({"a": 5}), **{name: {"rows": 6, "root": "0" * 64, "strata": {"a": 4, "b": 1}}[name]})
    assert name in refused("draw.frame-mismatch", draw.read_frame, io.BytesIO(data)).where


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]\n",
        b"{\n",
        b'{"v":"incamera/frame/2"}\n',
        b'{"v":"incamera/frame/1"}\n{"row":1,"stratum":"a"}\n',
        b'{"v":"incamera/frame/1"}\n{"row":"00","stratum":"a","subject":"x"}\n',
        b'{"v":"incamera/frame/1"}\n' + b"[" * 70_000,
        b'{"v":"incamera/frame/1"}\n' + b"[" * 60_000,
        b'{"v":"incamera/frame/1"}\n\xff\xfe\n',
    ],
)
def test_a_damaged_frame_file_names_the_line(data: bytes) -> None:
    assert "line" in refused("draw.bad-line", draw.read_frame, io.BytesIO(data)).where


def test_frame_seeds_and_draw_agree() -> None:
    rows = frame({"a": 30, "b": 7})
    header, drawn = draw_file(rows, 9)
    draw.check_draw(header, drawn, rows, SEEDS)
    key = draw.draw_key(bytes.fromhex(header["frame"]), SEEDS)
    for d, path in drawn:
        where = {"row": d.row, "stratum": d.stratum, "index": d.index, "rows": len(rows), "path": path}
        root = bytes.fromhex(header["frame"])
        draw.check_row(**where, rank=d.rank, root=root, key=key)
        refused("draw.wrong-rank", draw.check_row, **where, rank="0" * 64, root=root, key=key)
        refused("merkle.root-mismatch", draw.check_row, **{**where, "stratum": "c"}, rank=d.rank, root=root, key=key)
        refused("draw.bad-row", draw.check_row, **{**where, "path": ["zz"]}, rank=d.rank, root=root, key=key)


@pytest.mark.parametrize("change", ["swap", "drop", "replace", "reorder", "size", "party"])
def test_an_altered_draw_is_refused(change: str) -> None:
    rows = frame({"a": 30, "b": 7})
    header, drawn = draw_file(rows, 9)
    seeds = SEEDS
    if change == "swap":  # a row of the frame that the seeds did not draw
        other, path = next((d, p) for d, p in draw_file(rows, 37)[1] if d.row not in {d.row for d, _ in drawn})
        drawn[0] = (other, path)
    if change == "drop":
        drawn.pop()
    if change == "replace":
        seeds = {**SEEDS, "holder": bytes(32)}
    if change == "reorder":
        drawn.reverse()
    if change == "size":
        header = {**header, "size": 10}
    if change == "party":
        seeds = {"holder": SEEDS["holder"]}
    refused("draw.mismatch", draw.check_draw, header, drawn, rows, seeds)


@pytest.mark.parametrize(
    "line",
    [
        {"row": "0" * 32},
        {"position": "1"},
        {"position": True},
        {"probability": "1"},
        {"probability": "1/x"},
        {"probability": 3},
        {"path": "00"},
        {"extra": "x"},
    ],
)
def test_a_draw_line_of_another_shape_is_refused(line: dict) -> None:
    rows = frame({"a": 4})
    _, drawn = draw_file(rows, 1)
    good = json.loads(draw.draw_line(*drawn[0]))
    bad = {"row": good["row"]} if line == {"row": "0" * 32} else {**good, **line}
    refused("draw.bad-line", draw.read_draw, io.BytesIO(b'{"v":"incamera/draw/1"}\n' + json.dumps(bad).encode()))


# --- seeds ----------------------------------------------------------------------------------------------------------

KEY = Ed25519PrivateKey.generate()
PUBLIC = public_text(KEY)
ORDER, ROOT, MATTER = "a" * 64, "b" * 64, "25-md-3143"


def reveal(key: Ed25519PrivateKey = KEY, **changed: str) -> dict[str, str]:
    body = {
        "v": draw.REVEAL_VERSION,
        "matter": MATTER,
        "order": ORDER,
        "frame": ROOT,
        "party": "holder",
        "seed": SEEDS["holder"].hex(),
        **changed,
    }
    return {**body, "signature": base64.b64encode(key.sign(draw.reveal_message(body))).decode()}


def check(value: dict, **changed: str) -> bytes:
    expected = {
        "commitment": draw.seed_commitment("holder", SEEDS["holder"]),
        "key": PUBLIC,
        "matter": MATTER,
        "order": ORDER,
        "frame": ROOT,
        **changed,
    }
    return draw.check_reveal(value, **expected)


def test_a_reveal_gives_its_seed() -> None:
    assert check(reveal()) == SEEDS["holder"]


@pytest.mark.parametrize("name", ["matter", "order", "frame"])
def test_a_reveal_for_something_else_is_refused(name: str) -> None:
    assert name in refused("draw.foreign-reveal", check, reveal(**{name: "c" * 64})).hint


def test_a_reveal_of_another_seed_is_refused() -> None:
    refused("draw.wrong-seed", check, reveal(seed="00" * 32))
    refused("draw.wrong-seed", check, reveal(party="requester"))
    refused("draw.bad-seed", check, reveal(seed="00" * 31))


def test_a_reveal_signed_by_somebody_else_is_refused() -> None:
    refused("draw.bad-signature", check, reveal(key=Ed25519PrivateKey.generate()))
    refused("draw.bad-signature", check, {**reveal(), "seed": "11" * 32})


@pytest.mark.parametrize(
    "value",
    [
        {},
        {**reveal(), "note": "x"},
        {**reveal(), "v": "incamera/reveal/2"},
        {**reveal(), "party": "The Holder"},
        {**reveal(), "seed": 7},
        {**reveal(), "seed": "zz"},
        {**reveal(), "signature": "not base64"},
        {**reveal(), "signature": "AAAA"},
    ],
)
def test_a_reveal_of_another_shape_is_refused(value: dict) -> None:
    with pytest.raises(VerificationError) as caught:
        check(value)
    assert caught.value.code in ("draw.bad-reveal", "draw.bad-signature")


def test_a_bad_key_in_the_order_is_refused() -> None:
    refused("draw.bad-reveal", check, reveal(), key="rsa:AAAA")


def test_a_party_name_is_plain() -> None:
    refused("draw.bad-party", draw.seed_commitment, "A party", bytes(32))
