"""Real samples of the formats: everything is read, or named by a code that was expected."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from incamera.ingest import files
from incamera.ingest.report import Report

pytestmark = pytest.mark.shared

#: Files of the development data in formats that this version does not read.
OTHERS = {"catalog.json", "package.json", "corpus-manifest.json", "pins.json", "manifest.json", "native-browser-capture-v1.json"}
FOREIGN = ("claude-code", "codex", "hh_rlhf", "taskmaster", "mt_bench", "schema.json.gz")


def test_all_chats(shared: Path, read: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found, report = read(shared / "data" / "chats")
    with capsys.disabled():
        print(
            "\nimported",
            dict(report.conversations),
            "twice",
            dict(report.duplicates),
            "exceptions",
            report.summary()["exceptions"],
        )
    assert (
        len(found) > 3000
        and {"chatgpt", "claude", "gemini", "oasst", "plain", "sharegpt", "wildchat"} <= report.conversations.keys()
    )
    for flaw in report.exceptions:
        assert flaw.code == "ingest.unmatched-file", flaw
        assert Path(flaw.where).name in OTHERS or any(word in flaw.where for word in FOREIGN), flaw
    # The set holds several exchanges cut from one conversation, under its one hash: each is a conversation.
    assert report.reused_ids.keys() <= {"wildchat"} and report.reused_ids.total() > 0


def test_nothing_of_the_flat_set_is_lost(shared: Path, read: Any) -> None:
    import gzip
    import json

    path = shared / "data" / "chats" / "flat.jsonl.gz"
    found, report = read(path)
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        records = {r["id"]: r for r in map(json.loads, stream)}
    assert {c.id for c in found} == records.keys() and not report.exceptions
    for conversation in found:
        said = [t["text"] for t in records[conversation.id]["turns"] if t["text"]]
        assert [p.text for _, _, p in conversation.parts()] == said


def test_a_tree_and_its_messages_are_one(shared: Path, read: Any) -> None:
    _, report = read(shared / "data" / "chats" / "oasst")
    assert report.duplicates == Counter(oasst=100) and not report.exceptions


def test_a_foreign_table_by_mapping(shared: Path, read: Any, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(
        '[columns]\nconversation = "conversation_id"\nturns = "utterances"\nrole = "speaker"\ntext = "text"\n'
        '[values.role]\nuser = "user"\nassistant = "assistant"\nUSER = "user"\nASSISTANT = "assistant"\n'
    )
    found, report = read(
        shared / "data" / "chats" / "taskmaster4_part07.jsonl.gz", mapping=files.load_mapping(tmp_path / "map.toml")
    )
    assert len(found) > 200 and not report.exceptions and sum(len(c.turns) for c in found) > 700


def test_export_schema_keys_are_mostly_known(shared: Path) -> None:
    report = Report()
    list(files.read([shared / "data" / "chats" / "polylogue" / "chatgpt"], report=report))
    unknown = [name for (_, what, name) in report.drift if what == "unknown-key"]
    assert len(unknown) < 25
