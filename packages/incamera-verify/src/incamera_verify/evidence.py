"""`EVIDENCE/` of a volume held to its rows and its ledger: the readers' bound is computed again, the report's pages remade."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incamera_verify import logs, reading, risk
from incamera_verify.draw import draw_key
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import load_json
from incamera_verify.reading import Plan
from incamera_verify.sample import SEEDS, Sample
from incamera_verify.tiles import Leaf

DIRECTORY = "EVIDENCE"
PLAN, RESULT = f"{DIRECTORY}/plan.json", f"{DIRECTORY}/result.json"
REPORT, PAGE = f"{DIRECTORY}/report.json", f"{DIRECTORY}/report.html"
TABLE = "TABLES/risk.csv"
#: What `LOGS/withheld.csv` gives as the basis of a row withheld on account of the readings.
BASIS = "deidentification.max_leak_rate"
ROOM_ONLY = "ROOM ONLY"


def tally_path(reader: int) -> str:
    """Where the tally of a reader stands, by their place in the plan."""
    return f"{DIRECTORY}/tally-{reader + 1}.json"


@dataclass(frozen=True, slots=True)
class Rows:
    """What the volume's rows say: stratum and clearance leaf hash of each produced row, and what was drawn."""

    produced: Mapping[str, tuple[str, bytes]]
    sample: Sample
    sealed: bool
    labels: Sequence[str]


def check(
    volume: Path, present: frozenset[str], entries: Sequence[Leaf], rows: Rows, *, matter: str, order: str
) -> dict[str, Any]:
    """The figures that follow from the volume's evidence; empty where it has none and the ledger knows of none.

    Raises:
        VerificationError: `reading.*`, `risk.*`.
    """
    here = {name for name in present if name.startswith(f"{DIRECTORY}/")}
    recorded = _before_seal(entries, "reading.drawn")
    if PLAN not in here and recorded:
        raise VerificationError("reading.missing", "the ledger knows of a readers' draw, and the volume does not show it", PLAN)
    expected: set[str] = {REPORT, PAGE} & here
    found: dict[str, Any] = {}
    plan = None
    if PLAN in here:
        plan = Plan.parse((volume / PLAN).read_bytes(), PLAN)
        expected |= {PLAN, RESULT, *(tally_path(n) for n in range(len(plan.readers)))}
        if (plan.matter, plan.order) != (matter, order):
            raise VerificationError("reading.other-plan", "the readers' draw is of another matter or order", PLAN)
        if expected - here:
            raise VerificationError("reading.missing", "a file of the readers' evidence is not there", min(expected - here))
        found = _readings(volume, plan, entries, rows)
    if here != expected or (REPORT in here) != (PAGE in here):
        raise VerificationError("volume.bad-layout", "a volume has no place for this file", min(here ^ expected, default=PAGE))
    if REPORT in here:
        _report(volume, matter, order, plan, found)
    return found


def _before_seal(entries: Sequence[Leaf], act: str) -> list[Leaf]:
    seals = [entry.index for entry in entries if entry.value.get("act") == "production.sealed"]
    return [entry for entry in entries if entry.value.get("act") == act and (not seals or entry.index < seals[-1])]


# --- readings -----------------------------------------------------------------------------------------------------------


def _readings(volume: Path, plan: Plan, entries: Sequence[Leaf], rows: Rows) -> dict[str, Any]:
    data = (volume / RESULT).read_bytes()
    result = reading.parse_result(data, RESULT)
    withheld = {one["row"]: one for one in result["withheld"]}
    _recorded(plan, entries)
    _population(volume, plan, withheld, rows)
    tallies = {}
    for number in range(len(plan.readers)):
        place = tally_path(number)
        raw = (volume / place).read_bytes()
        tally = reading.parse_tally(raw, place)
        if reading.check_tally(tally, plan, place) != number:
            raise VerificationError("reading.unknown-reader", "the tally is another reader's", place)
        _received(raw, plan.readers[number], entries, place)
        tallies[number] = tally
    leaks = _leaks(plan, tallies, result)
    verdict = reading.judge(plan, leaks)
    if reading.result_json(plan, leaks, withheld.values(), verdict) != data:
        raise VerificationError("reading.other-result", "tallies and rows give another result", RESULT)
    _acted(plan, leaks, verdict, withheld, rows)
    return reading.figures(plan, tallies, leaks, verdict)


