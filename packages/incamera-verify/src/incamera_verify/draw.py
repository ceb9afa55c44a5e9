"""A sample that nobody chose: the frame's root, the parties' seeds, and the rows that follow from both.

The holder commits to a *frame*: random row ids, each with its stratum, under one Merkle root. The parties, who committed to
seeds before, reveal them afterwards. Root and seeds give a key, the key gives every row a rank, and each stratum's lowest
ranks are the draw. Whoever has the frame file draws again (`redraw`); whoever has the root alone checks that a row stands in
the frame and carries its rank (`check_row`).

Two rules make a larger draw contain every smaller one of the same frame and seeds: ranks do not depend on the size, and the
strata share the places by Webster's divisor method, in which no stratum ever loses a place when the total grows.

This is the only implementation: the product draws with these functions too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappush, heapreplace
from sys import intern
from typing import Any, BinaryIO, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from incamera_verify import merkle
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError

FRAME_VERSION = "incamera/frame/1"
DRAW_VERSION = "incamera/draw/1"
REVEAL_VERSION = "incamera/reveal/1"
SEED_BYTES_MIN = 32
SEED_BYTES_MAX = 1024
#: No line of a frame or a draw is longer, so that a hostile file cannot fill the reader's memory.
LINE_BYTES_MAX = 65_536

_ROW = re.compile(r"[0-9a-f]{32}\Z")
_STRATUM = re.compile(r"[A-Za-z0-9._+=;-]{1,300}\Z")
_PARTY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_REVEAL_KEYS = {"v", "matter", "order", "frame", "party", "seed", "signature"}


class FrameRow(NamedTuple):
    """One row of the frame: a random id that says nothing about anybody, and the stratum it is drawn in."""

    row: str
    stratum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One drawn row. `position` counts from 1 inside its stratum, by rank; `drawn` of `of` rows of the stratum were drawn."""

    row: str
    stratum: str
    rank: str
    position: int
    index: int
    drawn: int
    of: int

    @property
    def probability(self) -> str:
        """Inclusion probability as an unreduced fraction: places of the stratum over its rows."""
        return f"{self.drawn}/{self.of}"


# --- the frame ------------------------------------------------------------------------------------------------------------


def leaf(row: str, stratum: str) -> bytes:
    """The bytes of one row in the frame's tree: canonical `{"row", "stratum"}`.

    Neither can hold a character that JSON escapes, so the canonical form is written down directly.

    Raises:
        VerificationError: `draw.bad-row`.
    """
    if not _ROW.match(row) or not _STRATUM.match(stratum):
        raise VerificationError("draw.bad-row", "a row is 32 hex digits with a stratum of safe characters")
    return f'{{"row":"{row}","stratum":"{stratum}"}}'.encode("ascii")


def frame_root(rows: Iterable[FrameRow | tuple[str, str]]) -> bytes:
    """Merkle root over the rows in ascending order of row id.

    Raises:
        VerificationError: `draw.bad-row` or `draw.unordered`; a repeated id is out of order too.
    Cost: O(n) time, O(log n) memory.
    """
    frontier, before = merkle.Frontier(), ""
    for number, (row, stratum) in enumerate(rows):
        try:
            entry = leaf(row, stratum)
        except VerificationError as flaw:
            raise VerificationError(flaw.code, flaw.hint, f"row {number}") from None
        if row <= before:
            raise VerificationError("draw.unordered", "rows must ascend strictly by id", f"row {number}")
        frontier.append(merkle.leaf_hash(entry))
        before = row
    return frontier.root


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], list[FrameRow]]:
    """Header and rows of an (unpacked) frame file, with every count and the root of the header recomputed.

    Raises:
        VerificationError: `draw.bad-line` for a line that is not what the format says, `draw.frame-mismatch` where the header
            disagrees with the rows.
    """
    lines = _lines(stream)
    header = _header(next(lines, None), FRAME_VERSION)
    rows = []
    for number, value in lines:
        if set(value) != {"row", "stratum"} or not all(isinstance(text, str) for text in value.values()):
            raise VerificationError("draw.bad-line", "a frame row has exactly row and stratum", f"line {number}")
        rows.append(FrameRow(value["row"], intern(value["stratum"])))
    found: dict[str, Any] = {"rows": len(rows), "root": frame_root(rows).hex(), "strata": strata(rows)}
    for name, value in found.items():
        if header.get(name) != value:
            raise VerificationError("draw.frame-mismatch", f"the header's {name} is not what its rows give", f"line 1, {name}")
    return header, rows


