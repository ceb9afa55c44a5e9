"""The files of a detector: which lie where, and their digest. The one module of the adapters that opens paths."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from incamera.core.errors import Malformed


def folder(path: Path | None, *, needs: Iterable[str], detector: str) -> Path:
    """*path*, if it is a directory that holds every name of *needs*.

    Raises:
        Malformed: `deid.detector-files`.
    """
    needed = list(needs)
    if path is None or not path.is_dir():
        raise Malformed("deid.detector-files", f"name a directory that holds {', '.join(needed)}", where=f"detector {detector!r}")
    for name in needed:
        if not (path / name).exists():
            raise Malformed("deid.detector-files", f"the directory lacks {name}", where=f"detector {detector!r}")
    return path


def onnx_of(path: Path | None, *, detector: str) -> tuple[Path, Path]:
    """(directory, ONNX file): *path* is the directory, or one of several ONNX files in it or in its `onnx` folder.

    Raises:
        Malformed: `deid.detector-files`.
    """
    if path is not None and path.is_file() and path.suffix == ".onnx":
        return (path.parent.parent if path.parent.name == "onnx" else path.parent), path
    if path is not None:
        for name in ("onnx/model.onnx", "model.onnx", "onnx/model_quantized.onnx", "model_quantized.onnx"):
            if (path / name).is_file():
                return path, path / name
    hint = "name a directory with model.onnx (or onnx/model.onnx), or the .onnx file itself"
    raise Malformed("deid.detector-files", hint, where=f"detector {detector!r}")


def weights_of(onnx: Path) -> list[Path]:
    """The ONNX file and what it keeps beside itself (`model.onnx_data`, `model.onnx.data`, numbered parts)."""
    return sorted(p for p in onnx.parent.iterdir() if p.is_file() and p.name.startswith(onnx.name))


def read_json(path: Path, *, detector: str) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        Malformed: `deid.detector-files`.
    """
    try:
        body = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        body = None
    if not isinstance(body, dict):
        raise Malformed("deid.detector-files", f"{path.name} is no JSON object", where=f"detector {detector!r}")
    return body


def tree(root: Path) -> list[Path]:
    """Every file below *root*."""
    return sorted(p for p in root.rglob("*") if p.is_file())


def digest_of(root: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the relative name, the size and the bytes of each file, in the order of their names.

    Cost: reads every byte once, a block at a time.
    """
    total = sha256()
    for path in sorted(set(paths)):
        name = path.relative_to(root).as_posix().encode()
        total.update(len(name).to_bytes(4, "big") + name + path.stat().st_size.to_bytes(8, "big"))
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                total.update(block)
    return total.hexdigest()
