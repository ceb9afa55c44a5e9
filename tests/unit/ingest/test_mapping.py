"""map.toml: strict keys, and rows of every layout."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from incamera.core.errors import Malformed
from incamera.ingest import files, mapped
from incamera.ingest.mapping import Mapping, parse
from incamera.ingest.report import Report

Read = Any

ROWS = """
[columns]
conversation = "thread"
subject = "account.id"
started_at = "opened"
tier = "plan"
region = "country"
deletion_requested_at = "erase_at"
temporary = "ephemeral"
role = "who"
text = "body"
llm = "engine"
at = "sent"
ignore = ["ip"]

[values]
time = "epoch_ms"
true = ["Y"]
[values.role]
customer = "user"
bot = "assistant"
[values.tier]
"Plan B" = "plus"
"""


def row(thread: str, who: str, body: str, **more: Any) -> dict[str, Any]:
    return {"thread": thread, "who": who, "body": body, "account": {"id": "s1", "note": "vip"}, "opened": 1700000000000, **more}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def test_rows_become_conversations(tmp_path: Path, read: Read) -> None:
    rows = [
        row(
            "t1",
            "customer",
            "Hello?",
            plan="Plan B",
            country="IS",
            ephemeral="Y",
            erase_at=1700000500000,
            ip="10.0.0.9",
            mood="grumpy",
        ),
        row("t2", "customer", "Another"),
        row("t1", "bot", "Hi.", engine="m-9", sent=1700000001000),
    ]
    found, report = read(write(tmp_path / "rows", rows), mapping=parse(ROWS, where="map.toml"))
    assert [c.id for c in found] == ["t1", "t2"]
    first = found[0]
    assert (first.source, first.subject, first.tier, first.region) == ("mapped", "s1", "plus", "EEA")
    assert first.started_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert first.flags.temporary and first.flags.deletion_requested_at == datetime(2023, 11, 14, 22, 21, 40, tzinfo=UTC)
    assert [(t.role, t.llm, [p.text for p in t.parts]) for t in first.turns] == [
        ("user", None, ["Hello?", "vip", "grumpy"]),
        ("assistant", "m-9", ["Hi.", "vip"]),
    ]
    assert "10.0.0.9" not in {p.text for _, _, p in first.parts()}
    assert report.drift["mapped", "unmapped-column", "mood"] == 1 and found[1].outputs_missing == {"no_output": 1}


def test_parquet_and_lines_agree(tmp_path: Path, read: Read) -> None:
    rows = [row(f"t{i % 40}", "customer" if i < 40 else "bot", f"text {i}", plan="Plan B") for i in range(80)]
    table = parse(ROWS, where="m")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "table")
    by_lines, _ = read(write(tmp_path / "lines", rows), mapping=table)
    by_table, _ = read(tmp_path / "table", mapping=table)
    assert by_lines == by_table and len(by_lines) == 40


def test_turns_in_a_list_column(tmp_path: Path, read: Read) -> None:
    text = """
    [columns]
    conversation = "id"
    turns = "dialogue"
    role = "speaker"
    text = "utterance"
    [values.role]
    A = "user"
    B = "assistant"
    """
    rows = [
        {"id": 3, "dialogue": [{"speaker": "A", "utterance": "hey", "gesture": "waves"}, {"speaker": "B", "utterance": "ho"}]}
    ]
    (found,), _ = read(write(tmp_path / "rows", rows), mapping=parse(text, where="m"))
    assert found.id == "3" and [(t.role, [p.text for p in t.parts]) for t in found.turns] == [
        ("user", ["hey", "waves"]),
        ("assistant", ["ho"]),
    ]


def test_both_sides_in_one_row(tmp_path: Path, read: Read) -> None:
    text = '[columns]\nsubject = "who"\nllm = "engine"\n[columns.text]\nuser = "prompt"\nassistant = "response"\n'
    rows = [
        {"who": "s1", "prompt": "2+2?", "response": "4", "engine": "m"},
        {"who": "s1", "prompt": "and?", "response": None, "engine": "m"},
    ]
    found, _ = read(write(tmp_path / "rows", rows), mapping=parse(text, where="m"))
    assert [[t.role for t in c.turns] for c in found] == [["user", "assistant"]] * 2
    assert found[0].turns[1].llm == "m" and found[1].outputs_missing == {"no_output": 1}


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("columns = ", "ingest.map-not-toml", "map.toml"),
        ("[colums]\n", "ingest.map-unknown-key", "colums"),
        ('[columns]\nspeaker = "x"\n', "ingest.map-unknown-key", "columns.speaker"),
        ('[columns]\nrole = "a"\nconversation = "b"\n', "ingest.map-missing-key", "columns.text"),
        ('[columns]\nrole = "a"\ntext = "b"\n', "ingest.map-missing-key", "columns.conversation"),
        ("[columns]\nrole = 5\n", "ingest.map-bad-value", "columns.role"),
        ('[columns]\nrole = "a"\n[columns.text]\nuser = "p"\n', "ingest.map-bad-value", "columns.text"),
        ('[columns.text]\nking = "p"\n', "ingest.map-bad-value", "columns.text"),
        ('[columns.text]\nuser = "p"\n[values.role]\nx = "king"\n', "ingest.map-bad-value", "values.role.x"),
        ('[columns.text]\nuser = "p"\n[values]\ncolour = "x"\n', "ingest.map-unknown-key", "values.colour"),
        ('[columns]\nignore = "x"\n', "ingest.map-bad-value", "columns.ignore"),
        ('[columns.text]\nuser = "p"\n[values]\ntrue = "Y"\n', "ingest.map-bad-value", "values.true"),
        ('version = "map/9"\n', "ingest.map-bad-value", "version"),
        ('columns = "x"\n', "ingest.map-bad-value", "columns"),
    ],
)
def test_a_wrong_mapping_names_the_key(text: str, code: str, place: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text, where="map.toml")
    assert caught.value.code == code and place in caught.value.where


@pytest.mark.parametrize("kind", ["lines", "table"])
def test_a_missing_column_is_named(tmp_path: Path, kind: str) -> None:
    rows = [{"thread": "t", "who": "bot"}]
    if kind == "lines":
        write(tmp_path / "x", rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x")
    with pytest.raises(Malformed) as caught:
        list(files.read([tmp_path / "x"], report=Report(), mapping=parse(ROWS, where="m")))
    assert caught.value.code == "ingest.map-missing-column" and caught.value.where.endswith(": body")


def test_a_row_without_its_columns_is_an_exception(tmp_path: Path, read: Read) -> None:
    rows = [row("t1", "customer", "a"), {"thread": "t2", "who": "customer"}, {"who": "bot", "body": "x"}]
    found, report = read(write(tmp_path / "x", rows), mapping=parse(ROWS, where="m"))
    assert [c.id for c in found] == ["t1"]
    assert sorted(f.where.rpartition(": ")[2] for f in report.exceptions) == ["body", "thread"]
    assert {f.code for f in report.exceptions} == {"ingest.map-missing-column"}


def test_rows_too_far_apart_are_exceptions_and_not_second_conversations(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "MAX_OPEN", 3)
    rows = [
        row("t0", "customer", "a"),
        *(row(f"t{i}", "customer", "b") for i in range(1, 5)),
        row("t4", "bot", "c"),
        row("t0", "bot", "late"),
    ]
    found, report = read(write(tmp_path / "x", rows), mapping=parse(ROWS, where="m"))
    assert [c.id for c in found] == ["t0", "t1", "t2", "t3", "t4"]
    assert [f.code for f in report.exceptions] == ["ingest.rows-too-far-apart"]


def test_unread_times_are_counted(tmp_path: Path, read: Read) -> None:
    (found,), report = read(write(tmp_path / "x", [row("t", "customer", "a", sent="yesterday")]), mapping=parse(ROWS, where="m"))
    assert found.turns[0].at is None and report.drift["mapped", "unread-time", "at"] == 1


def test_load_mapping(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(ROWS)
    assert isinstance(files.load_mapping(path), Mapping)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Malformed, match=r"ingest\.encoding"):
        files.load_mapping(path)
    with pytest.raises(Malformed, match=r"ingest\.not-a-file"):
        files.load_mapping(tmp_path)


def test_tiers_of_the_holder_are_declared(tmp_path: Path, read: Read) -> None:
    declared = parse(ROWS.replace('true = ["Y"]', 'true = ["Y"]\ntiers = ["Gold"]'), where="m")
    assert declared.named_tiers == {"gold", "plus"}
    rows = [row(f"t{i}", "customer", "a", plan=plan) for i, plan in enumerate(["GOLD", "Plan B", "quackenbush"])]
    found, report = read(write(tmp_path / "x", rows), mapping=declared)
    assert [c.tier for c in found] == ["GOLD", "plus", "quackenbush"]
    assert report.drift["mapped", "unread-tier", "(not an identifier)"] == 1


@pytest.mark.parametrize("tiers", ['"gold"', "[1]", '["two words"]', f'["{"x" * 41}"]'])
def test_a_declared_tier_is_one_word(tiers: str) -> None:
    with pytest.raises(Malformed, match=r"ingest\.map-bad-value") as caught:
        parse(ROWS.replace('true = ["Y"]', f'true = ["Y"]\ntiers = {tiers}'), where="m")
    assert caught.value.where == "m: values.tiers"


def test_a_machine_s_name_that_could_be_more_is_kept_in_every_layout(tmp_path: Path, read: Read) -> None:
    rows = [row("t", who, "a", engine="my model x", plan="of Ada Lind") for who in ("customer", "bot")]
    (found,), _ = read(write(tmp_path / "x", rows), mapping=parse(ROWS, where="m"))
    assert [(p.path, p.text) for p in found.header] == [("tier", "of Ada Lind")] and found.tier is None
    assert ["my model x" in [p.text for p in t.parts] for t in found.turns] == [True, True]
    sides = '[columns]\nllm = "engine"\n[columns.text]\nuser = "q"\nassistant = "a"\n'
    (found,), _ = read(write(tmp_path / "y", [{"q": "?", "a": "!", "engine": "my model x"}]), mapping=parse(sides, where="m"))
    assert sorted((p.kind, p.text) for p in found.turns[1].parts) == [("extra", "my model x"), ("text", "!")]
