"""Tables of the volume: rows of plain values under named columns, and the ones this room counts itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incamera.core.errors import Malformed
from incamera.core.records import Match, Redacted
from incamera_verify.numbers import CONFIDENCE, THRESHOLDS, Value, run_words

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
HITS, MASKED = "hits_by_threshold", "masked_share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns and rows as they will stand in `TABLES/<name>.csv`; values are strings, whole numbers, booleans or None.

    Raises:
        Malformed: `production.bad-table`.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __post_init__(self) -> None:
        if not self.columns or not all(_NAME.fullmatch(column) for column in self.columns):
            raise Malformed("production.bad-table", "columns are lower-case words with underscores")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise Malformed("production.bad-table", "a row has more or fewer values than columns")
        if not all(value is None or type(value) in (str, int, bool) for row in self.rows for value in row):
            raise Malformed("production.bad-table", "a value is neither text, whole number, boolean nor absent")

    def records(self) -> list[dict[str, Any]]:
        """The rows as mappings."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def check_name(name: str) -> str:
    """*name* if it can name a table's file. Raises `Malformed`, `production.bad-table`."""
    if not _NAME.fullmatch(name):
        raise Malformed("production.bad-table", "a table is named by a lower-case word with underscores")
    return name


def from_records(records: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """A table from mappings; an absent key is an empty cell."""
    return Table(columns=tuple(columns), rows=tuple(tuple(record.get(column) for column in columns) for record in records))


def hits_by_threshold(counts: Mapping[int, int], denominator: int) -> Table:
    """Conversations of the draw whose longest exact run in an output reaches each threshold, with exact intervals.

    Args:
        counts: Threshold in words to conversations; every threshold of `incamera_verify.numbers.THRESHOLDS`.
        denominator: Conversations examined, that is, the size of the draw.

    Raises:
        Malformed: `production.bad-table`.
    Source: Clopper-Pearson, by `stats.intervals`.
    """
    from incamera.stats.intervals import clopper_pearson

    if set(counts) != set(THRESHOLDS) or denominator < 1:
        raise Malformed(
            "production.bad-table", "counts are needed at 8, 12, 16, 25, 50 and 100 words, over a draw of one or more"
        )
    rows = []
    for words in THRESHOLDS:
        interval = clopper_pearson(counts[words], denominator, float(CONFIDENCE))
        share = counts[words] / denominator
        rows.append(
            (words, counts[words], denominator, _decimal(share), _decimal(interval.low), _decimal(interval.high), CONFIDENCE)
        )
    columns = ("threshold_words", "conversations", "denominator", "share", "low", "high", "confidence")
    return Table(columns=columns, rows=tuple(rows))


def longest_output_run(redacted: Redacted, matches: Iterable[Match]) -> int:
    """Words of the longest exact run in an assistant's output, counted as `incamera_verify.numbers` counts rows."""
    outputs = {turn.index for turn in redacted.turns if turn.role == "assistant"}
    counted = (m for m in matches if m.span.turn in outputs and "PROMPT" not in m.elicitation)
    return max((run_words(m.words, m.fold) for m in counted), default=0)


def count_thresholds(longest: Iterable[int]) -> dict[int, int]:
    """From the longest output run of each conversation to counts at each threshold."""
    runs = list(longest)
    return {words: sum(run >= words for run in runs) for words in THRESHOLDS}


def masked_share(figures: Mapping[str, Value]) -> Table:
    """Characters produced and characters standing in replaced stretches, user and assistant text apart."""
    rows = []
    for role in ("user", "assistant"):
        produced, replaced = int(figures.get(f"characters.{role}", 0)), int(figures[f"replaced.{role}"])
        rows.append((role, produced, replaced, _decimal(replaced / produced if produced else 0.0)))
    return Table(columns=("role", "characters_produced", "characters_replaced", "share"), rows=tuple(rows))


def _decimal(value: float) -> str:
    return f"{value:.15g}"
