"""What a delivered volume says, read back from its files as whoever receives it reads them."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

from incamera_verify import volume
from incamera_verify.trust import Trust


def verified(out: Path) -> volume.Report:
    """The verifier's report, under the keys that the holder handed over beside the volume."""
    return volume.verify(out / "production", Trust.parse((out / "trust.toml").read_bytes()))


def certificate(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "production/CERT/certificate.json").read_bytes())
    return found


def figures(out: Path) -> dict[str, Any]:
    """The certificate's figures by their ids."""
    return {figure["id"]: figure["value"] for figure in certificate(out)["figures"]}


def rows(out: Path) -> list[dict[str, Any]]:
    """The bulk rows, without their header."""
    with gzip.open(out / "production/BULK/rows.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines][1:]


def table(out: Path, name: str) -> list[dict[str, str]]:
    """The lines of `TABLES/NAME.csv`, or of a log by its own directory: `LOGS/withheld`."""
    place = name if "/" in name else f"TABLES/{name}"
    with (out / f"production/{place}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))
