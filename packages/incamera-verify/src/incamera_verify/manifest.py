"""The manifest of a volume: every file with its size and SHA-256, under one Merkle root that a holder's key signs.

`MANIFEST/` (the manifest itself) and `LEDGER/` (bound by its own proofs; it records the root, so it cannot be under it)
are outside; everything else is inside or the volume does not verify.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incamera_verify import merkle
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.note import Note, Signer, Verifier, sign_note

VERSION = "incamera/manifest/1"
DIRECTORY = "MANIFEST"
LEDGER = "LEDGER"
OUTSIDE = (DIRECTORY, LEDGER)
JSON, SUMS, NOTE = "manifest.json", "sha256sum.txt", "manifest.note"
MANIFEST_FILES = (JSON, SUMS, NOTE)
#: 20 million natives need more than one volume: a manifest of this size is read whole.
MANIFEST_BYTES_MAX = 1 << 30

_COMPONENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_VOLUME = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,31}")
_HEX = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file of the volume. `path` is relative, with forward slashes."""

    path: str
    size: int
    sha256: str

    @property
    def leaf(self) -> bytes:
        """The hash by which the file stands in the manifest's tree."""
        return merkle.leaf_hash(canonical({"path": self.path, "sha256": self.sha256, "size": self.size}))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one volume, sorted by path."""

    volume: str
    files: tuple[File, ...]

    @property
    def root(self) -> str:
        """Merkle root (RFC 6962, hex) over the files' leaves in order."""
        return root(self.files)

    def to_json(self) -> bytes:
        """`manifest.json`: canonical bytes and a line end."""
        files = [{"path": f.path, "sha256": f.sha256, "size": f.size} for f in self.files]
        return canonical({"version": VERSION, "volume": self.volume, "files": files, "root": self.root}) + b"\n"

    def sums(self) -> bytes:
        """`sha256sum.txt`, for `sha256sum -c` in the volume's directory."""
        return "".join(f"{f.sha256}  {f.path}\n" for f in self.files).encode()

    def note_text(self) -> str:
        """The lines the holder signs."""
        return f"{VERSION}\n{self.volume}\n{len(self.files)}\n{base64.b64encode(bytes.fromhex(self.root)).decode()}\n"

    def sign(self, signer: Signer) -> Note:
        """The signed note over the root."""
        return sign_note(self.note_text(), [signer])

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read `manifest.json` strictly: sorted, no path twice or outside the volume, and the root it states is its own.

        Raises:
            VerificationError: `manifest.malformed`, `manifest.bad-path`, `manifest.wrong-root`.
        """
        value = load_json(data, "manifest.malformed", JSON)
        if not isinstance(value, dict) or set(value) != {"version", "volume", "files", "root"} or value["version"] != VERSION:
            raise VerificationError("manifest.malformed", f"expected a manifest of version {VERSION}", JSON)
        if not isinstance(value["volume"], str) or not _VOLUME.fullmatch(value["volume"]) or not isinstance(value["files"], list):
            raise VerificationError("manifest.malformed", "the volume's name or the list of files is not what it should be", JSON)
        manifest = cls(value["volume"], tuple(_file(entry, n) for n, entry in enumerate(value["files"])))
        paths = [f.path for f in manifest.files]
        if paths != sorted(set(paths)) or len({p.lower() for p in paths}) != len(paths):
            raise VerificationError("manifest.malformed", "paths are not sorted, or one stands there twice", JSON)
        if manifest.root != value["root"]:
            raise VerificationError("manifest.wrong-root", "the root is not that of the listed files", JSON)
        return manifest


def root(files: Iterable[File]) -> str:
    """Merkle root over *files* in order, hex."""
    return merkle.root(f.leaf for f in files).hex()


def check_path(path: object, where: str = "") -> str:
    """*path* if it is relative, inside the volume and plain on every file system.

    Raises:
        VerificationError: `manifest.bad-path`.
    """
    if not isinstance(path, str) or len(path) > 400 or not all(_COMPONENT.fullmatch(part) for part in path.split("/")):
        raise VerificationError("manifest.bad-path", "a path must be relative, inside the volume and of plain characters", where)
    return path


def _file(entry: Any, number: int) -> File:
    where = f"{JSON} files[{number}]"
    if not isinstance(entry, dict) or set(entry) != {"path", "sha256", "size"}:
        raise VerificationError("manifest.malformed", "a file has a path, a size and a SHA-256", where)
    path = check_path(entry["path"], where)
    if path.split("/")[0] in OUTSIDE:
        raise VerificationError("manifest.bad-path", "the manifest cannot cover itself or the ledger", where)
    size, sha256 = entry["size"], entry["sha256"]
    if type(size) is not int or size < 0 or not isinstance(sha256, str) or not _HEX.fullmatch(sha256):
        raise VerificationError("manifest.malformed", "the size or SHA-256 is not one", where)
    return File(path, size, sha256)


# --- the directory --------------------------------------------------------------------------------------------------------


def walk(volume: Path) -> Iterator[str]:
    """Relative paths of all files of the volume, sorted; refuses everything that is not a plain file or directory.

    Raises:
        VerificationError: `volume.not-a-file` (a link, a device, a socket), `volume.empty-directory`, `manifest.bad-path`.
    """
    waiting = [""]
    found: list[str] = []
    while waiting:
        here = waiting.pop()
        children = sorted(os.scandir(volume / here), key=lambda entry: entry.name)
        if not children and here:
            raise VerificationError("volume.empty-directory", "a directory holds no file", here)
        for child in children:
            path = check_path(f"{here}/{child.name}" if here else child.name, f"a name in {here or 'the volume'}")
            mode = child.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                waiting.append(path)
            elif stat.S_ISREG(mode):
                found.append(path)
            else:
                raise VerificationError("volume.not-a-file", "a link or a special file has no place in a volume", path)
    yield from sorted(found)


def is_inside(path: str) -> bool:
    """Whether the manifest has to cover *path*."""
    return path.split("/", 1)[0] not in OUTSIDE


def digest_file(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file, streaming."""
    state, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            state.update(block)
            size += len(block)
    return size, state.hexdigest()


