"""The acts of a matter, held to their order: nothing may have happened before what had to come first.

A frame fixed after a seed was known could have been chosen to fit it; a key released before a grant was nobody's to release;
a row decided after the seal was not decided when it left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incamera_verify.errors import VerificationError
from incamera_verify.tiles import Leaf, tile_path, tiles_of


@dataclass(frozen=True, slots=True)
class Acts:
    """What the ledger says that later steps compare with files.

    `decisions` maps the ledger index of each decision to produce, recorded before the seal and not reversed, to its fields;
    `reveals` holds the acts of the parties whose seeds were revealed before the draw, `silent` the parties a fallback stands for.
    """

    frame: Mapping[str, Any]
    draw: Mapping[str, Any]
    reveals: Mapping[str, Mapping[str, Any]]
    silent: frozenset[str]
    decisions: Mapping[int, Mapping[str, Any]]
    seal: Mapping[str, Any]


def bundle_files(size: int) -> Iterator[str]:
    """Names in an exported ledger of *size* leaves, relative to its directory."""
    yield from ("format", "checkpoint", "checkpoints", "entries.jsonl")
    for index, width in tiles_of(size):
        yield tile_path(0, index, width)


def check(entries: Sequence[Leaf], *, matter: str, order: str, volume: str, manifest_root: str) -> Acts:
    """Accept only a history in which every act of the walk stands, in its order.

    Raises:
        VerificationError: `acts.missing`, `acts.out-of-order`, `acts.other-matter`, `acts.other-order`, `acts.other-manifest`.
    """
    if any(entry.value.get("matter") != matter for entry in entries):
        raise VerificationError("acts.other-matter", "the ledger's acts are of another matter than the volume")
    opened = _first(entries, "matter.opened")
    if opened.value["fields"].get("order") != order:
        raise VerificationError("acts.other-order", "the matter was opened on another order than the volume names", _at(opened))
    seal = _seal(entries, volume, manifest_root)
    before = [entry for entry in entries if entry.index < seal.index]
    draw = _last(before, "draw.made")
    frame = _frame(before, draw)
    reveals = _reveals(before, frame, draw)
    silent = frozenset(_fields(entry)["party"] for entry in _named(before, "seed.fallback") if entry.index < draw.index)
    granted = _first(before, "access.granted")
    _ascending(opened, frame)
    _ascending(_first(before, "draw.made"), granted)
    for entry in _named(before, "key.released"):
        _ascending(granted, entry)
    decisions = _decisions(before, granted)
    # No decision to produce is an answer too: then the volume has no row, or the step on rows refuses it.
    return Acts(frame=_fields(frame), draw=_fields(draw), reveals=reveals, silent=silent, decisions=decisions, seal=_fields(seal))


def check_overlay(entries: Sequence[Leaf], *, volume: str, replaces: str, manifest_root: str) -> None:
    """Accept only if the overlay was sealed under this root, as a correction of a volume sealed before it.

    Raises:
        VerificationError: `acts.missing`, `acts.other-manifest`, `acts.out-of-order`.
    """
    seal = _seal(entries, volume, manifest_root)
    if _fields(seal).get("replaces") != replaces:
        raise VerificationError("acts.other-manifest", "the ledger recorded the overlay for another volume", _at(seal))
    before = [entry for entry in _named(entries, "production.sealed") if _fields(entry).get("volume") == replaces]
    if not before:
        raise VerificationError("acts.missing", "the ledger does not know the volume that is corrected", "production.sealed")
    _ascending(before[-1], seal)


def _seal(entries: Sequence[Leaf], volume: str, manifest_root: str) -> Leaf:
    seals = [entry for entry in _named(entries, "production.sealed") if _fields(entry).get("volume") == volume]
    if not seals:
        raise VerificationError("acts.missing", "the ledger does not know that this volume was sealed", "production.sealed")
    if _fields(seals[-1]).get("manifest") != manifest_root:
        raise VerificationError(
            "acts.other-manifest", "the ledger recorded the seal of a volume with another manifest", _at(seals[-1])
        )
    return seals[-1]


def _frame(entries: Sequence[Leaf], draw: Leaf) -> Leaf:
    root = _fields(draw).get("frame")
    frames = [entry for entry in _named(entries, "frame.committed") if _fields(entry).get("root") == root]
    if not frames:
        raise VerificationError("acts.missing", "the frame that was drawn from was never committed to", "frame.committed")
    _ascending(frames[0], draw)
    return frames[0]


def _reveals(entries: Sequence[Leaf], frame: Leaf, draw: Leaf) -> dict[str, Mapping[str, Any]]:
    revealed = list(_named(entries, "seed.revealed"))
    for entry in revealed:
        _ascending(frame, entry)
    reveals = {_fields(entry)["party"]: _fields(entry) for entry in revealed if entry.index < draw.index}
    if not reveals and _fields(draw).get("size") != _fields(frame).get("size"):  # a whole frame needs no seed
        raise VerificationError("acts.missing", "no seed was revealed before the draw", "seed.revealed")
    return reveals


def _decisions(entries: Sequence[Leaf], granted: Leaf) -> dict[int, Mapping[str, Any]]:
    latest: dict[str, Leaf] = {}
    for entry in _named(entries, "decision.recorded"):
        _ascending(granted, entry)
        latest[_fields(entry)["target"]] = entry
    calls = {target: _fields(entry)["call"] for target, entry in latest.items()}
    return {
        entry.index: _fields(entry)
        for entry in _named(entries, "decision.recorded")
        if _fields(entry)["call"] == "produce" and calls[_fields(entry)["target"]] == "produce"
    }


def _named(entries: Sequence[Leaf], act: str) -> Iterator[Leaf]:
    return (entry for entry in entries if entry.value.get("act") == act)


def _first(entries: Sequence[Leaf], act: str) -> Leaf:
    for entry in _named(entries, act):
        return entry
    raise VerificationError("acts.missing", "the ledger lacks an act that the walk needs", act)


def _last(entries: Sequence[Leaf], act: str) -> Leaf:
    return _first(entries[::-1], act)


def _fields(entry: Leaf) -> Mapping[str, Any]:
    fields = entry.value["fields"]
    assert isinstance(fields, dict)
    return fields


def _ascending(earlier: Leaf, later: Leaf) -> None:
    if earlier.index >= later.index:
        hint = f"{later.value['act']} stands before {earlier.value['act']}"
        raise VerificationError("acts.out-of-order", hint, f"ledger entries {later.index} and {earlier.index}")


def _at(entry: Leaf) -> str:
    return f"ledger entry {entry.index}"