def strata(rows: Iterable[FrameRow | tuple[str, str]]) -> dict[str, int]:
    """Rows by stratum, ordered by name."""
    sizes: dict[str, int] = {}
    for _, stratum in rows:
        sizes[stratum] = sizes.get(stratum, 0) + 1
    return dict(sorted(sizes.items()))


# --- the seeds ------------------------------------------------------------------------------------------------------------


def seed_commitment(party: str, seed: bytes) -> str:
    """What a party publishes before the frame exists: hex SHA-256 of its name and its seed, with the use named.

    Privacy: a seed of 32 random bytes cannot be guessed from it; a seed made from a word can.
    """
    _check_party(party)
    if not SEED_BYTES_MIN <= len(seed) <= SEED_BYTES_MAX:
        raise VerificationError("draw.bad-seed", f"a seed has {SEED_BYTES_MIN} to {SEED_BYTES_MAX} bytes", party)
    return hashlib.sha256(b"incamera/seed/1" + _framed(party.encode()) + _framed(seed)).hexdigest()


def reveal_message(reveal: Mapping[str, Any]) -> bytes:
    """The bytes that the revealing party signs: context, a zero byte, and the reveal without its signature."""
    body = {name: value for name, value in reveal.items() if name != "signature"}
    return REVEAL_VERSION.encode() + b"\0" + canonical(body)


def check_reveal(reveal: Mapping[str, Any], *, commitment: str, key: str, matter: str, order: str, frame: str) -> bytes:
    """The seed of a reveal, after checking that it is this party's, for this order, and made after this frame.

    A seed revealed before the frame was fixed would let the holder choose the frame to fit; a reveal therefore names the
    frame's root, and one that names another root, order or matter is refused.

    Args:
        commitment: The party's commitment in the order.
        key: The party's public key in the order, `ed25519:` and base64.
    Raises:
        VerificationError: `draw.bad-reveal`, `draw.foreign-reveal`, `draw.bad-signature`, `draw.wrong-seed`.
    """
    party = reveal.get("party")
    where = party if isinstance(party, str) and _PARTY.match(party) else "reveal"
    if set(reveal) != _REVEAL_KEYS or not all(isinstance(value, str) for value in reveal.values()):
        raise VerificationError("draw.bad-reveal", f"a reveal has exactly {', '.join(sorted(_REVEAL_KEYS))}, all text", where)
    if reveal["v"] != REVEAL_VERSION or where == "reveal":
        raise VerificationError("draw.bad-reveal", f"expected {REVEAL_VERSION} and a party name in lower case", where)
    for name, expected in (("matter", matter), ("order", order), ("frame", frame)):
        if reveal[name] != expected:
            raise VerificationError("draw.foreign-reveal", f"the reveal is for another {name}", where)
    try:
        seed = bytes.fromhex(reveal["seed"])
        public = _public(key)
        signature = base64.b64decode(reveal["signature"], validate=True)
        public.verify(signature, reveal_message(reveal))
    except (ValueError, binascii.Error):
        raise VerificationError("draw.bad-reveal", "seed is hex, key and signature are base64", where) from None
    except InvalidSignature:
        raise VerificationError("draw.bad-signature", "the reveal is not signed by the party's key in the order", where) from None
    if not hmac.compare_digest(seed_commitment(reveal["party"], seed), commitment):
        raise VerificationError("draw.wrong-seed", "the seed is not the one the party committed to", where)
    return seed


def draw_key(root: bytes, seeds: Mapping[str, bytes]) -> bytes:
    """The key that ranks rows: HMAC-SHA256 under the frame's root over every party's name and seed, ordered by name.

    Nobody knows it before the last reveal, and no party can choose its seed to suit: it was committed to before the frame.
    """
    message = b"".join(_framed(party.encode()) + _framed(seeds[party]) for party in sorted(seeds))
    return hmac.new(root, b"incamera/draw-key/1" + message, hashlib.sha256).digest()


# --- the draw -------------------------------------------------------------------------------------------------------------


def rank_of(key: bytes, row: str) -> str:
    """A row's place in the lottery: hex HMAC-SHA256 of its id; the lowest are drawn."""
    return _rank(key, row).hex()


