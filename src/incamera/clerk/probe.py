"""What a worker measured beside a conversation, and may say without text: counts only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One secret of a canary: its type, language and context, and whether it was missed."""

    type: str
    language: str
    context: str
    missed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The canary beside one conversation, by its secrets and the digest of its redacted form; spans of names that both, only
    the first and only the second of two detectors found in the conversation itself, where that was asked."""

    planted: tuple[Planted, ...] = ()
    digest: str = ""
    recaptured: tuple[int, int, int] | None = None