def _recorded(plan: Plan, entries: Sequence[Leaf]) -> None:
    """The plan is the last one recorded, before anything was read, by readers whom the order names and who approved nothing."""
    drawn = _before_seal(entries, "reading.drawn")
    if not drawn or drawn[-1].value["fields"].get("plan") != plan.digest:
        raise VerificationError("reading.other-plan", "the ledger recorded another readers' draw", PLAN)
    opened: Mapping[str, Any] = next((e.value["fields"] for e in entries if e.value.get("act") == "matter.opened"), {})
    approved = {e.value["fields"].get("key") for e in entries if e.value.get("act") == "access.approved"}
    for number, key in enumerate(plan.readers):
        name = hashlib.sha256(key.encode()).hexdigest()
        if name not in opened.get("keys", ()):
            raise VerificationError(
                "reading.unknown-reader", "the order's trust list has no such key", f"{PLAN} reader {number + 1}"
            )
        if name in approved:
            hint = "a reader approved the opening, and cannot measure it too"
            raise VerificationError("reading.not-apart", hint, f"{PLAN} reader {number + 1}")


def _population(volume: Path, plan: Plan, withheld: Mapping[str, Mapping[str, str]], rows: Rows) -> None:
    """Produced and withheld rows together are what the draw was made from, and drawing again gives the same rows to read."""
    if set(withheld) & set(rows.produced):
        raise VerificationError("reading.not-withheld", "a row that was to be withheld is in the volume", RESULT)
    for row, one in withheld.items():
        drawn = rows.sample.drawn.get(row)
        if drawn is None or drawn.stratum != one["stratum"]:
            raise VerificationError(
                "reading.other-population", "a withheld row was not drawn, or in another stratum", f"row {row}"
            )
    logged = {
        line["conversation"]
        for line in logs.read(volume / "LOGS/withheld.csv", logs.WITHHELD, "LOGS/withheld.csv")
        if line["basis"] == BASIS
    }
    if logged != set(withheld):
        raise VerificationError("reading.not-withheld", "the log of what was withheld names other rows", "LOGS/withheld.csv")
    leaves = {row: leaf for row, (_, leaf) in rows.produced.items()}
    leaves |= {row: bytes.fromhex(one["leaf"]) for row, one in withheld.items()}
    strata = {row: stratum for row, (stratum, _) in rows.produced.items()}
    strata |= {row: one["stratum"] for row, one in withheld.items()}
    sizes: dict[str, int] = {}
    for stratum in strata.values():
        sizes[stratum] = sizes.get(stratum, 0) + 1
    if (reading.root(leaves), len(leaves)) != (plan.root, plan.population) or rows.sample.root != plan.frame:
        raise VerificationError("reading.other-population", "the readers' draw was made from other rows or other bytes", PLAN)
    if {stratum: of for stratum, (of, _, _) in plan.places.items()} != sizes:
        raise VerificationError("reading.other-population", "the strata of the readers' draw have other sizes", PLAN)
    key = reading.key(_draw_key(volume, rows.sample), plan.root)
    if reading.assign(strata, plan.places, len(plan.readers), key) != plan.rows:
        raise VerificationError("reading.other-draw", "drawing again gives the readers other rows", PLAN)


def _draw_key(volume: Path, sample: Sample) -> bytes:
    """The key of the main draw, from its root and the seeds, which the step on the draw has checked."""
    seeds = {}
    for party in sample.parties:
        place = f"{SEEDS}/{party}.json"
        seeds[party] = bytes.fromhex(load_json((volume / place).read_bytes(), "volume.other-seed", place)["seed"])
    return draw_key(bytes.fromhex(sample.root), seeds)


