"""What a reading of logs found: counts, drift, gaps, and every record that could not be used.

A report never holds text of a conversation. It does hold ids and file names, so it belongs to the holder.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

#: Facts a frame rule may name; `Report.lacks` answers for each of them.
FIELDS: Final = ("subject", "started_at", "region", "tier", "temporary", "deletion_requested_at", "llm")

#: Ids that were derived from content stay out of anything that is written down: a hash of a short text can be guessed.
DERIVED: Final = "content:"

_IDENTIFIER = re.compile(r"(?!.*\d{4})[a-z$_][A-Za-z0-9_$]{0,39}")

#: How often a name must come before a summary shows it.
_OFTEN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One record, or the rest of one file, that could not be used. `where` names file, line or record, and offset."""

    code: str
    where: str
    id: str = ""
    stage: str = "ingest"

    def row(self) -> dict[str, str]:
        """The line of `exceptions.jsonl`."""
        id_ = "" if self.id.startswith(DERIVED) else _whole(self.id)
        return {"id": id_, "stage": self.stage, "code": self.code, "where": _whole(self.where)}


@dataclass(slots=True)
class Report:
    """Filled while `files.read` is consumed; complete when its iterator ends.

    `drift` counts what this version does not know, as (source, what, name): `unknown-key`, `unknown-type`, `unknown-role`,
    `unread-time`, `unread-tier`, `broken-tree`, `unmapped-column`. Names are shown only if they look like identifiers.
    `companions` counts files that belong to an export and hold no conversation (account, feedback, attachment bytes).
    `reused_ids` counts conversations whose id an earlier one with other content had; they are kept as `ID#2`, `ID#3`.
    `subjects_inferred` counts conversations whose source names no subject, by the stand-in used.
    """

    conversations: Counter[str] = field(default_factory=Counter)
    turns: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)
    reused_ids: Counter[str] = field(default_factory=Counter)
    outputs_missing: Counter[str] = field(default_factory=Counter)
    drift: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    companions: Counter[str] = field(default_factory=Counter)
    subjects_inferred: Counter[tuple[str, str]] = field(default_factory=Counter)
    attachment_bytes_left: int = 0
    bytes_read: int = 0
    exceptions: list[Flaw] = field(default_factory=list)
    _carried: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def flaw(self, code: str, *, where: str, id: str = "") -> None:
        """Record one exception."""
        self.exceptions.append(Flaw(code=code, where=where, id=id))

    def flaw_once(self, code: str, *, where: str) -> None:
        """Record one exception unless it was recorded: a file is looked at more than once."""
        if Flaw(code=code, where=where) not in self.exceptions:
            self.flaw(code, where=where)

    def drifted(self, source: str, what: str, name: object) -> None:
        """Count something unknown, by a name that cannot be a sentence."""
        shown = name if isinstance(name, str) and _IDENTIFIER.fullmatch(name) else "(not an identifier)"
        self.drift[source, what, shown] += 1

    def carries(self, source: str, fields: Iterator[str] | tuple[str, ...]) -> None:
        """Note the facts that one conversation of *source* carried, account facts included."""
        self._carried[source].update(fields)

    def lacks(self, name: str) -> tuple[str, ...]:
        """The sources of which no conversation carried fact *name*: a frame rule that names it cannot be applied to them.

        Args:
            name: One of `FIELDS`.
        """
        if name not in FIELDS:
            raise KeyError(name)
        return tuple(sorted(source for source in self.conversations if not self._carried[source][name]))

    def carried(self) -> dict[str, list[str]]:
        """Each source with the facts of `FIELDS` that its conversations carried."""
        return {source: [name for name in FIELDS if self._carried[source][name]] for source in sorted(self.conversations)}

    def _drift(self) -> list[dict[str, Any]]:
        # A key of the format comes again and again; one that comes a few times may be what a person typed.
        shown: Counter[tuple[str, str, str]] = Counter()
        for (source, what, name), count in self.drift.items():
            shown[source, what, name if count >= _OFTEN else "(rare)"] += count
        return [{"source": s, "what": w, "name": n, "count": c} for (s, w, n), c in sorted(shown.items())]

    def summary(self) -> dict[str, Any]:
        """Plain counts for `--json` and for the ledger: no ids, no file names, no text."""
        return {
            "conversations": dict(sorted(self.conversations.items())),
            "turns": dict(sorted(self.turns.items())),
            "parts": dict(sorted(self.parts.items())),
            "characters": dict(sorted(self.characters.items())),
            "duplicates": dict(sorted(self.duplicates.items())),
            "reused_ids": dict(sorted(self.reused_ids.items())),
            "outputs_missing": dict(sorted(self.outputs_missing.items())),
            "drift": self._drift(),
            "companions": dict(sorted(self.companions.items())),
            "subjects_inferred": [{"source": s, "by": b, "count": c} for (s, b), c in sorted(self.subjects_inferred.items())],
            "exceptions": dict(sorted(Counter(f.code for f in self.exceptions).items())),
            "attachment_bytes_left": self.attachment_bytes_left,
            "lacking": {name: list(self.lacks(name)) for name in FIELDS},
            "bytes_read": self.bytes_read,
        }


def _whole(text: str) -> str:
    """*text* without half characters, which ids and file names may hold and canonical JSON may not."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
