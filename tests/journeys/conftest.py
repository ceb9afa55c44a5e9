"""Journeys: one kind of person each, over the real clerk, vault, ledger and verifier."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import PASSPHRASE, Terminal
from parties import Matter, article_works, log, small_log


@pytest.fixture
def matter(tmp_path: Path) -> Matter:
    """A small matter: twelve conversations, two works, a census of the frame."""
    path = tmp_path / "matter"
    path.mkdir()
    return Matter(
        path=path,
        conversations=log(path / "log.jsonl", small_log()),
        works=log(path / "works.jsonl", article_works()),
    )


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cheap_kms: None) -> Terminal:
    """A terminal at a place where no home stands yet."""
    monkeypatch.setenv("INCAMERA_PASSPHRASE", PASSPHRASE)
    return Terminal(tmp_path / "home", capsys, monkeypatch)


@pytest.fixture
def desk(terminal: Terminal) -> Terminal:
    """A terminal at a home."""
    terminal.run("init", "holder.example/ledger", "--kms", "local").json
    return terminal
