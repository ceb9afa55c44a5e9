"""A native is what its headers, text and manifest make, byte for byte: nothing can ride along inside its container."""

from __future__ import annotations

import pytest

from incamera.production.rsmf import native
from incamera_verify import rsmf
from incamera_verify.errors import VerificationError
from incamera_verify.native import ARCHIVE_NAME, BOUNDARY
from incamera_verify.render import Document

ROW = {
    "bates": "INC000000001", "conversation": "ab" * 16, "subject": "cd" * 16, "stratum": "all", "probability": "1/1",
    "rank": "0" * 64,
    "position": 1, "month": None, "region": None, "tier": None, "platform": "plain", "language": "en",
    "temporary": False,
    "deletion_requested": False, "party_account": False, "responsive": True, "outputs_missing": {}, "matches": [],
    "decision": 1, "row": 0, "rows": 1, "proof": [],
    "record": {
        "header": [], "recipe": "5e" * 32,
        "turns": [
            {"index": 0, "parent": None, "role": "user", "at": None, "llm": None, "tool": None, "sources": [], "active": True,
             "hidden": False, "parts": [{"kind": "text", "path": "text", "text": "hello"}]},
            {"index": 1, "parent": 0, "role": "assistant", "at": None, "llm": None, "tool": None, "sources": [], "active": True,
             "hidden": False, "parts": [{"kind": "text", "path": "text", "text": "hello to you"}]},
        ],
    },
}  # fmt: skip
GOOD = native(Document(ROW, "AEO"))


def test_what_the_product_writes_passes() -> None:
    assert "hello" in rsmf.lint(GOOD).text


@pytest.mark.parametrize(
    ("find", "put"),
    [
        (b"Content-Transfer-Encoding: base64\r\n\r\n", b"Content-Transfer-Encoding: base64\r\nX-Note: a secret\r\n\r\n"),
        (f'name="{ARCHIVE_NAME}"\r\nContent-T'.encode(), b'name="a secret"\r\nContent-T'),
        (f'boundary="{BOUNDARY}"'.encode(), f'boundary="{BOUNDARY}"; note="a secret"'.encode()),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.0 (a secret)"),
        (f"--{BOUNDARY}--\r\n".encode(), f"--{BOUNDARY}--\r\n\r\n\t \r\n".encode()),
    ],
    ids=["part-header", "attachment-name", "boundary-parameter", "version-comment", "trailing-lines"],
)
def test_nothing_rides_along(find: bytes, put: bytes) -> None:
    assert find in GOOD
    with pytest.raises(VerificationError, match=r"rsmf\.bad-container"):
        rsmf.lint(GOOD.replace(find, put, 1))
