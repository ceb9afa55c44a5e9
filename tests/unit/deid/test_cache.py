"""What is kept is what was made; what was touched is made again; where nothing can be kept the work goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from incamera.core.ids import digest
from incamera.deid import cache

KEY = digest(b"a key")
MADE = bytes(range(256)) * 5


class Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> bytes:
        self.calls += 1
        return MADE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INCAMERA_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_the_second_call_reads_what_the_first_made(folder: Path) -> None:
    make = Maker()
    assert cache.kept("x", KEY, make) == cache.kept("x", KEY, make) == MADE
    assert make.calls == 1
    assert [p.name for p in folder.iterdir()] == [f"x-{KEY[:32]}.bin"]


def test_another_key_is_another_table(folder: Path) -> None:
    make = Maker()
    cache.kept("x", KEY, make)
    cache.kept("x", digest(b"another"), make)
    assert make.calls == 2


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize(
    "harm",
    [
        flip,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes().replace(b"cache/1", b"cache/0", 1)),
        lambda path: path.chmod(0o666),
    ],
    ids=["a flipped bit", "cut short", "empty", "another version", "writable by all"],
)
def test_a_file_that_cannot_be_trusted_is_made_again(folder: Path, harm: Callable[[Path], None]) -> None:
    make = Maker()
    cache.kept("x", KEY, make)
    harm(next(folder.iterdir()))
    assert cache.kept("x", KEY, make) == MADE
    assert make.calls == 2
    assert cache.kept("x", KEY, make) == MADE
    assert make.calls == 2


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    make = Maker()
    cache.kept("x", KEY, make)
    path = next(folder.iterdir())
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    cache.kept("x", KEY, make)
    assert make.calls == 2


def test_without_a_directory_it_is_made_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make = Maker()
    monkeypatch.setenv("INCAMERA_CACHE", "")
    assert cache.kept("x", KEY, make) == MADE
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("INCAMERA_CACHE", str(tmp_path / "file" / "below"))
    assert cache.kept("x", KEY, make) == MADE
    assert make.calls == 2


def test_nothing_is_left_beside(folder: Path) -> None:
    cache.kept("x", KEY, Maker())
    cache.kept("x", KEY, Maker())
    assert len(list(folder.iterdir())) == 1


def test_what_nobody_made_anew_for_a_month_is_forgotten(folder: Path) -> None:
    for name, key in (("x", b"1"), ("x", b"2"), ("x-y", b"3")):
        cache.kept(name, digest(key), Maker())
    for path in folder.iterdir():
        if digest(b"2")[:32] not in path.name:
            os.utime(path, (0, 0))
    cache.kept("x", KEY, Maker())
    left = {path.name for path in folder.iterdir()}
    assert left == {f"x-{digest(b'2')[:32]}.bin", f"x-{KEY[:32]}.bin", f"x-y-{digest(b'3')[:32]}.bin"}


def test_arrays_come_back_aligned_and_read_only(folder: Path) -> None:
    arrays = [np.arange(n, dtype=kind) for n, kind in ((3, "<u2"), (0, "<i8"), (100, "<u4"))]
    back = cache.unpacked(cache.kept("arrays", KEY, lambda: cache.packed(arrays)))
    for there, here in zip(arrays, back, strict=True):
        assert there.dtype == here.dtype
        assert there.tolist() == here.tolist()
        assert here.ctypes.data % 64 == 0 or not here.size
        assert not here.flags.writeable
