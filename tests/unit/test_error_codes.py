"""Every error code has a line in `docs/errors/` and stands in a test; no code is of another form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = {"Malformed", "Refused", "Unverified", "Spent", "Unavailable", "Awaiting", "VerificationError", "Error"}
CODE = re.compile(r"[a-z]+(?:-[a-z]+)*\.[a-z0-9]+(?:-[a-z0-9]+)*")


@cache
def _raised() -> dict[str, str]:
    """Code -> file, of every literal first argument of an error of ours."""
    found: dict[str, str] = {}
    for base in (ROOT / "src", ROOT / "packages/incamera-verify/src"):
        for path in sorted(base.rglob("*.py")):
            for code in _codes(ast.parse(path.read_text("utf-8"))):
                found.setdefault(code, str(path.relative_to(ROOT)))
    return found


def _codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in FAMILIES and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            yield node.args[0].value


def test_every_code_is_of_the_stable_form() -> None:
    assert not [code for code in _raised() if not CODE.fullmatch(code)]


def test_every_code_that_is_raised_has_a_line_in_the_documentation() -> None:
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "docs/errors").glob("*.md"))
    documented = {code for code in re.findall(r"`([^`\s]+)`", text) if CODE.fullmatch(code)}
    missing = {code: where for code, where in _raised().items() if code not in documented}
    assert not missing


def test_every_code_stands_in_a_test() -> None:
    tests = "\n".join(
        path.read_text("utf-8")
        for base in (ROOT / "tests", ROOT / "packages/incamera-verify/tests")
        for path in base.rglob("*.py")
        if path.name != Path(__file__).name
    ).replace("\\.", ".")
    missing = {code: where for code, where in _raised().items() if code not in tests}
    assert not missing
