"""What an order says about one volume: its name, its numbers, its stamp, its scope, and who may read the bulk lane."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Digest

_VOLUME = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,31}")
_PREFIX = re.compile(r"[A-Z][A-Z0-9-]{0,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The production's facts, from the order and the matter.

    `bulk_recipients` are age recipients to whom the bulk lane is sealed; empty leaves it open to whoever gets the volume.
    A whole sample is open only where a paragraph of the order says so (`bulk_export_paragraph`).
    `first_number` continues the numbering of an earlier volume: a Bates number is never used twice.

    Raises:
        Malformed: `production.bad-terms`.
        Refused: `production.bulk-not-allowed`.
    """

    matter: str
    order: Digest
    caption: str
    number: str
    court: str
    volume: str
    prefix: str
    designation: str
    scope: Literal["responsive", "sample"]
    first_number: int = 1
    width: int = 9
    bulk_recipients: tuple[str, ...] = ()
    bulk_export_paragraph: str | None = None

    def __post_init__(self) -> None:
        for name, pattern in (("volume", _VOLUME), ("prefix", _PREFIX)):
            if not pattern.fullmatch(getattr(self, name)):
                raise Malformed(
                    "production.bad-terms", "upper-case letters, digits, dash; it becomes a file name", where=f"production.{name}"
                )
        if self.scope not in ("responsive", "sample"):
            raise Malformed("production.bad-terms", "the scope is responsive or sample", where="production.scope")
        if not self.designation.strip() or any(c < " " for c in self.designation):
            raise Malformed("production.bad-terms", "the designation is one line of text", where="production.designation")
        if not 4 <= self.width <= 18 or not 1 <= self.first_number < 10**self.width:
            raise Malformed("production.bad-terms", "the first Bates number does not fit its width", where="production.prefix")
        if self.scope == "sample" and not self.bulk_recipients and not self.bulk_export_paragraph:
            raise Refused(
                "production.bulk-not-allowed",
                "a whole sample leaves sealed to the room or the neutral, unless a paragraph of the order allows bulk export",
                where="production.scope",
            )
