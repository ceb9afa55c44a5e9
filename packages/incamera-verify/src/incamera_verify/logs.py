"""The logs and tables of a volume: their columns, and a strict reader.

Offsets in a log point into the produced text; the original text is in none of them.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from incamera_verify.errors import VerificationError
from incamera_verify.rows import text_at

#: The form of all of them, stated in `volume.json`: a version line inside would break every spreadsheet's import.
VERSION = "incamera/table/1"

REDACTION = (
    "bates", "conversation", "message", "part", "role", "span_start", "span_end", "length", "reason", "label", "method",
    "detector", "replacement_type", "pipeline_version", "confidence", "reviewer1", "reviewer2", "disputed",
)  # fmt: skip
WAIVER = ("bates", "conversation", "message", "part", "span_start", "span_end", "label", "detector", "work_id")
WITHHELD = ("bates", "conversation", "message", "part", "reason", "basis")
EXCEPTIONS = ("id", "stage", "code")
WEIGHTS = ("conversation", "stratum", "probability", "weight")

LOGS: Mapping[str, tuple[str, ...]] = {
    "LOGS/redaction.csv": REDACTION,
    "LOGS/withheld.csv": WITHHELD,
    "LOGS/waiver.csv": WAIVER,
    "LOGS/exceptions.csv": EXCEPTIONS,
}

#: Why something is withheld or replaced: a closed vocabulary.
REASONS = frozenset({
    "PII-NAME", "PII-CONTACT", "PII-ID", "PII-LOC", "PII-HANDLE", "CRED", "FIN", "PHI", "MINOR", "SEXUAL/VICTIM", "QUASI",
    "THIRDPARTY", "SOURCE", "PRIV-AC", "PRIV-WP", "TRADE-SECRET", "LEGAL-BAR", "CSAM-WITHHELD", "LANG-NOT-COVERED",
    "ATTACHMENT-NOT-PRODUCED", "CLIENT-ENCRYPTED", "OUTPUT-MISSING", "TOO-LARGE", "BOUND-MISSED",
})  # fmt: skip

_FIELD_CHARS_MAX = 1 << 16
_FORMULA = re.compile(r"[=+\-@\t\r]")


def cell(value: Any) -> str:
    """*value* as it stands in a table; a leading `=`, `+`, `-` or `@` gets an apostrophe, so that no spreadsheet runs it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if isinstance(value, str) and _FORMULA.match(text) else text


def read(path: Path, columns: Sequence[str] | None = None, where: str = "") -> Iterator[dict[str, str]]:
    """Lines of a log or table as mappings; every line has every column.

    Raises:
        VerificationError: `logs.malformed`.
    """
    where = where or path.name
    csv.field_size_limit(_FIELD_CHARS_MAX)
    try:
        with path.open("r", encoding="utf-8", newline="") as stream:
            lines = csv.reader(stream, strict=True)
            header = next(lines, [])
            if (columns is not None and header != list(columns)) or len(set(header)) != len(header) or not header:
                raise VerificationError("logs.malformed", "the columns are not those of this table", where)
            for line in lines:
                if len(line) != len(header):
                    raise VerificationError(
                        "logs.malformed", "a line has more or fewer values than columns", f"{where} line {lines.line_num}"
                    )
                yield dict(zip(header, line, strict=True))
    except (csv.Error, UnicodeDecodeError):
        raise VerificationError("logs.malformed", "the table is not CSV in UTF-8", where) from None


@dataclass(slots=True)
class Replaced:
    """What the redaction and withheld logs say of one conversation."""

    reasons: Counter[str] = field(default_factory=Counter)
    characters: int = 0
    withheld: set[str] = field(default_factory=set)
    whole: bool = False


class LogIndex:
    """The logs by conversation, for checking them against the rows they describe.

    `encrypted` holds the conversations that are withheld whole because their subject sealed them.
    """

    def __init__(self) -> None:
        self.encrypted: set[str] = set()
        self.by_conversation: dict[str, Replaced] = defaultdict(Replaced)
        self._waiting: dict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)

    def redactions(self, entries: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
        """Take in redaction lines, passing them on."""
        for entry in entries:
            _closed(entry["reason"], "LOGS/redaction.csv")
            replaced = self.by_conversation[entry["conversation"]]
            replaced.reasons[entry["reason"]] += 1
            replaced.characters += int(entry["length"])
            self._waiting[entry["conversation"]].append(("redaction", entry))
            yield entry

    def withheld(self, entries: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
        """Take in withheld lines, passing them on. A line without a message withholds the whole conversation."""
        for entry in entries:
            _closed(entry["reason"], "LOGS/withheld.csv")
            replaced = self.by_conversation[entry["conversation"]]
            replaced.withheld.add(entry["reason"])
            if entry["message"] == "":
                replaced.whole = True
                if entry["reason"] == "CLIENT-ENCRYPTED":
                    self.encrypted.add(entry["conversation"])
            else:
                self._waiting[entry["conversation"]].append(("withheld", entry))
            yield entry

    def waivers(self, entries: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
        """Take in waiver lines, passing them on."""
        for entry in entries:
            self._waiting[entry["conversation"]].append(("waiver", entry))
            yield entry

    def check(self, row: Mapping[str, Any], where: str) -> None:
        """Every line about the conversation fits the row: spans inside the produced text, slips where text is withheld.

        Raises:
            VerificationError: `logs.outside-text`, `logs.wrong-row`.
        """
        if row["conversation"] in self.by_conversation and self.by_conversation[row["conversation"]].whole:
            raise VerificationError("logs.wrong-row", "the conversation is logged as withheld, and produced", where)
        roles = {turn["index"]: turn["role"] for turn in row["record"]["turns"]} | {-1: "header"}
        for log, entry in self._waiting.pop(row["conversation"], []):
            turn, part = int(entry["message"]), int(entry["part"])
            text = text_at(row["record"], turn, part)
            if entry["bates"] != (row["bates"] or "") or ("role" in entry and entry["role"] != roles.get(turn)):
                raise VerificationError("logs.wrong-row", f"a {log} line names another Bates number or role than the row", where)
            if text is None or (log != "withheld" and not _inside(entry, text)):
                raise VerificationError("logs.outside-text", f"a {log} line points outside the produced text", where)
            if log == "withheld" and part >= 0 and text != f"[WITHHELD: {entry['reason']}]":
                raise VerificationError("logs.wrong-row", "a part is logged as withheld, and its text is no slip", where)

    def check_no_others(self) -> None:
        """No line is about a part of a conversation that is not produced. Raises `VerificationError`, `logs.wrong-row`."""
        if any(self._waiting.values()):
            raise VerificationError("logs.wrong-row", "a line is about a conversation that is not produced", "LOGS")


def _inside(entry: Mapping[str, str], text: str) -> bool:
    start, end = int(entry["span_start"]), int(entry["span_end"])
    return 0 <= start <= end <= len(text) and ("length" not in entry or end - start == int(entry["length"]))


def _closed(reason: str, where: str) -> None:
    if reason not in REASONS:
        raise VerificationError("logs.malformed", "a reason code is none of the closed vocabulary", where)
