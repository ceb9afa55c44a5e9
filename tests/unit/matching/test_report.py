"""Counts with denominators, and pages that show no raw text."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from incamera.core.batch import MATCHES
from incamera.core.errors import Unavailable
from incamera.core.ids import Commitment, Digest
from incamera.core.records import Conversation, Match, Redacted, Span, Surrogate
from incamera.matching import report, store
from incamera.matching.index import Index
from incamera.matching.scan import scan, scan_runs
from incamera.matching.tally import THRESHOLDS, Table, Tally
from incamera.testing.matching import conversation, cut, prose, work

A, B = prose("a", 400), prose("b", 400)
INDEX = Index.of([work("a", A, owner="Alpha", title="A & <B>"), work("b", B, owner="Beta")])
MAY, JUNE = datetime(2024, 5, 3, tzinfo=UTC), datetime(2024, 6, 3, tzinfo=UTC)

TALKS = [
    conversation(("user", "hi"), ("assistant", cut(A, 10, 30)), id="c1", started_at=MAY),
    conversation(("user", cut(A, 10, 30)), ("assistant", "Thanks."), id="c2", started_at=MAY),
    conversation(("user", "hi"), ("assistant", cut(B, 5, 9) + " so " + cut(B, 200, 13)), id="c3", started_at=JUNE),
    conversation(("user", "hi"), ("assistant", "Nothing here."), id="c4", started_at=JUNE),
    conversation(("user", "hi"), id="c5", started_at=JUNE, outputs_missing={"error": 1}),
    conversation(("user", "hi"), ("tool", cut(B, 5, 40), "tool_result"), ("assistant", cut(B, 10, 12)), id="c6"),
]


def tally() -> Tally:
    out = Tally(INDEX)
    for talk, runs in scan_runs(TALKS, INDEX):
        out.add(talk, runs)
    return out


def table(name: str) -> Table:
    return next(t for t in tally().tables() if t.name == name)


def hits(by: str, group: str = "") -> dict[int, tuple[int, int]]:
    return {
        r["min_words"]: (r["conversations"], r["of"]) for r in table("hits").records() if (r["by"], r["group"]) == (by, group)
    }


def test_conversations_are_counted_at_each_threshold_against_those_with_an_output() -> None:
    assert hits("all") == {8: (3, 5), 12: (3, 5), 16: (1, 5), 25: (1, 5), 50: (0, 5), 100: (0, 5)}
    assert tuple(hits("all")) == THRESHOLDS


def test_groups_have_their_own_denominators() -> None:
    assert hits("month", "2024-05")[8] == (1, 2)
    assert hits("month", "2024-06")[8] == (1, 2)
    assert hits("month", "unknown")[8] == (1, 1)
    assert hits("owner", "Alpha")[25] == (1, 5)
    assert hits("elicitation", "SPONTANEOUS")[8] == (2, 5)
    assert hits("elicitation", "TOOL")[12] == (1, 5)
    assert hits("elicitation", "PROMPT") == {}
    assert sum(k for k, _ in (hits("commonness", g).get(8, (0, 0)) for g in ("common", "shared", "distinctive"))) >= 3


def test_shares_stand_with_exact_intervals() -> None:
    row = next(r for r in table("hits").records() if r["by"] == "all" and r["min_words"] == 50)
    assert (row["share"], row["low"]) == (0.0, 0.0)
    assert row["high"] == pytest.approx(1 - 0.025 ** (1 / 5))


def test_what_did_not_match_has_statistics_too() -> None:
    rows = {r["conversations"]: r for r in table("not_matched").records()}
    assert (rows["not matched"]["count"], rows["not matched"]["output_words"]) == (2, 3)
    assert (rows["matched"]["count"], rows["matched"]["of"]) == (3, 5)


def test_coverage_says_what_was_no_output_and_what_could_not_be_read() -> None:
    rows = {(r["kind"], r["what"]): r["count"] for r in table("coverage").records()}
    assert rows["searched", "conversations"] == 6
    assert rows["searched", "conversations with an output"] == 5
    assert rows["not read", "conversations without an output"] == 1
    assert rows["output missing", "error"] == 1
    assert rows["not an output", "runs labelled PROMPT"] == 1
    assert rows["not an output", "runs labelled TOOL"] == 1


def test_works_are_covered_together_and_by_one_conversation() -> None:
    rows = {r["work_id"]: r for r in table("works").records()}
    assert rows["a"]["covered_together"] == rows["a"]["covered_by_one_conversation"] == pytest.approx(30 / 400, rel=0.2)
    assert rows["b"]["runs"] == 3
    assert rows["b"]["covered_together"] > rows["b"]["covered_by_one_conversation"]


def test_nothing_at_all_is_a_report_too() -> None:
    assert Tally(INDEX).tables()[0].records()[0]["share"] is None
    assert "<table>" in report.page(Tally(INDEX))


# --- files -------------------------------------------------------------------------------------------------------------


def redacted(talk: Conversation, matches: list[Match]) -> Redacted:
    """The first word of the first match replaced."""
    span = matches[0].span
    part = talk.turns[span.turn].parts[span.part]
    end = part.text.index(" ", span.start)
    surrogate = Surrogate(span=replace(span, end=end), label="PERSON", replacement="[PERSON-1]", method="tag")
    text = part.text[: span.start] + "[PERSON-1]" + part.text[end:]
    turns = tuple(replace(t, parts=(replace(t.parts[0], text=text),)) if t.index == span.turn else t for t in talk.turns)
    return Redacted(source=Commitment("0" * 64), recipe=Digest("0" * 64), header=(), turns=turns, surrogates=(surrogate,))


def test_aligned_passages_show_the_de_identified_side() -> None:
    matches = scan(TALKS[0], INDEX)
    (pair,) = report.pairs("row-1", redacted(TALKS[0], matches), matches, INDEX)
    assert pair.said.startswith("[PERSON-1] ")
    assert pair.work == cut(A, 10, 30)
    assert (pair.before + pair.work + pair.behind) in A
    page = report.page(tally(), [pair])
    assert "A &amp; &lt;B&gt;" in page and "<B>" not in page
    assert "[PERSON-1]" not in repr(pair)


def test_all_files_are_written(tmp_path: Path) -> None:
    rows = [(talk.id, m) for talk in TALKS for m in scan(talk, INDEX)]
    store.write_report(tmp_path / "out", report.files(tally(), rows))
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"report.html", "matches.parquet", "hits.csv", "hits.parquet", "coverage.csv", "not_matched.csv", "works.csv"} <= names
    read = pq.read_table(tmp_path / "out" / "matches.parquet")
    assert read.schema.names == MATCHES.names and read.num_rows == len(rows)
    with (tmp_path / "out" / "hits.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(table("hits").rows)
    with pytest.raises(Unavailable):
        store.write_report(tmp_path / "out" / "report.html", {"x": b""})


def test_a_plot_where_the_extra_is_installed() -> None:
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    drawn = report.plot(table("hits"))
    assert drawn and drawn.startswith("<svg")


def test_cells_that_look_like_formulas_are_defused() -> None:
    text = report.csv_text(Table("t", ("a", "b"), (("=1+1", None), ("plain", 2))))
    assert list(csv.reader(io.StringIO(text))) == [["a", "b"], ["'=1+1", ""], ["plain", "2"]]


def test_span_type_is_the_core_one() -> None:
    assert isinstance(scan(TALKS[0], INDEX)[0].span, Span)
