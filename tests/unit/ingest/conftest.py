"""Ways to write an input and read it back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incamera.core.records import Conversation
from incamera.ingest import files
from incamera.ingest.report import Report

Read = Callable[..., tuple[list[Conversation], Report]]


@pytest.fixture
def read() -> Read:
    """Read paths to the end; give the conversations and the report."""

    def run(*paths: Path, **options: Any) -> tuple[list[Conversation], Report]:
        report = Report()
        return list(files.read(paths, report=report, **options)), report

    return run


@pytest.fixture
def load(tmp_path: Path, read: Read) -> Callable[..., tuple[list[Conversation], Report]]:
    """Read records that are written as JSON Lines into a file of an unhelpful name."""

    def run(*records: Any, **options: Any) -> tuple[list[Conversation], Report]:
        path = tmp_path / "unnamed.bin"
        path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
        return read(path, **options)

    return run


@pytest.fixture
def shared() -> Path:
    """The development data beside the repository."""
    root = os.environ.get("INCAMERA_SHARED")
    path = Path(root) if root else Path(__file__).resolve().parents[4] / "shared"
    if not (path / "data" / "chats").is_dir():
        pytest.skip("the development data beside the repository is missing")
    return path
