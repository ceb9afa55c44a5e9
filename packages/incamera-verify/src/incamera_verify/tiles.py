"""Tile files of a log (C2SP tlog-tiles) and the check of a ledger exported with a production.

A tile holds 256 consecutive hashes of one level, a bundle 256 consecutive entries; the last of each may be partial.
`check_bundle` needs nothing but the exported directory and the keys the reader trusts; `docs/formats/ledger.md` tells
the same steps in words, so that anybody can write a second verifier.

Source: https://c2sp.org/tlog-tiles.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import HASH_BYTES, Tree, leaf_hash
from incamera_verify.note import Checkpoint, Note, Verifier, open_checkpoint

TILE_WIDTH = 256
ENTRY_BYTES_MAX = (1 << 16) - 1

#: First line of the `format` file of an exported ledger.
BUNDLE_FORMAT = "incamera-ledger-bundle/1"
#: First line of a file of signed checkpoints.
HISTORY_FORMAT = "incamera-checkpoints/1"


# --- paths and codecs ----------------------------------------------------------------------------------------------------


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """`tile/<L>/<N>[.p/<W>]`, relative to the log's directory."""
    return f"tile/{level}/{_spelled(index)}{_partial(width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """`tile/entries/<N>[.p/<W>]`, relative to the log's directory."""
    return f"tile/entries/{_spelled(index)}{_partial(width)}"


