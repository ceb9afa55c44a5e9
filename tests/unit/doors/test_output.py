"""What a person reads: names and values line by line, however deep they lie; and `--json` as it always was."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from incamera.doors.cli import output

ORDER: dict[str, Any] = {
    "matter": "26-cv-0001",
    "order": "ab" * 32,
    "terms": {
        "matter": {"caption": "Example v. Example", "order_date": "2026-01-15", "protective_order": None},
        "works": {"confidential": True, "schedule_sha256": "cd" * 32},
        "sample": {
            "strata": ["month", "tier"],
            "commitments": [{"party": "holder", "key": "k1"}, {"party": "other", "key": "k2"}],
        },
        "parties": {"accounts": []},
    },
    "defaults": {"hold.until": "until released"},
    "paragraphs": {},
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 40 columns, without colours."""
    monkeypatch.setattr(output, "out", Console(width=40, highlight=False, soft_wrap=True, markup=False))


def test_a_result_is_read_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.result(ORDER, as_json=False, title="The order")
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert printed == [
        "The order",
        "matter      26-cv-0001",
        f"order       {'ab' * 32}",
        "terms",
        "  matter:",
        "    caption: Example v. Example",
        "    order_date: 2026-01-15",
        "    protective_order: none",
        "  works:",
        "    confidential: true",
        f"    schedule_sha256: {'cd' * 32}",
        "  sample:",
        "    strata:",
        "      - month",
        "      - tier",
        "    commitments:",
        "      - party: holder",
        "        key: k1",
        "      - party: other",
        "        key: k2",
        "  parties:",
        "    accounts: none",
        "defaults",
        "  hold.until: until released",
        "paragraphs  none",
    ]


def test_a_digest_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody will copy it: below deep names it runs past the page rather than into a second line."""
    output.result({"digest": "ef" * 32, "a": {"b": {"c": {"d": {"a_rather_long_name_of_a_digest": "ef" * 32}}}}}, as_json=False)
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        f"digest  {'ef' * 32}",
        "a",
        "  b:",
        "    c:",
        "      d:",
        f"        a_rather_long_name_of_a_digest: {'ef' * 32}",
    ]


def test_rows_that_hold_names_are_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    acts = [
        {
            "index": 0,
            "at": "2026-01-15T10:00:00Z",
            "act": "matter.opened",
            "matter": None,
            "fields": {"keys": ["12" * 32], "n": 3},
        },
        {"index": 1, "at": "2026-01-15T10:00:01Z", "act": "hold.ended", "matter": "m", "fields": {}},
    ]
    output.rows(acts, as_json=False, title="Acts")
    assert capsys.readouterr().out.splitlines() == [
        "Acts",
        "0  2026-01-15T10:00:00Z  matter.opened",
        "  fields",
        "    keys:",
        f"      - {'12' * 32}",
        "    n: 3",
        "1  2026-01-15T10:00:01Z  hold.ended  m",
    ]


def test_flat_rows_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    output.rows(
        [{"stage": "frame", "finished": True, "rows": None}, {"stage": "draw", "finished": False, "rows": 7}], as_json=False
    )
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert printed == [["stage", "finished", "rows"], ["frame", "true"], ["draw", "false", "7"]]
    output.rows([], as_json=False)
    assert not capsys.readouterr().out.strip()


def test_json_is_one_line_of_the_value_itself(capsys: pytest.CaptureFixture[str]) -> None:
    output.result(ORDER, as_json=True)
    output.rows([ORDER, {"day": date(2026, 1, 15)}], as_json=True)
    first, second, third = capsys.readouterr().out.splitlines()
    assert json.loads(first) == json.loads(second) == ORDER
    assert json.loads(third) == {"day": "2026-01-15"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    max_leaves=12,
)


@given(VALUES)
def test_no_value_makes_a_line_of_its_own_or_steers_the_terminal(value: Any) -> None:
    printed = output.lines(value)
    assert all(line.isprintable() for line in printed)
    assert len(printed) == _lines(value)


def _lines(value: Any) -> int:
    """One line for each name, and for each item that is none; an empty one stands on the line of its name."""
    if isinstance(value, dict):
        return sum(1 + (_lines(item) if isinstance(item, dict | list) and item else 0) for item in value.values())
    if isinstance(value, list):
        return sum(_lines(item) if isinstance(item, dict | list) and item else 1 for item in value)
    return 1
