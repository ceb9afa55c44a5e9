"""Building a volume: the same bytes every time, and nothing under its name unless all of it is there."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyrage
import pytest

from incamera import disk
from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.core.ids import new_ref
from incamera.core.records import Cleared
from incamera.production import Failure, SampleFiles, Table, Withheld, hits_by_threshold, longest_output_run, parquet
from incamera.production.age import unsealed_bytes
from incamera.testing.volumes import HOSTILE, World
from incamera_verify import loadfile, numbers, rows
from incamera_verify.errors import VerificationError
from incamera_verify.trust import Trust
from incamera_verify.volume import verify

LANES = ("BULK", "DATA", "LOGS", "NATIVES", "TABLES", "TEXT")


def _bytes(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for lane in LANES for p in (root / lane).rglob("*") if p.is_file()}


def _code(act: Callable[[], object], kind: type[Error]) -> str:
    with pytest.raises(kind) as flaw:
        act()
    return flaw.value.code


def test_rendering_again_gives_the_same_bytes(matter: World, tmp_path: Path) -> None:
    first, second = matter.build(tmp_path / "A" / "VOL001"), matter.build(tmp_path / "B" / "VOL001")
    assert _bytes(first.staging.path) == _bytes(second.staging.path)
    assert len(_bytes(first.staging.path)) > 12


def test_rows_carry_what_the_item_says(matter: World, volume: Path) -> None:
    found = list(rows.read(volume / "BULK/rows.jsonl.gz"))
    assert [row["conversation"] for row in found] == [item.conversation for item in matter.items]
    for row, item in zip(found, matter.items, strict=True):
        assert row["rank"] == item.facts["rank"]
        assert (row["bates"] is not None) == item.facts["responsive"]
        for match in row["matches"]:
            text = rows.text_at(row["record"], match["turn"], match["part"])
            assert text is not None
            assert 0 <= match["start"] <= match["end"] <= len(text)
    assert "Quillon" not in gzip.decompress((volume / "BULK/rows.jsonl.gz").read_bytes()).decode()


def test_the_longest_run_is_counted_the_same_way_before_and_after(matter: World, volume: Path) -> None:
    """The clerk counts matches on records, the verifier counts rows: one number."""
    before = [longest_output_run(item.redacted, item.matches) for item in matter.items]
    assert before == [numbers.longest_output_run(row) for row in rows.read(volume / "BULK/rows.jsonl.gz")]
    assert max(before) == 120


def test_parquet_holds_the_same_rows(volume: Path) -> None:
    table = pq.read_table(volume / "BULK/rows.parquet").to_pylist()
    lines = list(rows.read(volume / "BULK/rows.jsonl.gz"))
    assert len(table) == len(lines)
    for column, line in zip(table, lines, strict=True):
        assert {"header": column["header"], "turns": column["turns"], "recipe": column["recipe"]} == line["record"]
        assert column["matches"] == line["matches"]
        assert dict(column["outputs_missing"]) == line["outputs_missing"]
        drawn, of = line["probability"].split("/")
        assert column["weight"] == int(of) / int(drawn)


def test_parquet_is_held_to_the_rows(volume: Path, tmp_path: Path) -> None:
    assert parquet.compare(volume) == 12
    (tmp_path / "BULK").mkdir()
    lane = tmp_path / "BULK/rows.parquet"
    (tmp_path / "BULK/rows.jsonl.gz").write_bytes((volume / "BULK/rows.jsonl.gz").read_bytes())
    table = pq.read_table(volume / "BULK/rows.parquet")
    pq.write_table(table.slice(0, 11), lane)
    assert _code(lambda: parquet.compare(tmp_path), Unverified) == "production.other-parquet"
    pq.write_table(table.drop_columns(["tier"]), lane)
    assert _code(lambda: parquet.compare(tmp_path), Malformed) == "production.bad-parquet"
    lane.write_bytes(b"PAR1 not quite PAR1")
    assert _code(lambda: parquet.compare(tmp_path), Malformed) == "production.bad-parquet"


def test_the_redaction_log_points_at_replacements(volume: Path) -> None:
    text = {row["conversation"]: row["record"] for row in rows.read(volume / "BULK/rows.jsonl.gz")}
    entries = list(csv.DictReader((volume / "LOGS/redaction.csv").open(encoding="utf-8", newline="")))
    assert entries
    for entry in entries:
        part = rows.text_at(text[entry["conversation"]], int(entry["message"]), int(entry["part"]))
        assert part is not None
        assert part[int(entry["span_start"]) : int(entry["span_end"])] == "[PERSON-1]"
        assert (entry["reason"], entry["method"], entry["replacement_type"]) == ("PII-NAME", "rule", "mask")


def test_logs_defuse_formulas(volume: Path) -> None:
    entries = list(csv.DictReader((volume / "LOGS/waiver.csv").open(encoding="utf-8", newline="")))
    assert [entry["work_id"] for entry in entries] == ["'=work-1"]


def test_the_load_file_carries_hostile_content(volume: Path) -> None:
    table = loadfile.parse((volume / "DATA/VOL001.DAT").read_bytes())
    assert HOSTILE.replace("\r\n", "\n") in table.column("MODEL")


def test_sha256sum_accepts_the_volume(volume: Path) -> None:
    done = subprocess.run(["sha256sum", "--quiet", "-c", "MANIFEST/sha256sum.txt"], cwd=volume, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")


def test_no_wall_clock_in_the_lanes(volume: Path) -> None:
    packed = (volume / "BULK/rows.jsonl.gz").read_bytes()
    assert packed[4:8] == b"\0\0\0\0", "gzip carries no time"
    for native in (volume / "NATIVES").rglob("*.rsmf"):
        assert b"2026" not in native.read_bytes().split(b"\r\n\r\n")[0]


# --- scopes and lanes -----------------------------------------------------------------------------------------------------


def _hits(matter: World) -> dict[str, Table]:
    return {"hits_by_threshold": hits_by_threshold({8: 9, 12: 6, 16: 6, 25: 6, 50: 3, 100: 3}, len(matter.items))}


def test_scope_responsive_produces_the_responsive_only(matter: World, tmp_path: Path) -> None:
    items = [item for item in matter.items if item.facts["responsive"]]
    package = matter.build(
        tmp_path / "VOL002", items, terms=matter.terms(scope="responsive", volume="VOL002"), tables=_hits(matter)
    )
    matter.seal(package)
    report = verify(tmp_path / "VOL002", Trust.parse(matter.trust()))
    assert report.established
    facts = json.loads((tmp_path / "VOL002/volume.json").read_bytes())
    assert facts["documents"] == len(items)


def test_a_row_that_is_not_responsive_is_refused_in_that_scope(matter: World, tmp_path: Path) -> None:
    code = _code(lambda: matter.build(tmp_path / "V", terms=matter.terms(scope="responsive"), tables=_hits(matter)), Refused)
    assert code == "production.not-responsive"


def test_a_sealed_bulk_lane(matter: World, tmp_path: Path) -> None:
    """The room's recipient reads it; everybody checks its digests; and its rows can be handed to the verifier."""
    room = pyrage.x25519.Identity.generate()
    terms = matter.terms(volume="VOL003", bulk_recipients=(str(room.to_public()),), bulk_export_paragraph=None)
    matter.seal(matter.build(tmp_path / "VOL003", terms=terms))
    volume, trust = tmp_path / "VOL003", Trust.parse(matter.trust())
    assert sorted(p.name for p in (volume / "BULK").iterdir()) == [
        "digests.jsonl.gz",
        "rows.jsonl.gz.age",
        "rows.parquet.age",
        "weights.csv",
    ]
    report = verify(volume, trust)
    assert report.established
    assert {item.id for item in report.listed} >= {"rows.turns", "hits.8", "characters.user"}
    unsealed = tmp_path / "rows.jsonl.gz"
    unsealed.write_bytes(unsealed_bytes((volume / "BULK/rows.jsonl.gz.age").read_bytes(), str(room)))
    assert verify(volume, trust, unsealed=unsealed).recomputed > report.recomputed
    lines = gzip.decompress(unsealed.read_bytes()).replace(b"[PERSON-1]", b"[PERSON-2]", 1)
    unsealed.write_bytes(gzip.compress(lines))
    with pytest.raises(VerificationError, match=r"rows\.other-digest"):
        verify(volume, trust, unsealed=unsealed)


