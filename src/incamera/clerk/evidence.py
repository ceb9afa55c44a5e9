"""What the demonstration can say of its own run, because it planted the truth: canaries and reproductions, found and missed."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

from incamera.clerk import sample
from incamera.clerk.desk import Desk
from incamera.clerk.shown import Shown
from incamera.core.ids import Ref
from incamera.sampling import files
from incamera.testing.synth.truth import tally
from incamera.testing.synth.world import World


def gather(desk: Desk, made: World, out: Path, *, refused: list[tuple[str, str]]) -> Shown:
    """Read the finished volume beside the planted truth."""
    committed = sample.commit_frame(desk)
    rows = _rows(out / "production")
    names = [str(record["id"]) for record in (*made.exports, *made.calls)]
    found = desk.home.vault.lookup(names)
    by_row = {name: committed.map.rows.get(ref) for name, ref in found.items() if ref}

    def produced(conversation: str) -> str | None:
        row = by_row.get(conversation)
        return None if row is None else rows.get(row, {}).get("text")

    canaries: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for count in tally(made.canaries, produced):
        canaries[count.type] += count.planted
        missed[count.type] += count.missed
    drawn = files.read_draw(desk.path / sample.DRAW)
    return Shown(
        out=str(out),
        labels=_certificate(out)["labels"],
        population=committed.frame.population,
        excluded=dict(committed.frame.excluded),
        strata={stratum: (got, of) for stratum, (got, of) in sorted(drawn.places.items())},
        seeds=[party["party"] for party in drawn.header["parties"] if party["revealed"]],
        hits=_table(out, "hits_by_threshold"),
        masked=_table(out, "masked_share"),
        coverage=_table(out, "coverage"),
        canaries={name: (canaries[name], missed[name]) for name in sorted(canaries)},
        planted=_planted(made, by_row, rows),
        refused=refused,
        acts=desk.home.ledger.size,
    )


def _planted(made: World, by_row: dict[str, Ref | None], rows: dict[str, Any]) -> tuple[int, int]:
    """Reproductions of 8 or more words in produced conversations, and how many of them the search found."""
    total = found = 0
    for plant in made.plants:
        row = rows.get(by_row.get(plant.conversation) or "")
        if row is None or plant.words < 8:
            continue
        total += 1
        found += any(match["work_id"] == plant.work_id for match in row["matches"])
    return total, found


def _rows(volume: Path) -> dict[str, Any]:
    """Row id -> every string of the produced record, joined, and its matches."""
    rows: dict[str, Any] = {}
    with gzip.open(volume / "BULK" / "rows.jsonl.gz", "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            row = json.loads(line)
            rows[row["conversation"]] = {"text": "\n".join(_strings(row["record"])), "matches": row["matches"]}
    return rows


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    return [text for item in value for text in _strings(item)] if isinstance(value, list) else []


def _table(out: Path, name: str) -> list[dict[str, str]]:
    with (out / "production" / "TABLES" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _certificate(out: Path) -> dict[str, Any]:
    certificate: dict[str, Any] = json.loads((out / "production" / "CERT" / "certificate.json").read_bytes())
    return certificate
