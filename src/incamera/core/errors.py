"""Errors: five families, a stable code each, an exit code per family.

A message names ids, files, lines and offsets; it never carries text of a conversation, a key or a secret.
Every code has a line in `docs/errors/README.md` and a test (`tests/unit/test_error_codes.py` holds that).
"""

from __future__ import annotations

from typing import ClassVar


class Error(Exception):
    """Base of everything incamera raises on purpose.

    Args:
        code: Stable, dotted, lower case: `room.flaw`, for example `order.unknown-key`.
        hint: What a person can do about it: one sentence, no text of any conversation.
        where: The place: a file and line, a key of the order, a record id, an offset.
    """

    family: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, hint: str, *, where: str = "") -> None:
        super().__init__(code, hint, where)
        self.code = code
        self.hint = hint
        self.where = where

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders in the engines; keyword-only arguments need this.
        return (_rebuild, (type(self), self.code, self.hint, self.where))

    def __str__(self) -> str:
        place = f" at {self.where}" if self.where else ""
        return f"[{self.code}]{place}: {self.hint}"


def _rebuild(kind: type[Error], code: str, hint: str, where: str) -> Error:
    return kind(code, hint, where=where)


class Malformed(Error):
    """Input that is not what it says it is. Nothing already stored was touched."""

    family = "malformed"
    exit_code = 3


class Refused(Error):
    """Policy said no: an order, a hold, an approval, a border between types."""

    family = "refused"
    exit_code = 4


class Unverified(Error):
    """Evidence does not hold: a proof, a signature, a digest, a commitment."""

    family = "unverified"
    exit_code = 5


class Spent(Error):
    """The privacy budget does not cover the question."""

    family = "spent"
    exit_code = 6


class Unavailable(Error):
    """The world is in the way: disk full, no KMS, a missing key file, an extra not installed."""

    family = "unavailable"
    exit_code = 7


class Awaiting(Refused):
    """Not refused, not yet allowed: an approval or a seed reveal is still to come. The run can be resumed."""

    family = "awaiting"
    exit_code = 8


#: Exit codes of every command, as documented in `docs/errors/README.md`. 9 belongs to the verifier: the package is
#: internally consistent, signer and history not established.
EXIT_CODES = {
    "ok": 0,
    "unexpected": 1,
    "usage": 2,
    **{kind.family: kind.exit_code for kind in (Malformed, Refused, Unverified, Spent, Unavailable, Awaiting)},
    "not-established": 9,
}
