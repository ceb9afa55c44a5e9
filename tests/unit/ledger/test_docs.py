"""The documents name every act, field, error and file of the ledger, and every error has a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from incamera.ledger import ACTS

ROOT = Path(__file__).resolve().parents[3]
VERIFY = ROOT / "packages/incamera-verify"
FORMAT_PAGE = (ROOT / "docs/formats/ledger.md").read_text()


def codes(*sources: Path) -> set[str]:
    text = "".join(path.read_text() for path in sources)
    return set(re.findall(r'"((?:ledger|canon|merkle|note|tiles|bundle|proof)\.[a-z-]+)"', text)) - set(ACTS)


OURS = {code for code in codes(*(ROOT / "src/incamera/ledger").glob("*.py")) if code.startswith("ledger.")}
PROOFS = codes(*(VERIFY / "src/incamera_verify" / f"{name}.py" for name in ("canon", "merkle", "note", "tiles", "proof")))


@pytest.mark.parametrize("page", ["ledger", "proofs"])
def test_every_error_has_one_line_and_every_line_an_error(page: str):
    lines = (ROOT / f"docs/errors/{page}.md").read_text().splitlines()
    documented = [re.match(r"`([a-z.-]+)` - \S.* - \S", line) for line in lines]
    assert all(documented), "each line is: code, meaning, what to do"
    names = [match.group(1) for match in documented if match]
    assert sorted(names) == sorted(OURS if page == "ledger" else PROOFS)


def test_every_error_is_met_in_a_test():
    tests = "".join(path.read_text() for path in [*(ROOT / "tests").rglob("*.py"), *(VERIFY / "tests").glob("*.py")]).replace(
        "\\.", "."
    )
    assert sorted(code for code in OURS | PROOFS if code not in tests and code.partition(".")[2] not in tests) == []


@pytest.mark.parametrize("act", ACTS)
def test_every_act_and_field_is_on_the_format_page(act: str):
    (row,) = [line for line in FORMAT_PAGE.splitlines() if line.startswith(f"| `{act}` |")]
    assert re.findall(r"`([a-z_]+\??)` ", row.partition("|")[2].partition("|")[2]) == list(ACTS[act])
