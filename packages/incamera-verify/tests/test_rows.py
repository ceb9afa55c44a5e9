"""Rows: prompts and their answers, places in a record, and lines that are not what they should be."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera_verify import merkle, rows
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError


def _turn(index: int, role: str, parent: int | None, **more: Any) -> dict[str, Any]:
    text = [{"kind": "text", "path": "", "text": "words"}]
    plain = {"at": None, "llm": None, "tool": None, "sources": [], "active": True, "hidden": False, "parts": text}
    return {"index": index, "role": role, "parent": parent, **plain, **more}


def _record(*turns: dict[str, Any]) -> dict[str, Any]:
    return {"header": [], "turns": list(turns), "recipe": "0" * 64}


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([], 0),
        ([_turn(0, "user", None)], 1),
        ([_turn(0, "user", None), _turn(1, "assistant", 0)], 0),
        ([_turn(0, "user", None), _turn(1, "user", 0), _turn(2, "assistant", 1)], 1),
        ([_turn(0, "user", None), _turn(1, "tool", 0), _turn(2, "assistant", 1)], 0),
        ([_turn(0, "user", None), _turn(1, "assistant", 0, active=False)], 1),
        ([_turn(0, "user", None), _turn(1, "assistant", 0, hidden=True)], 1),
        ([_turn(0, "user", None), _turn(1, "assistant", 0, parts=[])], 1),
        ([_turn(0, "user", None, hidden=True)], 0),
        ([_turn(0, "user", None, active=False)], 0),
        ([_turn(0, "user", 0)], 1),
        ([_turn(0, "user", 1), _turn(1, "tool", 0)], 1),
    ],
)
def test_prompts_without_an_answer(turns: list[dict[str, Any]], expected: int) -> None:
    assert rows.unanswered(_record(*turns)) == expected


@given(
    st.lists(
        st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.one_of(st.none(), st.integers(0, 8)), st.booleans()),
        max_size=9,
    )
)
def test_any_tree_ends(shape: list[tuple[str, int | None, bool]]) -> None:
    """Cycles, missing parents and several roots: counting ends, and never exceeds the prompts."""
    record = _record(*(_turn(n, role, parent, active=active) for n, (role, parent, active) in enumerate(shape)))
    assert 0 <= rows.unanswered(record) <= sum(role == "user" for role, _, _ in shape)


def test_strings_beside_the_parts_have_places() -> None:
    record = _record(_turn(3, "assistant", None, tool="search", llm="lantern", sources=["one", "two"]))
    found = [rows.text_at(record, 3, part) for part in (0, 1, -1, -2, -3, -4, -5)]
    assert found == ["words", None, "search", "lantern", "one", "two", None]
    assert rows.text_at(record, 9, 0) is None
    assert rows.text_at(record, 9, -1) is None
    assert rows.text_at(record, -1, 0) is None


def _row(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = dict.fromkeys(("bates", "subject", "month", "region", "tier", "platform", "language", "position"))
    plain |= dict.fromkeys(("temporary", "deletion_requested", "party_account", "responsive"), False)
    plain |= {"conversation": "ab" * 16, "stratum": "all", "probability": "1/2", "rank": "0" * 64, "outputs_missing": {}}
    return plain | {"decision": 4, "row": 0, "rows": 1, "proof": [], "record": _record(), "matches": []} | changes


def _file(path: Path, *lines: bytes) -> Path:
    header = canonical({"version": rows.ROWS_VERSION, "volume": "V"})
    path.write_bytes(gzip.compress(b"\n".join([header, *lines]) + b"\n"))
    return path


def test_a_row_comes_back(tmp_path: Path) -> None:
    assert list(rows.read(_file(tmp_path / "r", canonical(_row())))) == [_row()]


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"conversation": "jane"},
        {"tier": "a\nb"},
        {"tier": "Ann, 5 Elm"},
        {"stratum": {"note": {"deep": "x"}}},
        {"probability": "0/5"},
        {"proof": ["zz"]},
        {"decision": -1},
        {"responsive": 1},
        {"outputs_missing": {"no_output": -1}},
        {"record": {"header": [], "turns": []}},
        {"record": {**_record(), "turns": [_turn(0, "user", None), _turn(0, "user", None)]}},
        {"record": {**_record(), "turns": [_turn(0, "user", None, note="more")]}},
        {"record": {**_record(), "turns": [_turn(0, "owner", None)]}},
        {"record": {**_record(), "turns": [_turn(0, "user", None, parts=[{"kind": "raw", "path": "", "text": ""}])]}},
        {"matches": [{"turn": 0}]},
    ],
)
def test_another_form_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(VerificationError, match=r"rows\.bad-row"):
        list(rows.read(_file(tmp_path / "r", canonical(_row() | change))))


@pytest.mark.parametrize("line", [b"{}  ", b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'{"a":1.5}', b"[", b'"\\ud800"'])
def test_a_line_that_is_not_canonical(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(VerificationError, match=r"rows\.(not-canonical|bad-row)|canon\.not-canonical"):
        list(rows.read(_file(tmp_path / "r", line)))


def test_a_lane_that_breaks_off(tmp_path: Path) -> None:
    whole = _file(tmp_path / "r", canonical(_row())).read_bytes()
    (tmp_path / "r").write_bytes(whole[:-12])
    with pytest.raises(VerificationError, match=r"rows\.unreadable"):
        list(rows.read(tmp_path / "r"))
    (tmp_path / "r").write_bytes(gzip.compress(canonical({"version": rows.ROWS_VERSION}) + b"\n" + b"{"))
    with pytest.raises(VerificationError, match=r"rows\.not-canonical"):
        list(rows.read(tmp_path / "r"))
    (tmp_path / "r").write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(VerificationError, match=r"rows\.bad-header"):
        list(rows.read(tmp_path / "r"))


def test_a_decision_covers_exact_bytes_only() -> None:
    row = _row()
    root = merkle.root([rows.clearance_leaf(row["conversation"], rows.digest(row["record"]))]).hex()
    rows.check_decision(row, {4: {"call": "produce", "target": root}}, "here")
    for decisions in (
        {},
        {5: {"call": "produce", "target": root}},
        {4: {"call": "withhold", "target": root}},
        {4: {"call": "produce", "target": "0" * 64}},
    ):
        with pytest.raises(VerificationError, match=r"rows\.not-decided"):
            rows.check_decision(row, decisions, "here")
    altered = row | {"record": _record(_turn(0, "user", None))}
    with pytest.raises(VerificationError, match=r"rows\.not-decided"):
        rows.check_decision(altered, {4: {"call": "produce", "target": root}}, "here")
