"""Any table, by a map.toml: rows become turns, rows of one conversation are gathered, or hold their turns in a list.

Rows of one conversation may stand apart, as concurrent logs write them, as long as at most `MAX_OPEN` other conversations
begin or go on between two of its rows. A row that comes later than that is an exception, never a second conversation.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from incamera.core.errors import Malformed
from incamera.core.records import Role
from incamera.ingest.draft import Draft, DraftTurn
from incamera.ingest.mapping import Mapping
from incamera.ingest.regions import region
from incamera.ingest.report import Report
from incamera.ingest.source import Damaged, Record, Source, listing
from incamera.ingest.source import item as one
from incamera.ingest.times import parsed

NAME: Final = "mapped"
MAX_OPEN: Final = 4096

_ABSENT: Final = object()


def source(columns: Mapping) -> Source:
    """The source that reads rows by *columns*."""
    reader = _Reader(columns)
    grouped = "conversation" in columns.columns
    return Source(
        NAME,
        "rows by map.toml",
        lambda _: True,
        reader.convert,
        (lambda: Rows(columns)) if grouped else None,
        lambda record, where: check(columns, set(record), where=where),
    )


def fetch(row: Record, column: str) -> Any:
    """The value of *column*: the key of that very name, else a path of keys; `_ABSENT` where there is none."""
    if column in row:
        return row[column]
    value: Any = row
    for key in column.split("."):
        if not isinstance(value, dict) or key not in value:
            return _ABSENT
        value = value[key]
    return value


def present(value: Any) -> bool:
    """Whether `fetch` found something."""
    return value is not _ABSENT and value is not None


@dataclass(slots=True)
class Rows:
    """Gathers the rows of each conversation; at most `MAX_OPEN` conversations wait at a time."""

    columns: Mapping
    _open: OrderedDict[str, tuple[int, list[Record]]] = field(default_factory=OrderedDict)
    _begun: int = 0
    _closed: set[bytes] = field(default_factory=set)

    def feed(self, record: Record) -> Iterator[list[Record]]:
        """Take a row in.

        Raises:
            Damaged: `ingest.rows-too-far-apart`, `ingest.map-missing-column`.
        """
        column = self.columns.columns["conversation"]
        value = fetch(record, column)
        if not present(value):
            raise Damaged("ingest.map-missing-column", "the row has no value in a column that the mapping needs", where=column)
        key = str(value)
        # 8 bytes a closed conversation: a false alarm in 2^64 is an exception row, not a loss.
        mark = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        if key not in self._open and mark in self._closed:
            raise Damaged("ingest.rows-too-far-apart", "sort the table by conversation and read it again", where=column)
        if key not in self._open:
            self._begun += 1
            self._open[key] = (self._begun, [])
        self._open[key][1].append(record)
        self._open.move_to_end(key)
        if len(self._open) > MAX_OPEN:
            oldest, (_, rows) = self._open.popitem(last=False)
            self._closed.add(hashlib.blake2b(oldest.encode("utf-8", "surrogatepass"), digest_size=8).digest())
            yield rows

    def end(self) -> Iterator[list[Record]]:
        """The conversations still open, in the order in which they began."""
        for _, rows in sorted(self._open.values(), key=lambda begun: begun[0]):
            yield rows
        self._open = OrderedDict()


@dataclass(frozen=True, slots=True)
class _Reader:
    columns: Mapping

    def convert(self, records: list[Record], report: Report) -> Iterator[Draft]:
        """The rows of one conversation to one draft."""
        draft = Draft(NAME, report)
        for i, row in enumerate(records):
            self._facts(draft, row)
            if "turns" in self.columns.columns:
                self._listed(draft, row)
            elif self.columns.speech:
                self._sides(draft, row)
            else:
                self._row(draft, row, f"rows[{i}]")
        yield draft

    def _facts(self, draft: Draft, row: Record) -> None:
        get = {
            fact: self._value(row, fact) for fact in ("conversation", "subject", "tier", "region", "temporary", "party_account")
        }
        draft.id = draft.id or _text(get["conversation"])
        draft.subject = draft.subject or _text(get["subject"])
        tier = _text(get["tier"])
        if draft.tier is None and tier and not any(p.path == "tier" and p.text == tier for p in draft.header):
            draft.tier = draft.label(self.columns.tiers.get(tier, tier), "tier", draft.header)
        area = _text(get["region"])
        draft.region = draft.region or region(self.columns.regions.get(area, area) if area else None)
        if present(get["temporary"]):
            draft.temporary = bool(draft.temporary) or str(get["temporary"]).lower() in self.columns.true
        if present(get["party_account"]):
            draft.party_account |= str(get["party_account"]).lower() in self.columns.true
        draft.started_at = draft.started_at or self._time(draft, row, "started_at")
        draft.deletion_requested_at = draft.deletion_requested_at or self._time(draft, row, "deletion_requested_at")
        if "deletion_requested_at" in self.columns.columns:
            draft.gives.add("deletion_requested_at")
        title = self._value(row, "title")
        if present(title) and not any(p.path == "title" and p.text == title for p in draft.header):
            draft.header += draft.others(title, "title")

    def _value(self, row: Record, fact: str) -> Any:
        column = self.columns.columns.get(fact)
        return _ABSENT if column is None else fetch(row, column)

    def _time(self, draft: Draft, row: Record, fact: str) -> datetime | None:
        value = self._value(row, fact)
        if not present(value):
            return None
        moment = parsed(value, self.columns.time)
        if moment is None:
            draft.report.drifted(NAME, "unread-time", fact)
        return moment

    def _row(self, draft: Draft, row: Record, path: str) -> None:
        for fact in ("role", "text"):
            if self._value(row, fact) is _ABSENT:
                raise Damaged(
                    "ingest.map-missing-column",
                    "the row has no value in a column that the mapping needs",
                    where=self.columns.columns[fact],
                )
        turn = DraftTurn(self._role(draft, self._value(row, "role")))
        self._fill(draft, turn, row, path)
        turn.parts += self._unmapped(draft, row)
        draft.turns.append(turn)

    def _fill(self, draft: Draft, turn: DraftTurn, row: Record, path: str) -> None:
        llm = self._value(row, "llm")
        name = draft.label(llm, f"{path}.llm", turn.parts) if present(llm) else None
        turn.llm = name if turn.role == "assistant" else None
        turn.at = self._time(draft, row, "at")
        text = self._value(row, "text")
        if isinstance(text, str):
            turn.add("tool_result" if turn.role == "tool" else "text", f"{path}.text", text)
        elif present(text):
            turn.parts += draft.others(text, f"{path}.text", kind="text")

    def _listed(self, draft: Draft, row: Record) -> None:
        column = self.columns.columns["turns"]
        if fetch(row, column) is _ABSENT:
            raise Damaged("ingest.map-missing-column", "the row has no value in a column that the mapping needs", where=column)
        inner = {self.columns.columns[f] for f in ("role", "text", "llm", "at") if f in self.columns.columns}
        for i, item in enumerate(listing(fetch(row, column), column)):
            item = one(item, column)
            turn = DraftTurn(self._role(draft, self._value(item, "role")))
            self._fill(draft, turn, item, f"turns[{i}]")
            turn.parts += draft.rest(without(item, inner), frozenset(), f"turns[{i}]")
            draft.turns.append(turn)
        draft.header += self._unmapped(draft, row)

    def _sides(self, draft: Draft, row: Record) -> None:
        for role, column in self.columns.speech.items():
            value = fetch(row, column)
            if value is _ABSENT:
                raise Damaged(
                    "ingest.map-missing-column", "the row has no value in a column that the mapping needs", where=column
                )
            turn = DraftTurn(role, at=self._time(draft, row, "at"))
            llm = self._value(row, "llm")
            if role == "assistant" and present(llm):
                turn.llm = draft.label(llm, "llm", turn.parts)
            if isinstance(value, str):
                turn.add("text", "text", value)
            elif present(value):
                turn.parts += draft.others(value, "text", kind="text")
            draft.turns.append(turn)
        draft.turns[-1].parts += self._unmapped(draft, row)

    def _role(self, draft: Draft, value: Any) -> Role:
        return self.columns.roles.get(str(value)) or draft.role(value if present(value) else None)

    def _unmapped(self, draft: Draft, row: Record) -> Iterator[Any]:
        named = {
            c for f, c in self.columns.columns.items() if not ("turns" in self.columns.columns and f in ("role", "text", "at"))
        }
        left = without(row, named | set(self.columns.speech.values()) | self.columns.ignore)
        for column in left:
            draft.report.drifted(NAME, "unmapped-column", column)
        return iter(list(draft.rest(left, frozenset())))


def without(row: Record, columns: set[str] | frozenset[str]) -> Record:
    """*row* without *columns*, dotted ones included."""
    left: Record = {}
    for key, value in row.items():
        if key in columns:
            continue
        inner = {c.split(".", 1)[1] for c in columns if c.startswith(f"{key}.")}
        left[key] = without(value, inner) if inner and isinstance(value, dict) else value
    return left


def check(columns: Mapping, names: set[str], *, where: str) -> None:
    """That a table has the columns the mapping needs.

    Args:
        names: The table's columns (of nested ones, the outermost name is enough).

    Raises:
        Malformed: `ingest.map-missing-column`, naming the column.
    """
    for column in columns.required():
        if column not in names and column.split(".", 1)[0] not in names:
            raise Malformed(
                "ingest.map-missing-column", "the table lacks a column that the mapping names", where=f"{where}: {column}"
            )


def _text(value: Any) -> str | None:
    return str(value) if present(value) and str(value) else None
