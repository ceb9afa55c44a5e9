"""Threats: evidence-swapper and one-operator. A holder who dislikes what the readers found alters what the volume says of it.

Manifest and signature are not asked here: the evidence itself has to refuse, against rows and ledger, whoever signed the files.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "journeys"))

from measured import Measured, repair
from parties import article_works, log, small_log

from incamera.core.crypto import sign
from incamera.governance import keys
from incamera.ledger.bundle import export
from incamera_verify import evidence, logs, reading, risk, rows, sample
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.tiles import Leaf, check_bundle

WITHHELD = "LOGS/withheld.csv"


@dataclass(frozen=True)
class Case:
    """One sealed volume, the acts that it was sealed under, and its readers' keys."""

    volume: Path
    entries: tuple[Leaf, ...]
    readers: Mapping[str, Path]


@dataclass
class Altered:
    """A copy of the volume to do damage to, and a ledger that says what the holder would like it to say."""

    path: Path
    entries: list[Leaf]
    readers: Mapping[str, Path]
    produced: Callable[[dict[str, Any]], dict[str, Any]] = lambda known: known
    labels: tuple[str, ...] = ()
    sealed: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    def json(self, name: str) -> Any:
        return json.loads((self.path / name).read_bytes())

    def write(self, name: str, value: Any) -> None:
        (self.path / name).write_bytes(canonical(value) + b"\n")

    def change(self, name: str, **fields: Any) -> None:
        self.write(name, {**self.json(name), **fields})

    def acted(self, act: str, **fields: Any) -> None:
        """Let every act of that name say something else."""
        self.entries = [
            replace(e, value={**e.value, "fields": {**e.value["fields"], **fields}}) if e.value["act"] == act else e
            for e in self.entries
        ]

    def without(self, act: str) -> None:
        self.entries = [e for e in self.entries if e.value["act"] != act]

    def tally(self, number: int, change: Callable[[dict[str, Any]], object] = lambda _: None, **fields: Any) -> None:
        """A tally that its reader signed once more, and that the ledger took in."""
        name = evidence.tally_path(number)
        value = {**self.json(name), **fields}
        change(value)
        value["signature"] = ""
        value["signature"] = sign(
            keys.load_private(self.readers[value["reader"]]), reading.TALLY_VERSION,
            canonical({k: v for k, v in value.items() if k != "signature"}),
        )  # fmt: skip
        self.write(name, value)
        self.received()

    def received(self) -> None:
        last = next(e for e in self.entries if e.value["act"] == "reading.received")
        self.without("reading.received")
        at = next(n for n, e in enumerate(self.entries) if e.value["act"] == "reading.judged")
        said = []
        for number in range(2):
            data = (self.path / evidence.tally_path(number)).read_bytes()
            who = sha256(json.loads(data)["reader"].encode()).hexdigest()
            said.append(replace(last, value={**last.value, "fields": {"tally": sha256(data).hexdigest(), "reader": who}}))
        self.entries[at:at] = said

    def collude(self, **changes: Any) -> None:
        """Holder and readers together make another plan, and every signature and act for it."""
        plan = replace(reading.Plan.parse((self.path / evidence.PLAN).read_bytes(), "plan"), **changes)
        (self.path / evidence.PLAN).write_bytes(plan.to_json())
        self.acted("reading.drawn", plan=plan.digest)
        for number in range(len(plan.readers)):
            self.tally(number, plan=plan.digest)
        leaks = reading.marked([self.json(evidence.tally_path(n)) for n in range(len(plan.readers))])
        withheld = self.json(evidence.RESULT)["withheld"]
        data = reading.result_json(plan, leaks, withheld, reading.judge(plan, leaks))
        (self.path / evidence.RESULT).write_bytes(data)

    def check(self) -> dict[str, Any]:
        drawn = sample.load(self.path)
        known = {
            row["conversation"]: (row["stratum"], rows.clearance_leaf(row["conversation"], rows.digest(row["record"])))
            for row in rows.read(self.path / "BULK/rows.jsonl.gz")
        }
        present = frozenset(str(p.relative_to(self.path)) for p in self.path.rglob("*") if p.is_file())
        facts = self.json("volume.json")
        return evidence.check(
            self.path, present, self.entries, evidence.Rows(self.produced(known), drawn, self.sealed, self.labels),
            matter=facts["matter"], order=facts["order"],
        )  # fmt: skip


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    path = tmp_path_factory.mktemp("readings")
    given = {"conversations": log(path / "log.jsonl", small_log()), "works": log(path / "works.jsonl", article_works())}
    measured = Measured(path=path / "matter", **given).with_readers(rate=0.95, more="readings = 8\ntwice = 0.5")
    with measured.new_home() as home:
        measured.until_reading(home)
        measured.finish(home, readings=measured.read(repair))
        export(home.ledger, "26-cv-9001", path / "ledger")
        bundle = check_bundle(path / "ledger", [home.ledger_signer.verifier])
    readers = {key: measured.path / f"reader{n}.pem" for key, n in measured.readers.items()}
    yield Case(volume=measured.out / "production", entries=bundle.entries, readers=readers)


