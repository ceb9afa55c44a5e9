"""Natives: valid by the published schema, stricter by our lint, and silent in every side channel."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.production import rsmf as writer
from incamera_verify import render, rows, rsmf
from incamera_verify.errors import VerificationError
from incamera_verify.render import Document

STAMP = "CONFIDENTIAL"


def _row(texts: list[str], **facts: Any) -> dict[str, Any]:
    turns = [
        {
            "index": i, "parent": i - 1 if i else None, "role": ("user", "assistant", "tool", "system")[i % 4],
            "at": facts.get("at"),
            "llm": "lantern-2" if i % 4 == 1 else None, "tool": None, "sources": [], "active": i % 5 != 4, "hidden": i % 7 == 6,
            "parts": [{"kind": "text", "path": "p", "text": text}],
        }
        for i, text in enumerate(texts)
    ]  # fmt: skip
    record = {"header": [{"kind": "text", "path": "title", "text": "A title"}], "turns": turns, "recipe": "0" * 64}
    flags = dict.fromkeys(("temporary", "deletion_requested", "party_account", "responsive"), True)
    known = {"conversation": "ab" * 16, "subject": "cd" * 16, "stratum": "month=2024-05", "probability": "1/2", "rank": "0" * 64}
    origin = {"month": facts.get("month", "2024-05"), "region": "EEA", "tier": None, "platform": "chatgpt", "language": "en"}
    proof = {"decision": 7, "row": 0, "rows": 1, "proof": []}
    missing = facts.get("missing", {})
    return (
        {"bates": "INC000000001", "position": 1, "outputs_missing": missing, "matches": [], "record": record}
        | flags
        | known
        | origin
        | proof
    )


def _natives(volume: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((volume / "NATIVES").rglob("*.rsmf"))]


# --- what we write --------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=80), max_size=9),
    st.sampled_from([None, "2024-05-01T00:00:00+00:00"]),
)
def test_any_text_comes_back_exactly(texts: list[str], at: str | None) -> None:
    row = _row(texts, at=at, missing={"no_output": 2})
    native = rsmf.lint(writer.native(Document(row, STAMP)))
    assert native.manifest == Document(row, STAMP).manifest
    assert native.text == Document(row, STAMP).text
    assert dict(native.headers) == Document(row, STAMP).headers
    assert writer.native(Document(row, STAMP)) == writer.native(Document(row, STAMP))


def test_the_true_order_of_turns_is_kept_with_synthetic_seconds() -> None:
    events = Document(_row(["a", "b", "c"], at="2024-05-01T00:00:00+00:00"), STAMP).manifest["events"]
    assert [e["timestamp"] for e in events if e["type"] == "message"] == [f"2024-05-01T00:00:0{n}Z" for n in range(3)]


def test_exact_times_stay_exact() -> None:
    row = _row(["a", "b"], at="2024-05-03T10:20:30+02:00")
    row["record"]["turns"][1]["at"] = "2024-05-03T09:00:00+00:00"
    events = Document(row, STAMP).manifest["events"]
    assert [e["timestamp"] for e in events if "timestamp" in e] == ["2024-05-03T08:20:30Z", "2024-05-03T09:00:00Z"]


def test_regenerated_answers_are_siblings_and_missing_outputs_are_events() -> None:
    row = _row(["question", "first answer", "second answer"], missing={"client_encrypted": 1})
    row["record"]["turns"][2] |= {"role": "assistant", "parent": 0, "active": False}
    events = Document(row, STAMP).manifest["events"]
    answers = [e for e in events if e.get("participant") == "ASSISTANT"]
    assert {e["parent"] for e in answers} == {"INC000000001.0001"}
    assert {"name": "branch", "value": "other"} in answers[1]["custom"]
    assert events[-1]["type"] == "unknown"
    assert events[-1]["body"] == "[OUTPUT-MISSING: client_encrypted, 1]"


def test_no_side_channel_says_more_than_the_row(volume: Path) -> None:
    """Headers, names, custom fields, archive: every string is a fact of the row or a word of the format."""
    lines = {row["bates"]: row for row in rows.read(volume / "BULK/rows.jsonl.gz") if row["bates"]}
    assert lines
    for data in _natives(volume):
        native = rsmf.lint(data)
        row = lines[native.headers["subject"]]
        record = json.dumps(row["record"], ensure_ascii=False)
        for person in native.manifest["participants"]:
            assert re.fullmatch(r"U-[0-9a-f]{16}|ASSISTANT|TOOL|SYSTEM", person["id"])
            assert set(person) == {"id", "display"}
        room = native.manifest["conversations"][0]
        allowed = {render.scalar(value) for value in row.values()} | {
            row["record"]["recipe"],
            "HIGHLY CONFIDENTIAL - ATTORNEYS' EYES ONLY",
        }
        assert {item["value"] for item in room["custom"]} <= allowed
        for event in native.manifest["events"]:
            assert "edits" not in event
            assert "attachments" not in event
            for item in event.get("custom", []):
                assert json.dumps(item["value"], ensure_ascii=False)[1:-1] in record or item["value"] in ("other", "true")
        assert "Quillon" not in data.decode("ascii")
        assert "Quillon" not in json.dumps(native.manifest)


@pytest.mark.shared
def test_natives_validate_by_the_published_schema(shared: Path, volume: Path) -> None:
    import jsonschema

    schema = json.loads((shared / "data/vectors/rsmf/rsmf_schema_2_0_0.json").read_text())
    checker = jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER)
    manifests = [rsmf.lint(data).manifest for data in _natives(volume)]
    manifests += [Document(_row(["a", "", "\u05e9"], missing={"x": 1}, month=None), STAMP).manifest]
    assert len(manifests) > 3
    for made in manifests:
        checker.validate(made)


@pytest.mark.shared
def test_the_schema_would_have_refused_a_broken_manifest(shared: Path) -> None:
    import jsonschema

    schema = json.loads((shared / "data/vectors/rsmf/rsmf_schema_2_0_0.json").read_text())
    broken = Document(_row(["a"]), STAMP).manifest
    broken["conversations"][0]["custom"].append({"name": "n", "value": ""})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(broken)


# --- what the lint refuses ------------------------------------------------------------------------------------------------


def _repacked(change: Callable[[dict[str, Any]], None], **archive: Any) -> bytes:
    """A native whose manifest went through *change*."""
    row = _row(["a", "b"])
    manifest = Document(row, STAMP).manifest
    change(manifest)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        entry = zipfile.ZipInfo(rsmf.MANIFEST_NAME, date_time=archive.get("date", rsmf.ZIP_DATE))
        target.writestr(entry, json.dumps(manifest))
        for name in archive.get("more", ()):
            target.writestr(name, b"x")
        target.comment = archive.get("comment", b"")
    return _with_archive(writer.native(Document(row, STAMP)), packed.getvalue())


def _with_archive(native: bytes, archive: bytes) -> bytes:
    head, _, tail = native.partition(b'filename="rsmf.zip"\r\n\r\n')
    _, _, end = tail.partition(b"\r\n--rsmf-")
    text = base64.b64encode(archive)
    lines = b"\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    return head + b'filename="rsmf.zip"\r\n\r\n' + lines + b"\r\n--rsmf-" + end


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        target: Any = manifest
        for step in steps:
            target = target[step]
        if value is None:
            del target[last]
        else:
            target[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("participants.0.Display", "typo", "rsmf.bad-manifest"),
        ("participants.0.id", None, "rsmf.bad-manifest"),
        ("participants.0.id", 1, "rsmf.bad-manifest"),
        ("conversations.0.type", "group", "rsmf.bad-manifest"),
        ("conversations.0.custom.0.value", "", "rsmf.bad-manifest"),
        ("conversations.0.custom.0.value", 5, "rsmf.bad-manifest"),
        ("conversations.0.participants.0", "nobody", "rsmf.dangling-reference"),
        ("conversations.0.custodian", "nobody", "rsmf.dangling-reference"),
        ("conversations.0.icon", "logo.png", "rsmf.dangling-reference"),
        ("events.1.participant", "nobody", "rsmf.dangling-reference"),
        ("events.1.conversation", "other", "rsmf.dangling-reference"),
        ("events.2.parent", "INC000000001.0099", "rsmf.dangling-reference"),
        ("events.2.id", "INC000000001.0001", "rsmf.dangling-reference"),
        ("events.1.timestamp", "2024-05-01T00:00:00", "rsmf.bad-manifest"),
        ("events.1.timestamp", "2024-04-01T00:00:00Z", "rsmf.wrong-count"),
        ("events.1.attachments", [{"id": "a.png"}], "rsmf.dangling-reference"),
        ("events.0", None, "rsmf.wrong-count"),
        ("version", "2.0.1", "rsmf.bad-manifest"),
        ("eventcollectionid", "other", "rsmf.wrong-count"),
    ],
)
def test_a_flawed_manifest(path: str, value: Any, code: str) -> None:
    with pytest.raises(VerificationError) as flaw:
        rsmf.lint(_repacked(_set(path, value)), "x.rsmf")
    assert flaw.value.code == code


@pytest.mark.parametrize(
    "archive", [{"comment": b"hello"}, {"date": (2024, 1, 1, 0, 0, 0)}, {"more": ["photo.jpg"]}, {"more": ["../x"]}]
)
def test_a_flawed_archive(archive: Mapping[str, Any]) -> None:
    with pytest.raises(VerificationError) as flaw:
        rsmf.lint(_repacked(lambda _: None, **archive))
    assert flaw.value.code == "rsmf.bad-archive"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"X-RSMF-Version: 2.0.0", b"X-RSMF-Version: 1.0.0"),
        (b"Subject: ", b"X-Note: hello\r\nSubject: "),
        (b"Subject: ", b"Subject: again\r\nSubject: "),
        (b'filename="rsmf.zip"', b'filename="other.zip"'),
        (b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: 7bit"),
        (b"\r\n\r\n--rsmf-", b"\r\n\r\nhidden preamble\r\n--rsmf-"),
        (b"\r\n", b"\n"),
        (b"MIME-Version", b"Mime"),
    ],
)
def test_a_flawed_container(old: bytes, new: bytes) -> None:
    data = writer.native(Document(_row(["a"]), STAMP))
    assert old in data
    with pytest.raises(VerificationError) as flaw:
        rsmf.lint(data.replace(old, new, 1) if old != b"\r\n" else data.replace(old, new))
    assert flaw.value.code == "rsmf.bad-container"


def test_text_after_the_message_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"rsmf\.bad-container"):
        rsmf.lint(writer.native(Document(_row(["a"]), STAMP)) + b"postscript\r\n")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_native_is_refused_or_reads_the_same(data: st.DataObject) -> None:
    whole = writer.native(Document(_row(["alpha", "beta"]), STAMP))
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    try:
        rsmf.lint(damaged)
    except VerificationError as flaw:
        assert flaw.code.startswith("rsmf.")
