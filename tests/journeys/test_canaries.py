"""Blind canaries: among the real conversations while these are examined, and nowhere else, whatever goes wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import delivered
import pyarrow as pa
import pytest
from parties import Matter, log

from incamera.clerk import canaries, clear, evaluate
from incamera.clerk.canaries import Blind, check_removed
from incamera.clerk.probe import Planted, Probe
from incamera.clerk.watch import Silent
from incamera.core.errors import Refused
from incamera.deid.evidence import canaries as made

MATTER = "26-cv-9001"


def everything(path: Path) -> Iterator[tuple[Path, bytes]]:
    for file in path.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            yield file, gzip.decompress(data) if file.suffix == ".gz" else data


def evaluated(path: Path) -> Path:
    """What `deid evaluate --json` says of one line of gold."""
    text = "Please write to Wenzel Habergast."
    gold = log(path / "gold.jsonl", [{"id": "g", "text": text, "spans": [{"start": 16, "end": 32, "label": "PERSON"}]}])
    done = evaluate.evaluate(gold, None, None, recipe="conservative", confidence=0.95, processes=1, watch=Silent())
    (path / "evaluated.json").write_text(json.dumps(done))
    return path / "evaluated.json"


def test_canaries_are_examined_counted_and_leave_no_trace(matter: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    planted: list[made.Canary] = []
    beside = made.beside
    monkeypatch.setattr(made, "beside", lambda *a, **k: planted.append(beside(*a, **k)) or planted[-1])
    monkeypatch.setattr(canaries, "ONE_IN", 2)
    with matter.new_home() as home:
        done = matter.finish(home, labelled=evaluated(matter.path))
        acts = {past.entry.act: past.entry.fields for past in home.ledger.entries(MATTER)}
    secrets = [secret for canary in planted for secret in canary.secrets]
    assert len(planted) == acts["canaries.planted"]["canaries"] == acts["canaries.removed"]["canaries"] == 6
    assert acts["canaries.planted"]["conversations"] == done["produced"] == 12
    assert acts["canaries.removed"]["secrets"] == len(secrets)
    for file, data in [*everything(matter.out), *everything(matter.home_path)]:
        for canary in planted:
            for text in (part.text for _, _, part in canary.conversation.parts() if part.text not in made._ANSWERS):
                assert text.encode() not in data, file
            assert canary.conversation.id.encode() not in data, file
    delivered.verified(matter.out)
    table = delivered.table(matter.out, "risk")
    assert [row["of"] for row in table if row["kind"] == "labelled" and row["what"] == "all mentions"] == ["1"]
    rows = [row for row in table if row["kind"] == "canaries"]
    whole = next(row for row in rows if row["what"] == "all" and not row["language"] and not row["context"])
    assert (int(whole["of"]), int(whole["count"])) == (len(secrets), acts["canaries.removed"]["missed"])
    assert {row["denominator"] for row in delivered.table(matter.out, "hits_by_threshold")} == {"12"}


def test_the_same_run_with_and_without_canaries_gives_the_same_rows(matter: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    def records(out: Path) -> list[Any]:
        return sorted(json.dumps(row["record"]) for row in delivered.rows(out))

    with matter.new_home() as home:
        matter.finish(home)
    monkeypatch.setattr(canaries, "blind", lambda desk, step, crefs: step)
    other = Matter(path=matter.path / "other", conversations=matter.conversations, works=matter.works)
    with other.new_home() as home:
        other.finish(home)
    assert records(matter.out) == records(other.out)


# --- a canary left in ---------------------------------------------------------------------------------------------------


def test_an_examination_gives_back_what_it_was_given() -> None:
    check_removed([b"a", b"b"], [b"a", b"b"])
    for kept in ([b"a", b"b", b"c"], [b"b", b"a"], [b"a"]):
        with pytest.raises(Refused, match=r"canaries\.left-in"):
            check_removed(kept, [b"a", b"b"])


def test_a_canary_that_stays_among_the_results_is_refused_at_once(matter: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = Blind._mixed

    def forgetful(self: Blind, batch: pa.RecordBatch) -> pa.RecordBatch:
        step = self.step

        def twice(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for done in step(batches):
                rows = done.to_pylist()
                yield pa.RecordBatch.from_pylist([*rows, {**rows[0], "cref": b"x" * 16}], done.schema)

        object.__setattr__(self, "step", twice)
        return mixed(self, batch)

    monkeypatch.setattr(Blind, "_mixed", forgetful)
    monkeypatch.setattr(Blind, "version", "forgetful/1")
    with matter.new_home() as home, pytest.raises(Refused, match=r"canaries\.left-in"):
        matter.finish(home)
    assert not (matter.out / "production").exists()


def test_the_vault_seals_no_result_of_a_conversation_that_it_did_not_open(
    matter: Matter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canaries, "check_removed", lambda kept, wanted: None)
    test_name = r"vault\.foreign-row"
    mixed = Blind._mixed

    def leaky(self: Blind, batch: pa.RecordBatch) -> pa.RecordBatch:
        done = mixed(self, batch)
        rows = done.to_pylist()
        return pa.RecordBatch.from_pylist([*rows, {**rows[0], "cref": b"x" * 16}], done.schema)

    monkeypatch.setattr(Blind, "_mixed", leaky)
    with matter.new_home() as home, pytest.raises(Refused, match=test_name):
        matter.finish(home)
    assert not (matter.out / "production").exists()


def test_a_row_with_a_canarys_bytes_is_refused(matter: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever came before let one through under a real conversation's name: its bytes give it away."""
    add = clear.Sums.add

    def add_as_canary(self: clear.Sums, examined: Any) -> None:
        add(self, examined)
        one = Planted(type="name", language="en", context="prose", missed=False)
        self.probes.append(Probe(planted=(one,), digest=examined.digest))

    monkeypatch.setattr(clear.Sums, "add", add_as_canary)
    with matter.new_home() as home, pytest.raises(Refused, match=r"canaries\.left-in"):
        matter.finish(home)
    assert not (matter.out / "production").exists()
