"""The files of an index: immutable checksummed segments, mapped into memory, optionally encrypted.

The room's only module that opens paths.

`docs/formats/matching-index.md` has the bytes.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import mmap
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from incamera import disk
from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused, Unavailable, Unverified
from incamera.matching.lexicon import Lexicon
from incamera.matching.plan import Plan
from incamera.matching.segment import Entry, Segment, Stream
from incamera.text import fold

FORMAT = "incamera-matching-index/2"
SEGMENT = "incamera-matching-segment/2"
_SEALED = b"incamera-matching-sealed/1\n"
_CHUNK = 1 << 20
_COLUMNS = ("block_work", "block_start", "block_size", "block_code", "work_blocks", "lexicon_blocks")


class Manifest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`index.json`: what the index promises and which segments it has."""

    format: str
    fold: str
    fold_sha256: str
    min_words: int
    k: int
    every: int
    min_chars: int
    encrypted: bool
    key_check: str
    segments: list[dict[str, Any]]
    #: [segment id, number of the work in it] of every removed work
    removed: list[list[Any]]


def new_manifest(plan: Plan, key: bytes | None) -> Manifest:
    """The manifest of an index without segments."""
    return Manifest(
        format=FORMAT,
        fold=fold.VERSION,
        fold_sha256=fold.load().digest,
        min_words=plan.threshold,
        k=plan.k,
        every=plan.every,
        min_chars=Plan.chars().threshold,
        encrypted=key is not None,
        key_check=_key_check(key),
        segments=[],
        removed=[],
    )


def read_manifest(path: Path, key: bytes | None) -> Manifest:
    """The manifest of the index at *path*, checked against this program's fold and against *key*.

    Raises:
        Malformed: `matching.not-an-index`. Refused: `matching.other-fold`, `matching.key-needed`.
        Unverified: `matching.wrong-key`. Unavailable: `matching.unreadable`.
    """
    try:
        raw = (path / "index.json").read_bytes()
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise Malformed(
            "matching.not-an-index", "no index.json here: make one with `incamera matching index`", where=str(path)
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    except msgspec.DecodeError:
        raise Malformed("matching.not-an-index", "index.json is not an index manifest", where=str(path)) from None
    if manifest.format != FORMAT:
        raise Malformed("matching.not-an-index", f"index.json is not of the format {FORMAT}", where=str(path))
    if (manifest.fold, manifest.fold_sha256) != (fold.VERSION, fold.load().digest):
        raise Refused("matching.other-fold", "the index was made under another fold: build it again", where=str(path))
    if Plan.words(manifest.min_words) != Plan(manifest.min_words, manifest.k, manifest.every):
        raise Refused("matching.other-fold", "the index was sampled by another plan: build it again", where=str(path))
    if manifest.encrypted and key is None:
        raise Refused("matching.key-needed", "the index is encrypted: give its key", where=str(path))
    if manifest.encrypted and not hmac.compare_digest(manifest.key_check, _key_check(key)):
        raise Unverified("matching.wrong-key", "the key is not the one this index was made with", where=str(path))
    return manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace `index.json` in one step."""
    _write(path / "index.json", msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def write_segment(path: Path, segment: Segment, key: bytes | None) -> dict[str, Any]:
    """Put *segment* below *path*, complete or not at all; its line for the manifest."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=path))
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        files = {name: _put(scratch / name, name, data, key) for name, data in _pieces(segment)}
        facts = {
            "format": SEGMENT,
            "works": len(segment.works),
            "bytes": sum(w.size for w in segment.works),
            "words": sum(w.words for w in segment.works),
            "streams": {name: _describe(stream) for name, stream in _streams(segment)},
            "lexicons": [[len(words), words.nbytes] for words in segment.lexicons],
            "files": files,
        }
        raw = canonical(facts)
        digest = hashlib.sha256(raw).hexdigest()
        segment.id = digest[:16]
        _write(scratch / "segment.json", raw)
        target = path / segment.id
        if target.exists():
            shutil.rmtree(scratch)
        else:
            scratch.rename(target)
            disk.sync(path)
    except BaseException as error:
        shutil.rmtree(scratch, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unreadable(path, error) from None
        raise
    return {"id": segment.id, "sha256": digest, "works": facts["works"], "bytes": facts["bytes"], "words": facts["words"]}


def read_segment(path: Path, line: dict[str, Any], key: bytes | None) -> Segment:
    """Map the segment of a manifest's line, every file checked before use.

    Raises:
        Unverified: `matching.damaged`, a file is missing, truncated, or not what the manifest says; it names the file.
    """
    folder = path / str(line["id"])
    raw = _check(folder / "segment.json", line["sha256"], None)
    facts = json.loads(bytes(raw))
    views: dict[str, Any] = {}
    for name, file in facts["files"].items():
        view = _check(folder / name, file["sha256"], file["size"])
        views[name] = memoryview(_unseal(bytes(view), key, name, folder)) if key is not None else view
    columns = np.frombuffer(views["blocks"], dtype=np.int64)
    cut = np.cumsum([0, *facts["files"]["blocks"]["lengths"]])
    named = {c: columns[cut[i] : cut[i + 1]] for i, c in enumerate(_COLUMNS)}
    works = json.loads(zstandard.ZstdDecompressor().decompress(bytes(views["works"]), max_output_size=1 << 32))
    streams = {name: _stream(views, name, described) for name, described in facts["streams"].items()}
    return Segment(
        works=[Entry(**w) for w in works],
        words=streams["words"],
        chars=streams.get("chars"),
        coded=np.frombuffer(views["text"], dtype=np.uint8),
        lexicons=_lexicons(np.frombuffer(views["lexicons"], dtype=np.uint8), facts["lexicons"]),
        id=str(line["id"]),
        **named,  # type: ignore[arg-type]
    )


def _streams(segment: Segment) -> list[tuple[str, Stream]]:
    return [("words", segment.words), *([("chars", segment.chars)] if segment.chars else [])]


def _describe(stream: Stream) -> dict[str, int]:
    return {"threshold": stream.plan.threshold, "k": stream.plan.k, "every": stream.plan.every}


def _stream(views: dict[str, Any], name: str, described: dict[str, int]) -> Stream:
    return Stream(
        plan=Plan(described["threshold"], described["k"], described["every"]),
        filter=np.frombuffer(views[f"{name}.filter"], dtype="<u8"),
        buckets=np.frombuffer(views[f"{name}.buckets"], dtype="<u4"),
        entries=np.frombuffer(views[f"{name}.entries"], dtype="<u8"),
        block_base=np.frombuffer(views[f"{name}.bases"], dtype="<i8"),
    )


def _lexicons(stored: npt.NDArray[np.uint8], counts: list[list[int]]) -> list[Lexicon]:
    out, at = [], 0
    for items, size in counts:
        out.append(Lexicon.of(stored[at : at + items], stored[at + items : at + size]))
        at += size
    return out


def _pieces(segment: Segment) -> Iterator[tuple[str, Any]]:
    for name, stream in _streams(segment):
        yield f"{name}.filter", stream.filter
        yield f"{name}.buckets", stream.buckets
        yield f"{name}.entries", stream.entries
        yield f"{name}.bases", stream.block_base
    yield "blocks", [getattr(segment, c) for c in _COLUMNS]
    yield "text", segment.coded
    yield "lexicons", np.concatenate([np.empty(0, np.uint8), *(words.stored() for words in segment.lexicons)])
    entries = [{name: getattr(w, name) for name in Entry.__slots__} for w in segment.works]
    text = json.dumps(entries, ensure_ascii=True, separators=(",", ":")).encode()
    yield "works", zstandard.ZstdCompressor(level=9, write_content_size=True).compress(text)


def _put(path: Path, name: str, data: Any, key: bytes | None) -> dict[str, Any]:
    file: dict[str, Any] = {}
    if isinstance(data, list):
        file["lengths"] = [len(a) for a in data]
        data = np.concatenate(data)
    view = memoryview(data).cast("B") if len(data) else memoryview(b"")
    if key is not None:
        view = memoryview(_seal(view, key, name))
    _write(path, view)
    return {**file, "size": len(view), "sha256": hashlib.sha256(view).hexdigest()}


def _check(path: Path, digest: str, size: int | None) -> Any:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                view: Any = b""
            else:
                view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise Unverified("matching.damaged", "a file of the index is missing: build it again", where=str(path)) from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if (size is not None and len(view) != size) or hashlib.sha256(view).hexdigest() != digest:
        raise Unverified("matching.damaged", "the file is not what the manifest says: build the index again", where=str(path))
    return view


# --- sealing ------------------------------------------------------------------------------------------------------


def _file_key(key: bytes, salt: bytes, name: str) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"incamera-matching/1 " + name.encode()).derive(key))


