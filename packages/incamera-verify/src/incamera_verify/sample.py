"""The sample of a volume: its frame, seeds and draw, against each other and against the ledger."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from incamera_verify.acts import Acts
from incamera_verify.draw import Drawn, FrameRow, check_reveal, read_draw, read_frame
from incamera_verify.draw import check_draw as check_rows
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import load_json

FRAME, DRAW, SEEDS = "SAMPLE/frame.jsonl.gz", "SAMPLE/draw.jsonl", "SAMPLE/seeds"


@dataclass(frozen=True, slots=True)
class Sample:
    """Frame and draw of a volume; `drawn` by row id, `header` that of the draw file."""

    frame: list[FrameRow]
    root: str
    header: Mapping[str, Any]
    paths: list[tuple[Drawn, list[str]]]
    drawn: Mapping[str, Drawn]

    @property
    def parties(self) -> tuple[str, ...]:
        """Parties whose seeds made the draw, by name."""
        return tuple(sorted(entry["party"] for entry in self.header["parties"] if entry["revealed"]))

    def check_row(self, row: Mapping[str, Any], where: str) -> None:
        """The row was drawn, and says of its draw what the draw says.

        Raises:
            VerificationError: `rows.not-drawn`, `rows.other-draw`.
        """
        drawn = self.drawn.get(row["conversation"])
        if drawn is None:
            raise VerificationError("rows.not-drawn", "the conversation is not in the draw", where)
        if (row["stratum"], row["probability"], row["rank"], row["position"]) != (
            drawn.stratum,
            drawn.probability,
            drawn.rank,
            drawn.position,
        ):
            raise VerificationError("rows.other-draw", "stratum, probability, rank or position are not those of the draw", where)


def load(volume: Path) -> Sample:
    """Frame and draw files, checked for form.

    Raises:
        VerificationError: `draw.*`; `sample.unreadable`.
    """
    try:
        with gzip.open(volume / FRAME, "rb") as stream:
            header, frame = read_frame(cast("BinaryIO", stream))
    except (OSError, EOFError, zlib.error):
        raise VerificationError("sample.unreadable", "the file is not complete gzip", FRAME) from None
    with (volume / DRAW).open("rb") as stream:
        draw_header, paths = read_draw(stream)
    return Sample(
        frame=frame, root=header["root"], header=draw_header, paths=paths, drawn={drawn.row: drawn for drawn, _ in paths}
    )


def read(volume: Path, acts: Acts) -> Sample:
    """The sample, its frame being the one that was committed to before any seed.

    Raises:
        VerificationError: `sample.other-frame`, and those of `load`.
    """
    sample = load(volume)
    if (sample.root, len(sample.frame)) != (acts.frame["root"], acts.frame["size"]):
        raise VerificationError("sample.other-frame", "the frame file is not the frame that was committed to", FRAME)
    return sample


def check_draw(volume: Path, sample: Sample, acts: Acts, *, matter: str, order: str) -> tuple[str, ...]:
    """Every seed matches its commitment, the ledger knows both, and drawing again gives the same rows; the parties' names.

    Raises:
        VerificationError: `sample.other-draw`, `sample.other-seed`, and `draw.*`.
    """
    seeds = {}
    for party in sample.header["parties"]:
        if not party["revealed"]:
            continue
        name = party["party"]
        place = f"{SEEDS}/{name}.json"
        data = (volume / place).read_bytes()
        reveal = load_json(data, "sample.other-seed", place)
        known = acts.reveals.get(name)
        if known is None or known["commitment"] != party["commitment"]:
            raise VerificationError("sample.other-seed", "the ledger knows no reveal of this party with this commitment", place)
        committed = acts.frame.get("commitments")
        if committed is not None and party["commitment"] not in committed:
            raise VerificationError("sample.other-seed", "the commitment was not known when the frame was committed", place)
        if known.get("reveal", hashlib.sha256(data).hexdigest()) != hashlib.sha256(data).hexdigest():
            raise VerificationError("sample.other-seed", "the ledger recorded another reveal of this party", place)
        seeds[name] = check_reveal(
            reveal, commitment=party["commitment"], key=party["key"], matter=matter, order=order, frame=sample.root
        )
    if set(acts.reveals) - set(seeds):
        raise VerificationError("sample.other-seed", "the ledger knows a seed that the draw leaves out", SEEDS)
    check_rows(sample.header, sample.paths, sample.frame, seeds)
    data = (volume / DRAW).read_bytes()
    if (
        acts.draw.get("size") != len(sample.drawn)
        or acts.draw.get("file", hashlib.sha256(data).hexdigest()) != hashlib.sha256(data).hexdigest()
    ):
        raise VerificationError("sample.other-draw", "the ledger recorded another draw", DRAW)
    return sample.parties