def test_a_whole_sample_does_not_leave_open_by_default(matter: World) -> None:
    assert _code(lambda: matter.terms(bulk_export_paragraph=None), Refused) == "production.bulk-not-allowed"


def test_a_withheld_conversation_is_listed_and_counted(matter: World, tmp_path: Path) -> None:
    kept, gone = matter.items[:-1], matter.items[-1]
    withheld = [Withheld(conversation=gone.conversation, reason="PRIV-AC", basis="17")]
    package = matter.build(
        tmp_path / "VOL004", kept, terms=matter.terms(volume="VOL004"), withheld=withheld, tables=_hits(matter)
    )
    matter.seal(package)
    assert verify(tmp_path / "VOL004", Trust.parse(matter.trust())).established
    assert package.values["withheld.PRIV-AC"] == 1


def test_a_drawn_conversation_that_silently_vanishes(matter: World, tmp_path: Path) -> None:
    package = matter.build(tmp_path / "VOL005", matter.items[:-1], terms=matter.terms(volume="VOL005"), tables=_hits(matter))
    matter.seal(package)
    with pytest.raises(VerificationError, match=r"rows\.missing"):
        verify(tmp_path / "VOL005", Trust.parse(matter.trust()))


def test_an_empty_production(matter: World, tmp_path: Path) -> None:
    """Nothing was responsive: that too is an answer, and it verifies."""
    terms = matter.terms(scope="responsive", volume="VOL006")
    matter.seal(matter.build(tmp_path / "VOL006", [], terms=terms, tables=_hits(matter)))
    assert verify(tmp_path / "VOL006", Trust.parse(matter.trust())).established


