"""Counts over conversations, with denominators: what was found, what was not, and what could not be read. No text is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from incamera.core.records import Conversation
from incamera.matching.commonness import grade
from incamera.matching.index import Index
from incamera.matching.passages import nv_recall, outputs_only
from incamera.matching.scan import Run
from incamera.stats.intervals import clopper_pearson
from incamera.text.offsets import pack
from incamera.text.tokens import tokenise

#: Run lengths, in words, at which conversations are counted.
THRESHOLDS = (8, 12, 16, 25, 50, 100)
CONFIDENCE = 0.95
#: Shares of the sorted lengths that stand in the statistics.
QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of plain values."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows as mappings."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(slots=True)
class Tally:
    """Feed it every conversation that was searched, hit or not: the denominators are the point.

    Runs count where they stand in an assistant's turn; runs in prompts and tool results are counted apart, and never as outputs.
    Only runs of `words/1` have thresholds in words; those of `chars/1` are counted in their own line of the coverage.
    """

    index: Index
    conversations: int = 0
    with_output: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    #: (threshold, kind, group) -> conversations; and the conversations each group is measured against
    hits: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    runs: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    base: Counter[tuple[str, str]] = field(default_factory=Counter)
    inputs: Counter[str] = field(default_factory=Counter)
    unspaced_runs: int = 0
    output_words: dict[bool, list[int]] = field(default_factory=lambda: {True: [], False: []})
    unread: Counter[str] = field(default_factory=Counter)
    spans: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    best_recall: dict[str, float] = field(default_factory=dict)

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The lengths at which the index promises to find all: `THRESHOLDS` from its own on."""
        own = self.index.plan.threshold
        return tuple(least for least in THRESHOLDS if least >= own) or (own,)

    def add(self, conversation: Conversation, runs: Iterable[Run]) -> None:
        """Count one conversation with all its runs."""
        all_runs = list(runs)
        self.conversations += 1
        month = conversation.started_at.strftime("%Y-%m") if conversation.started_at else "unknown"
        for reason, count in conversation.outputs_missing.items():
            self.missing[reason] += count
        texts = [p.text for t in conversation.turns if t.role == "assistant" for p in t.parts if p.kind != "tool_result"]
        self.unread["attachments"] += sum(p.kind == "attachment" for _, _, p in conversation.parts())
        if not any(texts):
            self.unread["conversations without an output"] += 1
            return
        self.with_output += 1
        self.base["month", month] += 1
        outputs = outputs_only(conversation, all_runs)
        for run in all_runs:
            if run not in outputs:
                self.inputs[run.match.elicitation[0]] += 1
        self.unspaced_runs += sum(r.fold != "words/1" for r in outputs)
        counted = [r for r in outputs if r.fold == "words/1"]
        self._count(counted, month)
        self.output_words[bool(counted)].append(len(tokenise(pack(texts)).hashes))
        for work_id, share in nv_recall(counted, self.index).items():
            self.best_recall[work_id] = max(share, self.best_recall.get(work_id, 0.0))
        for run in counted:
            self.spans.setdefault(run.match.work_id, []).append((run.work_first, run.work_last))

    def _count(self, outputs: list[Run], month: str) -> None:
        for least in self.thresholds:
            here: set[tuple[str, str]] = set()
            for run in outputs:
                if run.last - run.first >= least:
                    groups = self._groups(run, month)
                    here |= groups
                    self.runs.update((least, *group) for group in groups)
            self.hits.update((least, *group) for group in here)

    def _groups(self, run: Run, month: str) -> set[tuple[str, str]]:
        owner = self.index.entry(run.segment, run.work).owner or "unknown"
        out = {("all", ""), ("owner", owner), ("month", month)}
        out |= {("elicitation", label) for label in run.match.elicitation}
        if run.match.commonness:
            out.add(("commonness", grade(run.match.commonness)))
        return out

    def tables(self) -> list[Table]:
        """`hits`, `not_matched`, `coverage`, `works`."""
        return [self._hits(), self._not_matched(), self._coverage(), self._works()]

    def _hits(self) -> Table:
        groups = sorted({(kind, group) for _, kind, group in self.hits} | {("all", "")})
        rows = []
        for kind, group in groups:
            n = self.base["month", group] if kind == "month" else self.with_output
            for least in self.thresholds:
                k = self.hits[least, kind, group]
                interval = clopper_pearson(k, n, CONFIDENCE)
                share = k / n if n else None
                rows.append((least, kind, group, k, n, share, interval.low, interval.high, self.runs[least, kind, group]))
        columns = ("min_words", "by", "group", "conversations", "of", "share", "low", "high", "runs")
        return Table("hits", columns, tuple(rows))

    def _not_matched(self) -> Table:
        rows = []
        for matched in (False, True):
            lengths = np.array(self.output_words[matched] or [0])
            quantiles = [int(q) for q in np.quantile(lengths, QUANTILES, method="lower")]
            count = len(self.output_words[matched])
            rows.append(("matched" if matched else "not matched", count, self.with_output, int(lengths.sum()), *quantiles))
        columns = ("conversations", "count", "of", "output_words", *(f"words_q{int(q * 100):02}" for q in QUANTILES))
        return Table("not_matched", columns, tuple(rows))

    def _coverage(self) -> Table:
        rows: list[tuple[str, str, int]] = [
            ("searched", "conversations", self.conversations),
            ("searched", "conversations with an output", self.with_output),
            ("searched", "works", sum(1 for _ in self.index.works())),
            ("searched", "runs of chars/1 in outputs", self.unspaced_runs),
            *(("not an output", f"runs labelled {label}", n) for label, n in sorted(self.inputs.items())),
            *(("not read", what, n) for what, n in sorted(self.unread.items())),
            *(("output missing", reason, n) for reason, n in sorted(self.missing.items())),
        ]
        return Table("coverage", ("kind", "what", "count"), tuple(rows))

    def _works(self) -> Table:
        rows = []
        for entry in sorted(self.index.works(), key=lambda w: w.work_id):
            spans = self.spans.get(entry.work_id)
            if spans:
                total, end = 0, -1
                for a, b in sorted(spans):
                    total += max(0, b - max(a, end))
                    end = max(end, b)
                best = self.best_recall[entry.work_id]
                rows.append((entry.work_id, entry.owner, entry.words, len(spans), total / entry.words, best))
        columns = ("work_id", "owner", "words", "runs", "covered_together", "covered_by_one_conversation")
        return Table("works", columns, tuple(rows))
