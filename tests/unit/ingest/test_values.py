"""Small readers of values: times, regions, leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.ingest import leaves
from incamera.ingest.regions import region
from incamera.ingest.times import instant, parsed

MOMENT = datetime(2024, 2, 29, 12, 30, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1709209845,
        1709209845.0,
        "1709209845.0",
        1709209845000,
        "1709209845000",
        "2024-02-29T12:30:45Z",
        "2024-02-29 12:30:45 UTC",
        "2024-02-29T13:30:45+01:00",
        "2024-02-29T12:30:45",
        datetime(2024, 2, 29, 12, 30, 45),
    ],
)
def test_instants(value: Any) -> None:
    assert instant(value) == MOMENT


@pytest.mark.parametrize("value", [None, True, "", "soon", [], {}, float("nan"), float("inf"), 1e300, "9" * 30])
def test_no_instant(value: Any) -> None:
    assert instant(value) is None


def test_stated_forms() -> None:
    assert parsed("29/02/2024 12.30.45", "%d/%m/%Y %H.%M.%S") == MOMENT
    assert parsed("1709209845000", "epoch_ms") == MOMENT and parsed(1709209845, "epoch") == MOMENT
    assert parsed("x", "epoch") is None and parsed("x", "%d") is None and parsed("x", "iso") is None


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2999, 1, 1)))
def test_times_round_trip(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    assert instant(moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("country", "expected"),
    [
        ("DE", "EEA"),
        ("de", "EEA"),
        ("Norway", "EEA"),
        ("EU", "EEA"),
        ("EEA", "EEA"),
        ("GB", "UK"),
        ("uk", "UK"),
        ("United Kingdom", "UK"),
        ("Switzerland", "CH"),
        ("US", "US"),
        ("United States", "US"),
        ("Brazil", "BR"),
        ("XX", None),
        ("Atlantis", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_regions(country: Any, expected: str | None) -> None:
    assert region(country) == expected
    assert region(expected) == expected


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("id", "msg_01ABC-x", False),
        ("user_id", "ada@example.org", True),
        ("parent_id", "two words", True),
        ("asset_pointer", "file-service://file-a1", False),
        ("id", "https://example.org/ada", True),
        ("content_type", "text", False),
        ("content_type", "Ada Lind, of Bergen", True),
        ("created_at", "2024-01-01T00:00:00Z", False),
        ("created_at", "the day Ada was born", True),
        ("anything", "2024-01-01T00:00:00Z", True),
        ("text", "x", True),
        ("text", "", False),
    ],
)
def test_what_carries_text(key: str, value: str, kept: bool) -> None:
    assert leaves.carries_text(key, value) is kept


def test_depth_is_no_danger() -> None:
    value: Any = "deep words"
    for _ in range(50_000):
        value = [value]
    assert [text for _, _, text in leaves.leaves({"text": value})] == ["deep words"]


def test_paths_show_known_keys_and_number_the_rest() -> None:
    value = {"text": "a", "Ada Lind": {"title": "b"}, "colour": ["c", {"url": "d e"}]}
    assert [(p.path, p.text) for p in leaves.parts(value, "metadata")] == [
        ("metadata.text", "a"),
        ("metadata.?1#key", "Ada Lind"),
        ("metadata.?1.title", "b"),
        ("metadata.?2[0]", "c"),
        ("metadata.?2[1].url", "d e"),
    ]
