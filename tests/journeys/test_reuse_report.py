"""The report on text reuse inside a matter: counts in the sealed volume, pages beside it that show what was produced."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from delivered import table, verified
from parties import ARTICLE, Matter

from incamera.clerk.reuse_matter import REUSE
from incamera_verify.errors import VerificationError

TABLES = [
    "hits",
    "hits_by_owner",
    "hits_by_month",
    "hits_by_elicitation",
    "hits_by_commonness",
    "not_matched",
    "coverage",
    "works",
]


def test_the_volume_holds_the_counts_and_the_manifest_lists_them(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
    verified(matter.out)
    listed = (matter.out / "production/MANIFEST/sha256sum.txt").read_text()
    assert all(f"TABLES/reuse_{name}.csv" in listed for name in TABLES)
    hits = {row["min_words"]: row for row in table(matter.out, "reuse_hits")}
    assert {least: (row["conversations"], row["of"]) for least, row in hits.items()} == {
        **dict.fromkeys(("8", "12", "16", "25"), ("1", "11")),
        **dict.fromkeys(("50", "100"), ("0", "11")),
    }
    assert float(hits["8"]["low"]) < 1 / 11 < float(hits["8"]["high"])
    assert {row["group"] for row in table(matter.out, "reuse_hits_by_owner")} == {"Lantern Press"}
    assert {row["group"] for row in table(matter.out, "reuse_hits_by_elicitation")} == {"SPONTANEOUS"}
    counted = {row["what"]: row["count"] for row in table(matter.out, "reuse_coverage")}
    assert counted["runs labelled PROMPT"] == "1"
    assert counted["conversations without an output"] == "1"
    (ferry,) = table(matter.out, "reuse_works")
    assert float(ferry["covered_together"]) == pytest.approx(40 / len(ARTICLE.split()), abs=1e-6)
    assert {row["conversations"]: row["count"] for row in table(matter.out, "reuse_not_matched")} == {
        "not matched": "10",
        "matched": "1",
    }


def test_a_count_that_was_altered_is_seen(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
    path = matter.out / "production/TABLES/reuse_hits.csv"
    path.chmod(0o600)
    path.write_text(path.read_text().replace(",11,", ",12,"))
    with pytest.raises(VerificationError) as caught:
        verified(matter.out)
    assert "reuse_hits" in caught.value.where


def test_the_pages_show_what_was_produced_and_nothing_else(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
    pages = matter.out / REUSE
    assert pages.stat().st_mode & 0o077 == 0
    page = (pages / "report.html").read_text()
    assert " ".join(ARTICLE.split()[20:30]) in page
    assert "Habergast" not in page
    assert "repro" not in page
    produced = pq.read_table(pages / "matches.parquet").to_pylist()
    assert {row["work_id"] for row in produced} == {"ferry"}
    assert all(row["conversation"] in page for row in produced if row["turn"] == 1)


def test_what_is_not_produced_is_counted_and_not_shown(matter: Matter) -> None:
    matter.scope, matter.lanes = "responsive", ("document", "bulk")
    matter.write_order()
    with matter.new_home() as home:
        matter.finish(home)
    (row,) = {one["conversation"] for one in pq.read_table(matter.out / REUSE / "matches.parquet").to_pylist()}
    counted = {one["what"]: one["count"] for one in table(matter.out, "reuse_coverage")}
    assert counted["conversations"] == "12"
    assert counted["runs labelled PROMPT"] == "1"
    assert row in (matter.out / REUSE / "report.html").read_text()
