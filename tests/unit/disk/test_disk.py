"""Durable files: what stands under a name after a refusal, a full disk and a kill."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from incamera import disk

Writer = Callable[..., AbstractContextManager[BinaryIO]]
both = pytest.mark.parametrize("writer", [disk.replacing, disk.creating])


@both
def test_a_file_is_whole_and_its_owners_and_nothing_stands_beside_it(tmp_path: Path, writer: Writer) -> None:
    path = tmp_path / "it"
    with writer(path) as stream:
        stream.write(b"one")
        assert not path.exists(), "it has no name yet"
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_nlink == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_mode_is_narrowed_by_the_umask_and_by_nothing_else(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        disk.replace(tmp_path / "it", b"", mode=0o666)
    finally:
        os.umask(before)
    assert (tmp_path / "it").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("share", "bits", "mode"), [(True, 0o2750, 0o640), (True, 0o750, 0o600), (False, 0o2770, 0o600)])
def test_a_group_gets_what_its_directory_grants_and_the_writer_allows(tmp_path: Path, share: bool, bits: int, mode: int) -> None:
    tmp_path.chmod(bits)
    disk.replace(tmp_path / "it", b"", share=share)
    assert (tmp_path / "it").stat().st_mode & 0o777 == mode


def test_a_replacement_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "it"
    disk.replace(path, b"old", mode=0o644)
    disk.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600, "the new file's mode, not the old one's"


def test_a_creation_never_overwrites_even_what_appeared_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "it"
    with pytest.raises(FileExistsError), disk.creating(path) as stream:
        path.write_bytes(b"theirs")
        stream.write(b"ours")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


@both
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, writer: Writer) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), writer(path) as stream:
        stream.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@both
def test_the_order_of_flushes(tmp_path: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes before the name, the name before it is reported."""
    path = tmp_path / "it"
    seen: list[tuple[str, bool]] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        seen.append((Path(f"/proc/self/fd/{handle}").readlink().name, path.exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    with writer(path) as stream:
        stream.write(b"one")
    (file, before), (directory, after) = seen
    assert file.endswith(disk.PARTIAL) and not before
    assert directory == tmp_path.name and after


@both
def test_a_disk_that_is_full_is_an_error_and_changes_nothing(tmp_path: Path, writer: Writer) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(OSError, match="File too large"), writer(path) as stream:
            stream.write(bytes(1 << 17))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_what_was_there_and_a_name_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_bytes(b"old")
    script = (
        "import os, pathlib, signal, sys; from incamera import disk\n"
        "with disk.replacing(pathlib.Path(sys.argv[1])) as stream:\n"
        "    stream.write(bytes(1 << 20)); stream.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    (left,) = set(tmp_path.iterdir()) - {path}
    assert left.name.startswith(".it.") and left.name.endswith(disk.PARTIAL)
    assert left.stat().st_mode & 0o777 == 0o600, "what was half written is nobody else's to read"
    disk.replace(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_place_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        disk.replace(tmp_path / "none" / "it", b"")
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError):
        disk.replace(tmp_path / "directory", b"")
    assert [entry.name for entry in tmp_path.iterdir()] == ["directory"]
