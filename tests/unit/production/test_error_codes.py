"""Every code this room and the volume verifier can raise is explained, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
VERIFY = ROOT / "packages/incamera-verify/src/incamera_verify"
#: The verifier's modules that check volumes; arithmetic, notes, bundles and draws have pages of their own.
OURS = (
    "acts certificate cli documents evidence loadfile logs manifest numbers overlay reading render report risk rows rsmf sample "
    "trust volume"
)
_RAISED = re.compile(
    r'(?:VerificationError|Malformed|Refused|Unavailable|Unverified|load_json|_container_flaw)\([^()]*?"([a-z]+\.[a-z0-9-]+)"',
    re.DOTALL,
)


def _codes(files: list[Path]) -> set[str]:
    return {code for file in files for code in _RAISED.findall(file.read_text())}


def _documented(name: str) -> set[str]:
    return set(re.findall(r"^- `([a-z0-9.-]+)` - ", (ROOT / "docs/errors" / f"{name}.md").read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("page", "files"),
    [
        ("production", sorted((ROOT / "src/incamera/production").glob("*.py"))),
        ("verify", [VERIFY / f"{name}.py" for name in OURS.split()]),
    ],
)
def test_codes_and_pages_agree(page: str, files: list[Path]) -> None:
    raised, documented = _codes(files), _documented(page)
    assert len(raised) > 20
    assert raised - documented == set()
    assert documented - raised <= {"rsmf.bad-container", "rsmf.bad-archive", "volume.malformed"}, documented - raised
