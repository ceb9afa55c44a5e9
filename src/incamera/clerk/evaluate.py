"""File mode of evidence: a recipe against labelled text, and readers over files, without a vault.

Whoever runs this holds the text already: nothing is sealed, signed or recorded. In a matter the clerk does the same with
signatures, acts and sealed packets (`clerk.reading`).
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from incamera.clerk import jsonl
from incamera.clerk.home import write_atomically
from incamera.clerk.jsonl import Row
from incamera.clerk.watch import Watcher
from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import digest
from incamera.deid.evidence import labelled, readers
from incamera.stats.intervals import Interval
from incamera_verify import merkle, reading
from incamera_verify.errors import VerificationError
from incamera_verify.reading import Plan

PLAN = "plan.json"
_COLUMNS = ("by", "value", "covered", "of", "low", "high", "touched")


# --- labelled text --------------------------------------------------------------------------------------------------------


def evaluate(
    gold: Path,
    output: Path | None,
    out: Path | None,
    *,
    recipe: str,
    confidence: float,
    processes: int,
    watch: Watcher,
) -> dict[str, Any]:
    """The full table of a labelled set: by label, kind, language and context, with exact intervals.

    Args:
        output: What `deid find` or `deid apply` made of the gold file; None finds here, under *recipe*.
        out: Where the table goes as CSV.
    """
    from incamera.deid.recipe import load

    watch.stage("evaluate")
    found = {str(row["id"]): _spans(row) for row in _output(gold, output, recipe, processes)}
    table = labelled.evaluate((_gold(row, f"{gold}:{number}") for number, row in jsonl.read(gold)), found, confidence=confidence)
    lines = _lines(table)
    if out is not None:
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        write_atomically(out, text.getvalue().encode())
    stated = {} if output else {"recipe": recipe, "recipe_digest": load(recipe).digest()}
    return {
        **stated,
        "documents": table.documents,
        "confidence": confidence,
        "mentions_without_letters": table.unlabelled,
        "table": lines,
    }


def _output(gold: Path, output: Path | None, recipe: str, processes: int) -> Iterator[Row]:
    if output is not None:
        yield from (row for _, row in jsonl.read(output))
        return
    from incamera.clerk.files import find_chunk

    bare = ((number, {"id": row.get("id"), "text": row.get("text")}) for number, row in jsonl.read(gold))
    yield from jsonl.mapped(partial(find_chunk, str(gold), recipe), bare, processes)


def _gold(row: Row, where: str) -> Row:
    spans = row.get("spans")
    if not isinstance(row.get("id"), str) or not isinstance(row.get("text"), str) or not isinstance(spans, list):
        raise Malformed("deid.not-gold", "expected a document with id, text and spans", where=where)
    if not all(isinstance(span, dict) and "label" in span for span in spans):
        raise Malformed("deid.not-gold", "expected spans with start, end and label", where=where)
    return row


def _spans(row: Row) -> Sequence[Mapping[str, Any]]:
    found = row.get("findings", row.get("surrogates"))
    if not isinstance(row.get("id"), str) or not isinstance(found, list):
        raise Malformed("deid.not-findings", "expected lines of `incamera deid find` or `incamera deid apply`, each with its id")
    return found


def _lines(table: labelled.Table) -> list[dict[str, Any]]:
    lines = [
        {**_line(row.by or "all mentions", row.value, row.covered), "touched": row.touched} for row in table.rows if row.mentions
    ]
    lines += [
        _line(name, "", interval)
        for name, interval in (
            ("documents without a direct leak", table.clean),
            ("units gone at every occurrence", table.units),
            ("token precision", table.precision),
            ("masked share of characters", table.masked),
        )
        if interval.n
    ]
    return lines


def _line(by: str, value: str, interval: Interval) -> dict[str, Any]:
    bounds = {"low": f"{interval.low:.4f}", "high": f"{interval.high:.4f}"}
    return {"by": by, "value": value, "covered": interval.k, "of": interval.n, **bounds, "touched": None}


# --- readers --------------------------------------------------------------------------------------------------------------


def draw(
    source: Path,
    out: Path,
    *,
    who: Sequence[str],
    text: str,
    by: str | None,
    rate: float,
    confidence: float,
    readings: int | None,
    twice: float,
) -> dict[str, Any]:
    """A random stratified draw of *source* for readers: a plan, and a packet for each of them.

    Args:
        source: The raw records if *text* is `raw`, the output of `deid apply` if it is `redacted`.
        by: The field of a record that is its stratum; None makes one of all.
    Raises:
        Malformed: `deid.no-readers`. Refused: `deid.draw-exists`.
    """
    if not who or len(set(who)) < len(who) or (twice > 0 and len(who) < 2):
        raise Malformed(
            "deid.no-readers", "a draw needs readers of different names, and two of them to read twice", where="--reader"
        )
    if (out / PLAN).exists():
        raise Refused("deid.draw-exists", "a draw lies there: who draws again until it suits bounds nothing", where=str(out))
    strata, leaves = {}, {}
    for _, row in _records(source):
        strata[row["id"]] = str(row.get(by) or "unstated") if by else "all"
        leaves[row["id"]] = merkle.leaf_hash(canonical({"id": row["id"], "sha256": digest(jsonl.encode(row))}))
    sizes: dict[str, int] = {}
    for stratum in strata.values():
        sizes[stratum] = sizes.get(stratum, 0) + 1
    alpha = 1 - Fraction(readers.decimal(confidence))
    places = readers.places(
        sizes, rate=Fraction(readers.decimal(rate)), alpha=alpha, by_stratum=False, readings=readings, twice=twice
    )
    of_source = digest(b"".join(leaves[name] for name in sorted(leaves)))
    plan = Plan(
        matter="files",
        order=of_source,
        frame=of_source,
        root=reading.root(leaves),
        population=len(leaves),
        text=text,
        confidence=readers.decimal(confidence),
        max_leak_rate=readers.decimal(rate),
        on_miss="refuse",
        readers=tuple(who),
        places=places,
        rows=reading.assign(strata, places, len(who), secrets.token_bytes(32)),
    )
    out.mkdir(parents=True, exist_ok=True)
    wanted = {a.row for a in plan.rows}
    shown = {row["id"]: _pieces(row) for _, row in _records(source) if row["id"] in wanted}
    for number, name in enumerate(who):
        with jsonl.writing(out / f"{_slug(name)}.jsonl") as write:
            write(readers.packet_header(plan, number))
            for ident in plan.of(number):
                write(readers.packet_row(ident, shown[ident]))
    write_atomically(out / PLAN, plan.to_json())
    return {
        "population": plan.population,
        "read": len(plan.rows),
        "packets": {name: f"{_slug(name)}.jsonl" for name in who},
        "text": text,
        "out": str(out),
    }


def score(directory: Path, packets: Sequence[Path], against: Path | None) -> dict[str, Any]:
    """What the readers say: exact upper bounds by stratum and for the whole, and how far two readers agree.

    Args:
        packets: The packets with their marks set; those of *directory* if none are given.
        against: For readers of raw text: what `deid apply` or `deid find` made of it.
    Raises:
        Malformed: `deid.other-draw`, `deid.reading-incomplete`, `deid.bad-mark`, `deid.no-output`.
    """
    path = directory / PLAN
    if not path.is_file():
        raise Malformed("files.not-a-file", "no draw lies there; make one with `incamera deid certify draw`", where=str(path))
    try:
        plan = Plan.parse(path.read_bytes(), PLAN)
    except VerificationError as flaw:
        raise Malformed("deid.other-draw", flaw.hint, where=str(path)) from None
    given = packets or [directory / f"{_slug(name)}.jsonl" for name in plan.readers]
    back: dict[int, readers.Filled] = {}
    for packet in given:
        filled = readers.filled(jsonl.read(packet), packet.name)
        if filled.header.get("plan") != plan.digest or filled.header.get("reader") not in plan.readers:
            raise Malformed("deid.other-draw", "the packet is of another draw", where=packet.name)
        number = plan.readers.index(str(filled.header["reader"]))
        if tuple(sorted(filled.marks)) != plan.of(number):
            raise Malformed("deid.reading-incomplete", "the packet came back with other rows than it had", where=packet.name)
        back[number] = filled
    missing = [plan.readers[n] for n in range(len(plan.readers)) if n not in back]
    if missing:
        raise Malformed("deid.reading-incomplete", f"readings are missing of {', '.join(missing)}", where=str(directory))
    tallies = {number: {"rows": filled.counts()} for number, filled in back.items()}
    leaks = reading.marked(tallies.values()) if plan.text == "redacted" else _leaks(back, against)
    verdict = reading.judge(plan, leaks)
    agreed = reading.agreement(plan, tallies)
    return {
        "bound": readers.sentence(verdict, plan.confidence),
        "text": plan.text,
        "read": len(plan.rows),
        "population": plan.population,
        "conversations_with_a_leak": sorted(leaks),
        "read_twice": agreed.twice,
        "agreed": agreed.both + agreed.neither,
        "rate": plan.max_leak_rate,
        "holds": verdict.met,
        "table": [
            {
                "stratum": b.stratum or "whole",
                "kind": b.kind,
                "leaks": b.leaks,
                "read": b.read,
                "at_most": b.at_most,
                "of": b.rows,
            }
            for b in sorted(verdict.bounds, key=lambda b: b.stratum != "")
        ],
    }


def _leaks(back: Mapping[int, readers.Filled], against: Path | None) -> dict[str, frozenset[str]]:
    if against is None:
        raise Malformed("deid.no-output", "readers of raw text are compared with the output: give --against", where="--against")
    marks: dict[str, list[readers.Mark]] = {}
    for filled in back.values():
        for row, found in filled.marks.items():
            marks.setdefault(row, []).extend(found)
    replaced: dict[str, list[tuple[int, int, int, int]]] = {}
    for _, output in jsonl.read(against):
        if output.get("id") in marks:
            replaced[output["id"]] = [(s.get("turn", 0), s.get("part", 0), s["start"], s["end"]) for s in _spans(output)]
    if absent := len(marks.keys() - replaced.keys()):
        raise Malformed("deid.no-output", f"{absent} rows that were read are not in the output", where=str(against))
    found_leaks = {row: readers.leaked(some, replaced[row]) for row, some in marks.items()}
    return {row: kinds for row, kinds in found_leaks.items() if kinds}


def _records(source: Path) -> Iterator[tuple[int, Row]]:
    """Records by id, each once.

    Raises:
        Malformed: `deid.not-a-record`, `deid.gold-doubled`.
    """
    seen: set[str] = set()
    for number, row in jsonl.read(source):
        where = f"{source}:{number}"
        if not isinstance(row.get("id"), str) or not isinstance(row.get("turns", row.get("text")), list | str):
            raise Malformed("deid.not-a-record", "expected an object with a string 'id' and 'text' or 'turns'", where=where)
        if row["id"] in seen:
            raise Malformed("deid.gold-doubled", "an id stands twice: a row that is read could be either", where=where)
        seen.add(row["id"])
        yield number, row


def _pieces(row: Row) -> list[readers.Piece]:
    """The strings of an interchange record, at the places that its findings use."""
    title = [readers.Piece(turn=-1, part=0, role="header", text=row["title"])] if isinstance(row.get("title"), str) else []
    turns = row["turns"] if "turns" in row else [{"role": "user", "text": row["text"]}]
    return [
        *title,
        *(readers.Piece(turn=n, part=0, role=str(t.get("role", "")), text=str(t.get("text", ""))) for n, t in enumerate(turns)),
    ]


def _slug(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name).strip(".-") or "reader"
