"""The container of an RSMF native: one message, one attachment, and the same bytes every time.

An RFC 5322 message with CRLF line ends, the extracted text, and a ZIP whose one entry is stored, undated and without a comment.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping

#: Both parts of a native are base64, which has no dash: one boundary serves all.
BOUNDARY = "rsmf-incamera"
CONTENT_TYPE = f'multipart/mixed; boundary="{BOUNDARY}"'
MANIFEST_NAME = "rsmf_manifest.json"
ARCHIVE_NAME = "rsmf.zip"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
#: How the header names are spelled, in the order in which they stand.
_SPELLING = (
    "From", "To", "Subject", "Message-ID", "X-RSMF-Version", "X-RSMF-Generator", "X-RSMF-BeginDate", "X-RSMF-EndDate",
    "X-RSMF-EventCount", "X-RSMF-Application", "X-RSMF-Custodian", "X-RSMF-Participants", "X-RSMF-AttachmentCount",
    "X-RSMF-EventCollectionID", "MIME-Version", "Content-Type",
)  # fmt: skip
_BASE64_LINE = 76


def write(headers: Mapping[str, str], text: str, manifest: bytes) -> bytes:
    """The bytes of a native: what its headers (names in lower case), text and manifest make, and nothing besides.

    The product writes with it and the linter writes again, so that no byte of a native can come from anywhere else.
    """
    lines = [f"{name}: {headers[name.lower()]}" for name in _SPELLING if name.lower() in headers]
    lines += ["", f"--{BOUNDARY}", 'Content-Type: text/plain; charset="utf-8"', "Content-Transfer-Encoding: base64", ""]
    lines += _wrapped(text.encode())
    lines += [f"--{BOUNDARY}", f'Content-Type: application/zip; name="{ARCHIVE_NAME}"', "Content-Transfer-Encoding: base64"]
    lines += [
        f'Content-Disposition: attachment; filename="{ARCHIVE_NAME}"',
        "",
        *_wrapped(_archive(manifest)),
        f"--{BOUNDARY}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")


def _archive(manifest: bytes) -> bytes:
    entry = zipfile.ZipInfo(MANIFEST_NAME, date_time=ZIP_DATE)
    entry.compress_type = zipfile.ZIP_STORED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(entry, manifest)
    return packed.getvalue()


def _wrapped(data: bytes) -> list[str]:
    text = base64.b64encode(data).decode("ascii")
    return [text[at : at + _BASE64_LINE] for at in range(0, len(text), _BASE64_LINE)] or [""]