# --- refusals -------------------------------------------------------------------------------------------------------------


def _facts(item: Cleared, **changes: Any) -> Cleared:
    return replace(item, facts={**item.facts, **changes})


def test_items_come_in_the_order_of_the_draw(matter: World, tmp_path: Path) -> None:
    assert _code(lambda: matter.build(tmp_path / "V", matter.items[::-1]), Malformed) == "production.out-of-order"
    assert _code(lambda: matter.build(tmp_path / "V", [matter.items[0]] * 2), Malformed) == "production.duplicate"


def test_a_row_says_of_the_draw_what_the_draw_says(matter: World, tmp_path: Path) -> None:
    items = [_facts(matter.items[0], probability="1/2")]
    assert _code(lambda: matter.build(tmp_path / "V", items), Refused) == "production.not-drawn"


@pytest.mark.parametrize(
    "facts",
    [
        {"tier": "Jane Roe, 12 Elm St"},
        {"region": "\u00e9"},
        {"stratum": 5},
        {"subject": "jane@example.org"},
        {"month": "x" * 400},
    ],
)
def test_facts_cannot_carry_text(matter: World, tmp_path: Path, facts: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as flaw:
        matter.build(tmp_path / "V", [_facts(matter.items[0], **facts)])
    assert flaw.value.code == "production.bad-facts"
    assert "Jane" not in str(flaw.value)
    assert "jane" not in str(flaw.value)


def test_a_dropped_output_is_noticed(matter: World, tmp_path: Path) -> None:
    """A prompt without an output needs a reason; the requesting party of another case missed 700,000 of them."""
    place, item = next((n, i) for n, i in enumerate(matter.items) if i.facts["outputs_missing"])
    items = [*matter.items[:place], _facts(item, outputs_missing={}), *matter.items[place + 1 :]]
    assert _code(lambda: matter.build(tmp_path / "V", items), Refused) == "production.output-missing"


@pytest.mark.parametrize("change", ["another replacement", "another place", "a part that is not there"])
def test_a_span_log_that_does_not_fit_its_text(matter: World, tmp_path: Path, change: str) -> None:
    """The decision covers the text and not the span log; what is logged must stand in the text all the same."""
    item = matter.items[0]
    first, *rest = item.redacted.surrogates
    match change:
        case "another replacement":
            first = replace(first, replacement="[PERSON-2]")
        case "another place":
            first = replace(first, span=replace(first.span, start=first.span.start + 1, end=first.span.end + 1))
        case _:
            first = replace(first, span=replace(first.span, part=99))
    items = [replace(item, redacted=replace(item.redacted, surrogates=(first, *rest)), matches=())]
    with pytest.raises(Malformed) as flaw:
        matter.build(tmp_path / "V", items)
    assert flaw.value.code == "production.bad-surrogates"
    assert flaw.value.where == f"row {item.conversation}"
    assert _left(tmp_path) == []


def test_numbers_run_out(matter: World, tmp_path: Path) -> None:
    terms = matter.terms(width=4, first_number=9999)
    assert _code(lambda: matter.build(tmp_path / "V", terms=terms), Refused) == "production.bates-exhausted"


@pytest.mark.parametrize(
    "change", [{"volume": "../X"}, {"prefix": "inc"}, {"scope": "all"}, {"designation": " "}, {"width": 2}, {"first_number": 0}]
)
def test_terms_that_make_no_volume(matter: World, change: dict[str, Any]) -> None:
    assert _code(lambda: matter.terms(**change), Malformed) == "production.bad-terms"


def test_tables_are_checked(matter: World, tmp_path: Path) -> None:
    assert _code(lambda: Table(columns=("a",), rows=((1, 2),)), Malformed) == "production.bad-table"
    assert _code(lambda: Table(columns=("A b",), rows=()), Malformed) == "production.bad-table"
    assert _code(lambda: Table(columns=("a",), rows=((1.5,),)), Malformed) == "production.bad-table"
    good = Table(columns=("a",), rows=())
    assert _code(lambda: matter.build(tmp_path / "V", tables={"../x": good}), Malformed) == "production.bad-table"
    assert _code(lambda: matter.build(tmp_path / "V", tables={"masked_share": good}), Malformed) == "production.bad-table"
    assert _code(lambda: matter.build(tmp_path / "V", matter.items[:3]), Malformed) == "production.missing-table"
    assert _code(lambda: hits_by_threshold({8: 1}, 3), Malformed) == "production.bad-table"


def test_an_unknown_reason(matter: World, tmp_path: Path) -> None:
    withheld = [Withheld(conversation=new_ref(), reason="BECAUSE")]
    assert _code(lambda: matter.build(tmp_path / "V", withheld=withheld), Malformed) == "production.unknown-reason"


def test_a_damaged_sample(matter: World, tmp_path: Path) -> None:
    broken = tmp_path / "frame.gz"
    broken.write_bytes(matter.sampled.frame.read_bytes()[:-9])
    files = SampleFiles(frame=broken, draw=matter.sampled.draw, reveals=matter.sampled.reveals)
    patched = replace(matter, sampled=files)
    assert _code(lambda: patched.build(tmp_path / "V"), Malformed) == "production.bad-sample"


def test_a_volume_is_never_overwritten(matter: World, tmp_path: Path) -> None:
    (tmp_path / "V").mkdir()
    assert _code(lambda: matter.build(tmp_path / "V"), Refused) == "production.volume-exists"


def test_another_production_key(matter: World, tmp_path: Path) -> None:
    package = matter.build(tmp_path / "V")
    other = replace(matter, production_key=matter.log_key)
    assert _code(lambda: other.seal(package), Refused) == "production.other-signer"
    package.discard()


# --- the world in the way -------------------------------------------------------------------------------------------------


def _left(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in tmp_path.iterdir())


def test_a_full_disk_while_building(matter: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    true_open = Path.open

    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            nonlocal written
            written += len(data)
            if written > 4000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    def narrow(self: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        return Full(self, "x") if mode == "xb" else true_open(self, mode, *args, **more)

    monkeypatch.setattr(Path, "open", narrow)
    assert _code(lambda: matter.build(tmp_path / "VOL001"), Unavailable) == "production.disk-full"
    monkeypatch.undo()
    assert _left(tmp_path) == []
    matter.seal(matter.build(tmp_path / "VOL001"))  # and with space again, it goes through


def test_a_disk_that_fails_while_sealing(matter: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = matter.build(tmp_path / "VOL001")
    sync = disk.sync

    def refuse(path: Path) -> None:
        if path.parent.name == "CERT":
            raise OSError(errno.EIO, "Input/output error")
        sync(path)

    monkeypatch.setattr(disk, "sync", refuse)
    assert _code(lambda: matter.seal(package), Unavailable) == "production.io"
    assert _left(tmp_path) == []


def test_what_a_killed_run_left_is_cleared_away(matter: World, tmp_path: Path) -> None:
    leftover = tmp_path / ".VOL001.partial"
    (leftover / "TEXT").mkdir(parents=True)
    (leftover / "TEXT/old.txt").write_text("half")
    matter.seal(matter.build(tmp_path / "VOL001"))
    assert _left(tmp_path) == ["VOL001"]
    assert not (tmp_path / "VOL001/TEXT/old.txt").exists()


def test_an_item_that_fails_leaves_nothing(matter: World, tmp_path: Path) -> None:
    def items() -> Any:
        yield matter.items[0]
        raise Refused("somewhere.else", "stopped")

    assert _code(lambda: matter.build(tmp_path / "VOL001", items()), Refused) == "somewhere.else"
    assert _left(tmp_path) == []


def test_errors_and_reprs_are_silent(matter: World, tmp_path: Path) -> None:
    package = matter.build(tmp_path / "VOL001")
    shown = repr(package) + repr(matter.items[0]) + repr(package.figures)
    assert "tide table" not in shown
    assert "beekeeping" not in shown
    package.discard()


def test_progress_counts_conversations(matter: World, tmp_path: Path) -> None:
    seen: list[int] = []
    matter.build(tmp_path / "VOL001", progress=seen.append).discard()
    assert sum(seen) == len(matter.items)


def test_exceptions_are_logged(matter: World, tmp_path: Path) -> None:
    failures = [
        Failure(id=new_ref(), stage="examine", code="deid.too-large"),
        Failure(id=new_ref(), stage="ingest", code="ingest.x"),
    ]
    package = matter.build(tmp_path / "VOL001", exceptions=failures)
    assert package.values["exceptions.total"] == 2
    lines = (package.staging.path / "LOGS/exceptions.csv").read_text().splitlines()
    assert lines == ["id,stage,code", *(f"{f.id},{f.stage},{f.code}" for f in failures)]
    package.discard()
