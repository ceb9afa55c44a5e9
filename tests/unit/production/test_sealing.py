"""The sealed copy: to its recipients only, the same archive every time, and unpacked with suspicion."""

from __future__ import annotations

import errno
import io
import resource
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.production import age, seal_directory, sealing, unseal_directory
from incamera.production.sealing import _tar
from incamera.testing.volumes import World
from incamera_verify.trust import Trust
from incamera_verify.volume import verify


def _code(act: Callable[[], object], kind: type[Error]) -> str:
    with pytest.raises(kind) as flaw:
        act()
    return flaw.value.code


@pytest.fixture(scope="module")
def people() -> list[Any]:
    return [pyrage.x25519.Identity.generate() for _ in range(2)]


def test_every_recipient_opens_it_and_gets_the_volume(matter: World, tmp_path: Path, people: list[Any]) -> None:
    out = tmp_path / "out" / "VOL001"
    production = matter.seal(matter.build(out), recipients=[str(p.to_public()) for p in people])
    assert (production.items, production.first_bates, production.last_bates) == (12, "INC000000001", "INC000000004")
    assert sorted(p.name for p in out.parent.iterdir()) == ["VOL001", "VOL001.tar.age"], "beside the volume, not inside"
    for number, person in enumerate(people):
        unsealed = unseal_directory(out.with_name("VOL001.tar.age"), tmp_path / f"got{number}", str(person))
        assert verify(unsealed.volume, Trust.parse(matter.trust())).established


def test_nobody_else_does(volume: Path, tmp_path: Path, people: list[Any]) -> None:
    seal_directory(volume, tmp_path / "a.age", [str(people[0].to_public())])
    stranger = pyrage.x25519.Identity.generate()
    assert (
        _code(lambda: unseal_directory(tmp_path / "a.age", tmp_path / "x", str(stranger)), Unverified)
        == "production.not-unsealed"
    )
    whole = bytearray((tmp_path / "a.age").read_bytes())
    whole[-40] ^= 1
    (tmp_path / "b.age").write_bytes(whole)
    assert (
        _code(lambda: unseal_directory(tmp_path / "b.age", tmp_path / "y", str(people[0])), Unverified)
        == "production.not-unsealed"
    )


def test_the_archive_inside_is_always_the_same(volume: Path) -> None:
    one, other = io.BytesIO(), io.BytesIO()
    _tar(volume, "V", one)
    _tar(volume, "V", other)
    assert one.getvalue() == other.getvalue()
    with tarfile.open(fileobj=io.BytesIO(one.getvalue())) as archive:
        entries = archive.getmembers()
    assert [e.name for e in entries] == sorted(e.name for e in entries)
    assert {(e.mtime, e.uid, e.gid, e.uname, e.gname) for e in entries} == {(0, 0, 0, "", "")}


def test_a_disk_that_fills_while_sealing_leaves_neither(
    matter: World, tmp_path: Path, people: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No volume without its sealed copy, no sealed copy without its volume; and the next run gets through."""
    key = str(people[0].to_public())
    package = matter.build(tmp_path / "VOL001")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "_tar", full)
        assert _code(lambda: matter.seal(package, recipients=[key]), Unavailable) == "production.disk-full"
    assert list(tmp_path.iterdir()) == []
    matter.seal(matter.build(tmp_path / "VOL001"), recipients=[key])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["VOL001", "VOL001.tar.age"]


@pytest.mark.parametrize("key", ["age1notakey", "", "ssh-rsa nonsense", "AGE-SECRET-KEY-1"])
def test_a_key_that_is_none(volume: Path, tmp_path: Path, key: str) -> None:
    assert _code(lambda: seal_directory(volume, tmp_path / "a.age", [key]), Malformed) == "production.bad-recipient"
    assert list(tmp_path.iterdir()) == []


def test_no_recipient_is_no_seal(volume: Path, tmp_path: Path) -> None:
    assert _code(lambda: seal_directory(volume, tmp_path / "a.age", []), Malformed) == "production.bad-recipient"


def test_an_identity_that_is_none(volume: Path, tmp_path: Path, people: list[Any]) -> None:
    seal_directory(volume, tmp_path / "a.age", [str(people[0].to_public())])
    assert _code(lambda: unseal_directory(tmp_path / "a.age", tmp_path / "x", "secret"), Malformed) == "production.bad-identity"


def test_nothing_is_overwritten(volume: Path, tmp_path: Path, people: list[Any]) -> None:
    key = str(people[0].to_public())
    seal_directory(volume, tmp_path / "a.age", [key])
    assert _code(lambda: seal_directory(volume, tmp_path / "a.age", [key]), Refused) == "production.volume-exists"
    unseal_directory(tmp_path / "a.age", tmp_path / "x", str(people[0]))
    assert (
        _code(lambda: unseal_directory(tmp_path / "a.age", tmp_path / "x", str(people[0])), Refused) == "production.volume-exists"
    )


def _entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry


@pytest.mark.parametrize(
    "entries",
    [
        [_entry("../outside")],
        [_entry("/etc/x")],
        [_entry("VOL001/../../x")],
        [_entry("VOL001/link", tarfile.SYMTYPE, "/etc/passwd")],
        [_entry("VOL001/hard", tarfile.LNKTYPE, "VOL001/a")],
        [_entry("VOL001/pipe", tarfile.FIFOTYPE)],
        [_entry("VOL001/a"), _entry("VOL002/b")],
        [_entry("bare")],
        [],
    ],
)
def test_a_hostile_archive_writes_nothing_outside(tmp_path: Path, people: list[Any], entries: list[tarfile.TarInfo]) -> None:
    """The sender may be hostile too: only plain files of one volume are unpacked."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO())
    sealed = tmp_path / "a.age"
    sealed.write_bytes(pyrage.encrypt(plain.getvalue(), [people[0].to_public()]))
    out = tmp_path / "in" / "out"
    assert _code(lambda: unseal_directory(sealed, out, str(people[0])), Malformed) == "production.bad-archive"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.age", "in"]
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["out"]


def test_what_is_no_archive(tmp_path: Path, people: list[Any]) -> None:
    sealed = tmp_path / "a.age"
    sealed.write_bytes(pyrage.encrypt(b"just a letter", [people[0].to_public()]))
    assert _code(lambda: unseal_directory(sealed, tmp_path / "out", str(people[0])), Malformed) == "production.bad-archive"


def test_a_full_disk_while_sealing(volume: Path, tmp_path: Path, people: list[Any]) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, before[1]))
    try:
        code = _code(lambda: seal_directory(volume, tmp_path / "a.age", [str(people[0].to_public())]), Unavailable)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code in ("production.disk-full", "production.seal-failed")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_writer_does_not_hang(people: list[Any]) -> None:
    """The body of a sealed stream may fail: the worker ends, and the error is the caller's own."""
    target = io.BytesIO()
    with pytest.raises(Refused, match="stopped"), age.sealed(target, [str(people[0].to_public())]) as stream:
        stream.write(b"x" * 100_000)
        raise Refused("somewhere.else", "stopped")


def test_a_large_stream_passes(people: list[Any]) -> None:
    target = io.BytesIO()
    data = bytes(range(256)) * 20_000
    with age.sealed(target, [str(people[0].to_public())]) as stream:
        for at in range(0, len(data), 7001):
            stream.write(data[at : at + 7001])
    assert age.unsealed_bytes(target.getvalue(), str(people[0])) == data
