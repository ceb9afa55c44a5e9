"""What a person consents to, purpose by purpose, entered at the holder's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from incamera.clerk.home import Home
from incamera.core.errors import Malformed
from incamera.governance import consent
from incamera.governance.files import digest_of


def record(home: Home, subject: str, purpose: str, *, given: bool, letter: Path | None, actor: str) -> dict[str, Any]:
    """Record that a person gave or withdrew consent; grants that live obey it from their next release of keys on.

    Args:
        letter: What the person sent: its digest stands in the ledger, the letter stays where it is.
    Raises:
        Malformed: `access.nothing-named`. Refused: `consent.not-consentable`. Unavailable: `governance.unreadable`.
    """
    ref = home.vault.subjects([subject])[subject]
    if ref is None:
        raise Malformed("access.nothing-named", "the vault has nothing of a person of this name", where="--subject")
    request = digest_of(letter) if letter else None
    receipt = consent.change(ref, purpose, given=given, actor=actor, appender=home.ledger, request=request)
    return {"reference": ref, "purpose": purpose, "state": "given" if given else "withdrawn", "entry": receipt.index}
