"""The one error of the verifier: raised for every way a proof can fail, in place of a boolean that could be ignored."""

from __future__ import annotations


class VerificationError(Exception):
    """Evidence does not hold.

    Args:
        code: Stable, dotted, lower case: `module.flaw`, for example `merkle.root-mismatch`.
        hint: What is wrong and what a person can do about it: one sentence, never text of a conversation.
        where: The place: a file and line, a leaf index, a key name.
    """

    def __init__(self, code: str, hint: str, where: str = "") -> None:
        super().__init__(code, hint, where)
        self.code = code
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f" at {self.where}" if self.where else ""
        return f"[{self.code}]{place}: {self.hint}"
