"""Two ways to cheat with a finished volume, tried on a copy, so that everybody can see them refused."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from incamera_verify import manifest, volume
from incamera_verify.errors import VerificationError
from incamera_verify.note import Signer
from incamera_verify.trust import Trust

Attack = tuple[str, str]


def flipped_byte(path: Path, trust: Trust) -> Attack:
    """One bit of one extracted text is flipped."""
    with tempfile.TemporaryDirectory() as place:
        copy = _copy(path, Path(place))
        target = next(iter(sorted((copy / "TEXT").rglob("*.txt"))), copy / "README.txt")
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
        return "one flipped byte in a text", _verdict(copy, trust)


def resigned(path: Path, trust: Trust) -> Attack:
    """A text is altered, the manifest made anew, and signed with a fresh key under the holder's name."""
    with tempfile.TemporaryDirectory() as place:
        copy = _copy(path, Path(place))
        target = next(iter(sorted((copy / "TEXT").rglob("*.txt"))), copy / "README.txt")
        target.write_bytes(target.read_bytes() + b"altered\n")
        listed = manifest.build(copy, manifest.Manifest.parse((copy / "MANIFEST" / manifest.JSON).read_bytes()).volume)
        forger = Signer.generate(trust.manifest[0].name)
        directory = copy / manifest.DIRECTORY
        (directory / manifest.JSON).write_bytes(listed.to_json())
        (directory / manifest.SUMS).write_bytes(listed.sums())
        (directory / manifest.NOTE).write_bytes(bytes(listed.sign(forger)))
        return "an altered volume, signed anew with a fresh key", _verdict(copy, trust)


def _copy(path: Path, place: Path) -> Path:
    copy = place / path.name
    shutil.copytree(path, copy)
    return copy


def _verdict(copy: Path, trust: Trust) -> str:
    try:
        volume.verify(copy, trust)
    except VerificationError as flaw:
        return f"refused: {flaw}"
    return "ACCEPTED"