def _key_check(key: bytes | None) -> str:
    if key is None:
        return ""
    if len(key) != 32:
        raise Malformed("matching.bad-key", "the key of an index is 32 bytes")
    return hmac.new(key, b"incamera-matching-key-check/1", hashlib.sha256).hexdigest()


def _seal(data: Any, key: bytes, name: str) -> bytes:
    """Chunks of 1 MB under a key of their own file; the nonce counts chunks and marks the last, so none can be cut or moved."""
    salt = secrets.token_bytes(32)
    box = _file_key(key, salt, name)
    out = [_SEALED, salt]
    count = max(1, -(-len(data) // _CHUNK))
    for i in range(count):
        nonce = i.to_bytes(11, "big") + bytes([i == count - 1])
        out.append(box.encrypt(nonce, bytes(data[i * _CHUNK : (i + 1) * _CHUNK]), None))
    return b"".join(out)


def _unseal(data: bytes, key: bytes, name: str, folder: Path) -> bytes:
    head = len(_SEALED)
    box = _file_key(key, data[head : head + 32], name)
    body = memoryview(data)[head + 32 :]
    step = _CHUNK + 16
    count = max(1, -(-len(body) // step))
    try:
        if data[:head] != _SEALED:
            raise InvalidTag
        return b"".join(
            box.decrypt(i.to_bytes(11, "big") + bytes([i == count - 1]), bytes(body[i * step : (i + 1) * step]), None)
            for i in range(count)
        )
    except InvalidTag:
        raise Unverified("matching.damaged", "the sealed file does not open under this key", where=str(folder / name)) from None


# --- files --------------------------------------------------------------------------------------------------------


def _write(path: Path, data: Any) -> None:
    try:
        disk.replace(path, data, mode=0o666)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> Unavailable:
    reason = {errno.ENOSPC: "the disk is full", errno.EACCES: "permission denied", errno.EISDIR: "it is a directory"}
    hint = reason.get(error.errno or 0, os.strerror(error.errno) if error.errno else "it cannot be read or written")
    return Unavailable("matching.unreadable", hint, where=str(path))


def remove_segment(path: Path, segment_id: str) -> None:
    """Delete a segment's files, once no manifest names it."""
    shutil.rmtree(path / segment_id, ignore_errors=True)


def write_report(path: Path, report: dict[str, bytes]) -> None:
    """Put the files of `report.files` into the directory *path*, each complete or not at all.

    Raises:
        Unavailable: `matching.unreadable`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unreadable(path, error) from None
    for name, data in report.items():
        _write(path / name, data)
