"""JSON from streams: chunk borders, damage that stays local, encodings, depth."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.ingest import streams
from incamera.ingest.streams import Flawed, Value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=4), max_size=6)


def got(items: Any) -> list[Any]:
    return [item.data if isinstance(item, Value) else item.code for item in items]


@settings(deadline=None)
@given(records=RECORDS, chunk=st.integers(1, 40), ascii_only=st.booleans(), indent=st.none() | st.just(1))
def test_arrays_survive_any_chunk_border(records: list[Any], chunk: int, ascii_only: bool, indent: int | None) -> None:
    try:
        raw = json.dumps(records, ensure_ascii=ascii_only, indent=indent).encode()
    except UnicodeEncodeError:  # half a surrogate pair travels as an escape only
        raw = json.dumps(records, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "_CHUNK", chunk)
        assert got(streams.values(io.BytesIO(raw), array=True)) == records


@settings(deadline=None)
@given(records=RECORDS)
def test_lines_round_trip(records: list[Any]) -> None:
    raw = b"\xef\xbb\xbf" + b"\n\n".join(json.dumps(r).encode() for r in records)
    assert got(streams.lines(io.BytesIO(raw))) == records


def test_lone_surrogates_and_control_characters_are_kept_as_received() -> None:
    raw = b'[{"a": "x\\ud800y"}, {"a": "n\\u0000l\x00\x01"}]'
    assert got(streams.values(io.BytesIO(raw), array=True)) == [{"a": "x\ud800y"}, {"a": "n\0l\0\x01"}]
    assert got(streams.lines(io.BytesIO(b'{"a": "x\\udfff"}'))) == [{"a": "x\udfff"}]


def test_a_bad_line_costs_that_line() -> None:
    raw = b'{"a": 1}\n{"a": \n{"a": 3}\n{"a": "caf\xe9"}\n' + b"[" * 200_000 + b'\n{"a": 5}\n{"a": "cut'
    items = list(streams.lines(io.BytesIO(raw)))
    assert got(items) == [
        {"a": 1},
        "ingest.not-json",
        {"a": 3},
        "ingest.encoding",
        "ingest.too-deep",
        {"a": 5},
        "ingest.truncated",
    ]
    assert [i.where for i in items if isinstance(i, Flawed)] == [
        "line 2, character 7",
        "line 4, byte 10",
        "line 5",
        "line 7, character 6",
    ]


def test_a_truncated_array_keeps_what_came_before() -> None:
    raw = b'[{"a": 1}, {"a": 2}, {"a": "cut of'
    items = list(streams.values(io.BytesIO(raw), array=True))
    assert got(items) == [{"a": 1}, {"a": 2}, "ingest.truncated"]
    assert got(streams.values(io.BytesIO(b'[{"a": 1},'), array=True)) == [{"a": 1}, "ingest.truncated"]
    assert got(streams.values(io.BytesIO(b'[{"a": 1}'), array=True)) == [{"a": 1}, "ingest.truncated"]


@settings(deadline=None)
@given(
    records=st.lists(st.fixed_dictionaries({"id": st.integers(), "x": JSON}), min_size=1, max_size=6), cut=st.integers(1, 10_000)
)
def test_truncation_anywhere_keeps_a_prefix_and_says_so(records: list[Any], cut: int) -> None:
    raw = json.dumps(records).encode()
    raw = raw[: 1 + cut % (len(raw) - 1)]
    found = got(streams.values(io.BytesIO(raw), array=True, accept=lambda v: isinstance(v, dict) and "x" in v))
    whole = [f for f in found if isinstance(f, dict)]
    assert whole == records[: len(whole)]
    assert found[-1] == "ingest.truncated"


def test_damage_inside_an_array_costs_one_element() -> None:
    good = [{"id": i, "inner": [{"z": 1}, {"z": 2}]} for i in range(6)]
    texts = [json.dumps(g) for g in good]
    texts[2] = texts[2].replace('"inner"', '"inner" oops')
    raw = ("[" + ", ".join(texts) + "]").encode()
    found = got(streams.values(io.BytesIO(raw), array=True, accept=lambda v: isinstance(v, dict) and "id" in v))
    assert found == [*good[:2], "ingest.not-json", *good[3:]]


def test_bad_bytes_in_an_array_cost_one_element_and_name_the_byte() -> None:
    raw = '[{"a": "é"}, {"a": "'.encode() + b"\xff\xfe" + b'"}, {"a": 3}]'
    items = list(streams.values(io.BytesIO(raw), array=True))
    assert got(items) == [{"a": "é"}, "ingest.encoding", {"a": 3}]
    assert isinstance(items[1], Flawed) and items[1].where == f"record 2, byte {raw.index(0xFF)}"


def test_depth_in_an_array_is_refused_and_reading_goes_on() -> None:
    raw = b'[{"a": 1}, {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b'}, {"a": 2}]'
    assert got(streams.values(io.BytesIO(raw), array=True, accept=lambda v: "a" in v)) == [{"a": 1}, "ingest.too-deep", {"a": 2}]


def test_numbers_of_thousands_of_digits_are_a_flaw_not_a_crash() -> None:
    assert got(streams.lines(io.BytesIO(b'{"a": ' + b"9" * 9000 + b"}"))) == ["ingest.not-json"]


def test_a_record_larger_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_RECORD", 50)
    monkeypatch.setattr(streams, "_CHUNK", 16)
    raw = b'{"a": "' + b"x" * 200 + b'"}\n{"a": 1}\n'
    assert got(streams.lines(io.BytesIO(raw))) == ["ingest.record-too-large", {"a": 1}]
    array = b'[{"a": 0}, {"a": "' + b"x" * 500 + b'"}, {"a": 1}]'
    assert got(streams.values(io.BytesIO(array), array=True)) == [{"a": 0}, "ingest.record-too-large", {"a": 1}]


def test_what_follows_an_array_is_not_passed_over_in_silence() -> None:
    assert got(streams.values(io.BytesIO(b'[{"a": 1}]\n[{"a": 2}]'), array=True)) == [{"a": 1}, "ingest.not-json"]
    assert got(streams.values(io.BytesIO(b'[{"a": 1}] \n\n'), array=True)) == [{"a": 1}]


def test_long_arrays_are_read_in_little_memory() -> None:
    import tracemalloc

    raw = b"[" + b", ".join(b'{"a": "%s"}' % (b"x" * 10_000) for _ in range(2000)) + b"]"
    stream = io.BytesIO(raw)
    tracemalloc.start()
    count = sum(isinstance(item, Value) for item in streams.values(stream, array=True))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2000 and peak < len(raw) / 3


def test_values_that_follow_each_other() -> None:
    raw = b'{\n "a": 1\n}\n{\n "a": 2\n}\n'
    assert got(streams.values(io.BytesIO(raw), array=False)) == [{"a": 1}, {"a": 2}]
