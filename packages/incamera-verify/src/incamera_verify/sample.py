"""The sample of a volume: its frame, seeds and draw, against each other and against the ledger."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from incamera_verify import merkle
from incamera_verify.acts import Acts
from incamera_verify.draw import Drawn, FrameRow, check_reveal, read_draw, read_frame
from incamera_verify.draw import check_draw as check_rows
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import check_path, load_json

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
        VerificationError: `draw.*`; `volume.unreadable`.
    """
    try:
        with gzip.open(volume / FRAME, "rb") as stream:
            header, frame = read_frame(cast("BinaryIO", stream))
    except (OSError, EOFError, zlib.error):
        raise VerificationError("volume.unreadable", "the file is not complete gzip", FRAME) from None
    with (volume / DRAW).open("rb") as stream:
        draw_header, paths = read_draw(stream)
    return Sample(
        frame=frame, root=header["root"], header=draw_header, paths=paths, drawn={drawn.row: drawn for drawn, _ in paths}
    )


def read(volume: Path, acts: Acts) -> Sample:
    """The sample, its frame being the one that was committed to before any seed.

    Raises:
        VerificationError: `volume.other-frame`, and those of `load`.
    """
    sample = load(volume)
    committed = acts.frame
    same = (sample.root, len(sample.frame)) == (committed["root"], committed["size"])
    if not same or not _is_file(volume / FRAME, committed.get("file")):
        raise VerificationError("volume.other-frame", "the frame file is not the frame that was committed to", FRAME)
    return sample


def check_draw(volume: Path, sample: Sample, acts: Acts, *, matter: str, order: str) -> tuple[str, ...]:
    """Every seed matches its commitment, the ledger knows both, and drawing again gives the same rows; the parties' names.

    Raises:
        VerificationError: `volume.other-draw`, `volume.other-seed`, `volume.silent-party`, and `draw.*`.
    """
    if (sample.header.get("matter"), sample.header.get("order")) != (matter, order):
        raise VerificationError("volume.other-draw", "the draw is of another matter or order", DRAW)
    seeds = {}
    for party in sample.header["parties"]:
        if party["revealed"]:
            seeds[party["party"]] = _seed(volume, party, sample, acts, matter=matter, order=order)
        elif party["party"] not in acts.silent and len(sample.drawn) < len(sample.frame):
            raise VerificationError("volume.silent-party", "a seed is missing, and no fallback is on record", str(party["party"]))
    if {file.name for file in (volume / SEEDS).glob("*")} != {f"{party}.json" for party in seeds}:
        raise VerificationError("volume.other-seed", "a seed lies there that the draw does not use", SEEDS)
    if set(acts.reveals) - set(seeds):
        raise VerificationError("volume.other-seed", "the ledger knows a seed that the draw leaves out", SEEDS)
    check_rows(sample.header, sample.paths, sample.frame, seeds)
    root = merkle.root(merkle.leaf_hash(line) for line in (volume / DRAW).read_bytes().splitlines()).hex()
    if (acts.draw.get("size"), acts.draw.get("root")) != (len(sample.drawn), root):
        raise VerificationError("volume.other-draw", "the ledger recorded another draw", DRAW)
    if not _is_file(volume / DRAW, acts.draw.get("file")):
        raise VerificationError("volume.other-draw", "the ledger recorded another draw", DRAW)
    return sample.parties


def _seed(volume: Path, party: Mapping[str, Any], sample: Sample, acts: Acts, *, matter: str, order: str) -> bytes:
    """One party's revealed seed, its commitment being one the ledger knew when the frame was committed."""
    place = check_path(f"{SEEDS}/{party['party']}.json", DRAW)
    reveal = load_json((volume / place).read_bytes(), "volume.other-seed", place)
    known = acts.reveals.get(party["party"])
    if known is None or known["commitment"] != party["commitment"] or not _is_file(volume / place, known.get("reveal")):
        raise VerificationError("volume.other-seed", "the ledger knows no such reveal of this party", place)
    if party["commitment"] not in acts.frame.get("commitments", [party["commitment"]]):
        raise VerificationError("volume.other-seed", "the commitment was not known when the frame was committed", place)
    return check_reveal(reveal, commitment=party["commitment"], key=party["key"], matter=matter, order=order, frame=sample.root)


def _is_file(path: Path, recorded: str | None) -> bool:
    """Whether the ledger recorded these bytes, where it recorded any."""
    return recorded is None or hashlib.sha256(path.read_bytes()).hexdigest() == recorded