def _rank(key: bytes, row: str) -> bytes:
    return hmac.digest(key, row.encode("ascii"), "sha256")


def quotas(sizes: Mapping[str, int], size: int) -> dict[str, int]:
    """Places of each stratum in a draw of *size*, proportional to its rows, by the divisor method of Webster (Sainte-Lague).

    The places are dealt one by one to the stratum with the largest rows / (2 places + 1), ties to the earlier name, so a
    larger draw only adds places. A stratum smaller than half a share gets none: it is listed with probability 0.

    Raises:
        VerificationError: `draw.bad-size` if *size* is negative or larger than the frame.
    Cost: O(strata log strata), whatever the size.
    Source: Balinski and Young, Fair Representation (house monotonicity of divisor methods).
    """
    total = sum(sizes.values())
    if not 0 <= size <= total:
        raise VerificationError("draw.bad-size", f"cannot draw {size} of {total} rows")
    names = sorted(name for name, rows in sizes.items() if rows)
    places = dict.fromkeys(sorted(sizes), 0)
    sure = size - len(names)
    if sure > 0:
        # Everything above one common threshold is dealt before anything below it; this threshold deals at most `size`.
        for name in names:
            places[name] = (2 * sizes[name] * sure + total) // (2 * total)
    claims = [(_claim(sizes[name], places[name]), name) for name in names]
    heapify(claims)
    for _ in range(size - sum(places.values())):
        name = claims[0][1]
        places[name] += 1
        heapreplace(claims, (_claim(sizes[name], places[name]), name))
    return places


def _claim(rows: int, places: int) -> Fraction:
    """A stratum's claim to its next place, negated so that the largest claim comes first out of a heap."""
    return Fraction(-rows, 2 * places + 1)


def redraw(rows: Sequence[FrameRow], seeds: Mapping[str, bytes], size: int) -> list[Drawn]:
    """The draw that frame, seeds and size determine, lowest rank first.

    Args:
        rows: The whole frame, ascending by row id.
        seeds: Party to revealed seed; the parties that revealed, and no other.
    Raises:
        VerificationError: `draw.bad-row`, `draw.unordered`, `draw.bad-size`.
    Cost: two hashes a row; the ranks of the draw in memory.
    """
    return ranked(rows, draw_key(frame_root(rows), seeds), size)


def ranked(rows: Sequence[FrameRow], key: bytes, size: int) -> list[Drawn]:
    """The draw under a key that is known already; `redraw` derives it from the rows first, as a verifier must."""
    sizes = strata(rows)
    places = quotas(sizes, size)
    lowest: dict[str, list[tuple[int, int]]] = {name: [] for name in sizes}  # negated, so that a heap gives up its highest
    for index, (row, stratum) in enumerate(rows):
        entry = (-int.from_bytes(_rank(key, row), "big"), -index)
        kept = lowest[stratum]
        if len(kept) < places[stratum]:
            heappush(kept, entry)
        elif kept and entry > kept[0]:
            heapreplace(kept, entry)
    drawn = []
    for stratum, kept in lowest.items():
        count, of = places[stratum], sizes[stratum]
        for position, (value, index) in enumerate(sorted(kept, reverse=True), 1):
            row = rows[-index].row
            rank = f"{-value:064x}"
            drawn.append(Drawn(row=row, stratum=stratum, rank=rank, position=position, index=-index, drawn=count, of=of))
    return sorted(drawn, key=lambda d: (d.rank, d.row))


def check_row(
    *, row: str, stratum: str, rank: str, index: int, path: Sequence[str], root: bytes, rows: int, key: bytes | None = None
) -> None:
    """Without the frame file: the row stands in the committed frame, and (with the draw key) its rank is what the seeds give.

    That its rank is among its stratum's lowest needs the frame file; what is checked here is that nobody made up the row.

    Raises:
        VerificationError: `draw.bad-row`, `draw.wrong-rank`, or `merkle.*` from the inclusion proof.
    """
    try:
        siblings = [bytes.fromhex(step) for step in path]
    except ValueError:
        raise VerificationError("draw.bad-row", "an inclusion path is a list of hex hashes", row) from None
    merkle.verify_inclusion(merkle.leaf_hash(leaf(row, stratum)), index, rows, siblings, root)
    if key is not None and not hmac.compare_digest(rank_of(key, row), rank):
        raise VerificationError("draw.wrong-rank", "the rank is not what root and seeds give this row", row)