def build(volume: Path, name: str) -> Manifest:
    """The manifest of the files that lie in *volume* now."""
    paths = [path for path in walk(volume) if is_inside(path)]
    return Manifest(name, tuple(File(path, *digest_file(volume / path)) for path in paths))


def check_files(volume: Path, manifest: Manifest, present: Sequence[str]) -> None:
    """Every listed file is there, byte for byte, and no other is.

    Raises:
        VerificationError: `volume.missing-file`, `volume.added-file`, `volume.wrong-size`, `volume.wrong-digest`.
    """
    listed = {f.path for f in manifest.files}
    inside = {path for path in present if is_inside(path)}
    for path in sorted(listed - inside):
        raise VerificationError("volume.missing-file", "a file of the manifest is not in the volume", path)
    for path in sorted(inside - listed):
        raise VerificationError("volume.added-file", "a file of the volume is not in the manifest", path)
    for file in manifest.files:
        if (volume / file.path).stat().st_size != file.size:
            raise VerificationError("volume.wrong-size", "a file has another size than the manifest says", file.path)
        if digest_file(volume / file.path)[1] != file.sha256:
            raise VerificationError("volume.wrong-digest", "a file has other bytes than the manifest says", file.path)


def check_note(data: bytes, manifest: Manifest, keys: Sequence[Verifier]) -> None:
    """The note's text is this manifest's, and one of *keys* signed it.

    Raises:
        VerificationError: `manifest.wrong-note`, and those of `Note`.
    """
    note = Note.parse(data, f"{DIRECTORY}/{NOTE}")
    if note.text != manifest.note_text():
        raise VerificationError("manifest.wrong-note", "the signed note is about another manifest", f"{DIRECTORY}/{NOTE}")
    note.verify(keys, f"{DIRECTORY}/{NOTE}")


# --- strict JSON ----------------------------------------------------------------------------------------------------------


def load_json(data: bytes, code: str, where: str) -> Any:
    """JSON without duplicate keys, floats, NaN or byte order marks; raises `VerificationError` with *code*."""

    def refuse(_: str) -> Any:
        raise ValueError

    def pairs(items: list[tuple[str, Any]]) -> Mapping[str, Any]:
        if len({key for key, _ in items}) != len(items):
            raise ValueError
        return dict(items)

    try:
        return json.loads(data.decode("utf-8"), parse_float=refuse, parse_constant=refuse, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        raise VerificationError(code, "the file is not strict JSON (no duplicate keys, no floats)", where) from None