@pytest.fixture
def altered(case: Case, tmp_path: Path) -> Altered:
    return Altered(path=shutil.copytree(case.volume, tmp_path / "volume"), entries=list(case.entries), readers=case.readers)


def refused(altered: Altered, code: str) -> None:
    with pytest.raises(VerificationError) as caught:
        altered.check()
    assert caught.value.code == code, str(caught.value)


def test_the_evidence_holds_as_it_was_sealed(altered: Altered) -> None:
    figures = altered.check()
    assert figures["reading.leaks"] > 0 and figures["reading.outcome"] == "met"


def test_what_readers_found_cannot_be_left_out(altered: Altered) -> None:
    for name in (evidence.PLAN, evidence.RESULT, evidence.tally_path(0), evidence.tally_path(1)):
        (altered.path / name).rename(altered.path / "aside")
        refused(altered, "reading.missing")
        (altered.path / "aside").rename(altered.path / name)
    shutil.rmtree(altered.path / "EVIDENCE")
    refused(altered, "reading.missing")


def test_no_other_file_stands_among_the_evidence(altered: Altered) -> None:
    (altered.path / "EVIDENCE/tally-3.json").write_text("{}")
    refused(altered, "volume.bad-layout")


@pytest.mark.parametrize("name", [evidence.PLAN, evidence.RESULT, evidence.tally_path(0)])
@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"version": "incamera/reading/1"}', b"[" * 5000])
def test_what_is_not_of_its_format_is_refused(altered: Altered, name: str, data: bytes) -> None:
    (altered.path / name).write_bytes(data)
    refused(altered, "reading.malformed")


@pytest.mark.parametrize(
    ("field_", "value"),
    [
        ("max_leak_rate", "2"),
        ("confidence", "1"),
        ("on_miss", "never"),
        ("text", "both"),
        ("places", {"a": {}}),
        ("readers", [1, 1]),
    ],
)
def test_a_plan_is_read_strictly(altered: Altered, field_: str, value: Any) -> None:
    altered.change(evidence.PLAN, **{field_: value})
    refused(altered, "reading.malformed")


def test_a_plan_that_was_not_recorded_is_refused(altered: Altered) -> None:
    altered.change(evidence.PLAN, max_leak_rate="1.0")
    refused(altered, "reading.other-plan")


def test_a_draw_of_another_matter_is_refused(altered: Altered) -> None:
    altered.collude(matter="26-cv-9002")
    refused(altered, "reading.other-plan")


def test_a_reader_whom_the_order_does_not_name_is_refused(altered: Altered) -> None:
    altered.acted("matter.opened", keys=[])
    refused(altered, "reading.unknown-reader")


def test_a_reader_who_approved_is_refused(altered: Altered) -> None:
    key = sha256(altered.json(evidence.PLAN)["readers"][0].encode()).hexdigest()
    altered.acted("access.approved", key=key)
    refused(altered, "reading.not-apart")


def test_readings_of_other_rows_or_bytes_bound_nothing(altered: Altered) -> None:
    altered.produced = lambda known: {row: (stratum, leaf[::-1]) for row, (stratum, leaf) in known.items()}
    refused(altered, "reading.other-population")
    altered.produced = lambda known: dict(list(known.items())[1:])
    refused(altered, "reading.other-population")


def test_strata_of_other_sizes_are_refused(altered: Altered) -> None:
    (stratum,) = altered.json(evidence.PLAN)["places"]
    altered.collude(places={stratum: (1000, 8, 4)})
    refused(altered, "reading.other-population")


def test_rows_that_the_holder_picked_for_reading_are_refused(altered: Altered) -> None:
    plan = reading.Plan.parse((altered.path / evidence.PLAN).read_bytes(), "plan")
    read = {a.row for a in plan.rows}
    other = next(row for row in sample.load(altered.path).drawn if row not in read)
    swapped = (replace(plan.rows[0], row=other), *plan.rows[1:])
    for number in range(2):
        mine = sorted(a.row for a in swapped if number in a.readers)
        altered.tally(
            number, lambda t, mine=mine: t.update(rows=[{"row": r, "structured": 0, "names": 0, "other": 0} for r in mine])
        )
    altered.collude(rows=swapped)
    refused(altered, "reading.other-draw")


def test_a_row_with_a_known_leak_cannot_leave(altered: Altered) -> None:
    one = altered.json(evidence.RESULT)["withheld"][0]
    altered.produced = lambda known: {**known, one["row"]: (one["stratum"], bytes.fromhex(one["leaf"]))}
    refused(altered, "reading.not-withheld")


def test_the_log_names_what_was_withheld(altered: Altered) -> None:
    text = (altered.path / WITHHELD).read_text()
    (altered.path / WITHHELD).write_text("\n".join(line for line in text.splitlines() if evidence.BASIS not in line) + "\n")
    refused(altered, "reading.not-withheld")


def test_a_withheld_row_was_drawn_where_it_says(altered: Altered) -> None:
    withheld = altered.json(evidence.RESULT)["withheld"]
    altered.change(evidence.RESULT, withheld=[{**withheld[0], "row": "f" * 32}, *withheld[1:]])
    refused(altered, "reading.other-population")