def read_draw(stream: BinaryIO) -> tuple[dict[str, Any], list[tuple[Drawn, list[str]]]]:
    """Header and rows (with their inclusion paths) of a draw file; the shape is checked here, the truth by `check_draw`.

    Raises:
        VerificationError: `draw.bad-line`.
    """
    lines = _lines(stream)
    header = _header(next(lines, None), DRAW_VERSION)
    rows = []
    for number, value in lines:
        try:
            count, of = (int(part) for part in value["probability"].split("/"))
            row = Drawn(
                row=value["row"],
                stratum=value["stratum"],
                rank=value["rank"],
                position=value["position"],
                index=value["index"],
                drawn=count,
                of=of,
            )
            whole = (row.position, row.index)
            if (
                value.keys() != _DRAW_KEYS
                or not all(type(n) is int for n in whole)
                or draw_line(row, value["path"]) != canonical(value)
            ):
                raise ValueError
        except (KeyError, ValueError, TypeError, AttributeError):
            raise VerificationError("draw.bad-line", "the row is not one of the draw format", f"line {number}") from None
        rows.append((row, value["path"]))
    return header, rows


_DRAW_KEYS = {"row", "stratum", "rank", "position", "probability", "index", "path"}


def draw_line(drawn: Drawn, path: Sequence[str]) -> bytes:
    """One line of a draw file, without its line end."""
    return canonical(
        {
            "row": drawn.row,
            "stratum": drawn.stratum,
            "rank": drawn.rank,
            "position": drawn.position,
            "probability": drawn.probability,
            "index": drawn.index,
            "path": list(path),
        }
    )


def check_draw(
    header: Mapping[str, Any], drawn: Sequence[tuple[Drawn, Sequence[str]]], rows: Sequence[FrameRow], seeds: Mapping[str, bytes]
) -> None:
    """Draw again from frame and seeds, and accept only the same rows, in the same order, with the same ranks and proofs.

    Raises:
        VerificationError: `draw.mismatch` naming the first line that differs, or what `redraw` and `check_row` raise.
    """
    root = frame_root(rows)
    size = header.get("size")
    if header.get("frame") != root.hex() or header.get("rows") != len(rows) or not isinstance(size, int):
        raise VerificationError("draw.mismatch", "the draw is not of this frame", "line 1")
    revealed = [p.get("party") for p in header.get("parties", []) if isinstance(p, dict) and p.get("revealed") is True]
    if sorted(map(str, revealed)) != sorted(seeds):
        raise VerificationError("draw.mismatch", "the draw names other revealing parties than there are reveals", "line 1")
    expected = redraw(rows, seeds, size)
    if len(expected) != len(drawn):
        raise VerificationError("draw.mismatch", f"{len(drawn)} rows where {len(expected)} follow from frame and seeds")
    for number, ((got, path), want) in enumerate(zip(drawn, expected, strict=True), 2):
        if got != want:
            raise VerificationError("draw.mismatch", "frame and seeds give another row here", f"line {number}")
        check_row(row=got.row, stratum=got.stratum, rank=got.rank, index=got.index, path=path, root=root, rows=len(rows))


# --- reading hostile files --------------------------------------------------------------------------------------------------


def _lines(stream: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    while line := stream.readline(LINE_BYTES_MAX + 1):
        number += 1
        try:
            value = json.loads(line) if len(line) <= LINE_BYTES_MAX else None
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise VerificationError("draw.bad-line", "expected one JSON object a line", f"line {number}")
        yield number, value


def _header(first: tuple[int, dict[str, Any]] | None, version: str) -> dict[str, Any]:
    if first is None or first[1].get("v") != version:
        raise VerificationError("draw.bad-line", f"the first line must be a header of {version}", "line 1")
    return first[1]


def _public(text: str) -> Ed25519PublicKey:
    kind, _, body = text.partition(":")
    if kind != "ed25519":
        raise ValueError(kind)
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(body, validate=True))


def _check_party(party: str) -> None:
    if not _PARTY.match(party):
        raise VerificationError("draw.bad-party", "a party's name is lower-case letters, digits, dot, dash, underscore")


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part