def _received(data: bytes, key: str, entries: Sequence[Leaf], where: str) -> None:
    wanted = {"tally": hashlib.sha256(data).hexdigest(), "reader": hashlib.sha256(key.encode()).hexdigest()}
    for entry in _before_seal(entries, "reading.received"):
        if all(entry.value["fields"].get(name) == value for name, value in wanted.items()):
            return
    raise VerificationError("reading.not-recorded", "the ledger knows no such tally of this reader", where)


def _leaks(plan: Plan, tallies: Mapping[int, Mapping[str, Any]], result: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Readers of the redacted text mark leaks. Of those who read raw text the comparison is the holder's, within their marks."""
    marked = reading.marked(tallies.values())
    if plan.text == "redacted":
        return marked
    stated = {one["row"]: frozenset(one["kinds"]) for one in result["leaks"]}
    for row, kinds in stated.items():
        if not kinds <= marked.get(row, frozenset()) or not kinds:
            raise VerificationError("reading.other-result", "a leak is stated that no reader marked", f"row {row}")
    return stated


def _acted(
    plan: Plan,
    leaks: reading.Leaks,
    verdict: reading.Verdict,
    withheld: Mapping[str, Mapping[str, str]],
    rows: Rows,
) -> None:
    """What was found is withheld, and a missed rate had the consequence that the order names."""
    strata = {a.row: a.stratum for a in plan.rows}
    owed = {row for row in leaks if strata[row] not in verdict.missed}
    if {row for row, one in withheld.items() if one["why"] == "leak"} != owed:
        raise VerificationError("reading.not-withheld", "rows with a known leak are withheld, and no others for that", RESULT)
    if any(one["stratum"] not in verdict.missed for one in withheld.values() if one["why"] == "stratum"):
        raise VerificationError("reading.not-withheld", "a stratum is withheld that did not miss the rate", RESULT)
    if any(stratum in verdict.missed for stratum, _ in rows.produced.values()):
        raise VerificationError("reading.not-withheld", "a stratum that missed the order's rate is in the volume", RESULT)
    if verdict.met or plan.on_miss == "withhold-stratum":
        return
    if plan.on_miss == "room-only" and rows.sealed and ROOM_ONLY in rows.labels:
        return
    raise VerificationError("reading.bound-missed", "the order's rate was missed, and the volume left all the same", PLAN)


# --- the report ---------------------------------------------------------------------------------------------------------


def _report(volume: Path, matter: str, order: str, plan: Plan | None, found: Mapping[str, Any]) -> None:
    stated = risk.parse((volume / REPORT).read_bytes(), REPORT)
    if (stated["matter"], stated["order"]) != (matter, order):
        raise VerificationError("risk.other-report", "the report is about another matter or order", REPORT)
    if (volume / PAGE).read_bytes() != risk.page(stated):
        raise VerificationError("risk.other-page", "the page is not what the report gives", PAGE)
    expected = [[logs.cell(value) for value in line] for line in risk.table(stated)]
    lines = [[line[name] for name in risk.COLUMNS] for line in logs.read(volume / TABLE, risk.COLUMNS, TABLE)]
    if lines != expected:
        raise VerificationError("risk.other-table", "the table is not what the report gives", TABLE)
    readers = [row for row in stated["rows"] if row["kind"] == "readers"]
    if bool(readers) != (plan is not None):
        raise VerificationError("risk.other-report", "the report and the readers' evidence do not agree", REPORT)
    if plan is not None:
        whole = [row for row in readers if not row["stratum"] and row["what"] == reading.ANY]
        if [(row["count"], row["of"]) for row in whole] != [(found["reading.leaks"], found["reading.read"])]:
            raise VerificationError("risk.other-report", "the report and the readers' evidence do not agree", REPORT)
