"""What the generator planted, row by row, and how to count what a de-identification left standing.

Three kinds that are never mixed: canaries (a blind measure of the detector), identities of account holders and of the people
they write about, and reproductions of works.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Canary:
    """A planted value. `context` is prose, code, table or translation; `turn` is the first turn that holds it."""

    conversation: str
    turn: int
    type: str
    language: str
    context: str
    value: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A value that identifies the subject or someone the subject writes about. `turn` -1 is the header."""

    conversation: str
    turn: int
    label: str
    language: str
    value: str


@dataclass(frozen=True, slots=True)
class Plant:
    """A stretch of a work inside a turn: code points of the turn's first part and of the work's text, half-open.

    `kind` says how it came there; `expected` is the elicitation label that a run of 8 words or more should get.
    """

    conversation: str
    turn: int
    role: str
    work_id: str
    start: int
    end: int
    work_start: int
    work_end: int
    words: int
    disguise: str
    kind: str
    expected: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Canaries of one type, language and context: how many were planted, and how many were still readable."""

    type: str
    language: str
    context: str
    planted: int
    missed: int


def survives(value: str, text: str) -> bool:
    """Whether *value* can still be read in *text* as a whole: case, spacing and separators inside it do not matter."""
    pieces = _pieces(value)
    if not pieces:
        return False
    gap = r"[\s\W_]{0,4}"
    pattern = r"(?<![^\W_])" + gap.join(re.escape(piece) for piece in pieces) + r"(?![^\W_])"
    return re.search(pattern, _folded(text)) is not None


def tally(canaries: Iterable[Canary], produced: Callable[[str], str | None]) -> list[Tally]:
    """Count canaries planted and missed, by type, language and context.

    Args:
        produced: The produced text of a conversation, or None where it was not produced (its canaries do not count).
    """
    counts: dict[tuple[str, str, str], list[int]] = {}
    texts: dict[str, str | None] = {}
    for canary in canaries:
        if canary.conversation not in texts:
            text = produced(canary.conversation)
            texts[canary.conversation] = text
        text = texts[canary.conversation]
        if text is None:
            continue
        count = counts.setdefault((canary.type, canary.language, canary.context), [0, 0])
        count[0] += 1
        count[1] += any(survives(unit, text) for unit in units(canary))
    return [Tally(*key, *count) for key, count in sorted(counts.items())]


def units(canary: Canary) -> Sequence[str]:
    """The stretches of a canary that give it away: the whole; a family name that is no ordinary word; a street or a place of an
    address; the name in a mail address; any piece of 5 or more letters and digits that holds a digit."""
    value = canary.value
    found = [value, *(piece for piece in _pieces(value) if len(piece) >= 5 and any(c.isdigit() for c in piece))]
    if canary.type == "PERSON":
        family = value.split(" ", 1)[1]
        found += [] if family.lower() in _ORDINARY else [family]
    elif canary.type == "ADDRESS":
        found += [piece for piece in value.split(", ") if len(piece) >= 6]
    elif canary.type == "EMAIL":
        found.append(value.split("@")[0])
    return tuple(dict.fromkeys(found))


#: Family names among the canaries that are ordinary words of their language: alone they give nobody away.
_ORDINARY = frozenset(
    {
        *("field", "pond", "sharp", "winter", "bishop", "strand", "calle", "montes", "bravo", "cordero", "rubio", "petit"),
        *("printemps", "courtois", "marchand", "boulanger", "klein", "sommer", "grau", "conte", "fontana", "monti", "leone"),
        *("carvalho", "pinto", "falcão", "prazeres", "leitão"),
    }
)


def rows(items: Iterable[Canary | Identity | Plant]) -> Iterable[dict[str, Any]]:
    """Plain objects for JSON Lines."""
    return (asdict(item) for item in items)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _pieces(value: str) -> list[str]:
    return re.findall(r"[^\W_]+", _folded(value))