def test_rows_are_not_withheld_under_the_cover_of_a_leak(altered: Altered) -> None:
    for number in range(2):
        altered.tally(number, lambda t: [row.update(structured=0, names=0, other=0) for row in t["rows"]])
    altered.collude()
    refused(altered, "reading.not-withheld")


def test_strata_are_withheld_only_for_their_own_bound(altered: Altered) -> None:
    withheld = [{**one, "why": "stratum"} for one in altered.json(evidence.RESULT)["withheld"]]
    altered.change(evidence.RESULT, withheld=withheld)
    refused(altered, "reading.not-withheld")


def test_a_forged_tally_is_refused(altered: Altered) -> None:
    name = evidence.tally_path(0)
    value = altered.json(name)
    for row in value["rows"]:
        row["names"] = 0
    altered.write(name, value)
    refused(altered, "reading.bad-signature")
    altered.change(name, signature="no base64")
    refused(altered, "reading.bad-signature")


def test_a_tally_that_skips_a_row_is_refused(altered: Altered) -> None:
    altered.tally(0, lambda t: t["rows"].pop())
    refused(altered, "reading.incomplete")


def test_a_tally_is_of_the_reader_whose_place_it_has(altered: Altered) -> None:
    first, second = (altered.path / evidence.tally_path(n) for n in range(2))
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    refused(altered, "reading.unknown-reader")


def test_a_reader_who_changes_their_mind_afterwards_is_refused(altered: Altered) -> None:
    kept = list(altered.entries)
    altered.tally(0, lambda t: [row.update(names=0) for row in t["rows"]])
    altered.entries = kept
    refused(altered, "reading.not-recorded")


def test_another_result_than_the_tallies_give_is_refused(altered: Altered) -> None:
    altered.change(evidence.RESULT, outcome="missed")
    refused(altered, "reading.other-result")


def test_a_leak_in_raw_text_is_one_that_a_reader_marked(altered: Altered) -> None:
    plan = reading.Plan.parse((altered.path / evidence.PLAN).read_bytes(), "plan")
    read = plan.rows[0].row
    rows_ = altered.json(evidence.tally_path(0))["rows"]
    unmarked = next(row["row"] for row in rows_ if not row["names"]) if rows_ else read
    altered.change(evidence.RESULT, leaks=[{"row": unmarked, "kinds": ["structured"]}])
    for number in range(2):
        altered.tally(number, text="raw")
    result = (altered.path / evidence.RESULT).read_bytes()
    plan = replace(plan, text="raw")
    (altered.path / evidence.PLAN).write_bytes(plan.to_json())
    altered.acted("reading.drawn", plan=plan.digest)
    for number in range(2):
        altered.tally(number, plan=plan.digest)
    (altered.path / evidence.RESULT).write_bytes(result)
    refused(altered, "reading.other-result")


def test_a_missed_rate_does_not_leave(altered: Altered) -> None:
    altered.collude(max_leak_rate="0.01")
    refused(altered, "reading.bound-missed")
    altered.collude(on_miss="room-only")
    refused(altered, "reading.bound-missed")
    altered.labels, altered.sealed = (evidence.ROOM_ONLY,), True
    assert altered.check()["reading.outcome"] == "missed: room-only"
    altered.collude(on_miss="withhold-stratum")
    refused(altered, "reading.not-withheld")


# --- the report -----------------------------------------------------------------------------------------------------------


def test_the_page_and_the_table_say_what_the_report_says(altered: Altered) -> None:
    page = altered.path / evidence.PAGE
    page.write_bytes(page.read_bytes().replace(b"Canaries", b"canaries"))
    refused(altered, "risk.other-page")
    page.write_bytes(risk.page(altered.json(evidence.REPORT)))
    table = altered.path / evidence.TABLE
    table.write_text(table.read_text().replace("canaries,", "readers,", 1))
    refused(altered, "risk.other-table")


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff"])
def test_a_report_is_read_strictly(altered: Altered, data: bytes) -> None:
    (altered.path / evidence.REPORT).write_bytes(data)
    refused(altered, "risk.malformed")


def test_a_report_agrees_with_the_readings(altered: Altered) -> None:
    stated = altered.json(evidence.REPORT)

    def restate(**changes: Any) -> None:
        report = {**stated, **changes}
        altered.write(evidence.REPORT, report)
        (altered.path / evidence.PAGE).write_bytes(risk.page(report))
        lines = [",".join(risk.COLUMNS), *(",".join(f'"{logs.cell(v)}"' for v in line) for line in risk.table(report))]
        (altered.path / evidence.TABLE).write_text("\n".join(lines) + "\n")

    restate(matter="another")
    refused(altered, "risk.other-report")
    restate(rows=[row for row in stated["rows"] if row["kind"] != "readers"])
    refused(altered, "risk.other-report")
    restate(rows=[{**row, "count": 0} if row["kind"] == "readers" else row for row in stated["rows"]])
    refused(altered, "risk.other-report")
    restate()
    altered.check()
