"""Threat `traversal-volume`: a hostile archive or volume wants to write, read or grow outside of its place.

Three doors take in what others send: the receiver's unsealing, the verifier's manifest, the holder's import of exports.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pyrage
import pytest

from incamera.clerk.jsonl import read as read_lines
from incamera.core.errors import Error, Malformed
from incamera.ingest import files
from incamera.ingest.members import Limits
from incamera.ingest.report import Report
from incamera.production import unseal_directory
from incamera_verify import manifest
from incamera_verify.errors import VerificationError

OUTSIDE = ["../outside", "/outside", "VOL001/../../outside", "VOL001/./x", "VOL001//x", "VOL001\\..\\x", "C:\\x", "VOL001/a\nb"]


def _everything(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*")}


def _archive(name: str, kind: bytes, link: str) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size = kind, link, 5 if kind == tarfile.REGTYPE else 0
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(b"stray"))
    return plain.getvalue()


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [(name, tarfile.REGTYPE, "") for name in OUTSIDE[:3]]
    + [
        ("VOL001/link", tarfile.SYMTYPE, "../../secret"),
        ("VOL001/hard", tarfile.LNKTYPE, "../secret"),
        ("VOL001/device", tarfile.CHRTYPE, ""),
        ("VOL001/pipe", tarfile.FIFOTYPE, ""),
    ],
)
def test_unsealing_writes_nothing_outside(tmp_path: Path, name: str, kind: bytes, link: str) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "secret").write_bytes(b"what the receiver keeps beside")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.age").write_bytes(pyrage.encrypt(_archive(name, kind, link), [identity.to_public()]))
    with pytest.raises(Malformed) as flaw:
        unseal_directory(tmp_path / "in/a.age", tmp_path / "in/out", str(identity))
    assert flaw.value.code == "production.bad-archive"
    assert not any(path.is_symlink() or path.read_bytes() == b"stray" for path in tmp_path.rglob("*") if not path.is_dir())
    assert _everything(tmp_path) - {"in/out"} == {"secret", "in", "in/a.age"}


@pytest.mark.parametrize("path", [*OUTSIDE, "", ".", "..", "a/", "-rf", "a\0b", "\u202egnp.exe", "~/x", "CON\u00b9"])
def test_a_manifest_names_nothing_outside(path: str) -> None:
    with pytest.raises(VerificationError) as flaw:
        manifest.check_path(path)
    assert flaw.value.code == "manifest.bad-path"


def test_a_link_in_a_volume_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    volume = tmp_path / "VOL001"
    volume.mkdir()
    (volume / "README.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(VerificationError) as flaw:
        list(manifest.walk(volume))
    assert flaw.value.code == "volume.not-a-file"


@pytest.mark.parametrize("name", ["../../outside.json", "/outside.json", "..\\outside.json"])
def test_an_export_with_paths_that_climb_is_read_and_writes_nothing(tmp_path: Path, name: str) -> None:
    place = tmp_path / "deep" / "export.zip"
    place.parent.mkdir()
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr(name, '[{"id": "c1", "turns": [{"role": "user", "text": "The tide is late."}]}]')
    before = _everything(tmp_path)
    read = list(files.read([place], report=Report()))
    assert [conversation.id for conversation in read] == ["c1"] and _everything(tmp_path) == before


def test_an_export_that_unpacks_without_end_is_stopped(tmp_path: Path) -> None:
    place = tmp_path / "export.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b"[" + b" " * 20_000_000 + b"]")
    report = Report()
    with pytest.raises(Error) as flaw:
        list(files.read([place], report=report, limits=Limits(floor_bytes=100_000, ratio=100)))
    assert report.bytes_read < 5_000_000
    assert "ingest.archive-too-large" in {flaw.value.code, *(one.code for one in report.exceptions)}


def test_a_directory_or_device_is_no_file_of_lines(tmp_path: Path) -> None:
    for place in (tmp_path, Path("/dev/zero")):
        with pytest.raises(Malformed) as flaw:
            list(read_lines(place))
        assert flaw.value.code == "files.not-a-file"
