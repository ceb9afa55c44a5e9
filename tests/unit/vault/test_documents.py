"""Every code of the vault and the engine has a line in its document, and every line a code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("room", ["vault", "engine"])
def test_codes_and_lines_agree(room: str) -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "src" / "incamera" / room).rglob("*.py"))
    raised = set(re.findall(rf'"({room}\.[a-z0-9-]+)"', sources))
    lines = set(re.findall(r"^- `([a-z.0-9-]+)` - .+ - .+$", (ROOT / "docs" / "errors" / f"{room}.md").read_text(), re.MULTILINE))
    assert raised == lines


@pytest.mark.parametrize("room", ["vault", "engine"])
def test_every_code_is_met_by_a_test(room: str) -> None:
    """Some of these are raised by the world only; each is named where it is provoked or translated."""
    sources = "\n".join(path.read_text() for path in (ROOT / "src" / "incamera" / room).rglob("*.py"))
    raised = set(re.findall(rf'"({room}\.[a-z0-9-]+)"', sources))
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
    tests += (ROOT / "src" / "incamera" / "testing" / "runner_suite.py").read_text()
    tests += (ROOT / "src" / "incamera" / "testing" / "kms_suite.py").read_text()
    assert sorted(code for code in raised if code not in tests) == []