def tiles_of(size: int, level: int = 0, start: int = 0) -> Iterator[tuple[int, int]]:
    """(index, width) of every tile of *level* in a tree of *size* leaves, from tile *start* on."""
    hashes = size >> (8 * level)
    for index in range(start, hashes // TILE_WIDTH):
        yield index, TILE_WIDTH
    if hashes % TILE_WIDTH and hashes // TILE_WIDTH >= start:
        yield hashes // TILE_WIDTH, hashes % TILE_WIDTH


def pack_entries(entries: Iterable[bytes]) -> bytes:
    """Entries as a bundle: each behind its length in two bytes, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack_entries(data: bytes, where: str = "") -> list[bytes]:
    """The entries of a bundle. Raises `VerificationError`, `tiles.bad-bundle`, where lengths do not add up."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise VerificationError("tiles.bad-bundle", "an entry's length runs past the end of the bundle", where)
        entries.append(data[at + 2 : end])
        at = end
    return entries


def split_hashes(data: bytes, width: int, where: str = "") -> list[bytes]:
    """The *width* hashes of a tile. Raises `VerificationError`, `tiles.bad-tile`, at any other length."""
    if len(data) != width * HASH_BYTES:
        raise VerificationError("tiles.bad-tile", f"a tile of width {width} has {width * HASH_BYTES} bytes", where)
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def pack_history(notes: Iterable[bytes]) -> bytes:
    """Signed checkpoints as one file: a version line, then the notes, a blank line before each."""
    return HISTORY_FORMAT.encode() + b"\n" + b"".join(b"\n" + note for note in notes)


def unpack_history(data: bytes, where: str = "") -> list[bytes]:
    """The notes of `pack_history`, unverified. Raises `VerificationError`, `tiles.bad-history`."""
    head, body = data[: len(HISTORY_FORMAT) + 1], data[len(HISTORY_FORMAT) + 1 :]
    parts = body[1:-1].split(b"\n\n") if body else []
    framed = not body or (body.startswith(b"\n") and body.endswith(b"\n"))
    if head != HISTORY_FORMAT.encode() + b"\n" or not framed or len(parts) % 2:
        raise VerificationError(
            "tiles.bad-history", f"expected '{HISTORY_FORMAT}' and notes with a blank line before each", where
        )
    return [text + b"\n\n" + signatures + b"\n" for text, signatures in zip(parts[::2], parts[1::2], strict=True)]


def _spelled(index: int) -> str:
    digits = str(index)
    groups = [part.zfill(3) for part in _thousands(digits)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def _thousands(digits: str) -> list[str]:
    head = len(digits) % 3
    return ([digits[:head]] if head else []) + [digits[at : at + 3] for at in range(head, len(digits), 3)]


def _partial(width: int) -> str:
    return "" if width == TILE_WIDTH else f".p/{width}"


# --- an exported ledger ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leaf:
    """One act of the matter: its place in the log, its canonical bytes, and those bytes read."""

    index: int
    raw: bytes
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """An exported ledger that held: the matter's acts in order, the signed state they stand in, and earlier states."""

    entries: tuple[Leaf, ...]
    checkpoint: Checkpoint
    history: tuple[Checkpoint, ...]


def check_bundle(
    directory: Path,
    log: Verifier | Sequence[Verifier],
    pinned: Sequence[Checkpoint] = (),
    *,
    witnesses: Sequence[Verifier] = (),
    quorum: int = 0,
) -> Bundle:
    """Accept only an exported ledger whose every act, order and signed state holds, and no other history.

    Args:
        directory: The `LEDGER` directory of a production.
        log: The keys of the log; all of them must have signed. An empty sequence checks everything but signatures:
            the signer is then **not established**.
        pinned: Checkpoints got earlier, outside of this package. A history that does not contain them is refused.
        witnesses: Keys of witnesses, *quorum* of which must have cosigned the latest checkpoint.

    Raises:
        VerificationError: `bundle.*` names the flaw: `missing-file`, `bad-format`, `root-mismatch`, `entry-altered`,
            `entry-missing`, `out-of-order`, `history-forked`, `truncated`, `rewritten`, `wrong-log`; and the codes of
            notes and tiles.
    Cost: one SHA-256 for each leaf of the whole log.
    """
    keys = [log] if isinstance(log, Verifier) else list(log)

    # 1. The bundle says what it is.
    if _read(directory, "format") != f"{BUNDLE_FORMAT}\n".encode():
        raise VerificationError("bundle.bad-format", f"expected the line '{BUNDLE_FORMAT}'", "format")

    # 2. The latest state is signed by the log and by enough witnesses.
    checkpoint = _opened(_read(directory, "checkpoint"), keys, "checkpoint", witnesses, quorum)

    # 3. The leaf hashes of the whole log lead to exactly the signed root.
    tree = Tree()
    for index, width in tiles_of(checkpoint.size):
        place = tile_path(0, index, width)
        for value in split_hashes(_read(directory, place), width, place):
            tree.append(value)
    if tree.root() != checkpoint.root:
        raise VerificationError("bundle.root-mismatch", "the leaf hashes are not the log that was signed", "checkpoint")

    # 4. Every act is a leaf of that log, unaltered, and none of the matter is left out before the last.
    entries = tuple(_entries(_read(directory, "entries.jsonl"), tree))

    # 5. Every earlier signed state is a prefix of that log.
    history: list[Checkpoint] = []
    for number, note in enumerate(unpack_history(_read(directory, "checkpoints"), "checkpoints"), 1):
        place = f"checkpoints, note {number}"
        earlier = _opened(note, keys, place)
        if earlier.origin != checkpoint.origin:
            raise VerificationError("bundle.wrong-log", "a signed checkpoint is of another log", place)
        if earlier.size > len(tree) or tree.root(earlier.size) != earlier.root:
            raise VerificationError(
                "bundle.history-forked", "the log signed a state that its own history does not contain", place
            )
        if history and history[-1].size >= earlier.size:
            raise VerificationError("bundle.out-of-order", "the signed checkpoints do not grow", place)
        history.append(earlier)

    # 6. So is every state that the reader knew before.
    for pin in pinned:
        place = f"pinned size {pin.size}"
        if pin.origin != checkpoint.origin:
            raise VerificationError("bundle.wrong-log", "the pinned checkpoint is of another log", place)
        if pin.size > len(tree):
            raise VerificationError("bundle.truncated", f"the log once had more leaves than the {len(tree)} shown", place)
        if tree.root(pin.size) != pin.root:
            raise VerificationError("bundle.rewritten", "the log's history is not the one that was seen earlier", place)
    return Bundle(entries, checkpoint, tuple(history))


def _opened(data: bytes, keys: Sequence[Verifier], where: str, witnesses: Sequence[Verifier] = (), quorum: int = 0) -> Checkpoint:
    if keys:
        return open_checkpoint(data, keys, witnesses=witnesses, quorum=quorum, where=where)
    return Checkpoint.parse(Note.parse(data, where).text, where)


def _entries(data: bytes, tree: Tree) -> Iterator[Leaf]:
    last = -1
    matter: Any = None
    for number, line in enumerate(data.splitlines()):
        where = f"entries.jsonl, line {number + 1}"
        index, raw, value = _entry(line, where)
        if number == 0:
            matter = value.get("matter")
        if index <= last:
            raise VerificationError("bundle.out-of-order", "the acts are not in the order of the log", where)
        if index >= len(tree) or leaf_hash(raw) != tree.node(0, index):
            raise VerificationError("bundle.entry-altered", "the act is not the one the log holds at this index", where)
        if value.get("matter") != matter:
            raise VerificationError("bundle.bad-format", "the acts are of more than one matter", where)
        if value.get("seq") != number:
            raise VerificationError("bundle.entry-missing", "an act of the matter before this one was left out", where)
        last = index
        yield Leaf(index, raw, value)


def _entry(line: bytes, where: str) -> tuple[int, bytes, dict[str, Any]]:
    try:
        row = json.loads(line)
        index, text = row["index"], row["leaf"]
        value = json.loads(text)
        sound = row.keys() == {"index", "leaf"} and type(index) is int and type(value) is dict
        sound = sound and canonical(row) == line and canonical(value) == text.encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, VerificationError):
        sound = False
    if not sound:
        raise VerificationError("bundle.bad-format", "the line is not an index and a canonical leaf", where) from None
    return index, text.encode(), value


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError:
        raise VerificationError("bundle.missing-file", "the exported ledger lacks this file", name) from None
