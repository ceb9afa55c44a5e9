"""Writes RSMF 2.0.0 natives: one conversation, one message, one attachment, and the same bytes every time.

What a native says is decided by `incamera_verify.render`; this is its container: an RFC 5322 message with CRLF line ends,
the extracted text, and a ZIP whose one entry is stored, undated and without a comment.
"""

from __future__ import annotations

import base64
import io
import zipfile

from incamera_verify.render import BOUNDARY, Document
from incamera_verify.rsmf import ARCHIVE_NAME, MANIFEST_NAME, ZIP_DATE

#: How the header names are spelled; their values come from `Document.headers`.
_SPELLING = (
    "From", "To", "Subject", "Message-ID", "X-RSMF-Version", "X-RSMF-Generator", "X-RSMF-BeginDate", "X-RSMF-EndDate",
    "X-RSMF-EventCount", "X-RSMF-Application", "X-RSMF-Custodian", "X-RSMF-Participants", "X-RSMF-AttachmentCount",
    "X-RSMF-EventCollectionID", "MIME-Version", "Content-Type",
)  # fmt: skip
_BASE64_LINE = 76


def native(document: Document) -> bytes:
    """The `.rsmf` file of a numbered row.

    Meaning: `docs/formats/rsmf.md` has the mapping; the same row gives the same bytes.
    Privacy: holds nothing but what stands in the row.
    """
    headers = document.headers
    lines = [f"{name}: {headers[name.lower()]}" for name in _SPELLING if name.lower() in headers]
    text = document.text.encode()
    archive = _archive(document.manifest_bytes)
    lines += ["", f"--{BOUNDARY}", 'Content-Type: text/plain; charset="utf-8"', "Content-Transfer-Encoding: base64", ""]
    lines += _wrapped(text)
    lines += [f"--{BOUNDARY}", f'Content-Type: application/zip; name="{ARCHIVE_NAME}"', "Content-Transfer-Encoding: base64"]
    lines += [f'Content-Disposition: attachment; filename="{ARCHIVE_NAME}"', "", *_wrapped(archive), f"--{BOUNDARY}--", ""]
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
