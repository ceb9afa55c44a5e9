"""Writes RSMF 2.0.0 natives. What one says is decided by `incamera_verify.render`, its bytes by `incamera_verify.native`."""

from __future__ import annotations

from incamera_verify.native import write
from incamera_verify.render import Document


def native(document: Document) -> bytes:
    """The `.rsmf` file of a numbered row.

    Meaning: `docs/formats/rsmf.md` has the mapping; the same row gives the same bytes.
    Privacy: holds nothing but what stands in the row.
    """
    return write(document.headers, document.text, document.manifest_bytes)
