"""The draw as a file: the rows that frame and seeds determine, each with its proof of membership.

The arithmetic is `incamera_verify.draw`, the same that the other side runs; here its result gets its header, its inclusion
paths and, for an extension, the proof that the earlier draw is inside.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from incamera.core.errors import Malformed, Refused, Unverified
from incamera.core.ids import Digest, digest
from incamera.sampling.frame import Frame
from incamera.sampling.seed import Committed, parties
from incamera_verify import draw, merkle
from incamera_verify.canon import canonical
from incamera_verify.draw import DRAW_VERSION, Drawn
from incamera_verify.errors import VerificationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A draw, lowest rank first. `places` has drawn and all rows of every stratum of the frame, those with none included."""

    header: Mapping[str, Any]
    rows: tuple[Drawn, ...]
    paths: tuple[tuple[str, ...], ...]
    places: Mapping[str, tuple[int, int]]

    def lines(self) -> Iterator[bytes]:
        """`draw.jsonl`, line by line, each with its line end."""
        yield canonical(self.header) + b"\n"
        for row, path in zip(self.rows, self.paths, strict=True):
            yield draw.draw_line(row, path) + b"\n"

    @property
    def digest(self) -> Digest:
        """SHA-256 of the file: what a later order's `extends` names."""
        return digest(b"".join(self.lines()))

    @property
    def root(self) -> Digest:
        """Merkle root over the lines of the file, the header first: what the ledger's `draw.made` carries."""
        return Digest(merkle.root(merkle.leaf_hash(line.rstrip(b"\n")) for line in self.lines()).hex())

    @property
    def empty_strata(self) -> list[str]:
        """Strata too small for a place: their rows had no chance, and the certificate says so."""
        return [stratum for stratum, (drawn, of) in self.places.items() if of and not drawn]


def make(
    frame: Frame,
    seeds: Mapping[str, bytes],
    size: int | None,
    *,
    matter: str,
    order: Digest,
    commitments: Iterable[Committed] = (),
    extends: Digest | None = None,
) -> Draw:
    """Draw *size* rows of the frame, or all of it.

    Args:
        seeds: Of the parties that revealed (`seed.gather`).
        size: None for the whole frame, which needs no seed.
    Raises:
        Refused: `sample.too-large`, the frame has fewer rows; `sample.no-seed`, a part of the frame without any seed.
        Unverified: `sample.other-frame`, the frame was altered since it was built.
    Cost: two hashes a row of the frame, and log2(rows) hashes a row of the draw in the file.
    """
    total = len(frame.rows)
    wanted = total if size is None else size
    if wanted > total:
        raise Refused(
            "sample.too-large",
            f"the order asks for {wanted} of {total} conversations: the frame has no more",
            where="sample.size",
        )
    if not seeds and wanted < total:
        raise Refused("sample.no-seed", "without any seed the holder would choose the draw")
    tree = merkle.Tree(merkle.leaf_hash(draw.leaf(*row)) for row in frame.rows)
    if tree.root().hex() != frame.root:
        raise Unverified("sample.other-frame", "the frame's rows do not give its root", where="frame")
    rows = draw.ranked(frame.rows, draw.draw_key(tree.root(), seeds), wanted)
    quotas = draw.quotas(frame.strata, wanted)
    header = {
        "v": DRAW_VERSION,
        "matter": matter,
        "order": order,
        "frame": frame.root,
        "rows": total,
        "size": wanted,
        "places": {stratum: f"{quotas[stratum]}/{of}" for stratum, of in frame.strata.items()},
        "parties": parties(commitments, seeds),
        "extends": extends,
    }
    return Draw(
        header=header,
        rows=tuple(rows),
        paths=tuple(tuple(step.hex() for step in tree.inclusion_path(row.index)) for row in rows),
        places={stratum: (quotas[stratum], of) for stratum, of in frame.strata.items()},
    )


def read(data: bytes, *, where: str = "draw.jsonl") -> Draw:
    """The draw of a draw file; its truth is checked by `incamera_verify.draw.check_draw`.

    Raises:
        Malformed: `sample.bad-draw`, naming the line.
    """
    try:
        header, rows = draw.read_draw(io.BytesIO(data))
        places = {}
        for stratum, share in header["places"].items():
            drawn, of = (int(part) for part in share.split("/"))
            places[stratum] = (drawn, of)
    except VerificationError as flaw:
        raise Malformed("sample.bad-draw", flaw.hint, where=f"{where} {flaw.where}") from None
    except (KeyError, ValueError, AttributeError):
        raise Malformed("sample.bad-draw", "the header lacks the places by stratum", where=f"{where} line 1") from None
    return Draw(header=header, rows=tuple(r for r, _ in rows), paths=tuple(tuple(p) for _, p in rows), places=places)


def check_extends(larger: Draw, earlier: bytes, *, extends: str) -> None:
    """Accept only if *larger* contains the earlier draw that the order names, from the same frame.

    Raises:
        Unverified: `sample.other-draw`, the file is not the one the order names.
        Refused: `sample.not-nested`, another frame, or rows that fell out: seeds must be the earlier draw's too.
        Malformed: `sample.bad-draw`.
    """
    if digest(earlier) != extends:
        raise Unverified("sample.other-draw", "the earlier draw file is not the one the order names", where="sample.extends")
    before = read(earlier)
    if before.header.get("frame") != larger.header["frame"]:
        raise Refused("sample.not-nested", "the earlier draw is of another frame", where="sample.extends")
    lost = {row.row for row in before.rows} - {row.row for row in larger.rows}
    if lost:
        raise Refused("sample.not-nested", f"{len(lost)} rows of the earlier draw are not in this one", where="sample.extends")
