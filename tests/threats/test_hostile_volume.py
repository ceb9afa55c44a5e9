"""Threat: the volume itself attacks whoever verifies it. Whatever its files hold, it is accepted or refused; nothing breaks.

Files are altered at random and the manifest is made to fit, under the true key; the seal's check is relaxed so that the later
steps, which read the files, meet them.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from incamera.testing.volumes import World, world
from incamera_verify import acts, manifest
from incamera_verify.errors import VerificationError
from incamera_verify.tiles import Leaf
from incamera_verify.volume import verify

ODD = (None, 0, -1, 10**30, "", "x" * 50, [], {}, True, [[]], {"a": None}, "\u0000", "-1", "1/0", "../../etc/passwd")
CELLS = (b"", b"-1", b"x", b"99999999999999999999", b"nan", b"1e5", b'"', b"\xff")


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = world(tmp_path_factory.mktemp("hostile"))
    made.volume(made.home / "VOL001")
    yield made
    made.ledger.close()


@pytest.fixture
def lax(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any manifest pass the comparison with the ledger's seal; every other check of the acts stays."""
    strict = acts.check

    def check(entries: Sequence[Leaf], *, manifest_root: str, **more: Any) -> acts.Acts:
        seal = next(e for e in reversed(entries) if e.value["act"] == "production.sealed")
        return strict(entries, manifest_root=seal.value["fields"]["manifest"], **more)

    monkeypatch.setattr(acts, "check", check)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _places(child, (*path, key))


def _json_line(line: bytes, chance: random.Random) -> bytes:
    value = json.loads(line)
    places = list(_places(value))
    if not places:
        return b"{}"
    *steps, last = chance.choice(places)
    target = value
    for step in steps:
        target = target[step]
    if chance.random() < 0.2:
        del target[last]
    else:
        target[last] = chance.choice(ODD)
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def _altered(name: str, data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(max(1, len(lines) - 1))
    if name.endswith((".json", ".jsonl", ".jsonl.gz")) and chance.random() < 0.8:
        whole = lines[at].startswith(b"{") and lines[at].endswith(b"}")
        lines[at] = _json_line(lines[at], chance) if whole else b"{}"
        return b"\n".join(lines)
    if name.endswith(".csv"):
        cells = lines[at].split(b",")
        cells[chance.randrange(len(cells))] = chance.choice(CELLS)
        lines[at] = b",".join(cells)
        return b"\n".join(lines)
    raw = bytearray(data)
    for _ in range(chance.randrange(1, 4)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw)


def _attack(matter: World, rounds: int, seed: int) -> int:
    volume, chance, refused = matter.home / "VOL001", random.Random(seed), 0
    names = [name for name in manifest.walk(volume) if manifest.is_inside(name)]
    for _ in range(rounds):
        name = chance.choice(names)
        whole = (volume / name).read_bytes()
        packed = name.endswith(".gz")
        data = _altered(name, gzip.decompress(whole) if packed else whole, chance)
        (volume / name).write_bytes(gzip.compress(data) if packed else data)
        _fit(volume, matter)
        try:
            verify(volume)
        except VerificationError as flaw:
            assert flaw.where.startswith("step ")
            assert "Quillon" not in str(flaw)
            assert "tide table" not in str(flaw)
            refused += 1
        (volume / name).write_bytes(whole)
    return refused


def _fit(volume: Path, matter: World) -> None:
    listed = manifest.build(volume, "VOL001")
    at = volume / manifest.DIRECTORY
    (at / manifest.JSON).write_bytes(listed.to_json())
    (at / manifest.SUMS).write_bytes(listed.sums())
    (at / manifest.NOTE).write_bytes(bytes(listed.sign(matter.production_key)))


@pytest.mark.usefixtures("lax")
def test_altered_files_are_refused_and_nothing_else_happens(matter: World) -> None:
    assert _attack(matter, 40, seed=11) >= 30


@pytest.mark.slow
@pytest.mark.usefixtures("lax")
def test_many_altered_files(matter: World) -> None:
    assert _attack(matter, 1500, seed=12) >= 1200
