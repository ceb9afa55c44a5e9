"""Bates numbers: a prefix and a fixed number of digits, contiguous, never used twice."""

from __future__ import annotations

from dataclasses import dataclass

from incamera.core.errors import Refused


@dataclass(slots=True)
class Numbering:
    """Hands out the numbers of one volume, in order."""

    prefix: str
    width: int
    first: int
    used: int = 0

    def next(self) -> str:
        """The next number. Raises `Refused` (`production.bates-exhausted`) where the width is used up."""
        number = self.first + self.used
        if number >= 10**self.width:
            raise Refused("production.bates-exhausted", "the prefix has no number left; choose another", where=self.prefix)
        self.used += 1
        return self.format(number)

    def format(self, number: int) -> str:
        """`INC000000001`."""
        return f"{self.prefix}{number:0{self.width}d}"

    @property
    def range(self) -> tuple[str, str]:
        """First and last number used; empty strings where none was."""
        return (self.format(self.first), self.format(self.first + self.used - 1)) if self.used else ("", "")
